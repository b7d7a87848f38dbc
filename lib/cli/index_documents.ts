/**
 * Documents as passages with vectors; of files that are as they were, those of before.
 *
 * @module
 */

import { beginSha256 } from "../files/checksums.ts";
import { embedTexts } from "../inference/embed.ts";
import type { MaskedLanguageModel } from "../inference/load.ts";
import { passagesOf } from "../inference/passages.ts";
import { quoted, safeJson } from "../sentences/safe_text.ts";
import { type ByteSource, strict } from "../text/source.ts";
import { textSource } from "../text/text_source.ts";
import { fileSources, type LeftOut } from "../text/file_source.ts";
import { leftOutNotice } from "./left_out.ts";
import { absolute } from "../files/paths.ts";
import type { IndexConfig, IndexedFile, IndexWays, StoredIndex, StoredPassage } from "./index_folder.ts";

/** The parts of an index, to be written. */
export interface IndexParts {
  /** The files, in order. */
  readonly files: readonly IndexedFile[];
  /** Vectors of their passages, a piece for each file. */
  readonly vectors: readonly Float32Array<ArrayBuffer>[];
  /** Lines of their passages, a piece for each file. */
  readonly passages: readonly Uint8Array<ArrayBuffer>[];
  /** How many files were taken over as they were. */
  readonly unchanged: number;
}

/** What is told of the work. */
export interface IndexProgress {
  /** Files that there are. */
  readonly files: number;
  /** Files that are done. */
  readonly done: number;
  /** Passages that were embedded. */
  readonly passages: number;
}

/** The files that paths mean, each once, without those of the index itself; `note` hears of files that are no text. */
export async function documentSources(
  paths: readonly string[],
  { out, note }: { out: string; note: (sentence: string) => void },
): Promise<ByteSource[]> {
  const own = `${absolute(out)}/`;
  const found = new Map<string, ByteSource>();
  for (const path of paths) {
    const leftOut = (others: LeftOut) => {
      if (!own.startsWith(`${absolute(path)}/`)) note(leftOutNotice(path, others));
    };
    for (const source of await fileSources(path, { leftOut })) {
      if (!absolute(source.name).startsWith(own)) found.set(source.name, source);
    }
  }
  if (found.size > 0) return [...found.values()];
  throw new RangeError(`Cannot index ${paths.map(quoted).join(", ")}: there is no file in it but those of the index`);
}

/** A file, and what of the index before belongs to it. */
interface Former {
  readonly file: IndexedFile;
  readonly first: number;
}

/**
 * Indexes files; of those that have the same bytes as before, passages and vectors are taken over.
 *
 * @param options.before The index before, made in the same ways with the same model.
 * @throws {RangeError} if there is no text in any file.
 */
export async function indexSources(
  model: MaskedLanguageModel,
  sources: readonly ByteSource[],
  { ways, before, progress, passOver }: {
    ways: IndexWays;
    before?: StoredIndex | undefined;
    progress: (at: IndexProgress) => void;
    /** Is told of a file that cannot be read as text, and says whether the others are indexed without it. Default: none is. */
    passOver?: ((name: string, why: SyntaxError) => boolean) | undefined;
  },
): Promise<IndexParts> {
  const former = formerFiles(before?.config);
  const prints: Omit<IndexedFile, "passages">[] = [];
  for (const source of sources) prints.push(await printOf(source, former.get(source.name)?.file));
  const isKnown = (i: number) => former.get(sources[i]!.name)?.file.sha256 === prints[i]!.sha256;
  const changed = [...sources.keys()].filter((i) => !isKnown(i));
  const unchanged = sources.length - changed.length;
  const made = await partsOf(model, changed.map((i) => sources[i]!), {
    ways,
    done: (done, passages) => progress({ files: sources.length, done: unchanged + done, passages }),
    passOver: passOver ?? (() => false),
  });
  const all = sources.map(({ name }, i) => isKnown(i) ? partBefore(before!, former.get(name)!) : made.shift()!);
  const kept = [...all.keys()].filter((i) => all[i] !== undefined);
  const parts = kept.map((i) => all[i]!);
  if (parts.every(({ vectors }) => vectors.length === 0)) {
    throw new RangeError(
      `Cannot index ${sources.length === 1 ? sources[0]!.name : "the files"}: there is no text to be found`,
    );
  }
  const { width } = model.config;
  return {
    files: kept.map((i, at) => ({ ...prints[i]!, passages: parts[at]!.vectors.length / width })),
    vectors: parts.map(({ vectors }) => vectors),
    passages: parts.map(({ lines }) => lines),
    unchanged,
  };
}

function formerFiles(config: IndexConfig | undefined): Map<string, Former> {
  const former = new Map<string, Former>();
  let first = 0;
  for (const file of config?.files ?? []) {
    former.set(file.name, { file, first });
    first += file.passages;
  }
  return former;
}

/** A file as it is now; one with the size and the time of before is taken to have its bytes. */
async function printOf(source: ByteSource, before: IndexedFile | undefined): Promise<Omit<IndexedFile, "passages">> {
  const info = await Deno.stat(source.name).catch(() => undefined);
  const [size, modified] = [info?.size ?? source.size ?? 0, info?.mtime?.getTime()];
  const stamp = { name: source.name, size, ...(modified === undefined ? {} : { modified }) };
  if (before && before.size === size && before.modified !== undefined && before.modified === modified) {
    return { ...stamp, sha256: before.sha256 };
  }
  const hash = await beginSha256();
  for await (const chunk of source.stream(0)) hash.update(chunk);
  return { ...stamp, sha256: hash.digest("hex") };
}

/** Passages of a file with their vectors. */
interface Part {
  readonly vectors: Float32Array<ArrayBuffer>;
  /** Lines of JSON. */
  readonly lines: Uint8Array<ArrayBuffer>;
}

const encoder = new TextEncoder();
const lineOf = (passage: StoredPassage) => `${safeJson(passage)}\n`;

function partBefore({ config: { width }, vectors, passage }: StoredIndex, { file, first }: Former): Part {
  const end = first + file.passages;
  const lines = Array.from({ length: file.passages }, (_, i) => lineOf(passage(first + i)));
  return { vectors: vectors.slice(first * width, end * width), lines: encoder.encode(lines.join("")) };
}

/** The passages of files, whose texts go through the model as one stream; undefined for those that are passed over. */
async function partsOf(
  model: MaskedLanguageModel,
  sources: readonly ByteSource[],
  { ways: { pool, ...ways }, done, passOver }: {
    ways: IndexWays;
    done: (files: number, passages: number) => void;
    passOver: (name: string, why: SyntaxError) => boolean;
  },
): Promise<(Part | undefined)[]> {
  const { tokenizer, config: { width } } = model;
  const lines: string[][] = sources.map(() => []);
  const rows: Float32Array[][] = sources.map(() => []);
  const isPassed = sources.map(() => false);
  // the files of texts that were asked for and have not come back
  const asked: number[] = [];
  async function* texts() {
    for (const [i, source] of sources.entries()) {
      try {
        for await (const { name, text, isRecord } of documentsOf(source, ways.field)) {
          for (const { line, text: passage } of passagesOf(text, { ...ways, tokenizer })) {
            lines[i]!.push(lineOf({ name, ...(isRecord ? {} : { line }), text: passage }));
            asked.push(i);
            yield passage;
          }
        }
      } catch (error) {
        // of a file that breaks off part is on its way already
        if (!(error instanceof SyntaxError) || lines[i]!.length > 0 || !passOver(source.name, error)) throw error;
        isPassed[i] = true;
      }
    }
  }
  let count = 0;
  for await (const { embedding } of embedTexts(model, texts(), { pool })) {
    const file = asked.shift()!;
    rows[file]!.push(embedding);
    done(file, ++count);
  }
  return sources.map((_, i) => {
    if (isPassed[i]) return undefined;
    const vectors = new Float32Array(rows[i]!.length * width);
    for (const [k, row] of rows[i]!.entries()) vectors.set(row, k * width);
    return { vectors, lines: encoder.encode(lines[i]!.join("")) };
  });
}

/** Names of files whose records are documents. */
const RECORDS = /\.(csv|tsv|tab|jsonl|ndjson|json|parquet)(\.\w+)?$/i;

/** The documents of a file: the whole of it, or its records. */
async function* documentsOf(
  source: ByteSource,
  field: string | undefined,
): AsyncGenerator<{ name: string; text: string; isRecord: boolean }> {
  const isRecord = RECORDS.test(source.name);
  const reader = await textSource(source, { field, document: "file" });
  let [parts, number]: [string[], number] = [[], 0];
  const whole = () => ({ name: isRecord ? `${source.name}:${++number}` : source.name, text: parts.join(""), isRecord });
  for await (const { text, after } of reader.read({ start: 0, end: reader.size, bad: strict })) {
    parts.push(after === "nothing" ? text : `${text}\n`);
    if (after !== "document") continue;
    yield whole();
    parts = [];
  }
  if (parts.length > 0) yield whole();
}
