/**
 * Steps that several ranks share: each computes its tiles of every step's text, and what comes of them is added up before the
 * update, after which all have the same weights. Or, with local steps, each updates its own weights, and they meet once in a
 * while.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import type { Precision } from "../tensor/tensor.ts";
import { counted } from "../sentences/counted.ts";
import { printOf } from "../mpi/print.ts";
import { rankName, type Ranks, RanksError } from "../mpi/ranks.ts";
import { type TileRange, tilesOf } from "../mpi/tile_sum.ts";
import { updateSection } from "../optimizer/muon.ts";
import type { Model, StepProgram, StepRecords } from "../model/model.ts";
import { RING_SIZE, type StepRecord } from "../optimizer/step.ts";
import { type OuterOptimizer, outerOptimizer } from "./outer_optimizer.ts";
import type { TrainingSettings } from "./settings.ts";
import type { PreparedStep } from "./step_queue.ts";
import { labelsOf, submitBatches } from "./submit_step.ts";
import { summedStep } from "./summed_step.ts";

/** Steps that ranks can make on their own at most: so many the device remembers twice. */
export const MOST_LOCAL_STEPS: number = RING_SIZE / 2;

/** What all ranks go by. */
export interface Agreed {
  /** Whether somebody wants training to stop. */
  readonly isStopped: boolean;
  /** Seconds that are behind, by the first rank's clock. */
  readonly seconds: number;
}

/** Steps of one rank. */
export interface RankSteps {
  /** This rank's tiles of every step. */
  readonly tiles: TileRange;
  /** Gradients at least that are added up at a time; undefined: they are not added up. */
  readonly bucket: number | undefined;
  /** What all agreed on last. */
  readonly agreed: Agreed;
  /** Agrees, before a step that all begin with the same weights. */
  agree(own: Agreed): Promise<void>;
  /** Whether all ranks have the same weights after so many steps. */
  isSettled(steps: number): boolean;
  /** Computes a step. */
  submit(program: StepProgram, step: PreparedStep): Promise<void>;
  /** Brings the ranks' weights together, where they are not. */
  settle(): Promise<void>;
  /** Sees that all ranks have the same weights, as they do unless their devices compute differently. */
  checkWeights(step: number): Promise<void>;
  /** What all ranks' steps reported, of this one's. */
  records(own: readonly StepRecords[]): Promise<readonly StepRecords[]>;
  /** Momentum of the outer steps, by name, where there are local ones. */
  readonly outerMomentum: ReadonlyMap<string, Float32Array<ArrayBuffer>> | undefined;
}

/** Options of {@linkcode rankSteps}. */
export interface RankStepsOptions {
  /** The model. */
  readonly model: Model;
  /** All ranks. */
  readonly ranks: Ranks;
  /** How it is trained. */
  readonly settings: TrainingSettings;
  /** Gradients at least that are added up at a time. Default: an eighth of all, between 2²⁰ and 2²¹. */
  readonly bucket?: number | undefined;
  /** Seconds that are behind, the same for all ranks. */
  readonly seconds: number;
  /** Momentum that a run goes on with. */
  readonly outerMomentum?: ReadonlyMap<string, Float32Array> | undefined;
}

/** The steps of a rank. */
export function rankSteps(
  { model, ranks, settings, bucket = bucketFor(model), seconds, outerMomentum }: RankStepsOptions,
): RankSteps {
  const { accumulate, syncEvery = 1 } = settings;
  const tiles = tilesOf(ranks.rank, { tiles: accumulate, size: ranks.size });
  const outer = syncEvery > 1
    ? outerOptimizer({ model, ranks, optimizer: settings.optimizer, momentum: outerMomentum })
    : undefined;
  let agreed: Agreed = { isStopped: false, seconds };
  return {
    tiles,
    bucket: outer ? undefined : bucket,
    get agreed() {
      return agreed;
    },
    async agree({ isStopped, seconds }) {
      const heads = await ranks.numbers("step", [isStopped ? 1 : 0, seconds]);
      agreed = { isStopped: heads.some(([stops]) => stops !== 0), seconds: heads[0]![1]! };
    },
    isSettled: (steps) => steps % syncEvery === 0 || !(outer?.isAhead ?? false),
    async submit(program, step) {
      if (!outer) return await summedStep(program, step, { model, ranks, settings, tiles });
      await localStep(program, step, { model, settings, outer, tiles });
      if (step.after.step % syncEvery === 0) await outer.settle();
    },
    settle: async () => await outer?.settle(),
    async checkWeights(step) {
      if (ranks.size === 1) return;
      const [bytes] = await model.device.read([model.store.values]);
      const prints = await ranks.numbers("weights", [printOf(new Uint32Array(bytes!))]);
      const other = prints.findIndex(([print]) => print !== prints[0]![0]);
      if (other < 0) return;
      throw new RanksError(
        `Cannot go on: after step ${step} ${rankName(ranks, other)} has other weights than ${rankName(ranks, 0)}`,
      );
    },
    records: async (own) => outer ? joinRecords(await ranks.gather("records", own)) : own,
    get outerMomentum() {
      return outer?.momentum;
    },
  };
}

/** Gradients of a bucket: more messages of fewer would wait longer for the link, fewer of more would set out later. */
function bucketFor({ store }: Model): number {
  return Math.min(1 << 21, Math.max(1 << 20, store.values.size / 8));
}

interface Site {
  readonly model: Model;
  readonly settings: TrainingSettings;
  readonly tiles: TileRange;
}

/** A step on this rank's text alone. */
async function localStep(
  program: StepProgram,
  step: PreparedStep,
  { model, settings, outer, tiles }: Site & { outer: OuterOptimizer },
): Promise<void> {
  await outer.begin();
  submitBatches(model, program, step, { settings, labels: labelsOf(step.batches), first: tiles.first });
  program.program.run(updateSection(settings.optimizer, step.before.step));
}

/** The records of steps, each rank's of which tell of a part. */
function joinRecords(all: readonly (readonly StepRecords[])[]): StepRecords[] {
  const [first] = all;
  return first!.map(({ pairs }, step) => {
    const of = (which: "masked" | "pairs") => joined(all.map((records) => records[step]![which]!));
    return pairs ? { masked: of("masked"), pairs: of("pairs") } : { masked: of("masked") };
  });
}

function joined(records: readonly StepRecord[]): StepRecord {
  const sum = (of: (record: StepRecord) => number) =>
    records.reduce((total, record) => total + numberOf(of(record)), 0);
  return {
    lossSum: sum(({ lossSum }) => lossSum),
    correct: sum(({ correct }) => correct),
    labels: sum(({ labels }) => labels),
    // of steps apart there is no common gradient: the mean of their norms
    gradientNorm: sum(({ gradientNorm }) => gradientNorm) / records.length,
  };
}

/** JSON spells what is not finite as null. */
const numberOf = (value: number | null) => value ?? NaN;

/**
 * Throws where steps cannot be shared.
 *
 * @throws {RangeError} that says why.
 */
export function checkShared(
  { contrastive, syncEvery = 1 }: Pick<TrainingSettings, "contrastive" | "syncEvery">,
  { precision }: { readonly precision?: Precision | undefined } = {},
): void {
  if (contrastive) {
    throw new RangeError(
      "Cannot share steps that compare texts among ranks or tiles: a text is compared with all others of its batch",
    );
  }
  if (precision === "f16" && syncEvery > 1) {
    throw new RangeError(
      "Cannot train apart in f16: each rank would find a loss scale of its own; with --sync-every 1, or --precision f32, " +
        "steps can be shared",
    );
  }
}

/**
 * Throws where ranks cannot share a run's steps.
 *
 * @throws {RangeError} that says why.
 */
export function checkRanks(
  { size }: Pick<Ranks, "size">,
  settings: TrainingSettings,
  device: Pick<Device, "precision">,
): void {
  const { accumulate, syncEvery = 1 } = settings;
  checkShared(settings, device);
  if (accumulate < size) {
    throw new RangeError(`Cannot share steps of ${counted(accumulate, "tile")} among ${size} ranks`);
  }
  if (syncEvery > MOST_LOCAL_STEPS) {
    throw new RangeError(`Cannot train ${syncEvery} steps apart: ranks meet every ${MOST_LOCAL_STEPS} steps at least`);
  }
}
