/**
 * Watching ranks that others wait for: those of the same machine by whether their process is there, others by asking whether
 * they are.
 *
 * @module
 */

/** A rank's process. */
export interface RankProcess {
  /** Its machine. */
  readonly host: string;
  /** Its number there. */
  readonly pid: number;
}

/** What short messages between ranks say: a question, its answer, or that the sender ends all and says why. */
export const signs = ["are you there", "here", "the end"] as const;

/** A short message. */
export interface Sign {
  /** The sender. */
  readonly from: number;
  /** What it says. */
  readonly says: typeof signs[number];
}

/** Who asks whom: the first rank all others, the second the first. The rest only answers. */
export function watchedBy(rank: number, size: number): number[] {
  if (rank === 0) return Array.from({ length: size - 1 }, (_, i) => i + 1);
  return rank === 1 ? [0] : [];
}

/** Asks ranks, and finds those that do not answer. */
export interface SignWatch {
  /** Takes what came, and asks where this rank waits; returns a rank that has not answered for too long. */
  tick(now: number, came: readonly Sign[], isWaiting: boolean): number | undefined;
}

/** Milliseconds that a rank waits before it asks. */
const ASKS_AFTER = 1000;

/**
 * A watch that sends its questions and answers by `send`. How long ranks may be silent follows from how long this one was: all do
 * the same work, in which none can answer.
 *
 * @param options.patience Milliseconds at least that a rank may be silent.
 */
export function signWatch({ rank, size, patience, send }: {
  rank: number;
  size: number;
  patience: number;
  send: (to: number, says: Sign["says"]) => void;
}): SignWatch {
  const asked = new Map<number, number>();
  let [last, waitingSince, longest]: [number | undefined, number | undefined, number] = [undefined, undefined, 0];
  return {
    tick(now, came, isWaiting) {
      longest = Math.max(longest, now - (last ?? now));
      last = now;
      for (const { from, says } of came) {
        if (says === "here") asked.delete(from);
        else if (says === "are you there") send(from, "here");
      }
      waitingSince = isWaiting ? waitingSince ?? now : undefined;
      if (waitingSince === undefined || now - waitingSince < ASKS_AFTER) return undefined;
      const allowed = Math.max(patience, 3 * longest);
      for (const other of watchedBy(rank, size)) {
        const since = asked.get(other);
        if (since !== undefined && now - since > allowed) return other;
        if (since !== undefined) continue;
        asked.set(other, now);
        send(other, "are you there");
      }
      return undefined;
    },
  };
}

/** Ranks of this machine whose process is gone, in order. */
export function goneRanks(
  processes: readonly RankProcess[],
  { rank, isThere = isProcess }: { rank: number; isThere?: (pid: number) => boolean },
): number[] {
  const { host } = processes[rank]!;
  return processes.flatMap((other, i) => i !== rank && other.host === host && !isThere(other.pid) ? [i] : []);
}

/** The rank that tells of one that is gone: the lowest that is left on its machine, for only there it is seen. */
export function tellerOf(gone: readonly number[], processes: readonly RankProcess[]): number | undefined {
  const host = processes[gone[0]!]?.host;
  const left = processes.flatMap((other, i) => other.host === host && !gone.includes(i) ? [i] : []);
  return left[0];
}

/** Whether a process runs; where that cannot be told it does. */
function isProcess(pid: number): boolean {
  if (Deno.build.os !== "linux") return true;
  try {
    // behind the name, which may hold anything: Z is a process that has ended and was not yet asked for
    return !/^[ZX]/.test(Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /s, ""));
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
