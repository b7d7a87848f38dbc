/**
 * What a run does when its numbers or its device are lost: it goes back to its last good checkpoint, some times.
 *
 * @module
 */

import { DeviceError } from "../device/device.ts";
import { checkpointSteps, setAside, stepOf } from "../files/checkpoint_folder.ts";
import { exists } from "../files/paths.ts";
import { DivergedError } from "../train/diverged.ts";
import type { TrainingState } from "../train/events.ts";
import { defaultSettings } from "../train/settings.ts";
import { grouped } from "./figures.ts";
import { changedRate, lowerRate, noteRates, returnsOf } from "./learning_rates.ts";
import { cutMetrics } from "./metrics_file.ts";
import { openNamed } from "./opened_model.ts";
import type { Base, Run } from "./run.ts";
import { checkpointsIn, type RunDevice } from "./run_folder.ts";
import { goingOn } from "./going_on.ts";
import { soundCheckpoint } from "./sound_checkpoint.ts";

/** Returns with half the learning rate, and devices that are opened anew, before a run stops. */
const MOST_RETURNS = 3;
const MOST_DEVICES = 3;

/** A run that is to go on, and what is said of it. */
export interface Recovered {
  /** Where it goes on. */
  readonly run: Run;
  /** For people: why, and how. */
  readonly note: string;
}

/** What is known of a run that failed. */
export interface Failure {
  /** The run as it was begun or resumed. */
  readonly run: Run;
  /** What it ran on. */
  readonly device: RunDevice;
  /** Seconds on the wall that are behind, those before it was resumed included. */
  readonly elapsed: number;
  /** Whether it did any step since. */
  readonly hasSteps: boolean;
  /** The latest step up to which weights are good, of those up to a step that are not known to be bad. */
  readonly soundUntil: (step: number) => number;
}

/** Has a run go on where that may help; it counts how often. */
export interface Recovery {
  /** The run to go on with; undefined where there is none. */
  next(error: unknown, failure: Failure): Promise<Recovered | undefined>;
  /** What there is to do by hand for a run that stops; undefined: nothing that is known. */
  advice(error: unknown, failure: Failure): Promise<string | undefined>;
}

/** Says what is found on the way, a line at a time. */
type Tell = (line: string) => void;

/** A recovery that has done nothing yet. */
export function createRecovery(tell: Tell = () => {}): Recovery {
  let devices = 0;
  return {
    async next(error, failure) {
      if (error instanceof DivergedError) return await slowed(error, failure, tell);
      // a device that fails before it did anything will fail again
      if (!(error instanceof DeviceError) || !failure.hasSteps || devices >= MOST_DEVICES) return undefined;
      devices++;
      return await revived(error, failure, tell);
    },
    async advice(error, failure) {
      if (error instanceof DivergedError) return await divergedAdvice(error, failure);
      const { path } = failure.run;
      const last = (await checkpointSteps(path)).at(-1);
      if (last === undefined) return await exists(path) ? ofNoUse(path) : undefined;
      const tried = error instanceof DeviceError && devices > 0 ? `the device was opened anew ${times(devices)}; ` : "";
      return `${tried}the checkpoint of step ${grouped(last)} is intact; ${goingOn(failure.run, { from: " from it" })}`;
    },
  };
}

const times = (count: number) => count === 1 ? "once" : `${count} times`;

/** What is left of a run that ends before its first checkpoint. */
const ofNoUse = (path: string) => `there is no checkpoint yet: ${path} holds only its curve, and may be removed`;

/** The run on a device opened anew, from its latest checkpoint. */
async function revived(error: DeviceError, failure: Failure, tell: Tell): Promise<Recovered> {
  const { run, device } = failure;
  const state = now(await returnTo(run.path, Infinity, tell), failure);
  const at = placeOf(state);
  const base = await baseFor(run, state);
  return {
    run: { ...run, device: undefined, before: device, state, base },
    note: `${error.message}; it is opened anew, to go on from ${at}`,
  };
}

/** The run from its latest good checkpoint with half the rate; undefined where that was tried, or is of no use. */
async function slowed(error: DivergedError, failure: Failure, tell: Tell): Promise<Recovered | undefined> {
  const { run, device, soundUntil } = failure;
  const until = soundUntil(error.soundUntil);
  const { settings: { learningRate }, ratesBefore, path } = run;
  const hasGood = (await checkpointSteps(path)).some((step) => step <= until);
  // weights that were bad from the first step on were not made so by the rate
  const isBadFromStart = !hasGood && (error.soundUntil < 0 || run.state !== undefined);
  if (isBadFromStart) return undefined;
  const isTried = returnsOf(ratesBefore) >= MOST_RETURNS;
  if (isTried && !hasGood) return undefined;
  const state = now(await returnTo(path, until, tell), failure);
  if (isTried) return undefined;
  const peak = learningRate.peak / 2;
  const rates = changedRate({ learningRate, ratesBefore }, { peak, step: state?.step ?? 0, why: "diverged" });
  await noteRates(path, rates);
  const settings = { ...run.settings, learningRate: rates.learningRate };
  const base = await baseFor(run, state);
  return {
    run: { ...run, device: undefined, before: device, state, base, settings, ratesBefore: rates.ratesBefore },
    note: `${error.what}; back to ${placeOf(state)}, with half the learning rate: ${peak.toPrecision(3)}`,
  };
}

/** A state to go on from now: minutes of the wall do not come back. */
function now(state: TrainingState | undefined, { run, elapsed }: Failure): TrainingState | undefined {
  return state && "minutes" in run.settings.budget ? { ...state, elapsed } : state;
}

/** The model that a run begins with, which is read once more where it begins anew. */
async function baseFor({ base }: Run, state: TrainingState | undefined): Promise<Base | undefined> {
  return base?.opened && !state ? { ...base, opened: await openNamed(base.name) } : base;
}

const placeOf = (state: TrainingState | undefined) =>
  state ? `the checkpoint of step ${grouped(state.step)}` : "the beginning, for there is no checkpoint before";

/**
 * Reads the latest checkpoint up to a step that can be read, and only then removes what came after it; none: a run begins anew.
 * What cannot be read is set aside.
 */
async function returnTo(path: string, until: number, tell: Tell): Promise<TrainingState | undefined> {
  const storage = checkpointsIn(path);
  const isWanted = (name: string) => (stepOf(name) ?? Infinity) <= until;
  const { checkpoint, damaged } = await soundCheckpoint(storage, { isWanted, tell });
  for (const name of damaged) await setAside(`${path}/checkpoints/${name}`, "damaged");
  for (const name of await storage.list()) if (!isWanted(name)) await storage.remove(name);
  await cutMetrics(path, checkpoint?.state.step ?? 0);
  return checkpoint?.state;
}

/** The highest rate that is usual for a model of its kind; noam's rates are factors. */
function usualRate({ config: { preset, width }, settings: { learningRate: { schedule } } }: Run): number {
  return schedule === "noam" ? Infinity : defaultSettings({ preset, width }).learningRate.peak;
}

/** What there is to do by hand where no lower rate was low enough. */
async function divergedAdvice(error: DivergedError, { run, soundUntil }: Failure): Promise<string> {
  const { path, ratesBefore, settings: { learningRate: { peak } } } = run;
  const until = soundUntil(error.soundUntil);
  const last = (await checkpointSteps(path)).findLast((step) => step <= until);
  const returns = returnsOf(ratesBefore);
  const tried = returns === 0 ? "" : `the learning rate was halved ${times(returns)}, to ${peak.toPrecision(3)}; `;
  const flag = `--lr ${lowerRate(peak, last === undefined ? usualRate(run) : Infinity)}`;
  if (last === undefined) {
    return `${tried}there is no good checkpoint: begin anew, under another --name, with a lower one, such as ${flag}\n` +
      `${path} holds only its curve, and may be removed`;
  }
  return `${tried}the checkpoint of step ${grouped(last)} is good; ${
    goingOn(run, { from: " from it", flags: ` ${flag}` })
  }`;
}
