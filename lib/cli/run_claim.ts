/**
 * The folder of a run, taken by this process for as long as it trains.
 *
 * @module
 */

import { LOCK } from "../files/lock_signs.ts";
import { exists, parentOf } from "../files/paths.ts";
import { makeFolder, writeError } from "../files/write_files.ts";
import { INTERRUPTED, listenForInterrupts } from "./interrupt.ts";
import type { RankTeam } from "./rank_team.ts";
import type { Reporter } from "./reporter.ts";
import { shellWord } from "./shell_word.ts";
import { lockFolder, RunInUseError, type RunLock, spelledHolder } from "./run_lock.ts";

/** A run's folder that is this process's alone. Until training begins, an interrupt gives it back and ends the program. */
export interface RunClaim {
  /** Path of the folder. */
  readonly path: string;
  /** What the user should know of who had it before. */
  readonly notice: string | undefined;
  /** Leaves interrupts to others. */
  begin(): void;
  /** From now on something is in the folder: it stays. */
  enter(): void;
  /** Throws a RangeError if the folder was removed, renamed or taken by another. */
  check(): void;
  /** Gives the folder back; one that nothing was put into is removed. May be called twice. */
  release(): void;
}

/** A free folder for a new run: of the wanted name, or with a number behind it. */
export async function claimFreeName(out: string, wanted: string): Promise<RunClaim> {
  for (let i = 1;; i++) {
    const claim = await claimNew(out, i === 1 ? wanted : `${wanted}-${i}`);
    if (claim) return claim;
  }
}

/**
 * The folder of a new run with a given name.
 *
 * @throws {RangeError} if there is one of this name already, or another process makes one now.
 */
export async function claimName(out: string, name: string): Promise<RunClaim> {
  const claim = await claimNew(out, name);
  if (claim) return claim;
  const path = `${out}/${name}`;
  const canGoOn = await exists(`${path}/checkpoints`);
  throw new RangeError(
    canGoOn
      ? `"${path}" exists already: choose another --name, or go on with --resume ${shellWord(path)}`
      : `"${path}" exists already, without a checkpoint to go on from: choose another --name, or remove it if nothing trains it`,
  );
}

/**
 * The folder of a run that goes on.
 *
 * @throws {RangeError} if another process trains it.
 */
export function claimRun(path: string): RunClaim {
  try {
    const lock = lockFolder(path);
    const { before } = lock;
    const notice = before && `the lock of ${spelledHolder(before)} is taken over: that process is gone`;
    return claimOf(path, { lock, notice, remove: () => {} });
  } catch (error) {
    if (error instanceof RunInUseError) throw new RangeError(`Cannot resume "${path}": ${error.message}`);
    throw error;
  }
}

/** The folder that the first of several processes claims; the others only know where it is. */
export async function firstClaim(team: RankTeam | undefined, claim: () => Promise<RunClaim>): Promise<RunClaim> {
  if (!team) return await claim();
  const { ranks } = team;
  const own = ranks.rank === 0 ? await claim() : undefined;
  let path: string;
  try {
    path = new TextDecoder().decode(await ranks.broadcast("folder", own && new TextEncoder().encode(own.path)));
  } catch (error) {
    own?.release();
    throw error;
  }
  const nothing = () => {};
  return own ?? { path, notice: undefined, begin: nothing, enter: nothing, check: nothing, release: nothing };
}

/** A new folder; undefined where one is there already, or another process is quicker. */
async function claimNew(out: string, name: string): Promise<RunClaim | undefined> {
  const path = `${out}/${name}`;
  while (true) {
    const made = await missing(out);
    await makeFolder(out, { what: "the run" });
    try {
      await Deno.mkdir(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      if (!(error instanceof Deno.errors.AlreadyExists)) throw writeError(error, { what: "the run", place: path });
      // what was reserved by a process that is gone may be taken
      if (!isReserved(path)) return undefined;
    }
    let lock: RunLock;
    try {
      lock = lockFolder(path);
    } catch (error) {
      if (error instanceof RunInUseError) return undefined;
      // who was quicker has given up meanwhile, and removed it
      if (await exists(path)) throw error;
      continue;
    }
    const remove = () => [path, ...made].forEach(removeEmpty);
    const claim = claimOf(path, { lock, notice: undefined, remove });
    if (isReserved(path)) return claim;
    // who was quicker has trained in it and let it go
    claim.enter();
    claim.release();
    return undefined;
  }
}

function claimOf(
  path: string,
  { lock, notice, remove }: { lock: RunLock; notice: string | undefined; remove: () => void },
): RunClaim {
  let isEntered = false;
  let isReleased = false;
  const release = () => {
    if (isReleased) return;
    isReleased = true;
    interrupt.remove();
    lock.release();
    if (!isEntered) remove();
  };
  const interrupt = listenForInterrupts({
    stopping: () => {
      release();
      Deno.exit(INTERRUPTED);
    },
    leaving: () => {},
  });
  return {
    path,
    notice,
    begin: () => interrupt.remove(),
    enter: () => {
      isEntered = true;
    },
    check() {
      const look = () => isFile(`${path}/config.json`) && isFile(`${path}/metrics.jsonl`);
      if (look() && lock.isHeld()) return;
      // it may have gone between the two
      const isThere = look();
      const what = isThere
        ? "another process has taken it meanwhile"
        : "it was removed, renamed or emptied while the run was under way";
      const way = isThere ? "" : "; if it lies elsewhere now, go on there with --resume, from its latest checkpoint";
      throw new RangeError(`Cannot go on in "${path}": ${what}${way}`);
    },
    release,
  };
}

/** Milliseconds between two looks at the folder. */
const LOOK = 1000;

/** Looks once in a while, and before and after anything is kept, whether a run's folder is still there. */
export function claimWatch(claim: RunClaim): Reporter {
  let looked = performance.now();
  return {
    event({ kind }) {
      if ((kind === "train" || kind === "phase") && performance.now() - looked < LOOK) return;
      claim.check();
      looked = performance.now();
    },
  };
}

/** Whether nothing is in a folder but, perhaps, the lock. */
function isReserved(path: string): boolean {
  try {
    return [...Deno.readDirSync(path)].every(({ name }) => name === LOCK);
  } catch {
    // a file, or a folder that has gone meanwhile
    return false;
  }
}

/** The folders that are to be made for a path, the innermost first. */
async function missing(path: string): Promise<string[]> {
  if (await exists(path)) return [];
  const parent = parentOf(path);
  return parent === path || parent === "." ? [path] : [path, ...await missing(parent)];
}

function removeEmpty(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // it has other content
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
