/**
 * What the lock of a run's folder tells those who only look: who holds it, and whether that one is alive.
 *
 * @module
 */

/** Who holds a lock, as the file says. */
export interface LockHolder {
  /** Name of the machine; null where that may not be asked. */
  readonly host: string | null;
  /** The process's number there. */
  readonly process: number;
  /** When it began, ISO 8601. */
  readonly since: string;
}

/** Name of the file in a run's folder. */
export const LOCK = "lock";

/** Milliseconds after which a lock from elsewhere counts no more. */
export const SILENCE = 60_000;

/** Who the file says holds it; undefined where nobody does, or a crash cut it short. */
export function readHolder(file: Deno.FsFile): LockHolder | undefined {
  try {
    const bytes = new Uint8Array(1024);
    file.seekSync(0, Deno.SeekMode.Start);
    const { host, process, since } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0)));
    if (!Number.isSafeInteger(process) || !(host === null || typeof host === "string")) return undefined;
    return { host, process, since: String(since) };
  } catch {
    return undefined;
  }
}

/** The name of this machine; null where it may not be asked. */
export function hostName(): string | null {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "hostname" });
  return state === "granted" ? Deno.hostname() : null;
}

/**
 * Whether a process that is alive trains in a folder. It takes nothing from it: who trains tries once more where the lock is
 * looked at in the same moment. That a process on another machine trains is seen only where this one's name may be asked.
 */
export function isTrained(folder: string): boolean {
  try {
    const path = `${folder}/${LOCK}`;
    // never what a link leads to, or waits in a pipe
    if (!Deno.lstatSync(path).isFile) return false;
    using file = Deno.openSync(path);
    const isFree = lookedAt(file);
    if (isFree === false) return true;
    const [holder, here] = [readHolder(file), hostName()];
    // without a name for this machine, a lock that is free on it counts as left there: most are
    if (isFree && here === null) return false;
    // locks of other machines may not be seen from here
    const isFar = isFree === undefined || (holder?.host ?? null) !== here;
    return holder !== undefined && isFar && Date.now() - (file.statSync().mtime?.getTime() ?? 0) < SILENCE;
  } catch {
    return false;
  }
}

/** Whether nobody on this machine holds a lock; undefined where files cannot be locked. */
function lookedAt(file: Deno.FsFile): boolean | undefined {
  try {
    if (!file.tryLockSync(false)) return false;
    file.unlockSync();
    return true;
  } catch {
    return undefined;
  }
}
