/**
 * Windows in pieces that do not see one another: a curriculum of what attention sees, in windows that keep their length.
 *
 * @module
 */

import type { Batch } from "./batch.ts";

/** How far attention sees over a run. */
export interface AttentionGrowth {
  /** Tokens of a piece at the start of training, within which tokens see one another. */
  readonly start: number;
  /** Share of the budget in which pieces grow, evenly, to whole windows. */
  readonly share: number;
}

/** Tokens of a piece at a share of the budget; from the end of growth on those of a window. */
export function pieceAt({ start, share }: AttentionGrowth, progress: number, length: number): number {
  if (progress >= share || start >= length) return length;
  return Math.floor(start + (length - start) * Math.max(0, progress) / share);
}

/**
 * A batch whose documents, or whole windows where it has none, are cut into pieces of at most so many tokens, each of which is a
 * document of its own (SkyLadder, Zhu et al., 2025, masks attention so). Nothing else of it changes.
 */
export function inPieces(batch: Batch, piece: number): Batch {
  const { windows, length, documents } = batch;
  const bounds = new Uint32Array(2 * windows * length);
  for (let row = 0; row < windows * length; row++) {
    const position = row % length;
    const [first, end] = documents ? [documents[2 * row]!, documents[2 * row + 1]!] : [0, length];
    const from = first + Math.floor((position - first) / piece) * piece;
    bounds[2 * row] = from;
    bounds[2 * row + 1] = Math.min(end, from + piece);
  }
  return { ...batch, documents: bounds };
}
