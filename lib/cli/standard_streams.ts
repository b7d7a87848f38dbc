/**
 * Lines in and out: standard input, texts of a command, standard output.
 *
 * @module
 */

import { toTransformStream } from "@std/streams";
import { fileSources } from "../text/file_source.ts";
import { strict, type TextSource } from "../text/source.ts";
import { decodedBytes } from "../text/decoded_bytes.ts";
import { STANDARD_INPUT } from "../text/standard_input_name.ts";
import { type TextFormat, textSource } from "../text/text_source.ts";
import { writeAllSync, writeError } from "../files/write_files.ts";
import { printableLines } from "../sentences/safe_text.ts";

import { consoleSize } from "./console_size.ts";
import { UsageError } from "./flags.ts";
import { wrapped, wrappedHelp } from "./wrap.ts";

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
  return ReadableStream.from(decodedBytes(Deno.stdin.readable, STANDARD_INPUT))
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

/** A stream that results or words for people go to. */
export type StandardStream = "stdout" | "stderr";

/**
 * Writes to a standard stream.
 *
 * @throws {OutputClosedError} if nobody reads it any more.
 * @throws {WriteError} if it cannot be written for another reason.
 */
export function writeTo(stream: StandardStream, bytes: Uint8Array): void {
  try {
    writeAllSync(Deno[stream], bytes);
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosedError("Nobody reads the output");
    const place = stream === "stdout" ? "standard output" : "standard error";
    throw writeError(error, { what: "the results", place });
  }
}

/** Writes to standard output, as {@linkcode writeTo}. */
export const writeOutput = (bytes: Uint8Array): void => writeTo("stdout", bytes);

/** Something drawn at the end of a terminal, which makes room for lines that others print there. */
export interface Drawn {
  /** Takes it away. */
  erase(): void;
  /** Draws it again. */
  again(): void;
  /** Takes it away for good. */
  clear(): void;
}

const places = new Set<Drawn>();

/** A place where something is drawn from `enter` to `leave`. However the program ends, it is taken away before. */
export function drawnPlace(drawn: Drawn): { enter(): void; leave(): void } {
  return {
    enter() {
      if (places.size === 0) globalThis.addEventListener("unload", clearDrawn);
      places.add(drawn);
    },
    leave: () => {
      places.delete(drawn);
      if (places.size === 0) globalThis.removeEventListener("unload", clearDrawn);
    },
  };
}

/** Takes away all that is drawn. */
export function clearDrawn(): void {
  for (const drawn of [...places]) drawn.clear();
}

/** Prints above what is drawn. */
function printing(print: () => void): void {
  for (const drawn of places) drawn.erase();
  print();
  for (const drawn of places) drawn.again();
}

const encoder = new TextEncoder();

/** Prints lines to standard output; what is not to reach a terminal is spelled out. */
export function say(text: string): void {
  printing(() => writeOutput(encoder.encode(`${printableLines(text)}\n`)));
}

/** Prints lines for people, broken between words where they go to a terminal. */
export function sayWrapped(text: string): void {
  say(Deno.stdout.isTerminal() ? wrapped(printableLines(text), consoleSize().columns) : text);
}

/** Prints a help text, broken between words where the terminal ends. */
export function sayHelp(text: string): void {
  say(wrappedHelp(text, consoleSize().columns));
}

/** Prints lines to standard error, broken between words; where nobody reads it, nothing is said. */
export function sayAside(text: string): void {
  const safe = printableLines(text);
  const lines = Deno.stderr.isTerminal() ? wrapped(safe, consoleSize().columns) : safe;
  try {
    printing(() => writeAllSync(Deno.stderr, encoder.encode(`${lines}\n`)));
  } catch {
    // there is nowhere left to say it
  }
}

/** Writes until that fails: what is no result must not end the work. */
export function untilItFails(write: (text: string) => void): (text: string) => void {
  let isLost = false;
  return (text) => {
    if (isLost) return;
    try {
      write(text);
    } catch (error) {
      isLost = true;
      // a reader that has gone away wants to hear no more
      if (!(error instanceof OutputClosedError)) sayAside(`note: ${(error as Error).message}; the work goes on`);
    }
  };
}

/** Writes lines to standard output. */
export interface LineWriter {
  /** Writes a line, or the end of one. */
  (line: string): void;
  /** Writes a part of a line that goes on. */
  part(text: string): void;
  /** Writes what has waited. */
  flush(): void;
}

/** Standard output by lines: at once, or in pieces that are worth a system call. */
export function lineWriter({ atOnce = false } = {}): LineWriter {
  let waiting = "";
  const flush = () => {
    writeOutput(encoder.encode(waiting));
    waiting = "";
  };
  const part = (text: string) => {
    waiting += text;
    if (atOnce || waiting.length > 1 << 16) flush();
  };
  return Object.assign((line: string) => part(`${line}\n`), { part, flush });
}
