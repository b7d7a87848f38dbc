/**
 * New tokens in a model that has been trained.
 *
 * @module
 */

import type { Model } from "./model.ts";

/**
 * Gives new tokens weights: each the mean of those of the tokens that it was cut into before, in the embedding and, where the
 * decoder has weights of its own or a bias, there too (Gee et al., Fast Vocabulary Transfer, 2022).
 */
export async function initialiseTokens(
  { device, store }: Model,
  added: readonly { readonly id: number; readonly pieces: readonly number[] }[],
): Promise<void> {
  if (added.length === 0) return;
  const present = new Set(store.specs.map(({ name }) => name));
  for (const name of ["embeddings.token", "decoder.weight", "decoder.bias"].filter((name) => present.has(name))) {
    const tensor = store.get(name);
    const width = tensor.size / tensor.shape[0]!;
    const [bytes] = await device.read([tensor]);
    const values = new Float32Array(bytes!);
    for (const { id, pieces } of added) {
      const mean = new Float64Array(width);
      for (const piece of pieces) {
        for (let i = 0; i < width; i++) mean[i]! += values[piece * width + i]! / pieces.length;
      }
      store.write(name, Float32Array.from(mean), id * width);
    }
  }
}
