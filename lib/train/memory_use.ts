/**
 * How much memory a run takes.
 *
 * @module
 */

/** Bytes of memory that this process has in the machine, those of a CPU device among them; undefined where nobody tells. */
export function residentBytes(): number | undefined {
  return typeof Deno === "undefined" ? undefined : Deno.memoryUsage().rss;
}
