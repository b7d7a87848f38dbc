/**
 * Lines of JSON that were written before.
 *
 * @module
 */

/** A line as an object; undefined where it is none. */
export function objectOf(line: string): Record<string, unknown> | undefined {
  try {
    const json = JSON.parse(line);
    return typeof json === "object" && json !== null && !Array.isArray(json) ? json : undefined;
  } catch {
    return undefined;
  }
}
