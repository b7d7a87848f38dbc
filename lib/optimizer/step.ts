/**
 * How host and device speak about a step: what is written before it, what it adds up, what it leaves to be read.
 *
 * @module
 */

import { allocateTensor, type Device } from "../device/device.ts";
import { stageTensors } from "../device/staged.ts";
import type { Graph } from "../graph/graph.ts";
import type { Storage, Tensor } from "../tensor/tensor.ts";
import { GROWTH_STEPS, HIGHEST_SCALE } from "./loss_scale.ts";

/** Steps whose results the device keeps until they are read. */
export const RING_SIZE = 1024;

/** Tensors of the steps of one loss. */
export interface StepTensors {
  /** (seed, step, micro-step, 0): u32 [4]. */
  readonly clock: Tensor;
  /** (loss scale, learning rate, 1 / (1-β₁ᵗ), 1 / (1-β₂ᵗ)): f32 [4]. */
  readonly scalars: Tensor;
  /** (Σ loss, correct predictions, labels, 0) of the step so far: f32 [4]. */
  readonly totals: Tensor;
  /** The totals and the gradient norm of the latest steps: f32 [{@linkcode RING_SIZE}, 4]. */
  readonly ring: Tensor;
  /** Where activations are f16: the loss scale, that of all losses together. */
  readonly scaling?: Tensor | undefined;
}

/** Tensors with memory of their own. */
export type OwnedStepTensors = {
  readonly [Name in Exclude<keyof StepTensors, "scaling">]: Tensor & { storage: Storage };
};

/** What one step reported: sums, not means. */
export interface StepRecord {
  /** Σ cross-entropy over the labels, in nats. */
  readonly lossSum: number;
  /** Labels predicted as they are. */
  readonly correct: number;
  /** Labels. */
  readonly labels: number;
  /** Global gradient norm before clipping; 0 in evaluation. */
  readonly gradientNorm: number;
}

/** Allocates the tensors of a loss; `purpose` names them in messages. */
export function allocateStep(device: Device, purpose: string): OwnedStepTensors {
  const make = (name: string, shape: number[], dtype: "f32" | "u32" = "f32") =>
    allocateTensor(device, `${purpose} ${name}`, { shape, dtype });
  return {
    clock: make("clock", [4], "u32"),
    scalars: make("scalars", [4]),
    totals: make("totals", [4]),
    ring: make("ring", [RING_SIZE, 4]),
  };
}

/** Records that the totals of a step go to the ring and are cleared: the end of a step that updates nothing. */
export function recordStep(graph: Graph, { clock, totals, ring }: StepTensors): void {
  graph.call("record_step", { tensors: { clock, totals, ring }, params: { ring_size: ring.shape[0]! } });
}

/** The end of a step that updates parameters. */
export interface FinishedStep {
  /** Largest global gradient norm; 0 = no clipping. */
  readonly clip: number;
  /** The step of the loss. */
  readonly step: StepTensors;
  /** That of another loss, recorded before, which is to be finite too. */
  readonly other?: StepTensors | undefined;
}

/**
 * Records the global norm of the gradients and the step's line in the ring; returns what the gradients are to be multiplied by,
 * [1]: less than 1 where they are clipped, 0 where norm or loss is not finite, and then nothing is to be updated.
 */
export function recordScale(graph: Graph, gradients: Tensor, { clip, step, other }: FinishedStep): Tensor {
  const { clock, totals, ring, scaling } = step;
  const scale = graph.activation("update_scale", [1], "f32");
  graph.call("gradient_norm", {
    tensors: { gradients, clock, totals, ring, update_scale: scale, other_ring: other?.ring, scaling },
    params: {
      ring_size: ring.shape[0]!,
      clip,
      ...(scaling ? { growth_steps: GROWTH_STEPS, highest_scale: HIGHEST_SCALE } : {}),
    },
  });
  return scale;
}

/** What is written before a step. */
export interface StepInput {
  /** Seed of dropout. */
  readonly seed: number;
  /** Steps that are behind. */
  readonly step: number;
  /** Batches of this step that are behind. */
  readonly microStep: number;
  /** Factor of the loss's gradient: 1 / number of labels of the step for a mean. */
  readonly lossScale: number;
  /** Learning rate. */
  readonly learningRate: number;
  /** The decays, by which moments are corrected. */
  readonly optimizer: { readonly beta1: number; readonly beta2: number };
}

/** Writes the clock and scalars of a step. */
export function writeStep(device: Device, { clock, scalars }: StepTensors, input: StepInput): void {
  const { seed, step, microStep, lossScale, learningRate, optimizer: { beta1, beta2 } } = input;
  // AdamW counts updates from 1
  const corrections = [1 / (1 - beta1 ** (step + 1)), 1 / (1 - beta2 ** (step + 1))];
  device.write(clock, Uint32Array.of(seed, step, microStep, 0));
  device.write(scalars, Float32Array.of(lossScale, learningRate, ...corrections));
}

/**
 * Copies what steps first ... end - 1 reported of each loss, and does not wait; the result waits, and reads their records.
 *
 * @throws {RangeError} if there are more than the ring holds.
 */
export async function stageRecords(
  device: Device,
  losses: readonly StepTensors[],
  { first, end }: { first: number; end: number },
): Promise<() => Promise<StepRecord[][]>> {
  if (end - first > RING_SIZE) {
    throw new RangeError(`Cannot read ${end - first} records: the ring holds ${RING_SIZE}`);
  }
  const rings = losses.map(({ ring }) => ring);
  const staged = await stageTensors(device, rings);
  return async () => {
    const bytes = staged ? await staged.read() : await device.read(rings);
    return bytes.map((bytes) => {
      const ring = new Float32Array(bytes);
      return Array.from({ length: end - first }, (_, i) => {
        const [lossSum, correct, labels, gradientNorm] = ring.subarray((first + i) % RING_SIZE * 4);
        return { lossSum: lossSum!, correct: correct!, labels: labels!, gradientNorm: gradientNorm! };
      });
    });
  };
}
