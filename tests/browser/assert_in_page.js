// What the stand-in for @std/assert takes of node:assert, in a page.
export class AssertionError extends Error {}

const same = (a, b) =>
  Object.is(a, b) ||
  (typeof a === "object" && typeof b === "object" && a !== null && b !== null &&
    Object.getPrototypeOf(a) === Object.getPrototypeOf(b) && Object.keys(a).length === Object.keys(b).length &&
    Object.keys(a).every((key) => Object.hasOwn(b, key) && same(a[key], b[key])));

/** Of objects and arrays: all that operations' tests compare. */
export function deepStrictEqual(actual, expected) {
  if (!same(actual, expected)) throw new AssertionError(`${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);
}
