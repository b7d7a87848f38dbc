import type { Graph } from "../graph/graph.ts";
import { GROWTH_STEPS, HIGHEST_SCALE } from "./loss_scale.ts";
import type { ParameterStore } from "./parameter_store.ts";
import type { StepTensors } from "./step.ts";

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

/**
 * The update of all parameters: global gradient norm, clipping, AdamW (Loshchilov and Hutter, 2019), cleared gradients.
 * A step whose loss or norm is not finite changes no parameter; the ring shows it. Where parameters have a rounded copy, it is
 * written as well; where the loss is scaled, gradients are divided by the scale, which is then changed as it has to be.
 *
 * @param options `other`: the step of another loss, recorded before, which is to be finite too.
 */
export function adamW(
  graph: Graph,
  store: ParameterStore,
  options: AdamWOptions & { step: StepTensors; other?: StepTensors | undefined },
): void {
  const { beta1, beta2, epsilon, weightDecay: weight_decay, clip, step } = options;
  const { clock, scalars, totals, ring, scaling } = step;
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
      rounded: store.rounded,
      other_ring: options.other?.ring,
      scaling,
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
      ...(scaling ? { growth_steps: GROWTH_STEPS, highest_scale: HIGHEST_SCALE } : {}),
    },
  });
}

/** Records that the rounded copies of parameters are made anew: for values that were written by the host. */
export function roundWeights(graph: Graph, { values, rounded, decayed }: ParameterStore): void {
  if (rounded) graph.call("round_weights", { tensors: { x: values, y: rounded }, params: { size: decayed } });
}
