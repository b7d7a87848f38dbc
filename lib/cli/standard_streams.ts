/**
 * Lines in and out: standard input, texts of a command, standard output.
 *
 * @module
 */

import { toTransformStream } from "@std/streams";
import { fileSources } from "../text/file_source.ts";
import { strict, type TextSource } from "../text/source.ts";
import { type TextFormat, textSource } from "../text/text_source.ts";
import { writeAllSync, writeError } from "../files/write_files.ts";
import { printableLines } from "../sentences/safe_text.ts";

import { UsageError } from "./flags.ts";

/** A line, or a piece of a long one. */
export interface LinePiece {
  /** The text, without the line break. */
  readonly text: string;
  /** Whether the line ends here. */
  readonly isLast: boolean;
}

/** Characters of a line from which on it comes in pieces. */
const LONGEST_PIECE = 1 << 20;

/** Lines of text that comes in chunks, long ones in pieces; a carriage return before a line break is dropped. */
export async function* linePieces(chunks: AsyncIterable<string>, longest = LONGEST_PIECE): AsyncGenerator<LinePiece> {
  let held: string[] = [];
  let length = 0;
  let isBegun = false;
  const take = (more: string) => {
    const text = held.join("") + more;
    held = [];
    length = 0;
    return text;
  };
  for await (const chunk of chunks) {
    let at = 0;
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", at)) {
      yield { text: take(chunk.slice(at, end)).replace(/\r$/, ""), isLast: true };
      isBegun = false;
      at = end + 1;
    }
    held.push(chunk.slice(at));
    length += chunk.length - at;
    isBegun ||= length > 0;
    if (length <= longest) continue;
    const text = take("");
    // a carriage return waits for what comes behind it
    const end = text.length - (text.endsWith("\r") ? 1 : 0);
    yield { text: text.slice(0, end), isLast: false };
    held.push(text.slice(end));
    length = held[0]!.length;
  }
  if (isBegun) yield { text: take(""), isLast: true };
}

/** Standard input by lines, long ones in pieces. */
export function standardInputPieces(): ReadableStream<LinePiece> {
  return Deno.stdin.readable.pipeThrough(new TextDecoderStream("utf-8", { ignoreBOM: true }))
    .pipeThrough(toTransformStream((chunks) => linePieces(chunks)));
}

/** Standard input by lines. */
export async function* standardInputLines(): AsyncGenerator<string> {
  let held: string[] = [];
  for await (const { text, isLast } of standardInputPieces()) {
    held.push(text);
    if (!isLast) continue;
    yield held.join("");
    held = [];
  }
}

/** The lines, records or rows of a source, each whole. */
async function* wholeTexts(source: TextSource): AsyncGenerator<string> {
  let held: string[] = [];
  for await (const { text, after } of source.read({ start: 0, end: source.size, bad: strict })) {
    held.push(text);
    if (after === "nothing") continue;
    yield held.join("");
    held = [];
  }
  if (held.length > 0) yield held.join("");
}

/**
 * The texts that a command works on: given as arguments, or the lines (records, rows) of files, or standard input's lines.
 *
 * @throws {UsageError} if there are none, or two kinds of them.
 */
export async function* textsOf(
  given: readonly string[],
  { file, field, format, wanted }: {
    file: string | undefined;
    field: string | undefined;
    format?: TextFormat | undefined;
    wanted: string;
  },
): AsyncGenerator<string> {
  if (given.length > 0) {
    if (file !== undefined) throw new UsageError("Give either texts or --file, not both");
    for (const text of given) yield text.toWellFormed();
  } else if (file !== undefined && file !== "-") {
    for (const source of await fileSources(file)) yield* wholeTexts(await textSource(source, { field, format }));
  } else {
    if (Deno.stdin.isTerminal()) throw new UsageError(wanted);
    yield* standardInputLines();
  }
}

/** Values that name files: without standard input, the stories, and the weights of a mixture. */
export function filesOf(values: readonly (string | undefined)[]): string[] {
  return values.filter((value) => value !== undefined && value !== "-" && value !== "stories")
    .map((value) => value!.replace(/(?<=.)=\d*\.?\d+$/, ""));
}

/** Whether a command's texts come from standard input, which may be a person who waits for each answer. */
export function isConversation(given: readonly string[], file: string | undefined): boolean {
  return given.length === 0 && (file === undefined || file === "-");
}

/** Nobody reads standard output any more. */
export class OutputClosedError extends Error {
  override name = "OutputClosedError";
}

/**
 * Writes to standard output.
 *
 * @throws {OutputClosedError} if nobody reads it any more.
 * @throws {WriteError} if it cannot be written for another reason.
 */
export function writeOutput(bytes: Uint8Array): void {
  try {
    writeAllSync(Deno.stdout, bytes);
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosedError("Nobody reads the output");
    throw writeError(error, { what: "the results", place: "standard output" });
  }
}

const encoder = new TextEncoder();

/** Prints lines to standard output; what is not to reach a terminal is spelled out. */
export function say(text: string): void {
  writeOutput(encoder.encode(`${printableLines(text)}\n`));
}

/** Prints lines to standard error, in the same way; where nobody reads it, nothing is said. */
export function sayAside(text: string): void {
  try {
    writeAllSync(Deno.stderr, encoder.encode(`${printableLines(text)}\n`));
  } catch {
    // there is nowhere left to say it
  }
}

/** Standard output by lines: at once, or in pieces that are worth a system call. */
export function lineWriter({ atOnce = false } = {}): ((line: string) => void) & { flush(): void } {
  let waiting = "";
  const flush = () => {
    writeOutput(encoder.encode(waiting));
    waiting = "";
  };
  return Object.assign((line: string) => {
    waiting += `${line}\n`;
    if (atOnce || waiting.length > 1 << 16) flush();
  }, { flush });
}
