/**
 * Counts with what is counted.
 *
 * @module
 */

/** "1 step", "2 steps", "1,234 steps". */
export function counted(count: number, one: string): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : `${one}s`}`;
}
