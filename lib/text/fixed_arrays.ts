/**
 * Arrays that stay as long as they were made.
 *
 * @module
 */

/** Most elements of an array that is made at once: a page of a column has far fewer values. */
const MOST_ELEMENTS = 1 << 24;

/**
 * Makes every `new Array(count)` of this thread one that cannot grow, so that broken data that announces billions of values ends at
 * the first too many instead of filling the memory. For threads that do nothing else than decode.
 */
export function fixArrays(): void {
  const Given = Array;
  globalThis.Array = new Proxy(Given, {
    construct(_, args) {
      const [count] = args;
      if (args.length !== 1 || typeof count !== "number") return new Given(...args);
      if (count > MOST_ELEMENTS) throw new RangeError(`a page says that it has ${count} values`);
      // elements that are not there yet could not be added later
      return Object.preventExtensions(new Given(count).fill(undefined));
    },
  });
}
