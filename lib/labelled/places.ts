/**
 * Places in a file where something is missing, told together.
 *
 * @module
 */

import { counted } from "../sentences/counted.ts";

/** Places that are named. */
const MOST_NAMED = 8;

/** Places of one kind of fault. */
export interface Places {
  /** How many. */
  readonly count: number;
  /** Adds one, such as `line 3`. */
  add(place: string): void;
  /** The first ones: `lines 3, 7 and 12 more`. */
  text(): string;
}

/** No places yet. */
export function places(): Places {
  const named: string[] = [];
  let count = 0;
  return {
    get count() {
      return count;
    },
    add(place) {
      if (count++ < MOST_NAMED) named.push(place);
    },
    text() {
      const numbers = named.map((place) => /^line (\d+)$/.exec(place)?.[1]);
      const areLines = numbers.every((number) => number !== undefined);
      const shown = areLines ? (numbers as string[]) : named;
      const ends = count > shown.length ? [...shown, `${(count - shown.length).toLocaleString("en")} more`] : shown;
      const list = ends.length === 1 ? ends[0]! : `${ends.slice(0, -1).join(", ")} and ${ends.at(-1)}`;
      return areLines ? `${count === 1 ? "line" : "lines"} ${list}` : list;
    },
  };
}

/** "1 text has", "3 texts have". */
export function have(count: number, one: string): string {
  return `${counted(count, one)} ${count === 1 ? "has" : "have"}`;
}

/** "is" of one, "are" of several. */
export function are(count: number): string {
  return count === 1 ? "is" : "are";
}
