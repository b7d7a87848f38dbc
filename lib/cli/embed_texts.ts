/**
 * What the command `embed` makes vectors of: texts that are given, and the lines, chunks or whole of files.
 *
 * @module
 */

import type { EmbedOptions } from "../inference/embed.ts";
import type { TextDocument } from "../inference/embed_documents.ts";
import type { MaskedLanguageModel } from "../inference/load.ts";
import { compressionEndings } from "../text/decompress.ts";
import { fileSources } from "../text/file_source.ts";
import { INPUT } from "../text/standard_input_name.ts";
import { type TextOptions, textSource } from "../text/text_source.ts";
import { type ByteSource, strict } from "../text/source.ts";
import { standardInputPieces } from "./standard_streams.ts";
import type { NamedVector } from "./vector_files.ts";

/** Parts of files that get a vector each. */
export const fileParts = ["line", "file", "chunk"] as const;
/** What of a file gets a vector. */
export type FilePart = typeof fileParts[number];

/** A line, record or row, with the file that it is in and its number there. */
interface NamedLine {
  readonly name: string | undefined;
  readonly text: string;
}

/** Characters of a line that are kept: far more than a model reads, and lines may be of any length. */
const MOST_CHARACTERS = 1 << 20;

/** Options of {@linkcode vectorsOf}. */
export interface VectorsOptions extends EmbedOptions {
  /** Texts; without them those of the files. */
  given: readonly string[];
  /** Files, folders, globs, addresses, or - for standard input. */
  files: readonly string[];
  /** How the files are read. */
  text: TextOptions;
  /** What of a file gets a vector. */
  by: FilePart;
  /** Hears of each text that was cut off. */
  cut: () => void;
  /** Hears what is read of files, piece by piece. */
  read?: ((text: string) => void) | undefined;
}

/** The vectors of what is asked for, in order. */
export async function* vectorsOf(model: MaskedLanguageModel, options: VectorsOptions): AsyncGenerator<NamedVector> {
  const { given, files, text, by, cut, read, ...rest } = options;
  const reading = { ...text, read };
  if (by !== "line") {
    const documents = model.embedDocuments(documentsOf(files, reading), {
      ...rest,
      by: by === "file" ? "document" : by,
    });
    for await (const { name, chunk, text, embedding } of documents) {
      yield { name: by === "file" ? name : `${name}#${chunk}`, text, embedding };
    }
    return;
  }
  const names: (string | undefined)[] = [];
  async function* texts() {
    const fromFiles = linesOf(files.length > 0 ? files : [INPUT], reading);
    for await (
      const { name, text } of given.length > 0 ? given.map((text) => ({ name: undefined, text })) : fromFiles
    ) {
      names.push(name);
      yield text;
    }
  }
  for await (const { text, embedding, omitted } of model.embedTexts(texts(), rest)) {
    if (omitted > 0) cut();
    yield { name: names.shift(), text, embedding };
  }
}

/** What paths mean, each once: standard input, or the sources of text in files and folders. */
async function* sourcesOf(paths: readonly string[]) {
  const seen = new Set<string>();
  for (const path of paths) {
    const sources = path === INPUT ? [undefined] : await fileSources(path);
    for (const source of sources) {
      const name = source?.name ?? INPUT;
      if (seen.has(name)) continue;
      seen.add(name);
      yield source;
    }
  }
}

/** How files are read, and who hears of it. */
interface Reading extends TextOptions {
  readonly read: VectorsOptions["read"];
}

/** Passages of a source. */
async function* passagesOf(source: ByteSource, { read, ...options }: Reading) {
  const text = await textSource(source, options);
  for await (const passage of text.read({ start: 0, end: text.size, bad: strict })) {
    read?.(passage.text);
    yield passage;
  }
}

/** Files whose bytes are not those of their text. */
const NOT_PLAIN = new RegExp(`\\.(csv|tsv|jsonl?|parquet|${compressionEndings.join("|")})$`, "i");

/** Bytes of text in files; undefined where they are not known beforehand. */
export async function bytesOfTexts(files: readonly string[]): Promise<number | undefined> {
  if (files.length === 0) return undefined;
  let bytes = 0;
  for await (const source of sourcesOf(files)) {
    if (source?.size === undefined || NOT_PLAIN.test(source.name)) return undefined;
    bytes += source.size;
  }
  return bytes;
}

/** The lines, records or rows of what paths mean, each whole but for what no model reads. */
async function* linesOf(paths: readonly string[], reading: Reading): AsyncGenerator<NamedLine> {
  for await (const source of sourcesOf(paths)) {
    if (!source) {
      let held = "";
      for await (const { text, isLast } of standardInputPieces()) {
        if (held.length < MOST_CHARACTERS) held += text;
        if (!isLast) continue;
        yield { name: undefined, text: held };
        held = "";
      }
      continue;
    }
    let [number, held] = [1, ""];
    for await (const { text, after } of passagesOf(source, reading)) {
      if (held.length < MOST_CHARACTERS) held += after === "line" ? `${text}\n` : text;
      if (after !== "document") continue;
      yield { name: `${source.name}:${number++}`, text: held };
      held = "";
    }
    if (held !== "") yield { name: `${source.name}:${number}`, text: held };
  }
}

/** Files as documents: their lines, records or rows, with line breaks in between. */
async function* documentsOf(paths: readonly string[], reading: Reading): AsyncGenerator<TextDocument> {
  for await (const source of sourcesOf(paths)) yield { name: source?.name ?? INPUT, parts: partsOf(source, reading) };
}

async function* partsOf(source: ByteSource | undefined, reading: Reading): AsyncGenerator<string> {
  if (!source) { for await (const { text, isLast } of standardInputPieces()) yield isLast ? `${text}\n` : text; }
  else for await (const { text, after } of passagesOf(source, reading)) yield after === "nothing" ? text : `${text}\n`;
}
