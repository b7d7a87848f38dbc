/**
 * Runs that a command is given by name.
 *
 * @module
 */

import { isFolder } from "../files/paths.ts";
import { quoted } from "../sentences/safe_text.ts";
import { checkModelPath } from "./model_path.ts";

/**
 * Checks that there are runs at paths; `mayBegin`: a folder is enough, for runs may be begun in it.
 *
 * @throws {RangeError} that says at which there are none.
 */
export async function checkRuns(
  paths: readonly string[],
  action: "watch" | "report on",
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
