/**
 * Checkpoints in the training loop: copied on the device, and handed out while training goes on.
 *
 * @module
 */

import { readInPieces, stageTensors } from "../device/staged.ts";
import { allFinite } from "../format/finite.ts";
import { momentTensors, optimizerOf, splitMoments } from "../optimizer/optimizer.ts";
import { DivergedError } from "./diverged.ts";
import type { TrainEvent, TrainingState } from "./events.ts";
import { type At, during, enter, isFirstRank, type LoopSite, told } from "./loop_site.ts";
import type { Report } from "./report.ts";
import type { RunValidation } from "./run_validation.ts";
import type { StepJudge } from "./step_judge.ts";

/** What keeps the checkpoints of a run. */
export interface RunSaving {
  /**
   * Copies the state, and hands it out while the device goes on. What was skipped last may have weights to blame that are not to
   * replace better ones.
   *
   * @throws {DivergedError} if not all weights are finite: nobody could go on from it.
   */
  checkpoint(options: { end: boolean }): AsyncGenerator<Report>;
  /** The checkpoint that is being saved, once it is; `waits` for it. */
  saved(options: { waits: boolean }): AsyncGenerator<TrainEvent>;
  /** Waits until nothing is being saved any more, whatever comes of it. */
  settled(): Promise<void>;
}

/** A checkpoint that is being saved while training goes on. */
interface Saving {
  readonly state: TrainingState;
  readonly promise: Promise<void>;
  isDone: boolean;
}

/** The saving of a run, of which the others know how it goes. */
export function runSaving(
  site: LoopSite,
  { judge, validation }: { judge: StepJudge; validation: Pick<RunValidation, "seconds" | "tokens"> },
): RunSaving {
  const { options: { model: { store, device }, keep }, settings, clock, overlaps } = site;
  let saving: Saving | undefined;
  const saved = async function* ({ waits }: { waits: boolean }): AsyncGenerator<TrainEvent> {
    const current = saving;
    if (!current || !(waits || current.isDone)) return;
    saving = undefined;
    await current.promise;
    yield { kind: "checkpoint", state: current.state };
  };
  const handedOut = async function* (state: TrainingState, { end }: { end: boolean }): AsyncGenerator<TrainEvent> {
    // moments are as finite as the gradients that were not skipped; what is not shows in the weights a step later
    await checkWeights(site, state.step, { areFinite: state.parameters.values().every(allFinite) });
    if (!keep) return yield { kind: "checkpoint", state };
    // one at a time
    yield* saved({ waits: true });
    const begun = performance.now();
    const promise = keep(state).finally(() => {
      begunSaving.isDone = true;
      clock.reserve((performance.now() - begun) / 1000 + validation.seconds);
    });
    const begunSaving: Saving = { state, promise, isDone: false };
    // an error is thrown where it is waited for
    promise.catch(() => {});
    saving = begunSaving;
    yield* saved({ waits: end || !overlaps });
  };
  return {
    saved,
    async *checkpoint({ end }) {
      if (!overlaps && !end && !judge.isSound) return;
      if (!isFirstRank(site)) return yield { events: () => attended(site) };
      const [at, elapsed, begun, entered] = [site.at, clock.elapsed(), performance.now(), enter(site, "saving")];
      const tensors = [store.values, ...momentTensors(store, settings.optimizer)];
      const staged = await stageTensors(device, tensors);
      const timed = site.time.timed(() => staged ? staged.read() : readInPieces(device, tensors), begun);
      const events = async function* (): AsyncGenerator<TrainEvent> {
        if (!end && !judge.isSound) return void await timed.result();
        yield entered;
        const { value: arrays, seconds } = await during(site, "state", () => timed.result());
        const handed = performance.now();
        yield* handedOut(stateOf(site, arrays, { at: { ...at, elapsed }, judge, evaluateTokens: validation.tokens }), {
          end,
        });
        // of what the device does meanwhile the time is counted already
        const passed = (performance.now() - handed) / 1000;
        clock.saving.add(seconds + (overlaps && !end ? 0 : passed));
        // the end of a run is once more what this moment took
        if (!saving) clock.reserve(seconds + passed + validation.seconds);
      };
      yield { begin: timed.begin, isFirst: !staged, events };
    },
    settled: async () => await saving?.promise.catch(() => {}),
  };
}

/** A checkpoint that the first rank hands out. */
async function* attended(site: LoopSite): AsyncGenerator<TrainEvent> {
  yield enter(site, "saving");
  await checkWeights(site, site.at.step, { areFinite: true });
}

/** Throws where nobody could go on from the weights, by what the first rank finds, or where ranks have different ones. */
async function checkWeights(site: LoopSite, step: number, { areFinite }: { areFinite: boolean }): Promise<void> {
  if (!await told(site, "soundness", areFinite ? 1 : 0)) {
    const what = `Training diverged by step ${step}: not all weights are finite any more`;
    throw new DivergedError(what, { step, soundUntil: step - 1 });
  }
  if (!site.isBroken) await site.rankSteps?.checkWeights(step);
}

/** What was read of a device, as the state of a run. */
function stateOf(
  { options: { model: { store } }, settings: { optimizer }, clock, rankSteps }: LoopSite,
  arrays: readonly ArrayBuffer[],
  { at, judge, evaluateTokens }: {
    at: At & Pick<TrainingState, "elapsed">;
    judge: StepJudge;
    evaluateTokens: number | undefined;
  },
): TrainingState {
  const [values, first, second] = arrays.map((bytes) => new Float32Array(bytes));
  const { trend, lossScale } = judge;
  const outerMomentum = rankSteps?.outerMomentum;
  return {
    ...at,
    seconds: clock.training.seconds(),
    evaluateTokens,
    trend,
    ...(lossScale ? { lossScale } : {}),
    parameters: store.split(values!),
    optimizer: optimizerOf(optimizer),
    ...splitMoments(store, optimizer, [first!, second!]),
    ...(outerMomentum ? { outerMomentum } : {}),
  };
}
