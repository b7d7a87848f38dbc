/**
 * The command `report`.
 *
 * @module
 */

import { trimmed } from "../../files/paths.ts";
import { writeFile } from "../../files/write_files.ts";
import { flag, flagHelp, parseFlags, UsageError } from "../flags.ts";
import { checkRuns } from "../named_runs.ts";
import { checkPermissions, permissionsHelp, readingOf } from "../permissions.ts";
import { program } from "../program.ts";
import { noteDamageAt } from "../run_damage.ts";
import { sayHelp, sayWrapped } from "../standard_streams.ts";

const out = flag("FILE", "where the report goes (default: report.html in the run)", (text) => text);
const groups = { Options: { out } };

const reportPermissions = {
  "--allow-read=RUN": "the run",
  "--allow-write=RUN": "report.html in it; with --out that file instead, which is read too",
};

/** Help of the command. */
const reportHelp = `Writes the page that watch shows as one file, which any browser opens without a network.

Usage: ${program} report RUN... [options]

Several runs are drawn over one another.

${flagHelp(groups)}

${permissionsHelp(reportPermissions)}

Examples:
  ${program} report runs/modernbert-small-shakespeare
  ${program} report runs/a runs/b --out compared.html`;

/** Runs the command; returns the exit code. */
export async function reportCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(reportHelp);
    return 0;
  }
  const paths = parsed.positional.map(trimmed);
  const [run] = paths;
  if (run === undefined) throw new UsageError("Usage: report RUN");
  const file = parsed.get(out);
  if (file === undefined && paths.length > 1) {
    throw new UsageError("Several runs need a place for their report: --out FILE");
  }
  const reading = readingOf(paths);
  checkPermissions({ ...reading, write: [file ?? run] });
  await checkRuns(paths, "report on");
  const { reportOn } = await import("../../page/report.ts");
  const path = file ?? `${run}/report.html`;
  await writeFile(path, await reportOn(paths), { what: "the report" });
  sayWrapped(`the report is in ${path}`);
  await noteDamageAt(paths);
  return 0;
}
