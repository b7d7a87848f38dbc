/**
 * The command `metrics`.
 *
 * @module
 */

import { joined, trimmed } from "../../files/paths.ts";
import { makeFolder } from "../../files/write_files.ts";
import { quoted } from "../../sentences/safe_text.ts";
import { grouped } from "../figures.ts";
import { flag, flagHelp, flagSwitch, type ParsedFlags, parseFlags, UsageError } from "../flags.ts";
import { type RowCount, type RowKind, writeCsv, writeJsonLines } from "../metrics_rows.ts";
import { checkRun } from "../named_runs.ts";
import { checkPermissions, permissionsHelp, readingOf } from "../permissions.ts";
import { program } from "../program.ts";
import { lineWriter, say, sayAside, sayHelp } from "../standard_streams.ts";
import { eventFilesIn, exportEvents } from "../tensorboard.ts";

const csv = flagSwitch("print a table with a heading: a row for each step");
const json = flagSwitch("print lines of JSON: all that metrics.jsonl tells, as docs/metrics.md explains it");
const validation = flagSwitch("with --csv and --json: a row for each validation, and nothing else");
const tensorboard = flag("OUT", "write an event file of TensorBoard into this folder", trimmed);
const groups = { Options: { csv, json, validation, tensorboard } };

const metricsPermissions = {
  "--allow-read=RUN": "the run",
  "--allow-write=OUT": "with --tensorboard: the folder, which is read too",
};

/** Help of the command. */
const metricsHelp = `Gives the metrics of a run to other programs: spreadsheets, scripts, TensorBoard.

Usage: ${program} metrics RUN --csv [--validation]
       ${program} metrics RUN --json [--validation]
       ${program} metrics RUN --tensorboard OUT

Columns are called as in metrics.jsonl; steps that were skipped have no row in --csv. Losses are in nats.

${flagHelp(groups)}

${permissionsHelp(metricsPermissions)}

Examples:
  ${program} metrics runs/modernbert-small-shakespeare --csv > steps.csv
  ${program} metrics runs/modernbert-small-shakespeare --csv --validation > validations.csv
  ${program} metrics runs/modernbert-small-shakespeare --tensorboard logs/shakespeare`;

/** Runs the command; returns the exit code. */
export async function metricsCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(metricsHelp);
    return 0;
  }
  const [given, ...rest] = parsed.positional;
  const ways = [parsed.get(csv), parsed.get(json), parsed.get(tensorboard)].filter((way) => way !== undefined);
  if (given === undefined || rest.length > 0 || ways.length !== 1) {
    throw new UsageError("Usage: metrics RUN with one of --csv, --json and --tensorboard OUT");
  }
  const path = trimmed(given);
  const out = parsed.get(tensorboard);
  if (out !== undefined && parsed.get(validation)) throw new UsageError("Option --validation is for --csv and --json");
  checkPermissions({ ...readingOf([path]), write: out === undefined ? [] : [out] });
  await checkRun(path, "read the metrics of");
  return out === undefined ? await printed(path, parsed) : await exported(path, out);
}

async function printed(path: string, parsed: ParsedFlags): Promise<number> {
  const write = lineWriter();
  const kind: RowKind | undefined = parsed.get(validation) ? "validation" : undefined;
  const count = parsed.get(csv)
    ? await writeCsv(path, { kind: kind ?? "train", write })
    : await writeJsonLines(path, { kind, write });
  write.flush();
  noteCount(path, count, kind ?? "train");
  return 0;
}

function noteCount(path: string, { rows, unreadable }: RowCount, kind: RowKind): void {
  if (rows === 0) sayAside(`note: ${path} has no ${kind === "train" ? "steps" : "validations"} yet`);
  if (unreadable === 0) return;
  sayAside(`note: ${grouped(unreadable)} lines of ${joined(path, "metrics.jsonl")} cannot be read and are left out`);
}

async function exported(path: string, out: string): Promise<number> {
  const [before] = await eventFilesIn(out);
  if (before !== undefined) {
    throw new RangeError(
      `Cannot write event files to ${quoted(out)}: ${before} is there already, and would be drawn together with them`,
    );
  }
  await makeFolder(out, { what: "the event file" });
  say(`the event file is ${await exportEvents(path, out)}; look at it with:\n  tensorboard --logdir ${out}`);
  return 0;
}
