/**
 * A step that ranks share: gradients, losses and counts of all its tiles are added up over all ranks before the update; in
 * buckets, each of which travels while the device computes the next.
 *
 * @module
 */

import type { Device, Staged } from "../device/device.ts";
import { readInPieces, stageTensors } from "../device/staged.ts";
import type { GradientBucket } from "../model/buckets.ts";
import type { Model, StepProgram } from "../model/model.ts";
import { rankName, type Ranks, RanksError } from "../mpi/ranks.ts";
import { type Pieces, rankSum, type TileRange, type TileSum, tileSum } from "../mpi/tile_sum.ts";
import { updateSection } from "../optimizer/muon.ts";
import type { Background, Work } from "../mpi/work.ts";
import type { TrainingSettings } from "./settings.ts";
import type { PreparedStep } from "./step_queue.ts";
import { labelsOf, writeBatch } from "./submit_step.ts";

/** Who makes the step, and of what. */
export interface SummedStep {
  /** The model. */
  readonly model: Model;
  /** All ranks. */
  readonly ranks: Ranks;
  /** How it is trained; `accumulate` are the tiles of all. */
  readonly settings: TrainingSettings;
  /** Those of this rank. */
  readonly tiles: TileRange;
}

/** Computes this rank's tiles of a step, adds up those of all, and updates. */
export async function summedStep(program: StepProgram, step: PreparedStep, site: SummedStep): Promise<void> {
  const { model, ranks, tiles } = site;
  // a mean over the labels of the whole step, whoever has them
  const heads = await ranks.numbers("labels", [...labelsOf(step.batches), step.print ?? 0]);
  checkTexts(heads.map(([, , print]) => print!), ranks, step.after.step);
  const labels = [0, 1].map((i) => heads.reduce((sum, counts) => sum + counts[i]!, 0)) as [number, number];
  const sums = program.buckets.map(() => tileSum(tiles.first));
  const background = ranks.background();
  try {
    for (const i of step.batches.keys()) {
      writeBatch(model, program, step, { settings: site.settings, labels, first: tiles.first, i });
      const isLast = i === step.batches.length - 1;
      await computeTile(program, { ...site, background, sums, isLast });
      if (!isLast) model.clearSums();
    }
  } finally {
    // what has begun is brought to an end with the others, also where this rank goes no further
    await background.settled();
  }
  program.program.run(updateSection(site.settings.optimizer, step.before.step));
}

/** A tile under way. */
interface Tile extends SummedStep {
  readonly background: Background;
  /** Each bucket's sum of this rank's tiles. */
  readonly sums: readonly TileSum[];
  /** Whether it is the last, with which this rank's sums are complete. */
  readonly isLast: boolean;
}

/** Computes a tile, and takes each bucket as soon as it is there: at once, or while the device goes on by itself. */
async function computeTile({ program, buckets }: StepProgram, tile: Tile): Promise<void> {
  const { model: { device }, background } = tile;
  const waiting: { readonly staged: Staged | undefined; readonly take: () => Promise<void> }[] = [];
  try {
    for (const [i, bucket] of buckets.entries()) {
      whileCarriedOn(device, background, () => program.run(bucket.section));
      const staged = await stageTensors(device, bucket.tensors);
      waiting.push({ staged, take: () => takeBucket(bucket, { ...tile, i, staged }) });
      if (!device.stage) await waiting.pop()!.take();
    }
    while (waiting.length > 0) await waiting.shift()!.take();
  } finally {
    // where one could not be taken, the copies of those behind it are given back
    for (const { staged } of waiting) staged?.destroy();
  }
}

/** Has the device compute, and between its kernels, where it keeps this thread busy, work go on. */
function whileCarriedOn(device: Device, background: Background, compute: () => void): void {
  const { whileBusy } = device;
  device.whileBusy = (milliseconds) => {
    whileBusy?.(milliseconds);
    background.poll();
  };
  try {
    compute();
  } finally {
    device.whileBusy = whileBusy;
  }
}

/** Adds a bucket of a tile to those before; the last of them goes on its way. */
async function takeBucket(
  { tensors }: GradientBucket,
  { i, staged, sums, isLast, background, ...site }: Tile & { i: number; staged: Staged | undefined },
): Promise<void> {
  const bytes = await (staged ? staged.read() : readInPieces(site.model.device, tensors));
  sums[i]!.add(bytes.map((bytes) => new Float32Array(bytes)));
  if (isLast) background.add(addedUp(sums[i]!.nodes, { ...site, i, tensors }));
}

/** A bucket's sum over all ranks, which replaces this one's. */
function* addedUp(
  nodes: readonly Pieces[],
  { i, tensors, model, ranks, settings }: SummedStep & { i: number } & Pick<GradientBucket, "tensors">,
): Work<void> {
  const { accumulate: tiles, gradientPrecision: precision = "f32" } = settings;
  const total = yield* rankSum(ranks, nodes, { what: `gradients ${i}`, tiles, precision });
  for (const [piece, tensor] of tensors.entries()) model.device.write(tensor, total[piece]!);
}

/**
 * Sees that ranks read the same text, of which each computes other windows.
 *
 * @throws {RanksError} that names one that does not.
 */
function checkTexts(prints: readonly number[], ranks: Ranks, step: number): void {
  const other = prints.findIndex((print) => print !== prints[0]);
  if (other < 0) return;
  throw new RanksError(
    `Cannot train together: at step ${step} ${rankName(ranks, other)} reads another text than ${rankName(ranks, 0)}`,
  );
}
