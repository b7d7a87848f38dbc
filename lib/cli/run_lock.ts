/**
 * One run, one process: whoever trains in a run's folder holds the lock in it.
 *
 * The operating system keeps the lock and lets go of it when the process ends, however that happens. Where folders lie on a
 * server it may not tell one machine's locks to another; there a lock counts while its owner gives signs of life.
 *
 * @module
 */

import { oddKind } from "../access/odd_kind.ts";
import { hostName, LOCK, type LockHolder, readHolder as read, SILENCE } from "../files/lock_signs.ts";
import { writeAllSync, WriteError, writing } from "../files/write_files.ts";

/** The lock of a run's folder, held until it is released. */
export interface RunLock {
  /** Who held it and let go without a word; undefined if nobody did. */
  readonly before: LockHolder | undefined;
  /** Whether the folder is still there, and still this process's; a lock that someone has deleted is made again. */
  isHeld(): boolean;
  /** Lets go; at once, for a program may be about to end. */
  release(): void;
}

/** A run that another process trains. */
export class RunInUseError extends RangeError {
  /** Name of the class. */
  override name = "RunInUseError";
}

/** Milliseconds between two signs of life. */
const SIGN_OF_LIFE = 10_000;

/** Times that a lock is tried, and milliseconds in between: who only looks at it has it for a moment. */
const TRIES = 10;
const PAUSE = 10;

/**
 * Takes the lock of a folder.
 *
 * @throws {RunInUseError} that says who holds it.
 */
export function lockFolder(folder: string): RunLock {
  const path = `${folder}/${LOCK}`;
  const context = { what: "the run's lock", place: path };
  const first = writing(context, () => take(path));
  let { file } = first;
  const sign = setInterval(() => {
    try {
      if (isOwn(read(file))) signed(file);
    } catch {
      // that a disk is full is said where more than a sign of life is written
    }
  }, SIGN_OF_LIFE);
  Deno.unrefTimer(sign);
  return {
    before: first.before,
    isHeld() {
      // who was silent for too long may have been taken for gone
      if (isSame(file, path)) return isOwn(read(file));
      try {
        const again = take(path);
        file.close();
        file = again.file;
        return true;
      } catch {
        // the folder is gone, or another process is in it
        return false;
      }
    },
    release() {
      clearInterval(sign);
      try {
        // who waits for this very file finds that it has none to fear
        if (isSame(file, path) && isOwn(read(file))) {
          file.truncateSync(0);
          Deno.removeSync(path);
        }
      } catch {
        // nothing is left to let go of
      }
      file.close();
    },
  };
}

/** Opens the file of a lock and locks it, until what is locked is what lies there. */
function take(path: string): { file: Deno.FsFile; before: LockHolder | undefined } {
  while (true) {
    checkPlain(path);
    const file = Deno.openSync(path, { read: true, write: true, create: true });
    try {
      const isFree = tried(file);
      const holder = read(file);
      if (isFree === false) throw inUse(holder);
      if (isSame(file, path)) {
        // locks of other machines may not be seen from here
        const isFar = isFree === undefined || (holder?.host ?? null) !== hostName();
        const age = isFar && holder ? silence(file, path) : Infinity;
        if (age < SILENCE) throw inUse(holder, { age, isFree });
        signed(file);
        return { file, before: holder };
      }
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
  }
}

/** A lock is written to and emptied: what a link leads to, or waits in a pipe, is not to be. */
function checkPlain(path: string): void {
  let info: Deno.FileInfo;
  try {
    info = Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  const odd = info.isSymlink ? "a link" : oddKind(info);
  if (odd === undefined) return;
  throw new WriteError(`Cannot write the run's lock to "${path}": it is ${odd}, not a file; remove it`);
}

/** Whether the lock could be had; undefined where files cannot be locked. */
function tried(file: Deno.FsFile): boolean | undefined {
  try {
    for (let tries = 1; !file.tryLockSync(true); tries++) {
      if (tries === TRIES) return false;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
    return true;
  } catch {
    return undefined;
  }
}

const started = new Date().toISOString();

/** Whether a lock is this process's; one that cannot be read is nobody else's. */
function isOwn(holder: LockHolder | undefined): boolean {
  return !holder || (holder.process === Deno.pid && holder.since === started);
}

/** Writes who holds a lock; the time of the file is the sign of life. */
function signed(file: Deno.FsFile): void {
  const holder: LockHolder = { host: hostName(), process: Deno.pid, since: started };
  const bytes = new TextEncoder().encode(JSON.stringify(holder) + "\n");
  file.seekSync(0, Deno.SeekMode.Start);
  writeAllSync(file, bytes);
  file.truncateSync(bytes.length);
}

/** Milliseconds since a lock's last sign of life, by the clock of the disk that it lies on. */
function silence(file: Deno.FsFile, path: string): number {
  const probe = `${path}.${Deno.pid}`;
  removed(probe);
  Deno.writeTextFileSync(probe, "", { createNew: true });
  const now = Deno.statSync(probe).mtime;
  Deno.removeSync(probe);
  const last = file.statSync().mtime;
  return now && last ? Math.abs(now.getTime() - last.getTime()) : Infinity;
}

/** Removes what a process that is gone has left, or anyone has put there. */
function removed(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Whether an open file is the one that lies at a path. */
function isSame(file: Deno.FsFile, path: string): boolean {
  try {
    const [held, there] = [file.statSync(), Deno.statSync(path)];
    // where files have no number, one that is there is believed
    return held.ino === null || (held.ino === there.ino && held.dev === there.dev);
  } catch {
    return false;
  }
}

/** A holder in words. */
export function spelledHolder({ host, process }: LockHolder): string {
  return `process ${process}${host === null ? "" : ` on ${host}`}`;
}

function inUse(
  holder: LockHolder | undefined,
  silent?: { readonly age: number; readonly isFree: boolean | undefined },
): RunInUseError {
  const who = holder ? `${spelledHolder(holder)}, since ${holder.since}` : "another process";
  if (!silent) return new RunInUseError(`it is being trained by ${who}`);
  const [age, left] = [Math.floor(silent.age / 1000), Math.ceil((SILENCE - silent.age) / 1000)];
  // what this machine has let go of would be free at once, if it were known to be this machine
  const isUnknown = silent.isFree && holder?.host !== null && hostName() === null;
  const sooner = isUnknown ? ", or at once with --allow-sys=hostname, if it was a process of this machine" : "";
  return new RunInUseError(
    `it is being trained by ${who}; its last sign of life was ${age} s ago: if it is gone, try again in ${left} s${sooner}`,
  );
}
