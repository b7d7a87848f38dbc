/**
 * What was likely meant by a name that is not known.
 *
 * @module
 */

import { knownElsewhere } from "./synonyms.ts";

/** The known name that is likely meant: written alike, or what other programs call it. */
export function suggestionFor(key: string, names: readonly string[]): string | undefined {
  const name = key.replace(/([a-z])([A-Z])/g, "$1-$2").toLowerCase().replaceAll("_", "-");
  const opposite = names.find((other) => name === `un${other}` || name === `no-${other}`);
  if (opposite !== undefined) return undefined;
  return names.find((other) => other === name) ?? knownElsewhere(name, names) ?? nearest(name, names);
}

/** The known name that is at most two typing errors away, of short names one. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const most = name.length < 6 ? 1 : 2;
  const distances = known.filter((other) => name.length >= SHORT || keepsLetters(name, other))
    .map((other) => ({ other, distance: editDistance(name, other) }));
  const best = distances.sort((a, b) => a.distance - b.distance)[0];
  return best && best.distance <= most ? best.other : undefined;
}

/** Letters from which on one that is wrong leaves a name recognizable. */
const SHORT = 4;

/** Whether a name may lack a letter, have one too many or in another place, but none that is wrong. */
function keepsLetters(name: string, other: string): boolean {
  if (name.length < 2 || other.length < 2) return false;
  const sorted = (text: string) => [...text].sort().join("");
  return name.length !== other.length || sorted(name) === sorted(other);
}

/** Typing errors between two words: a letter too many, too few or wrong, or two that changed places (Damerau, 1964). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(Math.min(
        row[j]! + 1,
        next[j - 1]! + 1,
        row[j - 1]! + Number(a[i - 1] !== b[j - 1]),
        isSwapped ? before[j - 2]! + 1 : Infinity,
      ));
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
