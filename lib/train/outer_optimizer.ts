/**
 * Local steps: ranks train on their own, and every so many steps the mean of what they moved is one step of an outer optimizer
 * with Nesterov's momentum (DiLoCo; Douillard et al., 2023).
 *
 * The moments of AdamW or Muon are averaged too when the ranks meet. So a checkpoint of that moment holds all that there is, and any number
 * of ranks can go on from it.
 *
 * @module
 */

import type { Ranks } from "../mpi/ranks.ts";
import { sumOverRanks } from "../mpi/tile_sum.ts";
import type { Model } from "../model/model.ts";
import { momentTensors, type OptimizerOptions } from "../optimizer/optimizer.ts";

/** Learning rate and momentum of the outer steps, those of the paper. */
const RATE = 0.7;
const MOMENTUM = 0.9;

/** Brings the weights of ranks together. */
export interface OuterOptimizer {
  /** Whether this rank has made steps since. */
  readonly isAhead: boolean;
  /** Remembers the weights that all begin with, before the first step since. */
  begin(): Promise<void>;
  /** An outer step, where there were steps since the last. */
  settle(): Promise<void>;
  /** The momentum by the names of the parameters. */
  readonly momentum: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
}

/** The outer optimizer of ranks that begin with the same weights; `optimizer` is that of the steps in between. */
export function outerOptimizer({ model, ranks, optimizer, momentum }: {
  model: Model;
  ranks: Ranks;
  optimizer: OptimizerOptions;
  momentum: ReadonlyMap<string, Float32Array> | undefined;
}): OuterOptimizer {
  const { store, device } = model;
  const velocity = momentum ? store.join(momentum) : new Float32Array(store.values.size);
  let start: Float32Array | undefined;
  const meanOf = async (tensor: typeof store.values): Promise<Float32Array<ArrayBuffer>> => {
    const [bytes] = await device.read([tensor]);
    const options = { what: tensor.name, tiles: ranks.size, precision: "f32" } as const;
    const [mean] = await sumOverRanks(ranks, [[new Float32Array(bytes!)]], options);
    for (let i = 0; i < mean!.length; i++) mean![i]! /= ranks.size;
    return mean as Float32Array<ArrayBuffer>;
  };
  return {
    get isAhead() {
      return start !== undefined;
    },
    async begin() {
      if (start) return;
      const [bytes] = await device.read([store.values]);
      start = new Float32Array(bytes!);
    },
    async settle() {
      if (!start) return;
      const values = await meanOf(store.values);
      for (let i = 0; i < values.length; i++) {
        const moved = start[i]! - values[i]!;
        velocity[i] = MOMENTUM * velocity[i]! + moved;
        values[i] = start[i]! - RATE * (moved + MOMENTUM * velocity[i]!);
      }
      device.write(store.values, values);
      for (const moment of momentTensors(store, optimizer)) device.write(moment, await meanOf(moment));
      start = undefined;
    },
    get momentum() {
      return store.split(velocity.slice());
    },
  };
}
