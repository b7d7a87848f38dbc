/**
 * The corpus of a run: what --data names, or Tiny Shakespeare, or where there is no network the built-in stories.
 *
 * @module
 */

import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type ByteSource, type Corpus, textCorpus } from "../text/corpus.ts";
import { fileSource, fileSources, standardInputSource } from "../text/file_source.ts";
import { storiesCorpus } from "../text/stories.ts";

/** A corpus with how to find it again. */
export interface OpenedCorpus {
  /** The text. */
  readonly corpus: Corpus;
  /** Values of --data that give the same corpus; none if it cannot be had again. */
  readonly data: readonly string[];
  /** Short name for run folders. */
  readonly label: string;
  /** Bytes in all, by which a changed corpus is noticed. */
  readonly bytes: number | undefined;
  /** What the user should know. */
  readonly notice?: string;
  /** Deletes what was kept only for this run. */
  close(): Promise<void>;
}

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
 * Opens what --data names: paths, folders, globs, `-` for standard input, `stories`, or nothing for the default corpus.
 *
 * @throws {RangeError} if there is no such text.
 */
export async function openCorpus(data: readonly string[], { seed }: { seed: number }): Promise<OpenedCorpus> {
  const close = () => Promise.resolve();
  if (data.length === 0) return await defaultCorpus(seed);
  if (data.includes("stories")) {
    if (data.length > 1) throw new RangeError('The corpus "stories" cannot be mixed with files');
    return { corpus: storiesCorpus({ seed }), data, label: "stories", bytes: undefined, close };
  }
  let input: Awaited<ReturnType<typeof standardInputSource>> | undefined;
  const sources: ByteSource[] = [];
  for (const path of data) {
    if (path === "-") sources.push(input ??= await standardInputSource());
    else sources.push(...await fileSources(path));
  }
  return {
    corpus: await textCorpus(sources),
    data: input ? [] : data.map(absolute),
    label: (data[0] === "-" ? "stdin" : data[0]!.replace(/[\\/]+$/, "").split(/[\\/]/).at(-1)!).replace(/\.\w+$/, ""),
    bytes: sources.reduce((sum, { size }) => sum + size, 0),
    close: async () => await input?.remove(),
  };
}

/** Lines that are enough to know an endless corpus. */
const ENDLESS_SAMPLE = 20_000;

/** The lines of the training part, of an endless one the first. */
export async function* trainingLines(corpus: Corpus): AsyncGenerator<string> {
  let read = 0;
  for await (const line of corpus.lines("training")) {
    yield line;
    if (corpus.endless && ++read >= ENDLESS_SAMPLE) return;
  }
}

/** Tokens of the training part, line breaks included; Infinity where it never ends. */
export async function countTokens(corpus: Corpus, tokenizer: Tokenizer): Promise<number> {
  if (corpus.endless) return Infinity;
  const newline = tokenizer.encode("\n").length;
  let count = 0;
  for await (const line of corpus.lines("training")) count += tokenizer.encode(line).length + newline;
  return count;
}

/** A path that means the same from any working directory. */
function absolute(path: string): string {
  return /^([\\/]|[a-z]:)/i.test(path) ? path : `${Deno.cwd()}/${path}`;
}

async function defaultCorpus(seed: number): Promise<OpenedCorpus> {
  const close = () => Promise.resolve();
  try {
    const path = await tinyShakespeare();
    const source = { ...await fileSource(path), name: "Tiny Shakespeare" };
    return { corpus: await textCorpus([source]), data: [path], label: "shakespeare", bytes: source.size, close };
  } catch (error) {
    if (!(error instanceof NoNetworkError)) throw error;
    const notice = `${error.message}: training on the built-in stories instead (--data FILE trains on your own text)`;
    return { corpus: storiesCorpus({ seed }), data: ["stories"], label: "stories", bytes: undefined, notice, close };
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
  const set = Deno.env.get("CLOZE_CACHE");
  if (set) return set;
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE") ?? ".";
  switch (Deno.build.os) {
    case "windows":
      return `${Deno.env.get("LOCALAPPDATA") ?? home}/cloze`;
    case "darwin":
      return `${home}/Library/Caches/cloze`;
    default:
      return `${Deno.env.get("XDG_CACHE_HOME") ?? `${home}/.cache`}/cloze`;
  }
}
