/**
 * The command `compare`.
 *
 * @module
 */

import { safeJson } from "../../sentences/safe_text.ts";
import { compareRuns, hasLoss } from "../compare_runs.ts";
import { comparisonJson } from "../compare_json.ts";
import { comparisonText } from "../compare_text.ts";
import { incomparable, keyedRecord, shorterValidations } from "../evaluation_key.ts";
import { flagHelp, parseFlags, UsageError } from "../flags.ts";
import { checkRuns } from "../named_runs.ts";
import { json } from "../opened_model.ts";
import { checkPermissions, permissionsHelp, readingOf, seeingOthers } from "../permissions.ts";
import { program } from "../program.ts";
import { noteDamage } from "../run_damage.ts";
import { readRecord } from "../run_record.ts";
import { openTerminal } from "../terminal.ts";
import { say, sayHelp, sayWrapped } from "../standard_streams.ts";

const groups = { Options: { json } };

/** Help of the command. */
const compareHelp =
  `Compares runs: in which settings they differ, and which of them learns better, by their validation losses.

Usage: ${program} compare RUN RUN... [options]

RUNs are runs or folders of runs. Runs that differ in nothing but --seed are one row, with mean and spread over seeds; a difference
counts as clear only where it is more than chance over seeds would give (95 %). Losses between validations are interpolated
linearly; times are those of training, without validation and saving. Runs that validate on other text, with another vocabulary or on
other tokens are not compared, and the reason is given; if one validates on a prefix of the other's text, the result is marked
as approximate.

${flagHelp(groups)}

${permissionsHelp({ "--allow-read=RUNS": "the runs", ...seeingOthers })}

Examples:
  ${program} compare runs/small runs/mini
  ${program} compare runs/seed1 runs/seed2 runs/other-rate --json`;

/** Runs the command; returns the exit code. */
export async function compareCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(compareHelp);
    return 0;
  }
  const given = parsed.positional;
  if (given.length === 0) throw new UsageError("Usage: compare RUN RUN...");
  checkPermissions(readingOf(given));
  await checkRuns(given, "compare");
  const { runFolders } = await import("../../page/run_set.ts");
  const paths = await runFolders(given);
  if (paths.length < 2) {
    const found = given.length > 1 ? `${paths[0]} is given twice` : `${paths[0]} is the only run there`;
    throw new UsageError(`Usage: compare RUN RUN...; ${found}`);
  }
  const runs = await Promise.all(paths.map(readRecord));
  const keyed = await Promise.all(runs.map(keyedRecord));
  const validated = keyed.filter(({ run }) => hasLoss(run));
  const reasons = incomparable(validated);
  const doubts = { reasons, shorter: reasons.length > 0 ? [] : shorterValidations(validated) };
  const comparison = compareRuns(runs, new Map(keyed.map(({ run, key }) => [run, key])));
  if (parsed.get(json)) say(safeJson(comparisonJson(comparison, doubts), 2));
  else sayWrapped(comparisonText(comparison, { ...doubts, width: openTerminal().columns }));
  noteDamage(runs);
  return 0;
}
