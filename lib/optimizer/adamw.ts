import type { Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import type { ParameterStore } from "./parameter_store.ts";

/** Settings of AdamW that do not change from step to step. */
export interface AdamWOptions {
  /** Decay of the first moment. */
  beta1: number;
  /** Decay of the second moment. */
  beta2: number;
  /** Added to the root of the second moment. */
  epsilon: number;
  /** Decoupled weight decay, of matrices only. */
  weightDecay: number;
  /** Largest global gradient norm; 0 = no clipping. */
  clip: number;
}

/** Tensors through which host and device speak about a step. */
export interface StepTensors {
  /** (seed, step, micro-step, 0): u32 [4]. */
  readonly clock: Tensor;
  /** (loss scale, learning rate, 1 / (1-β₁ᵗ), 1 / (1-β₂ᵗ)): f32 [4]. */
  readonly scalars: Tensor;
  /** (Σ loss, correct predictions, labels, 0) of the step so far: f32 [4]. */
  readonly totals: Tensor;
  /** The totals and the gradient norm of the latest steps: f32 [size, 4]. */
  readonly ring: Tensor;
}

/** Writes the totals of a step to the ring and clears them: the end of an evaluation step. */
export function recordStep(graph: Graph, { clock, totals, ring }: StepTensors): void {
  graph.call("record_step", {
    tensors: { clock, totals, ring },
    params: { count: 0, ring_size: ring.shape[0]!, clip: 0 },
    grid: [1],
  });
}

/**
 * The update of all parameters: global gradient norm, clipping, AdamW (Loshchilov and Hutter, 2019), cleared gradients.
 * A step whose loss or norm is not a number changes no parameter; the ring shows it.
 */
export function adamW(graph: Graph, store: ParameterStore, options: AdamWOptions & { step: StepTensors }): void {
  const { beta1, beta2, epsilon, weightDecay: weight_decay, clip, step: { clock, scalars, totals, ring } } = options;
  const chunks = chunkFlat(store);
  const block4 = Math.max(256, Math.ceil(store.values.size / 4 / 1024));
  const groups = chunks.map((chunk) => Math.ceil(chunk.size4 / block4));
  const partials = graph.activation("norm.partials", [groups.reduce((sum, count) => sum + count, 0)]);
  let first = 0;
  for (const [i, chunk] of chunks.entries()) {
    graph.call("square_sum", {
      tensors: { gradients: view(store.gradients, chunk), partials },
      params: { size4: chunk.size4, block4, first },
      grid: [groups[i]!],
    });
    first += groups[i]!;
  }
  const updateScale = graph.activation("update_scale", [1]);
  graph.call("record_step", {
    tensors: { clock, partials, totals, ring, update_scale: updateScale },
    params: { count: partials.size, ring_size: ring.shape[0]!, clip },
    constants: { NORM: true },
    grid: [1],
  });
  for (const chunk of chunks) {
    graph.call("adamw", {
      tensors: {
        scalars,
        update_scale: updateScale,
        parameters: view(store.values, chunk),
        gradients: view(store.gradients, chunk),
        first_moment: view(store.firstMoment, chunk),
        second_moment: view(store.secondMoment, chunk),
      },
      params: {
        size4: chunk.size4,
        decayed4: Math.max(0, Math.min(chunk.size4, store.decayed / 4 - chunk.first4)),
        beta1,
        beta2,
        epsilon,
        weight_decay,
      },
      grid: [chunk.size4],
    });
  }
}

interface Chunk {
  /** In fours. */
  first4: number;
  /** In fours. */
  size4: number;
}

/** The flat memory in pieces that the device can bind: one, unless the model is larger than its limit. */
function chunkFlat({ device, values }: ParameterStore): Chunk[] {
  const all = values.size / 4;
  const largest = Math.floor(device.maxTensorBytes / 256) * 16;
  return Array.from({ length: Math.ceil(all / largest) }, (_, i) => ({
    first4: i * largest,
    size4: Math.min(largest, all - i * largest),
  }));
}

function view(flat: Tensor, { first4, size4 }: Chunk): Tensor {
  const storage = { buffer: flat.storage!.buffer, offset: flat.storage!.offset + first4 * 16 };
  return { ...flat, shape: [size4 * 4], size: size4 * 4, storage };
}
