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
    params: { ring_size: ring.shape[0]! },
  });
}

/**
 * The update of all parameters: global gradient norm, clipping, AdamW (Loshchilov and Hutter, 2019), cleared gradients.
 * A step whose loss or norm is not a number changes no parameter; the ring shows it.
 */
export function adamW(graph: Graph, store: ParameterStore, options: AdamWOptions & { step: StepTensors }): void {
  const { beta1, beta2, epsilon, weightDecay: weight_decay, clip, step: { clock, scalars, totals, ring } } = options;
  graph.call("adamw", {
    tensors: {
      clock,
      scalars,
      totals,
      ring,
      parameters: store.values,
      gradients: store.gradients,
      first_moment: store.firstMoment,
      second_moment: store.secondMoment,
    },
    params: {
      size: store.values.size,
      decayed: store.decayed,
      ring_size: ring.shape[0]!,
      beta1,
      beta2,
      epsilon,
      weight_decay,
      clip,
    },
  });
}
