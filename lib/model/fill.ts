/**
 * Filling in masked tokens.
 *
 * @module
 */

import { encodeWithSpecials, type Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Model } from "./model.ts";

/** A token that may stand in a masked place. */
export interface Candidate {
  /** The token. */
  readonly token: string;
  /** Its id. */
  readonly id: number;
  /** Probability that the model gives it. */
  readonly probability: number;
}

/** A text with its masked places filled. */
export interface Filled {
  /** The text as given. */
  readonly text: string;
  /** The text with the most probable token in each masked place. */
  readonly filled: string;
  /** Each masked place, by token position, with its best candidates, most probable first. */
  readonly masks: readonly { readonly position: number; readonly candidates: readonly Candidate[] }[];
}

/**
 * Fills every `[MASK]` of a text with what the model finds most probable; each place for itself.
 *
 * @throws {RangeError} if the text has no `[MASK]` or is longer than the model's longest sequence.
 */
export async function fill(
  { model, tokenizer }: { model: Model; tokenizer: Tokenizer },
  text: string,
  { topK = 5 }: { topK?: number } = {},
): Promise<Filled> {
  const ids = encodeWithSpecials(tokenizer, text);
  const mask = tokenizer.special["[MASK]"];
  const positions = Uint32Array.from([...ids.keys()].filter((i) => ids[i] === mask));
  if (positions.length === 0) throw new RangeError(`Cannot fill "${text}": it has no [MASK]`);
  if (ids.length > model.config.maxLength) {
    throw new RangeError(
      `Cannot fill a text of ${ids.length} tokens: this model's longest is ${model.config.maxLength}`,
    );
  }
  const slots = positions.length;
  const program = await model.compileEvaluation({ windows: 1, length: ids.length, slots });
  try {
    model.writeEvaluationStep(0);
    program.write({ windows: 1, length: ids.length, ids, original: ids, positions, labels: new Uint32Array(slots) });
    program.program.run();
    const [bytes] = await model.device.read([program.logits]);
    const logits = new Float32Array(bytes!);
    const stride = logits.length / slots;
    const special = new Set(Object.values(tokenizer.special));
    const masks = [...positions].map((position, slot) => {
      const row = logits.subarray(slot * stride, slot * stride + tokenizer.size);
      return { position, candidates: bestCandidates(row, { tokenizer, special, topK }) };
    });
    const filled = ids.slice();
    for (const { position, candidates } of masks) filled[position] = candidates[0]?.id ?? mask;
    return { text, filled: tokenizer.decode(filled), masks };
  } finally {
    program.destroy();
  }
}

/** The most probable ordinary tokens; special ones keep their probability but are no candidates. */
function bestCandidates(
  logits: Float32Array,
  { tokenizer, special, topK }: { tokenizer: Tokenizer; special: ReadonlySet<number>; topK: number },
): Candidate[] {
  const highest = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0);
  return [...logits.keys()]
    .filter((id) => !special.has(id))
    .sort((a, b) => logits[b]! - logits[a]!)
    .slice(0, topK)
    .map((id) => ({ token: tokenizer.token(id), id, probability: Math.exp(logits[id]! - highest) / total }));
}
