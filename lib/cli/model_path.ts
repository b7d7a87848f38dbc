/**
 * What a path to a model means where it means none: the runs that there are, and what was likely wanted.
 *
 * @module
 */

import { baseName, exists, joined, parentOf } from "../files/paths.ts";
import { nearest } from "./suggestions.ts";

/** Names that are listed at most. */
const LISTED = 8;

/**
 * Checks that a path may be a model's, before anything in it is opened.
 *
 * @throws {RangeError} that says what is there instead, and what would be right.
 */
export async function checkModelPath(
  path: string,
  action: "use" | "resume" | "read a tokenizer from" | "watch" | "report on" | "read the metrics of" | "compare" =
    "use",
): Promise<void> {
  const fail = (what: string) => new RangeError(`Cannot ${action} "${path}": ${what}`);
  const isModel = action === "use" || action === "read a tokenizer from";
  const info = await Deno.stat(path).catch(() => undefined);
  if (info?.isFile && !isModel) throw fail("it is a file; wanted the folder of a run");
  if (info) {
    const runs = await runsIn(path);
    if (runs.length > 0) throw fail(`it is a folder of runs; there ${listed(runs.map((name) => joined(path, name)))}`);
    return;
  }
  if (isModel && (path.includes("[MASK]") || path.trim().includes(" "))) {
    throw fail("there is no such folder; the model comes first, the text behind it");
  }
  const parent = parentOf(path);
  const runs = await runsIn(parent);
  if (runs.length > 0) {
    const near = nearest(baseName(path), runs);
    const meant = near === undefined ? "" : `; did you mean "${joined(parent, near)}"?`;
    throw fail(`there is no such run; there ${listed(runs.map((name) => joined(parent, name)))}${meant}`);
  }
  if (/^(\.\/)?runs([\\/]|$)/.test(path)) throw fail("there are no runs yet: train makes one");
  // a name as model hubs have it: one word, or two with a slash between
  if (isModel && /^[\w.-]*\w[\w.-]*(\/[\w.-]+)?$/.test(path) && (parent === "." || !await exists(parent))) {
    const files = action === "use" ? "config.json, model.safetensors and the tokenizer's files" : "tokenizer.json";
    const where = action === "use" ? "its path or its http address" : "its path";
    throw fail(
      `there is no such folder, and models are not downloaded by their names; put ${files} of the model into a ` +
        `folder, and give ${where}`,
    );
  }
  throw fail("there is no such folder");
}

/** Names of the runs in a folder, newest first. */
async function runsIn(folder: string): Promise<string[]> {
  const found: { name: string; time: number }[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (!isDirectory || !await exists(joined(folder, `${name}/checkpoints`))) continue;
      const { mtime } = await Deno.stat(joined(folder, name));
      found.push({ name, time: mtime?.getTime() ?? 0 });
    }
  } catch {
    // what cannot be read holds no runs that could be named
  }
  return found.sort((a, b) => b.time - a.time || (a.name < b.name ? -1 : 1)).map(({ name }) => name);
}

function listed(paths: readonly string[]): string {
  const some = paths.slice(0, LISTED).join(", ");
  const more = paths.length > LISTED ? ` and ${paths.length - LISTED} more` : "";
  return paths.length === 1 ? `is ${some}` : `are ${some}${more}`;
}
