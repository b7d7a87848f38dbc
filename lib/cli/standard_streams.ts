/**
 * Lines in and out: standard input, texts of a command, standard output.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import { fileSources } from "../text/file_source.ts";
import { textStream } from "../text/corpus.ts";
import { type TextFormat, textSource } from "../text/text_source.ts";
import { writeAllSync, writeError } from "../files/write_files.ts";
import { printableLines } from "../sentences/safe_text.ts";

import { UsageError } from "./flags.ts";

/** Standard input by lines. */
export function standardInputLines(): ReadableStream<string> {
  return Deno.stdin.readable.pipeThrough(new TextDecoderStream("utf-8", { ignoreBOM: true }))
    .pipeThrough(new TextLineStream());
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
    for (const source of await fileSources(file)) yield* textStream(await textSource(source, { field, format }));
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
