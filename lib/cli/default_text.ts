/**
 * The text that is trained on where none is given: Tiny Shakespeare, fetched once and kept.
 *
 * @module
 */

import { makeFolder, writeFile } from "../files/write_files.ts";
import { sha256 } from "./file_print.ts";
import { environment } from "./permissions.ts";

/** Its name, for people. */
export const DEFAULT_TEXT = "Tiny Shakespeare";

const SHAKESPEARE = {
  url: "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
  bytes: 1_115_394,
  sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
};

/** Milliseconds after which a network that does not answer counts as none. */
const CONNECT_TIMEOUT = 5000;
/** Milliseconds that the download may take once the server answers. */
const DOWNLOAD_TIMEOUT = 120_000;

/** The text cannot be had. */
export class NoNetworkError extends Error {}

/**
 * Path of the text in the cache folder; downloaded once and checked.
 *
 * @throws {NoNetworkError} if it cannot be downloaded, or arrives changed.
 */
export async function defaultText(): Promise<string> {
  const folder = cacheFolder();
  const path = `${folder}/tinyshakespeare.txt`;
  const info = await Deno.stat(path).catch(() => undefined);
  if (info?.size === SHAKESPEARE.bytes) return path;
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
    throw new NoNetworkError(`${DEFAULT_TEXT} could not be downloaded`);
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
