/**
 * The command `runs`.
 *
 * @module
 */

import { exists, isFolder } from "../../files/paths.ts";
import { listed, quoted, safeJson } from "../../sentences/safe_text.ts";
import { flagHelp, parseFlags } from "../flags.ts";
import { json } from "../opened_model.ts";
import { checkPermissions, permissionsHelp, readingOf, seeingOthers } from "../permissions.ts";
import { program } from "../program.ts";
import { noteDamage } from "../run_damage.ts";
import { readRecord } from "../run_record.ts";
import { runJson, runTable } from "../run_table.ts";
import { say, sayAside, sayHelp } from "../standard_streams.ts";
import { openTerminal } from "../terminal.ts";

const groups = { Options: { json } };

/** Help of the command. */
const runsHelp =
  `Lists runs, the newest first: state, best and last validation loss, time of training, corpus, size and budget.

Usage: ${program} runs [FOLDER...] [options]

FOLDER is a folder of runs, or a run (default: runs); the time is without validation and saving. Other folders in it are left out. A run is "running" while a process
trains it, "finished" when its budget is used up, "diverged" when its losses were not usable, and "stopped" when it
was interrupted or killed: then train --resume goes on, where it has a checkpoint. In a narrow terminal the columns that are least needed are left out.

${flagHelp(groups)}

${permissionsHelp({ "--allow-read=FOLDER": "the runs", ...seeingOthers })}

Examples:
  ${program} runs
  ${program} runs runs elsewhere --json`;

/** Runs the command; returns the exit code. */
export async function runsCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(runsHelp);
    return 0;
  }
  const given = parsed.positional;
  const folders = given.length > 0 ? given : ["runs"];
  checkPermissions(readingOf(folders));
  for (const folder of given) {
    if (await isFolder(folder.replace(/[\\/]\*$/, ""))) continue;
    const what = await exists(folder) ? "it is a file" : "there is no such folder";
    throw new RangeError(`Cannot list the runs in ${quoted(folder)}: ${what}`);
  }
  const { runFolders } = await import("../../page/run_set.ts");
  const runs = await Promise.all((await runFolders(folders)).map(readRecord));
  runs.sort((a, b) => b.changed - a.changed || (a.path < b.path ? -1 : 1));
  if (parsed.get(json)) {
    say(safeJson(runs.map(runJson), 2));
    return 0;
  }
  if (runs.length === 0) {
    say(`there are no runs in ${listed(folders)} yet; begin one with:\n  ${program} train`);
    return 0;
  }
  say(runTable(runs, openTerminal().columns));
  noteDamage(runs);
  for (const { path, problems, state, checkpoints } of runs) {
    if (problems.length === 0 && state === "stopped" && checkpoints === 0) {
      sayAside(`note: ${path} ended before its first checkpoint, so it cannot go on: remove it, or begin it anew`);
    }
  }
  return 0;
}
