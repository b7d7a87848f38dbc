/**
 * How well tokens are predicted by who knows nothing but how frequent each one is.
 *
 * @module
 */

import { type Corpus, textsOf } from "../text/corpus.ts";
import { specialIds } from "../tokenizer/special_tokens.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** What {@linkcode tokenEntropy} finds. */
export interface TokenEntropy {
  /** Mean loss in nats of a prediction by frequency alone: -Σ p ln p over the tokens that may be masked. */
  readonly entropy: number;
  /** Tokens that were counted, line breaks included. */
  readonly tokens: number;
  /** Bytes of UTF-8 that they are. */
  readonly bytes: number;
  /** Whether that is the whole training text. */
  readonly isWhole: boolean;
}

/** Options of {@linkcode tokenEntropy}. */
export interface TokenEntropyOptions {
  /** The text, of which the training part is read. */
  corpus: Corpus;
  /** Turns text into ids. */
  tokenizer: Tokenizer;
  /**
   * Tokens to count at most.
   *
   * @default {2 ** 20}
   */
  tokens?: number | undefined;
  /** Whether to stop counting. Default: only at the most tokens. */
  enough?: (() => boolean) | undefined;
}

/** Characters of a passage that are read: far more than the tokens that are wanted. */
const LONGEST_PASSAGE = 1 << 22;

/** Counts the tokens at the beginning of a training text. */
export async function tokenEntropy(
  { corpus, tokenizer, tokens: most = 1 << 20, enough = () => false }: TokenEntropyOptions,
): Promise<TokenEntropy> {
  const special = specialIds(tokenizer);
  const separator = tokenizer.encode("\n");
  const counts = new Float64Array(tokenizer.size);
  const encoder = new TextEncoder();
  let [tokens, bytes] = [0, 0];
  let isWhole = true;
  const count = (ids: ArrayLike<number>) => {
    for (let i = 0; i < ids.length; i++) counts[ids[i]!]!++;
    tokens += ids.length;
  };
  for await (const text of textsOf(corpus, "training")) {
    if (tokens >= most || enough()) {
      isWhole = false;
      break;
    }
    // of a passage that is a whole library the beginning
    isWhole &&= text.length <= LONGEST_PASSAGE;
    const read = text.slice(0, LONGEST_PASSAGE);
    bytes += encoder.encode(read).length + 1;
    count(tokenizer.encode(read));
    count(separator);
  }
  for (const id of special) counts[id] = 0;
  return { entropy: entropyOf(counts), tokens, bytes, isWhole };
}

/** Entropy in nats of what occurs so often. */
function entropyOf(counts: Float64Array): number {
  const all = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce((sum, count) => count === 0 ? sum : sum - count / all * Math.log(count / all), 0);
}
