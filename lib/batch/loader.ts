/**
 * The loader: masked batches of the length and mask rate that each step asks for.
 *
 * @module
 */

import type { Batch } from "./batch.ts";
import { type MaskOptions, maskWindow, type Window } from "./masking.ts";
import type { WindowSource } from "./windows.ts";

/** A batch with the place in the corpus behind it. */
export interface LoadedBatch {
  /** The masked batch. */
  readonly batch: Batch;
  /** Masked positions that had no room and were left unmasked. */
  readonly dropped: number;
}

/** Masks windows and joins them to a batch with room for `slots` masked positions. */
export function maskBatch(windows: readonly Window[], options: MaskOptions & { slots: number }): LoadedBatch {
  const length = windows[0]?.tokens.length ?? 0;
  const ids = new Uint32Array(windows.length * length);
  const original = new Uint32Array(windows.length * length);
  const positions: number[] = [];
  let dropped = 0;
  for (const [w, window] of windows.entries()) {
    const masked = maskWindow(window, options);
    ids.set(masked.ids, w * length);
    original.set(window.tokens, w * length);
    for (const position of masked.positions) {
      const row = w * length + position;
      if (positions.length < options.slots) positions.push(row);
      else {
        ids[row] = original[row]!;
        dropped++;
      }
    }
  }
  const labels = Uint32Array.from(positions, (row) => original[row]!);
  const batch = { windows: windows.length, length, ids, original, positions: Uint32Array.from(positions), labels };
  if (!windows.some(({ segments }) => segments)) return { batch, dropped };
  const segments = new Uint32Array(2 * windows.length * length);
  for (const [w, window] of windows.entries()) segments.set(window.segments!, 2 * w * length);
  return { batch: { ...batch, segments }, dropped };
}

/** Reads windows and masks them: one batch. */
export async function loadBatch(
  source: WindowSource,
  { windows, length, ...options }: MaskOptions & { windows: number; length: number; slots: number },
): Promise<LoadedBatch> {
  return maskBatch(await source.next({ length, count: windows }), options);
}
