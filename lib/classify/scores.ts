/**
 * How right a classifier is: accuracy with its error, F1 of every class, and which classes it takes for one another.
 *
 * @module
 */

import { leastError } from "../evaluate/few.ts";

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
  /** How many of these differ from one another. */
  readonly different: number;
  /** Share that is told right. */
  readonly accuracy: number;
  /**
   * Standard error of it; words of a sentence are taken together, and so are equal texts. Never less than so many different ones
   * allow: where all are right, the distance to the far end of Wilson's interval.
   */
  readonly error: number;
  /** Mean F1 of the classes that are there or were told. */
  readonly macroF1: number;
  /** Each of these classes, in order. */
  readonly classes: readonly ClassScore[];
  /** Classes that were taken for another, the most frequent mistakes first. */
  readonly confusions: readonly { readonly label: string; readonly predicted: string; readonly count: number }[];
  /** Classes of the data that the model does not know, which it cannot tell. */
  readonly unknown: readonly string[];
  /** Texts that were longer than the model reads at once, and were cut off. */
  readonly cutOff: number;
}

/** Counts what was told. */
export interface ScoreCounter {
  /**
   * Adds a text, or the words of a sentence: what they are, and what they were told to be.
   *
   * @param key What equal ones have in common. Default: it is like no other.
   * @param isCut Whether the text was too long and cut off.
   */
  add(labels: readonly string[], predicted: readonly string[], key?: string, isCut?: boolean): void;
  /** The score of all that was added. */
  score(): ClassifierScore;
}

/** A counter for a model that knows these classes. */
export function scoreCounter(known: readonly string[]): ScoreCounter {
  const numbers = new Map(known.map((name, i) => [name, i]));
  const pairs = new Map<string, Map<string, number>>();
  // of each text or sentence, equal ones together, how many there are and how many are right
  const groups = new Map<string | number, { count: number; right: number }>();
  let [count, right, different, cutOff] = [0, 0, 0, 0];
  return {
    add(labels, predicted, key, isCut = false) {
      let own = 0;
      cutOff += Number(isCut);
      for (const [i, label] of labels.entries()) {
        const row = pairs.get(label) ?? new Map<string, number>();
        pairs.set(label, row);
        row.set(predicted[i]!, (row.get(predicted[i]!) ?? 0) + 1);
        own += Number(label === predicted[i]);
      }
      count += labels.length;
      right += own;
      const group = groups.get(key ?? groups.size);
      if (!group) different += labels.length;
      groups.set(key ?? groups.size, {
        count: labels.length + (group?.count ?? 0),
        right: own + (group?.right ?? 0),
      });
    },
    score() {
      const accuracy = right / Math.max(1, count);
      // of the ratio of two sums, of which each text is a draw
      let squares = 0;
      for (const { count, right } of groups.values()) squares += (right - accuracy * count) ** 2;
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
        different,
        accuracy,
        error: Math.max(leastError(different), Math.sqrt(squares) / Math.max(1, count)),
        macroF1: classes.reduce((sum, { f1 }) => sum + f1, 0) / Math.max(1, classes.length),
        classes,
        confusions,
        unknown,
        cutOff,
      };
    },
  };
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
