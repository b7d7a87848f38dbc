/**
 * Files that Git LFS has not fetched.
 *
 * @module
 */

/** What a file begins with that Git LFS has left in the place of another. */
const POINTER = "version https://git-lfs";

/** What is said of a file that is only a pointer of Git LFS; undefined if it is none. */
export function pointerError(start: Uint8Array, path: string): SyntaxError | undefined {
  const wanted = POINTER.slice(0, start.length);
  if (wanted.length < 8 || new TextDecoder().decode(start.subarray(0, wanted.length)) !== wanted) return undefined;
  return new SyntaxError(
    `Cannot read ${path}: it is only a pointer of Git LFS to the file; "git lfs pull" in its folder fetches that`,
  );
}
