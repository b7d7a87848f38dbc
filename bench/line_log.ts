/**
 * Logs of a bench: a line of JSON for each result, so that a later sitting goes on.
 *
 * @module
 */

/**
 * The lines of a log; none where there is no file yet. A last line that was cut off is passed over.
 *
 * @param what Whose log it is, for the error.
 * @throws {SyntaxError} with the line's number, if another one cannot be read.
 */
export async function readLines<Line>(path: string | URL, what: string): Promise<Line[]> {
  const text = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
  const lines = text.split("\n");
  return lines.flatMap((line, i) => {
    if (line.trim() === "") return [];
    try {
      return [JSON.parse(line) as Line];
    } catch {
      if (i === lines.length - 1) return [];
      throw new SyntaxError(`Cannot read line ${i + 1} of ${what}'s log: it is no JSON; remove it`);
    }
  });
}

/** Adds a line to a log, on a line of its own even where the last was cut off. */
export async function addLine(path: string | URL, line: unknown): Promise<void> {
  const before = await Deno.readTextFile(path).catch(() => "");
  const gap = before === "" || before.endsWith("\n") ? "" : "\n";
  await Deno.writeTextFile(path, `${gap}${JSON.stringify(line)}\n`, { append: true });
}
