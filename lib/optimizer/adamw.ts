import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { FlatRange, ParameterStore } from "./parameter_store.ts";
import { type FinishedStep, recordScale, type StepTensors } from "./step.ts";

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
  /** Learning rate of the embeddings, by that of all others. Default: 1. */
  embeddingRate?: number | undefined;
}

/**
 * The update of all parameters: global gradient norm, clipping, AdamW (Loshchilov and Hutter, 2019), cleared gradients.
 * A step whose loss or norm is not finite changes no parameter; the ring shows it. Where parameters have a rounded copy, it is
 * written as well; where the loss is scaled, gradients are divided by the scale, which is then changed as it has to be.
 *
 * @param options `other`: the step of another loss, recorded before, which is to be finite too.
 */
export function adamW(graph: Graph, store: ParameterStore, options: AdamWOptions & FinishedStep): void {
  const scale = recordScale(graph, store.gradients, options);
  const all = { begin: 0, end: store.values.size, at: 0 };
  recordAdamW(graph, store, {
    ...options,
    scale,
    range: all,
    secondMoment: store.secondMoment,
    rounded: store.rounded,
  });
}

/** Records AdamW's update of a range of the flat parameters, whose second moments begin at the range's `at`. */
export function recordAdamW(
  graph: Graph,
  store: ParameterStore,
  {
    beta1,
    beta2,
    epsilon,
    weightDecay: weight_decay,
    embeddingRate = 1,
    step: { scalars },
    scale,
    range,
    secondMoment,
    rounded,
  }:
    & AdamWOptions
    & {
      step: StepTensors;
      scale: Tensor;
      range: FlatRange;
      secondMoment: Tensor;
      /** The copy of the range's parameters that decay, where it is to be written. */
      rounded?: Tensor | undefined;
    },
): void {
  const { begin, end, at } = range;
  const part = (tensor: Tensor, from = begin) => cut(tensor, from, end - begin);
  graph.call("adamw", {
    tensors: {
      scalars,
      update_scale: scale,
      parameters: part(store.values),
      gradients: part(store.gradients),
      first_moment: part(store.firstMoment),
      second_moment: part(secondMoment, at),
      rounded,
    },
    params: {
      decayed: store.decayed - begin,
      beta1,
      beta2,
      epsilon,
      weight_decay,
      embedded: store.embedded - begin,
      embedding_rate: embeddingRate,
    },
  });
}

/** Records that the rounded copies of parameters are made anew: for values that were written by the host, or otherwise than by AdamW. */
export function roundWeights(graph: Graph, { values, rounded, decayed }: ParameterStore): void {
  if (rounded) graph.call("round_weights", { tensors: { x: values, y: rounded }, params: { size: decayed } });
}

/** Some floats of flat memory. */
export function cut(flat: Tensor, begin: number, size: number): Tensor {
  const { buffer, offset } = flat.storage!;
  return { ...flat, shape: [size], size, storage: { buffer, offset: offset + 4 * begin } };
}
