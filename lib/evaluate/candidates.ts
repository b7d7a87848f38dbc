/**
 * Which tokens a model finds most probable in a place.
 *
 * @module
 */

/** A token by its id. */
export interface ProbableToken {
  /** Its id. */
  readonly id: number;
  /** Probability that the model gives it. */
  readonly probability: number;
}

/**
 * The most probable tokens of a row of logits, best first, of equal ones that of the lower id; undefined where the logits
 * are not finite. What is no candidate keeps its probability.
 */
export function mostProbable(
  logits: Float32Array,
  { count, isCandidate = () => true }: { count: number; isCandidate?: (id: number) => boolean },
): ProbableToken[] | undefined {
  let highest = -Infinity;
  for (const logit of logits) highest = Math.max(highest, logit);
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - highest);
  if (!Number.isFinite(total)) return undefined;
  const best: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    if (best.length === count && !(logits[id]! > logits[best[count - 1]!]!)) continue;
    if (!isCandidate(id)) continue;
    if (best.length === count) best.pop();
    let at = best.length;
    while (at > 0 && logits[best[at - 1]!]! < logits[id]!) at--;
    best.splice(at, 0, id);
  }
  return best.map((id) => ({ id, probability: Math.exp(logits[id]! - highest) / total }));
}
