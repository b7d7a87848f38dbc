/**
 * Windows as batches with fixed masks: the same tokens masked the same way every time, so that losses can be compared.
 *
 * @module
 */

import type { Batch } from "../batch/batch.ts";
import { maskBatch } from "../batch/loader.ts";
import type { MaskRule, Window } from "../batch/masking.ts";
import type { BatchShape, LastLayer } from "../model/model.ts";
import type { ShapedBatch } from "./run_batches.ts";
import { BATCH_TOKENS, mostMaskedRows, type TextModel } from "./text_model.ts";

/** Masks of validation have a seed of their own and a rate of 15 %, whatever training uses. */
export const VALIDATION_MASKS = { seed: 1234, rate: 0.15 } as const;

/** Batches that are masked at once, whose masked rows decide how much room there is. */
const BATCHES_AHEAD = 16;

/** Masked rows by which room grows that turns out too small, so that few programs are compiled. */
const CAPACITY_STEP = 32;

/** Logits of a batch that stay on the device may be so many times as many as where they are read back. */
const LOGITS_SHARE = 2;

/** A batch of masked windows. */
export interface MaskedBatch extends ShapedBatch {
  /** Its windows before masking. */
  readonly windows: readonly Window[];
}

/** Options of {@linkcode maskedBatches}. */
export interface ScoreOptions {
  /**
   * How masked tokens are replaced.
   *
   * @default {"bert"}
   */
  rule?: MaskRule | undefined;
  /**
   * Share of tokens that is masked.
   *
   * @default {0.15}
   */
  rate?: number | undefined;
  /** Seed of the masks. Default: that of validation in training. */
  seed?: number | undefined;
  /** What the last layer is computed for: see {@linkcode BatchShape.lastLayer}. */
  lastLayer?: LastLayer | undefined;
}

/**
 * Masks windows and puts them into batches. Programs are as large as the text wants them, and their shapes, on which the last
 * digits of losses may depend, are a function of the windows and the model alone.
 */
export async function* maskedBatches(
  { model, tokenizer }: TextModel,
  windows: Iterable<Window> | AsyncIterable<Window>,
  { rule = "bert", rate = VALIDATION_MASKS.rate, seed = VALIDATION_MASKS.seed, lastLayer }: ScoreOptions = {},
): AsyncGenerator<MaskedBatch> {
  const masks = { tokenizer, rule, rate, seed, capacity: Infinity };
  // with a large vocabulary logits decide how many windows there are in a batch
  const tokens = Math.min(BATCH_TOKENS, LOGITS_SHARE * mostMaskedRows(model.config.vocab) / rate);
  const mostWindows = (length: number) => Math.max(1, Math.floor(tokens / length));
  let room: BatchShape | undefined;
  for await (const some of ofEqualLength(windows, (length) => BATCHES_AHEAD * mostWindows(length))) {
    const groups = inEqualGroups(some, mostWindows(some[0]!.tokens.length));
    const batches = groups.map((group) => maskBatch(group, masks).batch);
    room = roomFor(batches, { before: room, canPair: model.config.nextSentence, lastLayer });
    for (const [i, batch] of batches.entries()) yield { batch, shape: room, windows: groups[i]! };
  }
}

/** Windows in order, as many at once as are wanted and of equal length. */
async function* ofEqualLength(
  windows: Iterable<Window> | AsyncIterable<Window>,
  most: (length: number) => number,
): AsyncGenerator<Window[]> {
  let some: Window[] = [];
  for await (const window of windows) {
    const length = some[0]?.tokens.length ?? window.tokens.length;
    if (some.length === most(length) || window.tokens.length !== length) {
      yield some;
      some = [];
    }
    some.push(window);
  }
  if (some.length > 0) yield some;
}

/** Items in as few groups as may be, and as equal. */
function inEqualGroups<T>(items: readonly T[], most: number): T[][] {
  const count = Math.ceil(items.length / most);
  const size = Math.ceil(items.length / count);
  return Array.from({ length: count }, (_, i) => items.slice(i * size, (i + 1) * size));
}

/** Sizes of a program for batches, which is that of the batches before while it has room. */
function roomFor(
  batches: readonly Batch[],
  { before, canPair, lastLayer }: Pick<BatchShape, "lastLayer"> & { before: BatchShape | undefined; canPair: boolean },
): BatchShape {
  const { length } = batches[0]!;
  const most = (count: (batch: Batch) => number) => batches.reduce((most, batch) => Math.max(most, count(batch)), 1);
  const windows = most((batch) => batch.windows);
  const masked = most(({ maskedRows }) => maskedRows.length);
  const documents = batches.some((batch) => batch.documents);
  const pairs = canPair && batches.some((batch) => batch.tokenTypes);
  const fits = before?.length === length && before.windows >= windows && before.documents === documents &&
    before.pairs === pairs;
  if (fits && before.capacity >= masked) return before;
  const step = fits ? CAPACITY_STEP : 4;
  return {
    windows: fits ? before.windows : windows,
    length,
    capacity: Math.ceil(masked / step) * step,
    documents,
    pairs,
    lastLayer,
  };
}
