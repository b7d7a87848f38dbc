/**
 * The corpus of a run: what --data names, or Tiny Shakespeare, or where there is no network the built-in stories.
 *
 * @module
 */

import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type Corpus, textCorpus, textsOf } from "../text/corpus.ts";
import { mixture } from "../text/mixture.ts";
import { fileSources, type LeftOut, standardInputSource } from "../text/file_source.ts";
import { type TextOptions, textSource } from "../text/text_source.ts";
import { BadRecords, type ByteSource } from "../text/source.ts";
import { grouped } from "./figures.ts";
import { environment } from "./permissions.ts";
import { exists } from "../files/paths.ts";
import { storiesCorpus } from "../text/stories.ts";

/** A corpus with how to find it again. */
export interface OpenedCorpus {
  /** The text. */
  readonly corpus: Corpus;
  /** What it was opened with; `data` is empty if it cannot be had again. */
  readonly choice: CorpusChoice;
  /** Short name for run folders. */
  readonly label: string;
  /** The files, by which a changed corpus is noticed. */
  readonly files: readonly FilePrint[];
  /** What could not be read and was skipped. */
  readonly bad: BadRecords;
  /** What the user should know. */
  readonly notice?: string;
  /** Deletes what was kept only for this run. */
  close(): Promise<void>;
}

/** Which text, and how it is read. */
export interface CorpusChoice extends TextOptions {
  /** Values of --data. */
  readonly data: readonly string[];
  /** Value of --validation: a share, or text of its own. */
  readonly validation?: number | string | undefined;
  /** Records that may be skipped. */
  readonly skipBad?: number | undefined;
}

/** What tells a file from a changed one. */
export interface FilePrint {
  /** Its path or address. */
  readonly name: string;
  /** Bytes; null where they are not known. */
  readonly size: number | null;
  /** SHA-256 of its first 64 KiB, in hexadecimal. */
  readonly head: string;
  /** When it was last written, ISO 8601; null where that is not known. */
  readonly modified: string | null;
}

/** Bytes at the beginning of a file that are looked at. */
const HEAD = 1 << 16;

const SHAKESPEARE = {
  url: "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
  bytes: 1_115_394,
  sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
};

/** Milliseconds after which a network that does not answer counts as none. */
const CONNECT_TIMEOUT = 5000;
/** Milliseconds that the download may take once the server answers. */
const DOWNLOAD_TIMEOUT = 120_000;

/**
 * Opens what --data names: paths, folders, globs, addresses, `-` for standard input, `stories`, or nothing for the default
 * corpus; with `=3` behind them, mixed by weight.
 *
 * @throws {RangeError} if there is no such text.
 */
export async function openCorpus(choice: CorpusChoice, { seed }: { seed: number }): Promise<OpenedCorpus> {
  const { data } = choice;
  const close = () => Promise.resolve();
  const bad = new BadRecords(choice.skipBad);
  if (data.length === 0) return await defaultCorpus(choice, seed);
  if (data.includes("stories")) {
    if (data.length > 1) throw new RangeError('The corpus "stories" cannot be mixed with files');
    return { corpus: storiesCorpus({ seed }), choice, label: "stories", files: [], bad, close };
  }
  let input: Awaited<ReturnType<typeof standardInputSource>> | undefined;
  const files: FilePrint[] = [];
  const notices: string[] = [];
  const read = async (path: string) => {
    const leftOut = (others: LeftOut) => notices.push(leftOutNotice(path, others));
    const sources = path === "-" ? [input ??= await standardInputSource()] : await fileSources(path, { leftOut });
    for (const source of sources) files.push(await printOf(source));
    const texts = [];
    for (const source of sources) texts.push(await textSource(source, choice));
    return texts;
  };
  const removeInput = async () => await input?.remove();
  try {
    const parts = await Promise.all(data.map(splitWeight));
    const validation = typeof choice.validation === "string" ? await read(choice.validation) : undefined;
    const options = {
      bad,
      ...(validation ? { validation } : {}),
      ...(typeof choice.validation === "number" ? { validationShare: choice.validation } : {}),
    };
    const isMixture = parts.some(({ weight }) => weight !== undefined);
    let corpus: Corpus;
    if (isMixture) {
      const weighted = [];
      for (const { path, weight = 1 } of parts) {
        weighted.push({ corpus: await textCorpus(await read(path), options), weight });
      }
      corpus = mixture(weighted, validation ? { validation: weighted[0]!.corpus } : {});
    } else {
      const sources = [];
      for (const { path } of parts) sources.push(...await read(path));
      corpus = await textCorpus(sources, options);
    }
    const first = parts[0]!.path;
    return {
      corpus,
      choice: input ? { ...choice, data: [] } : {
        ...choice,
        data: data.map(absolute),
        ...(typeof choice.validation === "string" ? { validation: absolute(choice.validation) } : {}),
      },
      label: first === "-"
        ? "stdin"
        : first.replace(/[\\/]+$/, "").split(/[\\/]/).at(-1)!.replace(/\..*$/, "") || "text",
      files,
      bad,
      ...(notices.length > 0 ? { notice: notices.join("\n") } : {}),
      close: removeInput,
    };
  } catch (error) {
    await removeInput();
    throw error;
  }
}

/** Says which files of a folder are not read, and how to name them. */
function leftOutNotice(folder: string, others: LeftOut): string {
  const counts = [...others].sort(([, a], [, b]) => b - a);
  const said = counts.slice(0, 5).map(([ending, count]) =>
    `${grouped(count)} ${ending || "other"} ${count === 1 ? "file" : "files"}`
  );
  if (counts.length > 5) said.push(`${grouped(counts.slice(5).reduce((sum, [, count]) => sum + count, 0))} others`);
  const ending = counts.find(([name]) => name !== "")?.[0];
  const pattern = `'${folder.replace(/[\\/]+$/, "")}/**/*${ending ?? ""}'`;
  return `${said.join(", ")} skipped; name ${ending && counts.length > 1 ? `${ending} files` : "them"} with ${pattern}`;
}

/** `path=3` as path and weight, unless a file is called so. */
async function splitWeight(value: string): Promise<{ path: string; weight: number | undefined }> {
  const match = /^(.+)=(\d*\.?\d+)$/.exec(value);
  if (!match || await exists(value)) return { path: value, weight: undefined };
  const weight = Number(match[2]);
  if (!(weight > 0)) throw new RangeError(`Cannot mix ${match[1]} with a weight of ${match[2]}: it must be above 0`);
  return { path: match[1]!, weight };
}

async function printOf(source: ByteSource): Promise<FilePrint> {
  const end = source.size === undefined ? HEAD : Math.min(HEAD, source.size);
  const bytes = await new Response(source.stream(0, end)).arrayBuffer();
  const head = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  const modified = await Deno.stat(source.name).then(({ mtime }) => mtime?.toISOString() ?? null, () => null);
  return { name: absolute(source.name), size: source.size ?? null, head, modified };
}

/**
 * Compares files with what they were. Returns a note where one was written since, though its size and beginning are the same.
 *
 * @throws {RangeError} that names the first that differs.
 */
export function checkUnchanged(before: readonly FilePrint[], now: readonly FilePrint[]): string | undefined {
  for (const [i, old] of before.entries()) {
    const file = now[i];
    if (file?.name !== old.name) throw new RangeError(`its text has changed: ${old.name} is not there any more`);
    if (file.size !== old.size) {
      throw new RangeError(`its text has changed: ${old.name} had ${old.size} bytes, now it has ${file.size}`);
    }
    if (file.head !== old.head) throw new RangeError(`its text has changed: ${old.name} begins with other bytes`);
  }
  if (now.length > before.length) throw new RangeError(`its text has changed: ${now[before.length]!.name} is new`);
  const touched = before.find(({ modified }, i) => modified !== now[i]!.modified);
  return touched && `${touched.name} was written since; its size and its beginning are the same`;
}

/** Lines that say what was skipped, the first few of it in full; none if nothing was. */
export function skippedLines({ count, messages }: BadRecords): string[] {
  if (count === 0) return [];
  const some = messages.slice(0, 5).map((message) => `skipped: ${message}`);
  return [...some, `${grouped(count)} records were skipped`];
}

/** Tokens of the training part, line breaks included; Infinity where it never ends. */
export async function countTokens(corpus: Corpus, tokenizer: Tokenizer): Promise<number> {
  if (corpus.endless) return Infinity;
  const newline = tokenizer.encode("\n").length;
  let count = 0;
  for await (const text of textsOf(corpus, "training")) count += tokenizer.encode(text).length + newline;
  return count;
}

/** A path that means the same from any working directory. */
function absolute(path: string): string {
  return /^([\\/]|[a-z]:|https?:)/i.test(path) ? path : `${Deno.cwd()}/${path}`;
}

async function defaultCorpus(choice: CorpusChoice, seed: number): Promise<OpenedCorpus> {
  try {
    const path = await tinyShakespeare();
    const opened = await openCorpus({ ...choice, data: [path] }, { seed });
    return { ...opened, corpus: { ...opened.corpus, name: "Tiny Shakespeare" }, label: "shakespeare" };
  } catch (error) {
    if (!(error instanceof NoNetworkError)) throw error;
    const notice = `${error.message}: training on the built-in stories instead (--data FILE trains on your own text)`;
    return { ...await openCorpus({ ...choice, data: ["stories"] }, { seed }), notice };
  }
}

class NoNetworkError extends Error {}

/** Path of Tiny Shakespeare in the cache folder; downloaded once and checked. */
async function tinyShakespeare(): Promise<string> {
  const folder = cacheFolder();
  const path = `${folder}/tinyshakespeare.txt`;
  const info = await Deno.stat(path).catch(() => undefined);
  if (info?.size === SHAKESPEARE.bytes) return path;
  const bytes = await download(SHAKESPEARE.url);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  if (bytes.length !== SHAKESPEARE.bytes || hash !== SHAKESPEARE.sha256) {
    throw new NoNetworkError(`Tiny Shakespeare arrived changed (${bytes.length} bytes, sha256 ${hash.slice(0, 12)}…)`);
  }
  await Deno.mkdir(folder, { recursive: true });
  const temporary = await Deno.makeTempFile({ dir: folder });
  await Deno.writeFile(temporary, bytes);
  await Deno.rename(temporary, path);
  return path;
}

async function download(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), CONNECT_TIMEOUT);
  try {
    const response = await fetch(url, { signal: abort.signal });
    clearTimeout(timer);
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`status ${response.status}`);
    }
    timer = setTimeout(() => abort.abort(), DOWNLOAD_TIMEOUT);
    return new Uint8Array(await response.arrayBuffer());
  } catch {
    throw new NoNetworkError("Tiny Shakespeare could not be downloaded");
  } finally {
    clearTimeout(timer);
  }
}

/** Where downloads are kept: CLOZE_CACHE, or the system's place for caches. */
function cacheFolder(): string {
  const set = environment("CLOZE_CACHE");
  if (set) return set;
  const home = environment("HOME") ?? environment("USERPROFILE") ?? ".";
  switch (Deno.build.os) {
    case "windows":
      return `${environment("LOCALAPPDATA") ?? home}/cloze`;
    case "darwin":
      return `${home}/Library/Caches/cloze`;
    default:
      return `${environment("XDG_CACHE_HOME") ?? `${home}/.cache`}/cloze`;
  }
}
