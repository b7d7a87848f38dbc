/**
 * Sums of scores: one model's on a text, and the difference of two.
 *
 * @module
 */

/** How tokens were predicted: sums, not means. */
export interface ScoreSums {
  /** Σ cross-entropy of the predicted tokens, in nats. */
  readonly loss: number;
  /** Tokens predicted as they were. */
  readonly correct: number;
  /** Tokens that were predicted. */
  readonly predicted: number;
  /** Where texts come in pairs: Σ cross-entropy of their classes in nats, classes predicted as they are, and pairs. */
  readonly pairs?: { readonly loss: number; readonly correct: number; readonly count: number } | undefined;
}

/** How a window was predicted. */
export interface WindowScore extends ScoreSums {
  /** Characters of the window's text, without special tokens. */
  readonly characters: number;
}

/** How tokens were predicted: means. */
export interface Evaluation {
  /** Mean cross-entropy of the predicted tokens, in nats. */
  readonly loss: number;
  /** Share of them predicted as they were. */
  readonly accuracy: number;
  /** e^loss. */
  readonly perplexity: number;
  /** Tokens that were predicted. */
  readonly predicted: number;
  /** Next sentence prediction, where texts come in pairs. */
  readonly nextSentence?: NextSentenceEvaluation | undefined;
}

/** How pairs of texts were told apart: means. */
export interface NextSentenceEvaluation {
  /** Mean cross-entropy of the classes, in nats. */
  readonly loss: number;
  /** Share of the pairs whose class was predicted. */
  readonly accuracy: number;
}

/** A model's result on a text. */
export interface Score extends Evaluation {
  /** Windows that were read. */
  readonly windows: number;
  /** Characters that were read. */
  readonly characters: number;
}

/** Sums of two parts of a text together. */
export function addSums(a: ScoreSums, b: ScoreSums): ScoreSums {
  const sums = { loss: a.loss + b.loss, correct: a.correct + b.correct, predicted: a.predicted + b.predicted };
  if (!a.pairs || !b.pairs) return { ...sums, pairs: a.pairs ?? b.pairs };
  const { loss, correct, count } = b.pairs;
  return {
    ...sums,
    pairs: { loss: a.pairs.loss + loss, correct: a.pairs.correct + correct, count: a.pairs.count + count },
  };
}

/** Sums of no text. */
export const NO_SUMS: ScoreSums = { loss: 0, correct: 0, predicted: 0 };

/** The means that sums give. */
export function meansOf({ loss: sum, correct, predicted, pairs }: ScoreSums): Evaluation {
  const loss = sum / predicted;
  const means = { loss, accuracy: correct / predicted, perplexity: Math.exp(loss), predicted };
  if (!pairs) return means;
  return { ...means, nextSentence: { loss: pairs.loss / pairs.count, accuracy: pairs.correct / pairs.count } };
}

/** Adds windows up, in memory that does not grow. */
export class ScoreTotal {
  #sums = NO_SUMS;
  #windows = 0;
  #characters = 0;

  /** Adds a window. */
  add(score: WindowScore): void {
    this.#sums = addSums(this.#sums, score);
    this.#windows++;
    this.#characters += score.characters;
  }

  /** The result so far. */
  get score(): Score {
    return { ...meansOf(this.#sums), windows: this.#windows, characters: this.#characters };
  }
}

/** Difference of two models on the same windows. */
export interface Difference {
  /** Mean loss of the second less that of the first, in nats: below 0 the second is better. */
  readonly loss: number;
  /** Standard error of it, windows taken for independent (ratio estimator; Cochran, Sampling Techniques, 1977). */
  readonly error: number;
}

/** Adds up differences of windows, in memory that does not grow. */
export class DifferenceTotal {
  #count = 0;
  #d = 0;
  #n = 0;
  #dd = 0;
  #dn = 0;
  #nn = 0;

  /** Adds a window that both have scored. */
  add(first: WindowScore, second: WindowScore): void {
    const d = second.loss - first.loss;
    const n = first.predicted;
    this.#count++;
    this.#d += d;
    this.#n += n;
    this.#dd += d * d;
    this.#dn += d * n;
    this.#nn += n * n;
  }

  /** The result so far. */
  get difference(): Difference {
    const loss = this.#d / this.#n;
    const squares = this.#dd - 2 * loss * this.#dn + loss * loss * this.#nn;
    const correction = this.#count > 1 ? this.#count / (this.#count - 1) : NaN;
    return { loss, error: Math.sqrt(Math.max(0, squares) * correction) / this.#n };
  }
}
