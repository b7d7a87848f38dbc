/**
 * Whether a path leads anywhere.
 *
 * @module
 */

/** Whether there is a file or folder. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
