/**
 * Going back to an earlier checkpoint together: the first rank decides, and the others follow.
 *
 * @module
 */

import { checkpointName } from "../files/checkpoint_folder.ts";
import { loadCheckpoint } from "../train/checkpoint.ts";
import { DivergedError } from "../train/diverged.ts";
import type { TrainingSettings } from "../train/settings.ts";
import { openNamed } from "./opened_model.ts";
import type { Failure, Recovered } from "./recovery.ts";
import type { Run } from "./run.ts";
import { checkpointsIn, type FormerRate } from "./run_folder.ts";

/** What the first rank tells the others. */
interface Decision {
  /** Step of the checkpoint; null: the beginning. */
  readonly step: number | null;
  readonly learningRate: TrainingSettings["learningRate"];
  readonly ratesBefore: readonly FormerRate[];
  /** Seconds that are behind, of a budget by the clock. */
  readonly elapsed: number | null;
}

/**
 * The run that all go on with, where all have diverged, as they do together; what fails on one rank ends all.
 *
 * @param options.recovered What the first rank finds to go on with.
 */
export async function recoveredTogether(
  error: unknown,
  { run, failure, recovered }: {
    run: Run;
    failure: Failure | undefined;
    recovered: () => Promise<Recovered | undefined>;
  },
): Promise<Recovered | undefined> {
  const { team } = run;
  if (!team || !failure || !(error instanceof DivergedError)) return undefined;
  const next = team.ranks.rank === 0 ? await recovered() : undefined;
  const [decision] = await team.ranks.gather<Decision | undefined>("recovery", next && decisionOf(next.run));
  if (!decision || next) return next;
  const { step, learningRate, ratesBefore, elapsed } = decision;
  const checkpoint = step === null ? undefined : await loadCheckpoint(checkpointsIn(run.path), checkpointName(step));
  const state = checkpoint && { ...checkpoint.state, ...(elapsed === null ? {} : { elapsed }) };
  const base = run.base?.opened && !state ? { ...run.base, opened: await openNamed(run.base.name) } : run.base;
  const settings = { ...run.settings, learningRate };
  return { run: { ...run, device: undefined, before: failure.device, state, base, settings, ratesBefore }, note: "" };
}

function decisionOf({ state, settings: { learningRate }, ratesBefore = [] }: Run): Decision {
  return { step: state?.step ?? null, learningRate, ratesBefore, elapsed: state?.elapsed ?? null };
}
