/**
 * Batches that need no text: windows of made-up tokens, masked.
 */
import type { Batch } from "../lib/batch/batch.ts";
import { maskBatch } from "../lib/batch/loader.ts";
import type { BatchShape } from "../lib/model/model.ts";
import { characterTokenizer } from "../lib/tokenizer/character.ts";
import type { Tokenizer } from "../lib/tokenizer/tokenizer.ts";

/** Special tokens of a vocabulary of characters, which come first. */
const SPECIAL = 5;

/** A vocabulary of so many tokens. */
export function madeUpTokenizer(vocab: number): Tokenizer {
  return characterTokenizer(Array.from({ length: vocab - SPECIAL }, (_, i) => String.fromCodePoint(0x4e00 + i)));
}

/** A batch of a shape, a share of whose tokens is masked; the same each time. */
export function madeUpBatch(
  { windows, length, capacity }: BatchShape,
  { tokenizer, rate = 0.15 }: { tokenizer: Tokenizer; rate?: number },
): Batch {
  const list = Array.from({ length: windows }, (_, index) => ({
    tokens: Uint32Array.from({ length }, (_, i) => SPECIAL + (7 * i * i + 13 * index) % (tokenizer.size - SPECIAL)),
    epoch: 0,
    block: 0,
    index,
  }));
  return maskBatch(list, { tokenizer, rate, seed: 1, capacity }).batch;
}
