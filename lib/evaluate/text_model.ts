/**
 * A model with its vocabulary, and how much of a text it reads at once.
 *
 * @module
 */

import type { ModelPooling } from "../model/pooling.ts";
import type { Model } from "../model/model.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** A model with its vocabulary. */
export interface TextModel {
  /** The model. */
  readonly model: Model;
  /** Its vocabulary. */
  readonly tokenizer: Tokenizer;
  /** How its vectors are made, where its folder says that for sentence-transformers. Reading it may throw a SyntaxError. */
  readonly pooling?: ModelPooling | undefined;
}

/** Tokens of a batch. */
export const BATCH_TOKENS = 4096;

/** Most logits of a batch, 64 MiB of them. */
const MOST_LOGITS = 1 << 24;

/** Masked tokens whose logits are computed at once. */
export function mostMaskedRows(vocab: number): number {
  return Math.max(1, Math.floor(MOST_LOGITS / vocab));
}
