/**
 * Windows as batches in which each of their tokens is masked in turn, the others in sight.
 *
 * @module
 */

import type { Batch } from "../batch/batch.ts";
import type { Window } from "../batch/masking.ts";
import { specialIds } from "../tokenizer/special_tokens.ts";
import type { ShapedBatch } from "./run_batches.ts";
import { BATCH_TOKENS, mostMaskedRows, type TextModel } from "./text_model.ts";

/** Options of {@linkcode tokenBatches}. */
export interface EachTokenOptions {
  /**
   * Mask what is left of the token's word too; windows must know their words.
   *
   * @default {false}
   */
  restOfWord?: boolean | undefined;
}

/** A batch of copies of a window, in each of which another token is masked. */
export interface TokenBatch extends ShapedBatch {
  /** The window before masking. */
  readonly window: Window;
  /** Whether it is the window's last batch. */
  readonly isLast: boolean;
}

/** Masks every token of windows in turn, special ones excepted. */
export async function* tokenBatches(
  { model, tokenizer }: TextModel,
  windows: Iterable<Window> | AsyncIterable<Window>,
  { restOfWord = false }: EachTokenOptions = {},
): AsyncGenerator<TokenBatch> {
  const special = specialIds(tokenizer);
  const mask = tokenizer.special["[MASK]"];
  for await (const window of windows) {
    const { tokens, documents, continues, tokenTypes } = window;
    if (restOfWord && !continues) {
      throw new TypeError("Cannot mask the rest of a word: the windows do not know their words");
    }
    const { length } = tokens;
    const most = Math.max(1, Math.min(mostMaskedRows(model.config.vocab), Math.floor(BATCH_TOKENS / length)));
    const shape = {
      windows: most,
      length,
      capacity: Math.ceil(most / 4) * 4,
      documents: documents !== undefined,
      pairs: model.config.nextSentence && tokenTypes !== undefined,
    };
    const positions = [...tokens.keys()].filter((i) => !special.has(tokens[i]!));
    let first = 0;
    do {
      const some = positions.slice(first, first + most);
      first += most;
      const behind = (position: number) => restOfWord ? wordEnd(window, position) : position + 1;
      const batch = maskedCopies(window, some.map((position) => ({ position, end: behind(position) })), mask);
      yield { batch, shape, window, isLast: first >= positions.length };
    } while (first < positions.length);
  }
}

/** Where the word ends that a token belongs to. */
export function wordEnd({ continues }: Pick<Window, "continues">, position: number): number {
  let end = position + 1;
  while (continues![end]) end++;
  return end;
}

/** Copies of a window, each with one token to be predicted and masked up to an end. */
function maskedCopies(
  { tokens, documents, tokenTypes }: Window,
  masked: readonly { readonly position: number; readonly end: number }[],
  mask: number,
): Batch {
  const { length } = tokens;
  const ids = new Uint32Array(masked.length * length);
  const bounds = documents && new Uint32Array(2 * ids.length);
  const types = tokenTypes && new Uint32Array(ids.length);
  for (const [copy, { position, end }] of masked.entries()) {
    ids.set(tokens, copy * length);
    ids.fill(mask, copy * length + position, copy * length + end);
    bounds?.set(documents!, 2 * copy * length);
    types?.set(tokenTypes!, copy * length);
  }
  return {
    windows: masked.length,
    length,
    ids,
    original: ids,
    maskedRows: Uint32Array.from(masked, ({ position }, copy) => copy * length + position),
    labels: Uint32Array.from(masked, ({ position }) => tokens[position]!),
    documents: bounds,
    tokenTypes: types,
  };
}
