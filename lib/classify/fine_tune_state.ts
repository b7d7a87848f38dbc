/**
 * A fine-tuning under way as data, to be kept and gone on with.
 *
 * @module
 */

import { readInPieces } from "../device/staged.ts";
import type { Model } from "../model/model.ts";
import { splitMoments, writeMoments } from "../optimizer/optimizer.ts";
import type { Example } from "./examples.ts";
import { fineTuneOptimizer } from "./settings.ts";

/** Arrays by the names of the parameters. */
export type ParameterArrays = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

/** What looking at what is held out has told so far. */
export interface LooksState {
  /** Lowest loss, in nats; undefined before the first look. */
  readonly lowest?: number | undefined;
  /** Step of the look that had it; 0 before the first. */
  readonly best: number;
  /** Looks since then. */
  readonly sinceBest: number;
  /** Step of the latest look; 0 before the first. */
  readonly latest: number;
}

/** A fine-tuning of which some steps are done: what it takes to come to the same end, to the bit on the same device. */
export interface FineTuneState {
  /** Steps that are done. */
  readonly step: number;
  /** SHA-256 of the examples, their classes, the settings and the model's shape: it goes on with these alone. */
  readonly print: string;
  /** What was told of what is held out. */
  readonly looks: LooksState;
  /** Weights after these steps. */
  readonly parameters: ParameterArrays;
  /** Means of their gradients. */
  readonly firstMoment: ParameterArrays;
  /** Means of the squares of their gradients. */
  readonly secondMoment: ParameterArrays;
  /** Weights of the best look, where later ones were no better. */
  readonly best?: ParameterArrays | undefined;
}

/** A fine-tuning just after a look, for who wants to keep it. */
export interface FineTuneProgress {
  /** Steps that are done. */
  readonly step: number;
  /** Steps there will be, at most. */
  readonly steps: number;
  /** Reads all of its state from the device. */
  state(): Promise<FineTuneState>;
}

/** Weights and moments of a model after a step. */
export async function readTraining(
  { store }: Model,
): Promise<Pick<FineTuneState, "parameters" | "firstMoment" | "secondMoment">> {
  const read = await readInPieces(store.device, [store.values, store.firstMoment, store.secondMoment]);
  const [values, first, second] = read.map((buffer) => new Float32Array(buffer));
  return { parameters: store.split(values!), ...splitMoments(store, fineTuneOptimizer, [first!, second!]) };
}

/** Gives a model weights and moments that were read before. */
export function writeTraining(model: Model, state: FineTuneState): void {
  model.writeParameters(state.parameters);
  writeMoments(model.store, fineTuneOptimizer, state);
}

/** SHA-256, in hexadecimal, of examples and of what else makes a training what it is. */
export async function printOf(examples: readonly Example[], about: unknown): Promise<string> {
  const numbers = examples.flatMap(({ ids, rows, labels, weights }) => [
    Uint32Array.of(ids.length, rows?.length ?? 0, labels.length),
    ids,
    ...rows ? [rows] : [],
    labels,
    weights,
  ]);
  const parts = [new TextEncoder().encode(JSON.stringify(about)), ...numbers];
  // one buffer: a digest takes no stream, and a blob of a part for each example takes long
  const bytes = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const { buffer, byteOffset, byteLength } of parts) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
