/**
 * The text that is trained on where none is given: Tiny Shakespeare, fetched once and kept.
 *
 * @module
 */

import { makeFolder, writeFile } from "../files/write_files.ts";
import { firstBytes } from "../text/byte_reader.ts";
import { guardedFetch } from "../access/guarded_fetch.ts";
import { sha256 } from "./file_print.ts";
import { type LongWork, longWork, progressAside } from "./long_work.ts";
import { environment, mayRead, mayWrite } from "./permissions.ts";

/** Its name, for people. */
export const DEFAULT_TEXT = "Tiny Shakespeare";

const SHAKESPEARE = {
  url: "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
  bytes: 1_115_394,
  sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
};

/** A network that does not answer counts as none, and so does one that would take minutes. */
const limits = { patience: 5000, leastBytes: 1 << 16 };

/** The text cannot be had. */
export class NoNetworkError extends Error {}

/**
 * Path of the text in the cache folder; downloaded once and checked.
 *
 * @param keep Folder where it is kept if that for caches may not be written, or is not known.
 * @throws {NoNetworkError} if it cannot be downloaded, or arrives changed.
 */
export async function defaultText(keep?: string): Promise<string> {
  const cache = cacheFolder();
  const folders = [cache, keep].filter((folder) => folder !== undefined);
  const path = (folder: string) => `${folder}/tinyshakespeare.txt`;
  for (const folder of folders) {
    const info = mayRead(path(folder)) ? await Deno.stat(path(folder)).catch(() => undefined) : undefined;
    if (info?.size === SHAKESPEARE.bytes) return path(folder);
  }
  const folder = folders.find(mayWrite);
  if (folder === undefined) throw new NoNetworkError(`${DEFAULT_TEXT} cannot be kept: no folder may be written to`);
  return await fetched(folder, path(folder));
}

/** Fetches the text into a folder. */
async function fetched(folder: string, path: string): Promise<string> {
  const bytes = await download(SHAKESPEARE.url);
  const hash = await sha256(bytes);
  if (bytes.length !== SHAKESPEARE.bytes || hash !== SHAKESPEARE.sha256) {
    throw new NoNetworkError(`${DEFAULT_TEXT} arrived changed (${bytes.length} bytes, sha256 ${hash.slice(0, 12)}…)`);
  }
  await makeFolder(folder, { what: DEFAULT_TEXT });
  // another process may be fetching it too
  await writeFile(path, [bytes], { what: DEFAULT_TEXT, temporary: `${path}.${Deno.pid}` });
  return path;
}

async function download(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const work = longWork(progressAside(), `downloading ${DEFAULT_TEXT}`);
  return await downloaded(url, work).finally(work.end);
}

async function downloaded(url: string, work: LongWork): Promise<Uint8Array<ArrayBuffer>> {
  const fail = (what: string) => {
    const why = what.startsWith("Deno was started without") ? ` (${what})` : "";
    return new NoNetworkError(`${DEFAULT_TEXT} could not be downloaded${why}`);
  };
  const answer = await guardedFetch(url, { limits, fail });
  if (!answer.ok) {
    await answer.close();
    throw fail(`the server answers with status ${answer.status}`);
  }
  // one byte more tells that there is too much
  return await firstBytes(watchedDownload(answer.body, work), SHAKESPEARE.bytes + 1);
}

/** A download that says how far it is, where it takes long. */
function watchedDownload(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  work: LongWork,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  let done = 0;
  return body.pipeThrough(
    new TransformStream({
      transform(chunk, controller) {
        work.at(done += chunk.length, { total: SHAKESPEARE.bytes });
        controller.enqueue(chunk);
      },
    }),
  );
}

/** Where downloads are kept: CLOZE_CACHE, or the system's place for caches; undefined where the environment does not say. */
export function cacheFolder(): string | undefined {
  const set = environment("CLOZE_CACHE");
  if (set) return set;
  const home = environment("HOME") ?? environment("USERPROFILE");
  switch (Deno.build.os) {
    case "windows":
      return inFolder(environment("LOCALAPPDATA") ?? home, "cloze");
    case "darwin":
      return inFolder(home, "Library/Caches/cloze");
    default:
      return inFolder(environment("XDG_CACHE_HOME") ?? inFolder(home, ".cache"), "cloze");
  }
}

const inFolder = (folder: string | undefined, name: string) => folder === undefined ? undefined : `${folder}/${name}`;
