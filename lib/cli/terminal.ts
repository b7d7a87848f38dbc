/**
 * The terminal: lasting lines, one line that is rewritten in place, and colours where they are wanted.
 *
 * @module
 */

import { printable, printableLines } from "../sentences/safe_text.ts";
import { OutputClosedError, sayAside, writeOutput } from "./standard_streams.ts";

/** Somewhere to print. */
export interface Terminal {
  /** Whether lines can be rewritten. */
  readonly isInteractive: boolean;
  /** Whether colours may be used. */
  readonly hasColour: boolean;
  /** Characters that a line holds; Infinity where it is no terminal. */
  readonly columns: number;
  /** Prints lasting lines; what is not to reach a terminal is spelled out, in painted ones by who painted them. */
  print(text: string, options?: { readonly painted: boolean }): void;
  /** Shows or replaces the progress line; without a terminal, prints it every ten seconds. */
  progress(text: string): void;
  /** Removes the progress line. */
  clear(): void;
}

const encoder = new TextEncoder();
const CLEAR_LINE = "\r\x1b[K";

/** Milliseconds between progress lines where they cannot be rewritten. */
const LOG_INTERVAL = 10_000;

/**
 * Standard output.
 *
 * @param goesOn Whether what is shown is not the result, so that work goes on though it cannot be written.
 */
export function openTerminal({ goesOn = false } = {}): Terminal {
  const isInteractive = Deno.stdout.isTerminal();
  let shown = "";
  let logged = performance.now();
  let isLost = false;
  const write = (text: string) => {
    if (isLost) return;
    try {
      writeOutput(encoder.encode(text));
    } catch (error) {
      if (!goesOn) throw error;
      isLost = true;
      // a reader that has gone away wants to hear no more
      if (!(error instanceof OutputClosedError)) sayAside(`note: ${(error as Error).message}; the work goes on`);
    }
  };
  const clear = () => {
    if (shown) write(CLEAR_LINE);
  };
  return {
    isInteractive,
    hasColour: isInteractive && !Deno.noColor,
    get columns() {
      return isInteractive ? columns() : Infinity;
    },
    print(text, { painted = false } = { painted: false }) {
      clear();
      write(`${painted ? text : printableLines(text)}\n${shown}`);
    },
    progress(line) {
      const text = printable(line);
      if (isInteractive) {
        // a line that wraps could not be taken back
        shown = text.slice(0, Math.max(20, columns() - 1));
        write(CLEAR_LINE + shown);
      } else if (performance.now() - logged >= LOG_INTERVAL) {
        logged = performance.now();
        write(`${text}\n`);
      }
    },
    clear() {
      clear();
      shown = "";
    },
  };
}

function columns(): number {
  try {
    return Deno.consoleSize().columns;
  } catch {
    return 80;
  }
}

const escapes = { green: [32, 39], red: [31, 39], dim: [2, 22], bold: [1, 22] } as const;

/** Text in a colour, or as it is. */
export function paint(terminal: Pick<Terminal, "hasColour">, style: keyof typeof escapes, text: string): string {
  const [on, off] = escapes[style];
  return terminal.hasColour ? `\x1b[${on}m${text}\x1b[${off}m` : text;
}

/** Rows as aligned columns; numbers to the right, words to the left. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const isNumber = widths.map((_, column) => rows.slice(1).every((row) => /^[\d.,%~ →k-]*$/.test(row[column]!)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => isNumber[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)).join("  ").trimEnd();
  return rows.map((row) => `  ${line(row)}`).join("\n");
}
