/**
 * What the parts of the training loop share: what is trained, by which clocks, and where training is.
 *
 * @module
 */

import type { RunClock } from "./clock.ts";
import type { DeviceTime } from "./device_time.ts";
import type { Phase, PhaseRecord, TrainingState } from "./events.ts";
import type { RankSteps } from "./rank_steps.ts";
import type { Report } from "./report.ts";
import type { TrainingSettings, TrainOptions } from "./settings.ts";

/** Where training is. */
export type At = Pick<TrainingState, "step" | "tokens" | "position">;

/** What the parts of the loop share. */
export interface LoopSite {
  readonly options: TrainOptions;
  readonly settings: TrainingSettings;
  readonly clock: RunClock;
  readonly time: DeviceTime;
  /** Whether the device works while the host does something else; ranks do everything in one order. */
  readonly overlaps: boolean;
  /** What this process does of the steps, where ranks share them or they are made of tiles. */
  readonly rankSteps: RankSteps | undefined;
  /** Where training would be if it ended with what was submitted. */
  at: At;
  /** What the device was given last. */
  phase: Phase;
  /** Whether training has failed: no other rank answers any more. */
  isBroken: boolean;
}

/** Goes over to something else; `share` says how much of it is done. */
export function enter(site: LoopSite, phase: Phase, share?: number): PhaseRecord {
  site.phase = phase;
  return { kind: "phase", phase, step: site.at.step, ...(share === undefined ? {} : { share }) };
}

/** Goes over to something else, which is told before that begins. */
export function entering(site: LoopSite, phase: Phase): Report {
  const record = enter(site, phase);
  const events = async function* () {
    yield record;
  };
  return { isFirst: true, events };
}

/** What the host does, noted where that is wanted. */
export function during<T>({ options }: LoopSite, name: string, work: () => Promise<T>): Promise<T> {
  return options.during ? options.during(name, work) : work();
}

/** The first rank's number. */
export async function told({ options: { ranks }, isBroken }: LoopSite, what: string, own: number): Promise<number> {
  return !ranks || isBroken ? own : (await ranks.numbers(what, [own]))[0]![0]!;
}

/** Whether this process keeps and shows what comes of the run. */
export const isFirstRank = ({ options }: LoopSite): boolean => (options.ranks?.rank ?? 0) === 0;

/** Number of the last stage. */
export const lastStage = ({ curriculum }: TrainingSettings): number => curriculum.length - 1;

/** The length of the last stage, at which a run is validated. */
export const finalLength = (settings: TrainingSettings): number => settings.curriculum[lastStage(settings)]!.length;
