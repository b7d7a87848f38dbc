import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type AdamWOptions, cut, recordAdamW } from "./adamw.ts";
import type { ParameterStore } from "./parameter_store.ts";
import { GAIN, orthogonalize } from "./newton_schulz.ts";
import { type FinishedStep, recordScale } from "./step.ts";

/** Settings of Muon that do not change from step to step. */
export interface MuonOptions {
  /** Learning rate of the hidden layers' matrices, by that of all other parameters. */
  relativeRate: number;
  /** Decay of the momentum. */
  momentum: number;
}

/** Added to a direction's norm. */
const EPSILON = 1e-7;

/**
 * The update of all parameters: global gradient norm, clipping, Muon (Jordan et al., "Muon: an optimizer for hidden layers in
 * neural networks", 2024, https://kellerjordan.github.io/posts/muon) for the matrices of hidden layers, AdamW for all others,
 * cleared gradients. Muon's step is the momentum with its singular values brought near 1 by {@linkcode orthogonalize}, times
 * $\sqrt{max(1, rows / columns)}$, with decoupled weight decay. Matrices that lie one below the other in a parameter, as those of
 * queries, keys and values, are matrices of their own. A step whose loss or norm is not finite changes no parameter.
 *
 * @param options `other`: the step of another loss, recorded before, which is to be finite too.
 */
export function muon(
  graph: Graph,
  store: ParameterStore,
  options: AdamWOptions & FinishedStep & { muon: MuonOptions },
): void {
  const { muon: { momentum: decay } } = options;
  const scale = recordScale(graph, store.gradients, options);
  for (const range of store.outerRanges) {
    recordAdamW(graph, store, { ...options, scale, range, secondMoment: store.outerSecondMoment });
  }
  for (const { begin, end } of store.hiddenRanges) {
    const [gradients, momentum] = [store.gradients, store.firstMoment].map((flat) => cut(flat, begin, end - begin));
    graph.call("muon_momentum", { tensors: { update_scale: scale, gradients, momentum }, params: { decay } });
  }
  for (const batch of batchesOf(store)) updateBatch(graph, store, { ...options, scale, batch });
}

/** Matrices of one shape, which are worked on together. */
interface MatrixBatch {
  readonly rows: number;
  readonly side: number;
  /** The flat parameters that they lie in. */
  readonly begin: number;
  readonly end: number;
  /** Where each begins, and whether it lies as [side, rows]. */
  readonly places: readonly { readonly begin: number; readonly isWide: boolean }[];
}

/** Most bytes of the matrices of a batch: beyond, calls are few beside what they do, and there are several copies of each. */
const MOST_BYTES = 2 ** 26;

/** All hidden matrices, those of one shape together, whichever way round, as far as a device can bind them. */
function batchesOf(store: ParameterStore): MatrixBatch[] {
  const batches: MatrixBatch[] = [];
  const most = Math.min(store.device.maxTensorBytes, MOST_BYTES);
  for (const { name, shape, matrices = 0 } of store.specs) {
    const [height, columns] = [shape[0]! / matrices, shape[1]!];
    const [rows, side] = [Math.max(height, columns), Math.min(height, columns)];
    const size = rows * side;
    for (let i = 0; i < matrices; i++) {
      const begin = store.offsetOf(name) + i * size;
      const place = { begin, isWide: height < columns };
      const last = batches.findLastIndex((batch) => batch.rows === rows && batch.side === side);
      const batch = batches[last];
      const start = Math.min(begin, batch?.begin ?? begin);
      const fits = batch && 4 * size * (batch.places.length + 1) <= most &&
        4 * (begin + size - batch.begin) <= store.device.maxTensorBytes;
      if (fits) batches[last] = { ...batch, end: begin + size, places: [...batch.places, place] };
      else batches.push({ rows, side, begin: start, end: begin + size, places: [place] });
    }
  }
  return batches;
}

/** Updates matrices whose gradients are the directions to go by now. */
function updateBatch(
  graph: Graph,
  store: ParameterStore,
  { step: { scalars }, scale, batch, weightDecay: weight_decay, muon: { relativeRate: relative_rate } }:
    & AdamWOptions
    & FinishedStep
    & { muon: MuonOptions; scale: Tensor; batch: MatrixBatch },
): void {
  const { rows, side, begin, end, places: all } = batch;
  const count = all.length;
  const [parameters, gradients] = [store.values, store.gradients].map((flat) => cut(flat, begin, end - begin));
  const places: Tensor = {
    name: "places",
    shape: [count, 2],
    dtype: "u32",
    size: 2 * count,
    contents: Uint32Array.from(all.flatMap((place) => [(place.begin - begin) / 4, Number(place.isWide)])),
  };
  const tall = graph.activation("tall", [count, rows, side], "f32");
  const wide = graph.activation("wide", [count, side, rows], "f32");
  graph.call("muon_direction", {
    tensors: { places, direction: gradients, tall, wide },
    params: { count, rows, side, gain: GAIN, epsilon: EPSILON },
  });
  const x = orthogonalize(graph, { tall, wide });
  graph.call("muon_update", {
    tensors: { places, scalars, update_scale: scale, x, parameters, gradients },
    params: { count, rows, side, relative_rate, gain: 1 / GAIN, weight_decay },
  });
}
