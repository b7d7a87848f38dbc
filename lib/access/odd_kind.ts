/**
 * What a path leads to that is no file.
 *
 * @module
 */

/** What a path can lead to; the system may not tell all of it. */
export interface FileKind {
  /** A file. */
  readonly isFile: boolean;
  /** A folder. */
  readonly isDirectory: boolean;
  /** A pipe. */
  readonly isFifo?: boolean | null;
  /** A socket. */
  readonly isSocket?: boolean | null;
}

/** What is not a file, with an article; undefined for a file. */
export function oddKind({ isFile, isDirectory, isFifo, isSocket }: FileKind): string | undefined {
  if (isFile) return undefined;
  return isDirectory ? "a folder" : isFifo ? "a pipe" : isSocket ? "a socket" : "a device";
}
