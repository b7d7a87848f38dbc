/**
 * Names of runs: each is one folder within --out, wherever it is made and whoever prints it.
 *
 * @module
 */

/** Characters that would lead elsewhere, or that terminals obey: slashes, control characters, line ends, changes of direction. */
const FORBIDDEN = /[\\/\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** Characters that Windows has in no name. */
const FORBIDDEN_ON_WINDOWS = /[<>:"|?*]/;

/** Names of devices on Windows, with any ending. */
const DEVICE = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\.|$)/i;

/** Characters of a name that is made here, at most. */
const LONGEST = 100;

/**
 * Reads a run's name.
 *
 * @throws {RangeError} that says what would be right.
 */
export function parseRunName(text: string, { windows = Deno.build.os === "windows" } = {}): string {
  if (FORBIDDEN.test(text) || text === "." || text === ".." || text.trim() === "") {
    throw new RangeError(
      "write one name, without slashes and control characters; use --out to choose the folder for runs",
    );
  }
  if (windows && (FORBIDDEN_ON_WINDOWS.test(text) || DEVICE.test(text) || /[. ]$/.test(text))) {
    throw new RangeError('Windows has no such names: write one without < > : " | ? *, and no dot or space at its end');
  }
  return text;
}

/** A run's name from words such as a file's name, which may be anything. */
export function runNameFrom(words: string): string {
  const allowed = words.replace(new RegExp(`${FORBIDDEN.source}|${FORBIDDEN_ON_WINDOWS.source}`, "gu"), "-");
  // whole characters, and no dot or space at the end
  const name = [...allowed.toWellFormed()].slice(0, LONGEST).join("").replace(/[. ]+$/, "").trim();
  return name === "" || DEVICE.test(name) ? `run-${name}` : name;
}
