/**
 * Why a file cannot be read, in words for people.
 *
 * @module
 */

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  ENOENT: "there is no such file",
  ENOTDIR: "a part of the path is a file",
  EISDIR: "it is a folder, not a file",
  ELOOP: "its links lead in a circle",
  ENAMETOOLONG: "the name is too long",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  ENXIO: "nothing is behind it",
  ENODEV: "nothing is behind it",
  EIO: "the disk does not answer as it should",
  ESTALE: "the disk that it was on is not there any more",
  ETIMEDOUT: "the disk that it is on does not answer",
};

/** The end of a sentence that says why something could not be read. */
export function whyUnreadable(error: unknown): string {
  const { name, code } = error as Error & { code?: string };
  if (name === "NotCapable") return "Deno was started without --allow-read for it";
  return reasons[code ?? ""] ?? (name === "NotFound" ? reasons.ENOENT! : "it cannot be read");
}

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
