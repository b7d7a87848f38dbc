/**
 * The loader: masked batches of the length and mask rate that each step asks for.
 *
 * @module
 */

import type { Batch } from "./batch.ts";
import { type MaskOptions, maskWindow, type Window, windowRates } from "./masking.ts";
import type { WindowSource } from "./windows.ts";

/** A batch, and what had no room in it. */
export interface LoadedBatch {
  /** The masked batch. */
  readonly batch: Batch;
  /** Masked rows that had no room and were left unmasked. */
  readonly dropped: number;
}

/** How a batch is masked. */
export interface BatchMaskOptions extends MaskOptions {
  /** Room for masked positions. */
  capacity: number;
  /** How far the windows' rates lie apart: see {@linkcode windowRates}. Default: 0. */
  spread?: number | undefined;
}

/** Masks windows and joins them to a batch with room for `capacity` masked positions. */
export function maskBatch(windows: readonly Window[], options: BatchMaskOptions): LoadedBatch {
  const length = windows[0]?.tokens.length ?? 0;
  const ids = new Uint32Array(windows.length * length);
  const original = new Uint32Array(windows.length * length);
  const maskedRows: number[] = [];
  let dropped = 0;
  const rates = windowRates(windows, options);
  for (const [w, window] of windows.entries()) {
    const masked = maskWindow(window, { ...options, rate: rates[w]! });
    ids.set(masked.ids, w * length);
    original.set(window.tokens, w * length);
    for (const position of masked.maskedPositions) {
      const row = w * length + position;
      // the program has room for so many rows and no more
      if (maskedRows.length < options.capacity) maskedRows.push(row);
      else {
        ids[row] = original[row]!;
        dropped++;
      }
    }
  }
  const labels = Uint32Array.from(maskedRows, (row) => original[row]!);
  const batch = { windows: windows.length, length, ids, original, maskedRows: Uint32Array.from(maskedRows), labels };
  if (!windows.some(({ documents }) => documents)) return { batch, dropped };
  const documents = new Uint32Array(2 * windows.length * length);
  for (const [w, window] of windows.entries()) documents.set(window.documents!, 2 * w * length);
  return { batch: { ...batch, documents, ...pairsOf(windows, length) }, dropped };
}

/** What a batch of pairs has besides. */
function pairsOf(windows: readonly Window[], length: number): Pick<Batch, "tokenTypes" | "pairClasses"> {
  if (!windows.every(({ pairClass }) => pairClass !== undefined)) return {};
  const tokenTypes = new Uint32Array(windows.length * length);
  for (const [w, window] of windows.entries()) tokenTypes.set(window.tokenTypes!, w * length);
  return { tokenTypes, pairClasses: Uint32Array.from(windows, ({ pairClass }) => pairClass!) };
}

/** Reads windows and masks them: one batch. */
export async function loadBatch(
  source: WindowSource,
  { windows, length, ...options }: BatchMaskOptions & { windows: number; length: number },
): Promise<LoadedBatch> {
  return maskBatch(await source.next({ length, count: windows }), options);
}
