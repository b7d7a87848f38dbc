/**
 * How right a classifier is: accuracy with its error, F1 of every class, and which classes it takes for one another.
 *
 * @module
 */

/** How well one class is told. */
export interface ClassScore {
  /** Its name. */
  readonly label: string;
  /** How many are of it. */
  readonly count: number;
  /** Share of those told to be of it that are. */
  readonly precision: number;
  /** Share of those of it that are told to be. */
  readonly recall: number;
  /** Harmonic mean of both. */
  readonly f1: number;
}

/** How right a classifier is. */
export interface ClassifierScore {
  /** Texts, or words. */
  readonly count: number;
  /** Share that is told right. */
  readonly accuracy: number;
  /** Standard error of it; words of a sentence are taken together. */
  readonly error: number;
  /** Mean F1 of the classes that are there or were told. */
  readonly macroF1: number;
  /** Each of these classes, in order. */
  readonly classes: readonly ClassScore[];
  /** Classes that were taken for another, the most frequent mistakes first. */
  readonly confusions: readonly { readonly label: string; readonly predicted: string; readonly count: number }[];
  /** Classes of the data that the model does not know, which it cannot tell. */
  readonly unknown: readonly string[];
}

/** Counts what was told. */
export interface ScoreCounter {
  /** Adds a text, or the words of a sentence: what they are, and what they were told to be. */
  add(labels: readonly string[], predicted: readonly string[]): void;
  /** The score of all that was added. */
  score(): ClassifierScore;
}

/** A counter for a model that knows these classes. */
export function scoreCounter(known: readonly string[]): ScoreCounter {
  const numbers = new Map(known.map((name, i) => [name, i]));
  const pairs = new Map<string, Map<string, number>>();
  // of each text or sentence how many there are and how many are right, squared and multiplied
  let [count, right, countSquares, rightSquares, products] = [0, 0, 0, 0, 0];
  return {
    add(labels, predicted) {
      let own = 0;
      for (const [i, label] of labels.entries()) {
        const row = pairs.get(label) ?? new Map<string, number>();
        pairs.set(label, row);
        row.set(predicted[i]!, (row.get(predicted[i]!) ?? 0) + 1);
        own += Number(label === predicted[i]);
      }
      count += labels.length;
      right += own;
      countSquares += labels.length ** 2;
      rightSquares += own ** 2;
      products += own * labels.length;
    },
    score() {
      const accuracy = right / Math.max(1, count);
      // of the ratio of two sums, of which each text is a draw
      const squares = rightSquares - 2 * accuracy * products + accuracy ** 2 * countSquares;
      const seen = [...pairs.keys()];
      const unknown = seen.filter((name) => !numbers.has(name)).sort();
      const told = new Set([...pairs.values()].flatMap((row) => [...row.keys()]));
      const names = [...known.filter((name) => pairs.has(name) || told.has(name)), ...unknown];
      const classes = names.map((label) => classScore(label, pairs));
      const confusions = seen.flatMap((label) =>
        [...pairs.get(label)!].filter(([predicted]) => predicted !== label)
          .map(([predicted, count]) => ({ label, predicted, count }))
      ).sort((a, b) => b.count - a.count || (a.label < b.label ? -1 : 1));
      return {
        count,
        accuracy,
        error: Math.max(leastError(right, count), Math.sqrt(Math.max(0, squares)) / Math.max(1, count)),
        macroF1: classes.reduce((sum, { f1 }) => sum + f1, 0) / Math.max(1, classes.length),
        classes,
        confusions,
        unknown,
      };
    },
  };
}

/** Where all or nothing is right, the error is not none: two right ones and two wrong ones are added (Agresti and Coull, 1998). */
function leastError(right: number, count: number): number {
  if (right > 0 && right < count) return 0;
  const share = (right + 2) / (count + 4);
  return Math.sqrt(share * (1 - share) / (count + 4));
}

function classScore(label: string, pairs: ReadonlyMap<string, ReadonlyMap<string, number>>): ClassScore {
  const own = pairs.get(label) ?? new Map<string, number>();
  const count = [...own.values()].reduce((a, b) => a + b, 0);
  const told = [...pairs.values()].reduce((sum, row) => sum + (row.get(label) ?? 0), 0);
  const right = own.get(label) ?? 0;
  const share = (all: number) => all === 0 ? 0 : right / all;
  return {
    label,
    count,
    precision: share(told),
    recall: share(count),
    f1: right === 0 ? 0 : 2 * right / (count + told),
  };
}
