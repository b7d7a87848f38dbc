/**
 * Runs that a command is given by name.
 *
 * @module
 */

import { isFolder, trimmed } from "../files/paths.ts";
import { quoted } from "../sentences/safe_text.ts";
import { checkModelPath } from "./model_path.ts";

type RunAction = "watch" | "report on" | "read the metrics of" | "compare";

/**
 * Checks that a path is one run, and no folder of runs.
 *
 * @throws {RangeError} that says what it is, and which runs there are.
 */
export async function checkRun(path: string, action: RunAction): Promise<void> {
  const { runFolders } = await import("../page/run_set.ts");
  const [found] = await runFolders([path]);
  if (found === trimmed(path)) return;
  await checkModelPath(path, action);
  throw new RangeError(`Cannot ${action} ${quoted(path)}: it is no run`);
}

/**
 * Checks that there are runs at paths; `mayBegin`: a folder is enough, for runs may be begun in it.
 *
 * @throws {RangeError} that says at which there are none.
 */
export async function checkRuns(
  paths: readonly string[],
  action: RunAction,
  { mayBegin = false } = {},
): Promise<void> {
  const { runFolders } = await import("../page/run_set.ts");
  for (const path of paths) {
    if ((await runFolders([path])).length > 0) continue;
    if (!await isFolder(path.replace(/[\\/]\*$/, ""))) {
      await checkModelPath(path, action);
      throw new RangeError(`Cannot ${action} ${quoted(path)}: it is no run`);
    }
    if (!mayBegin) throw new RangeError(`Cannot ${action} ${quoted(path)}: there is no run in it`);
  }
}
