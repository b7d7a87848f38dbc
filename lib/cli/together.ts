/**
 * Commands that several ranks run together: they end together, and one of them says why.
 *
 * @module
 */

import { OtherRankError, rankName, RanksError } from "../mpi/ranks.ts";
import { sentenceOf } from "../sentences/reasons.ts";
import { UsageError } from "./flags.ts";
import type { RankTeam } from "./rank_team.ts";

/** Milliseconds in which the others are told that a rank cannot go on; who is busy longer is not waited for. */
const TOLD_WITHIN = 5000;

/** Milliseconds for all to end; then each ends by itself. */
const CLOSED_WITHIN = 5000;

/**
 * Does the work of a rank and ends with the others.
 *
 * @returns the exit code; where another rank says what is wrong, without a word.
 * @throws what this rank is to say.
 */
export async function together(
  team: Pick<RankTeam, "ranks" | "close">,
  work: () => Promise<number>,
): Promise<number> {
  try {
    const code = await work();
    await within(CLOSED_WITHIN, team.close());
    return code;
  } catch (error) {
    const said = await saidOf(error, team);
    if (said === undefined) return error instanceof UsageError ? 2 : 1;
    throw said;
  }
}

/** What this rank is to say of an error; undefined: nothing. */
async function saidOf(error: unknown, { ranks, close }: Pick<RankTeam, "ranks" | "close">): Promise<unknown> {
  if (error instanceof RanksError) {
    await within(CLOSED_WITHIN, close());
    return error instanceof OtherRankError || error.speaker !== ranks.rank ? undefined : error;
  }
  const failed = await within(TOLD_WITHIN, ranks.fail());
  const said = !failed || failed.length < ranks.size ? named(error, rankName(ranks, ranks.rank)) : error;
  // without the others' answer they are ended by their launcher, once this process has
  if (!failed) return said;
  await within(CLOSED_WITHIN, close());
  return failed[0] === ranks.rank ? said : undefined;
}

/** An error that says whose it is. */
function named(error: unknown, name: string): Error {
  const message = `${name}: ${sentenceOf(error)}`;
  return error instanceof UsageError ? new UsageError(message) : new Error(message, { cause: error });
}

/** What comes of a promise within so many milliseconds; undefined if that is too short. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), milliseconds));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
