/**
 * The classes of labelled data, and whether something can be learned of them.
 *
 * @module
 */

import { counted } from "../sentences/counted.ts";
import { listed, quoted } from "../sentences/safe_text.ts";

/** The classes of labelled data. */
export interface Classes {
  /** Their names, in order: numbers by size, others by their characters. */
  readonly names: readonly string[];
  /** Examples of each. */
  readonly counts: readonly number[];
  /** What the user should know of them. */
  readonly notes: readonly string[];
}

/** Distinct numbers as labels from which they may be amounts. */
const MANY_NUMBERS = 20;

/**
 * Counts classes, and checks that they are classes.
 *
 * @param what What carries a label: "text" or "word".
 * @throws {RangeError} for no label, for one class only, and for numbers that look like amounts.
 */
export function classesOf(labels: Iterable<string>, { what = "text" }: { what?: string } = {}): Classes {
  const counts = new Map<string, number>();
  let total = 0;
  for (const label of labels) {
    counts.set(label, (counts.get(label) ?? 0) + 1);
    total++;
  }
  if (total === 0) throw new RangeError(`Cannot learn classes: there is no ${what} with a label`);
  if (counts.size === 1) {
    const only = quoted([...counts.keys()][0]!);
    throw new RangeError(
      `Cannot learn classes: the only label is ${only}, on ${counted(total, what)}; at least two are needed`,
    );
  }
  checkNumbers(counts, { total, what });
  const names = sorted([...counts.keys()]);
  const single = names.filter((name) => counts.get(name) === 1);
  const have = single.length === 1 ? "1 class has" : `${single.length.toLocaleString("en")} classes have`;
  const notes = single.length === 0 ? [] : [`${have} one example only: ${listed(single)}`];
  return { names, counts: names.map((name) => counts.get(name)!), notes };
}

const isNumber = (name: string) => /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(name);

/** Classes in an order that depends on their names alone. */
function sorted(names: readonly string[]): string[] {
  const byCharacters = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0;
  if (!names.every(isNumber)) return [...names].sort(byCharacters);
  return [...names].sort((a, b) => Number(a) - Number(b) || byCharacters(a, b));
}

/** Many numbers, most of them seen once, or with fractions, are amounts: a regression, not classes. */
function checkNumbers(counts: ReadonlyMap<string, number>, { total, what }: { total: number; what: string }): void {
  const names = [...counts.keys()];
  if (names.length < MANY_NUMBERS || !names.every(isNumber)) return;
  const hasFractions = names.some((name) => !Number.isInteger(Number(name)));
  if (!hasFractions && names.length * 2 <= total) return;
  throw new RangeError(
    `Cannot take the labels as classes: ${counted(total, what)} have ${
      names.length.toLocaleString("en")
    } different numbers, ` +
      `such as ${
        listed(names.slice(0, 3))
      }, so they look like amounts; cut these into ranges first, or, if they are classes, write them as names such as class ${
        names[0]
      }`,
  );
}
