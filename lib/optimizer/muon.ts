import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type AdamWOptions, cut, recordAdamW, roundWeights } from "./adamw.ts";
import type { ParameterStore } from "./parameter_store.ts";
import { GAIN, orthogonalize } from "./newton_schulz.ts";
import { type FinishedStep, recordScale } from "./step.ts";

/** Settings of Muon that do not change from step to step. */
export interface MuonOptions {
  /** Learning rate of the hidden layers' matrices, by that of all other parameters. */
  relativeRate: number;
  /** Decay of the momentum. */
  momentum: number;
  /**
   * Steps from one update of the matrices to the next, which is so many times as long: in between only their momentum gathers, and the
   * products of orthogonalising cost that much less. Default: 1.
   */
  every?: number | undefined;
}

/** Sections of a step's update: that of every parameter, and that in which matrices only gather momentum. */
export type UpdateSection = "update" | "momentum";

/** Which section updates at the end of a step, counted from 0. */
export function updateSection({ muon }: { muon?: MuonOptions | undefined }, step: number): UpdateSection {
  return (step + 1) % (muon?.every ?? 1) === 0 ? "update" : "momentum";
}

/** The same settings with an update of everything at every step. */
export function everyStep<Options extends { muon?: MuonOptions | undefined }>(options: Options): Options {
  return options.muon ? { ...options, muon: { ...options.muon, every: 1 } } : options;
}

/** Added to a direction's norm. */
const EPSILON = 1e-7;

/**
 * The update of all parameters: global gradient norm, clipping, Muon (Jordan et al., "Muon: an optimizer for hidden layers in
 * neural networks", kellerjordan.github.io/posts/muon, 2024) for the matrices of hidden layers, AdamW for all others,
 * cleared gradients. Muon's step is the momentum with its singular values brought near 1 by {@linkcode orthogonalize}, times
 * $\sqrt{max(1, rows / columns)}$, with decoupled weight decay. The projections to queries, keys and values are one matrix, and so are
 * a gate's two halves: bench/RESULTS.md. A step whose loss or norm is not finite changes no parameter.
 *
 * @param options `other`: the step of another loss, recorded before, which is to be finite too; `section`: "momentum" leaves the
 * matrices as they are.
 */
export function muon(
  graph: Graph,
  store: ParameterStore,
  options: AdamWOptions & FinishedStep & { muon: MuonOptions; section?: UpdateSection | undefined },
): void {
  const { muon: { momentum: decay }, section = "update" } = options;
  const kept = section === "update" ? 1 : 0;
  const scale = recordScale(graph, store.gradients, options);
  for (const range of store.outerRanges) {
    recordAdamW(graph, store, { ...options, scale, range, secondMoment: store.outerSecondMoment });
  }
  for (const { begin, end } of store.hiddenRanges) {
    const [gradients, momentum] = [store.gradients, store.firstMoment].map((flat) => cut(flat, begin, end - begin));
    graph.call("muon_momentum", { tensors: { update_scale: scale, gradients, momentum }, params: { decay, kept } });
  }
  if (kept) { for (const batch of batchesOf(store)) updateBatch(graph, store, { ...options, scale, batch }); }
  roundWeights(graph, store);
}

/** Matrices of one shape. */
interface Shape {
  readonly rows: number;
  /** Where each begins, and whether it lies as [side, rows]. */
  readonly places: readonly { readonly begin: number; readonly isWide: boolean }[];
}

/** Matrices with the same shorter side, which are worked on together. */
interface MatrixBatch {
  readonly side: number;
  /** The flat parameters that they lie in. */
  readonly begin: number;
  readonly end: number;
  readonly shapes: readonly Shape[];
}

/** Most floats of the matrices of a batch: beyond, calls are few beside what they do, and there are several copies of each matrix. */
const MOST_FLOATS = 2 ** 24;

/** All hidden matrices, in as few batches as a device can bind. */
function batchesOf(store: ParameterStore): MatrixBatch[] {
  const batches: MatrixBatch[] = [];
  const most = store.device.maxTensorBytes / 4;
  const sizes: number[] = [];
  for (const { name, shape: [height = 0, columns = 0], hidden } of store.specs) {
    if (!hidden) continue;
    const [rows, side] = [Math.max(height, columns), Math.min(height, columns)];
    const begin = store.offsetOf(name);
    const end = begin + rows * side;
    const place = { begin, isWide: height < columns };
    // a part of a buffer begins at a multiple of 256 bytes
    const joins = (batch: MatrixBatch) =>
      batch.side === side && (side % 8 === 0 || batch.shapes.every((shape) => shape.rows === rows));
    const index = batches.findLastIndex(joins);
    const batch = batches[index];
    if (batch && sizes[index]! + rows * side <= Math.min(MOST_FLOATS, most) && end - batch.begin <= most) {
      batches[index] = { ...batch, end, shapes: withPlace(batch.shapes, rows, place) };
      sizes[index]! += rows * side;
    } else {
      batches.push({ side, begin, end, shapes: [{ rows, places: [place] }] });
      sizes.push(rows * side);
    }
  }
  return batches;
}

function withPlace(shapes: readonly Shape[], rows: number, place: Shape["places"][number]): Shape[] {
  const same = shapes.find((shape) => shape.rows === rows);
  if (!same) return [...shapes, { rows, places: [place] }];
  return shapes.map((shape) => shape === same ? { rows, places: [...shape.places, place] } : shape);
}

/** Updates matrices whose gradients are the directions to go by now. */
function updateBatch(
  graph: Graph,
  store: ParameterStore,
  { step: { scalars }, scale, batch, weightDecay: weight_decay, muon: { relativeRate, every = 1 } }:
    & AdamWOptions
    & FinishedStep
    & { muon: MuonOptions; scale: Tensor; batch: MatrixBatch },
): void {
  const { side, begin, end, shapes } = batch;
  const [parameters, gradients] = [store.values, store.gradients].map((flat) => cut(flat, begin, end - begin));
  const directions = shapes.map(({ rows, places: all }) => {
    const count = all.length;
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
    return { places, tall, wide, params: { count, rows, side } };
  });
  for (const [i, x] of orthogonalize(graph, directions).entries()) {
    const { places, params } = directions[i]!;
    graph.call("muon_update", {
      tensors: { places, scalars, update_scale: scale, x, parameters, gradients },
      params: { ...params, relative_rate: every * relativeRate, weight_decay },
    });
  }
}
