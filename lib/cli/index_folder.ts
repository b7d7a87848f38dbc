/**
 * An index on disk: index.json, vectors.npy and passages.jsonl.
 *
 * @module
 */

import { exists, joined } from "../files/paths.ts";
import { makeFolder, writeFile } from "../files/write_files.ts";
import { type PassageKind, passageKinds } from "../inference/passages.ts";
import { poolModes } from "../inference/embed.ts";
import { checked, choice, type Field, list, optional, record, text, truth, whole } from "../sentences/fields.ts";
import { npyHeader, readNpy } from "./npy.ts";
import { shellWord } from "./shell_word.ts";

/** A file that was indexed. */
export interface IndexedFile {
  /** Its path, as it was named. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970 when it was last written; none where that is not known. */
  readonly modified?: number | undefined;
  /** SHA-256 of its bytes. */
  readonly sha256: string;
  /** Passages that it has, which follow those of the files before it. */
  readonly passages: number;
}

/** How documents were cut and their vectors made; another way makes another index. */
export interface IndexWays {
  /** What a passage is. */
  readonly by: PassageKind;
  /** Tokens of a passage at most. */
  readonly length: number;
  /** Tokens that windows have in common. */
  readonly overlap: number;
  /** Field of the text in records. */
  readonly field?: string | undefined;
  /** How vectors were made of hidden states. */
  readonly pool: typeof poolModes[number];
  /** Whether vectors are whitened when they are compared. */
  readonly whiten: boolean;
  /** Version of how paragraphs are told from headings; earlier indexes noted none. */
  readonly paragraphs?: number | undefined;
}

/** What index.json holds. */
export interface IndexConfig {
  /** Version of this format. */
  readonly format: 1;
  /** Path or address of the model. */
  readonly model: string;
  /** Numbers of a vector. */
  readonly width: number;
  /** How it was made. */
  readonly ways: IndexWays;
  /** What was indexed: paths as they were given. */
  readonly sources: readonly string[];
  /** The files. */
  readonly files: readonly IndexedFile[];
  /** Bytes of passages.jsonl, by which a damaged one is noticed. */
  readonly passageBytes: number;
}

const fields: Field = record({
  format: choice([1]),
  model: text,
  width: whole(1),
  ways: record({
    by: choice([...passageKinds]),
    length: whole(1),
    overlap: whole(),
    field: optional(text),
    pool: choice([...poolModes]),
    whiten: truth,
    paragraphs: optional(whole(1)),
  }),
  sources: list(text),
  files: list(record({ name: text, size: whole(), modified: optional(whole()), sha256: text, passages: whole() })),
  passageBytes: whole(),
});

/** A passage as passages.jsonl has it. */
export interface StoredPassage {
  /** Path of its file, and of a record its number there: `faq.csv:3`. */
  readonly name: string;
  /** Line that it begins in, from 1; undefined in records. */
  readonly line?: number | undefined;
  /** Its text. */
  readonly text: string;
}

/** An index as it was read. */
export interface StoredIndex {
  /** What it was made of. */
  readonly config: IndexConfig;
  /** Vectors, one after the other: [passages, width]. */
  readonly vectors: Float32Array<ArrayBuffer>;
  /** A passage by its number; only what is asked for is parsed. */
  passage(index: number): StoredPassage;
}

const files = { config: "index.json", vectors: "vectors.npy", passages: "passages.jsonl" } as const;

/** Whether a path is that of an index. */
export async function isIndex(path: string): Promise<boolean> {
  return await Deno.stat(joined(path, files.config)).then(({ isFile }) => isFile, () => false);
}

/** Number of passages of some files. */
export const passagesIn = (all: readonly IndexedFile[]): number => all.reduce((sum, { passages }) => sum + passages, 0);

/**
 * Reads an index and checks its parts against one another.
 *
 * @throws {RangeError} if there is none.
 * @throws {SyntaxError} that says what is damaged.
 */
export async function readIndex(path: string): Promise<StoredIndex> {
  const again = "make it anew with index --out";
  const fail = (name: string, what: string) => new SyntaxError(`Cannot use ${joined(path, name)}: ${what}; ${again}`);
  const bytesOf = async (name: string) => {
    try {
      return await Deno.readFile(joined(path, name));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) throw fail(name, "there is no such file");
      throw error;
    }
  };
  if (!await isIndex(path)) {
    const [what, out] = await exists(path) ? ["it is no index", "INDEX"] : ["there is no such folder", shellWord(path)];
    throw new RangeError(`Cannot search ${path}: ${what}; index FOLDER --model DIR --out ${out} makes one`);
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(await bytesOf(files.config)));
  } catch (error) {
    if (error instanceof SyntaxError && !error.message.startsWith("Cannot use")) {
      throw fail(files.config, "it is no JSON");
    }
    throw error;
  }
  const config = checkedConfig(json, (what) => new SyntaxError(`${what}; ${again}`), joined(path, files.config));
  const count = passagesIn(config.files);
  const { values: vectors, shape } = readNpy(await bytesOf(files.vectors), (what) => fail(files.vectors, what));
  if (shape[0] !== count || shape[1] !== config.width) {
    const [wanted, found] = [[count, config.width], shape].map((shape) => shape.join(" × "));
    throw fail(files.vectors, `it holds ${found} numbers, wanted ${wanted}`);
  }
  const lines = linesIn(await bytesOf(files.passages));
  if (lines.bytes !== config.passageBytes || lines.count !== count) {
    throw fail(
      files.passages,
      `it has ${lines.count} lines of ${lines.bytes} bytes, wanted ${count} of ${config.passageBytes}`,
    );
  }
  return {
    config,
    vectors,
    passage(index) {
      try {
        return JSON.parse(lines.at(index)) as StoredPassage;
      } catch {
        throw fail(files.passages, `line ${index + 1} is no JSON`);
      }
    },
  };
}

function checkedConfig(json: unknown, fail: (what: string) => SyntaxError, place: string): IndexConfig {
  try {
    return checked<IndexConfig>(json, fields, `Cannot use ${place}`);
  } catch (error) {
    throw error instanceof SyntaxError ? fail(error.message) : error;
  }
}

/** Lines of bytes, of which only those that are asked for become text. */
function linesIn(bytes: Uint8Array): { readonly bytes: number; readonly count: number; at(index: number): string } {
  const ends: number[] = [];
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, end + 1)) ends.push(end);
  const decoder = new TextDecoder();
  return {
    bytes: bytes.length,
    count: ends.length,
    at: (index) => decoder.decode(bytes.subarray(index === 0 ? 0 : ends[index - 1]! + 1, ends[index])),
  };
}

/**
 * Writes an index into a folder that is made if need be; that it is whole, and which files it is of, is written last.
 *
 * @param passages Lines of JSON, in pieces.
 */
export async function writeIndex(
  path: string,
  config: Omit<IndexConfig, "format" | "passageBytes">,
  { vectors, passages }: {
    vectors: readonly Float32Array<ArrayBuffer>[];
    passages: readonly Uint8Array<ArrayBuffer>[];
  },
): Promise<void> {
  const what = "the index";
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array<ArrayBuffer>) =>
    new Uint8Array(buffer, byteOffset, byteLength);
  const rows = passagesIn(config.files);
  const passageBytes = passages.reduce((sum, { length }) => sum + length, 0);
  await makeFolder(path, { what });
  await writeFile(joined(path, files.vectors), [npyHeader(rows, config.width), ...vectors.map(bytes)], { what });
  await writeFile(joined(path, files.passages), passages, { what });
  const json = JSON.stringify({ format: 1, ...config, passageBytes }, null, 2) + "\n";
  await writeFile(joined(path, files.config), json, { what });
}
