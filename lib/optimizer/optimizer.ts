/**
 * The optimizers by name: their settings, their update, and what they keep from step to step.
 *
 * @module
 */

import type { Graph } from "../graph/graph.ts";
import type { Storage, Tensor } from "../tensor/tensor.ts";
import { adamW, type AdamWOptions } from "./adamw.ts";
import { muon, type MuonOptions, type UpdateSection } from "./muon.ts";
import type { ParameterStore } from "./parameter_store.ts";
import type { FinishedStep } from "./step.ts";

/** Names of the optimizers. */
export const optimizers = ["adamw", "muon"] as const;

/** Name of an optimizer. */
export type OptimizerName = typeof optimizers[number];

/** Settings of an optimizer that do not change from step to step. */
export interface OptimizerOptions extends AdamWOptions {
  /** Muon for the matrices of hidden layers; AdamW, with the other settings, remains for all other parameters. Default: AdamW for all. */
  muon?: MuonOptions | undefined;
}

/** Which optimizer the settings are of. */
export function optimizerOf({ muon }: OptimizerOptions): OptimizerName {
  return muon ? "muon" : "adamw";
}

/** Records the update of all parameters, which ends a step; `section`: what of it, which is all by default. */
export function recordUpdate(
  graph: Graph,
  store: ParameterStore,
  options: OptimizerOptions & FinishedStep & { section?: UpdateSection | undefined },
): void {
  const { muon: settings } = options;
  if (settings) muon(graph, store, { ...options, muon: settings });
  else adamW(graph, store, options);
}

type Flat = Tensor & { storage: Storage };
type Arrays = Map<string, Float32Array<ArrayBuffer>>;

/** What an optimizer keeps of each parameter, by their names. */
export interface Moments {
  /** Means of the gradients, or Muon's momentum. */
  readonly firstMoment: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
  /** Means of their squares; Muon keeps none of the matrices of hidden layers. */
  readonly secondMoment: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
}

/** The flat memory of an optimizer's moments. */
export function momentTensors(store: ParameterStore, options: OptimizerOptions): readonly [first: Flat, second: Flat] {
  return [store.firstMoment, options.muon ? store.outerSecondMoment : store.secondMoment];
}

/** Cuts what was read of {@linkcode momentTensors} into one array for each parameter. */
export function splitMoments(
  store: ParameterStore,
  options: OptimizerOptions,
  [first, second]: readonly [Float32Array<ArrayBuffer>, Float32Array<ArrayBuffer>],
): { firstMoment: Arrays; secondMoment: Arrays } {
  return { firstMoment: store.split(first), secondMoment: store.split(second, { outer: options.muon !== undefined }) };
}

/** Writes moments that were read before. */
export function writeMoments(store: ParameterStore, options: OptimizerOptions, moments: Moments): void {
  const [first, second] = momentTensors(store, options);
  store.device.write(first, store.join(moments.firstMoment));
  store.device.write(second, store.join(moments.secondMoment, { outer: options.muon !== undefined }));
}

/** Names of the parameters of which an optimizer keeps second moments. */
export function hasSecondMoment(optimizer: OptimizerName, { hidden }: { hidden?: boolean | undefined }): boolean {
  return optimizer === "adamw" || !hidden;
}
