/**
 * The terminal: lasting lines, a few lines at its end that are drawn again in place, and colours where they are wanted.
 *
 * @module
 */

import { printable, printableLines } from "../sentences/safe_text.ts";
import { consoleSize, type Size } from "./console_size.ts";
import { emptyDrawing, roomIn } from "./drawing.ts";
import { launchOf } from "../mpi/launcher.ts";
import { environment } from "./permissions.ts";
import { drawnPlace, type StandardStream, untilItFails, writeTo } from "./standard_streams.ts";
import { cutTo, textWidth } from "./text_width.ts";
import { wrapped } from "./wrap.ts";

/** What is drawn again and again while something goes on. */
export interface LiveLines {
  /** A few lines for a terminal, none longer than there is room, in colours or not. */
  lines(room: Size): readonly string[];
  /** The same as one line, where nothing can be drawn again. */
  line(): string;
}

/** How something is printed. */
export interface PrintOptions {
  /** Whether what is not to reach a terminal is spelled out already, as in lines with colours. */
  readonly painted?: boolean;
  /** Whether it is said in every run, so that `--quiet` leaves it out. */
  readonly routine?: boolean;
}

/** Somewhere to print. */
export interface Terminal {
  /** Whether a person is at it. */
  readonly isInteractive: boolean;
  /** Whether colours may be used. */
  readonly hasColour: boolean;
  /** Characters that a line holds; Infinity where it is no terminal. */
  readonly columns: number;
  /** Prints lasting lines, broken between words; what is not to reach a terminal is spelled out. */
  print(text: string, options?: PrintOptions): void;
  /** Shows what is under way, a line or more, ten times a second at most; without a terminal, a line every ten seconds. */
  progress(shown: string | LiveLines): void;
  /** Takes away what is under way. */
  clear(): void;
}

/** Options of {@linkcode openTerminal}. */
export interface TerminalOptions {
  /** Whether what is shown is not the result, so that work goes on though it cannot be written. */
  readonly goesOn?: boolean;
  /** Whether routine is left out, and what is under way. */
  readonly quiet?: boolean;
  /** Where to. Default: standard output. */
  readonly stream?: StandardStream;
  /** Whether it shows only what is under way, while results go to standard output with `say()` or into files. */
  readonly isAside?: boolean;
  /** What is written to, for tests. Default: the stream. */
  readonly screen?: Screen;
}

/** A terminal, or what is none. */
export interface Screen {
  /** Whether it is one. */
  readonly isTerminal: boolean;
  /** Whether lines can be drawn again. */
  readonly canDraw: boolean;
  /** Its size now. */
  size(): Size;
  /** Writes to it. */
  write(text: string): void;
}

/** What shows nothing. */
export const noScreen: Screen = {
  isTerminal: false,
  canDraw: false,
  size: () => ({ columns: Infinity, rows: Infinity }),
  write: () => {},
};

/** Milliseconds between progress lines where they cannot be drawn again. */
const LOG_INTERVAL = 10_000;

/** Milliseconds between two drawings. */
const DRAW_INTERVAL = 100;

/** Standard output, or standard error. */
export function openTerminal(
  { goesOn = false, quiet = false, stream = "stdout", isAside = false, screen = screenOf(stream, { isAside }) }:
    TerminalOptions = {},
): Terminal {
  const { isTerminal, canDraw } = screen;
  const write = goesOn ? untilItFails(screen.write) : screen.write;
  const live = liveOn({ ...screen, write });
  let logged = performance.now();
  return {
    isInteractive: isTerminal,
    hasColour: isTerminal && !Deno.noColor && environment("TERM") !== "dumb",
    get columns() {
      return isTerminal ? screen.size().columns : Infinity;
    },
    print(text, { painted = false, routine = false } = {}) {
      if (quiet && routine) return;
      const safe = painted ? text : printableLines(text);
      live.print(`${isTerminal ? wrapped(safe, screen.size().columns) : safe}\n`);
    },
    progress(shown) {
      if (quiet) return;
      if (canDraw) return live.show(typeof shown === "string" ? oneLine(printable(shown)) : shown);
      if (performance.now() - logged < LOG_INTERVAL) return;
      logged = performance.now();
      write(`${printable(typeof shown === "string" ? shown : shown.line())}\n`);
    },
    clear: () => live.clear(),
  };
}

const oneLine = (text: string): LiveLines => ({ lines: ({ columns }) => [cutTo(text, columns)], line: () => text });

/** Lines that are drawn at the end of a screen, and lasting ones above them. */
function liveOn({ size, write }: Pick<Screen, "size" | "write">) {
  const drawing = emptyDrawing({ reflows: reflows() });
  let shown: LiveLines | undefined;
  let [drawnAt, last] = [-Infinity, ""];
  let timer: ReturnType<typeof setInterval> | undefined;
  const draw = (above = "") => {
    const now = size();
    const room = roomIn(now);
    const lines = shown && room.columns > 0 && room.rows > 0 ? shown.lines(room).slice(0, room.rows) : [];
    const key = [now.columns, now.rows, ...lines].join("\n");
    if (above === "" && key === last) return;
    [drawnAt, last] = [performance.now(), key];
    write(drawing.replace(lines, now, above));
  };
  const erase = () => drawing.isEmpty ? undefined : write(drawing.replace([], size()));
  const clear = () => {
    clearInterval(timer);
    [timer, shown, last, drawnAt] = [undefined, undefined, "", -Infinity];
    drawn.leave();
    erase();
  };
  const again = () => {
    last = "";
    draw();
  };
  const drawn = drawnPlace({ erase, again, clear });
  const tick = () => {
    try {
      draw();
    } catch {
      // what prints next fails too, and is heard
    }
  };
  return {
    /** Prints lasting text, which ends with a line break. */
    print: (text: string) => draw(text),
    /** Draws other lines from now on. */
    show(lines: LiveLines) {
      shown = lines;
      drawn.enter();
      if (timer === undefined) Deno.unrefTimer(timer = setInterval(tick, DRAW_INTERVAL));
      if (performance.now() - drawnAt >= DRAW_INTERVAL) draw();
    },
    clear,
  };
}

const encoder = new TextEncoder();

/** A standard stream; what its terminal can do is told by the environment, where that may be read. */
function screenOf(stream: StandardStream, { isAside }: { isAside: boolean }): Screen {
  const isTerminal = Deno[stream].isTerminal();
  const isAlone = isAside || stream === "stdout" || !Deno.stdout.isTerminal();
  return {
    isTerminal,
    canDraw: isTerminal && isAlone && !isLog(environment),
    size: consoleSize,
    write: (text) => writeTo(stream, encoder.encode(text)),
  };
}

/** Whether a terminal only keeps what it gets, as those of services that build and test do, and of launchers of ranks. */
export function isLog(variable: (name: string) => string | undefined): boolean {
  return launchOf(variable)?.hasMpi === true || variable("TERM") === "dumb" ||
    !["", "0", "false"].includes(variable("CI") ?? "");
}

/** Whether a terminal that gets narrower breaks the lines that it shows: all but the oldest do. */
const reflows = () => environment("TERM") !== "linux" && environment("XTERM_VERSION") === undefined;

const escapes = {
  green: [32, 39],
  red: [31, 39],
  yellow: [33, 39],
  dim: [2, 22],
  bold: [1, 22],
} as const;

/** A colour, or another style. */
export type Style = keyof typeof escapes;

/** Gives text a style, where there are styles. */
export type Painter = (style: Style, text: string) => string;

/** Text in a colour, or as it is. */
export function paint(terminal: Pick<Terminal, "hasColour">, style: Style, text: string): string {
  const [on, off] = escapes[style];
  return terminal.hasColour ? `\x1b[${on}m${text}\x1b[${off}m` : text;
}

/** Rows as aligned columns; numbers to the right, words to the left. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => textWidth(row[column]!))));
  const isNumber = widths.map((_, column) => rows.slice(1).every((row) => /^[\d.,%~ →k-]*$/.test(row[column]!)));
  const padded = (cell: string, i: number) => {
    const room = " ".repeat(widths[i]! - textWidth(cell));
    return isNumber[i] ? room + cell : cell + room;
  };
  const line = (row: readonly string[]) => row.map(padded).join("  ").trimEnd();
  return rows.map((row) => `  ${line(row)}`).join("\n");
}
