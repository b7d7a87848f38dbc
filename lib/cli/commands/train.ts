/**
 * The command `train`.
 *
 * @module
 */

import { tokenizerTypes } from "../../tokenizer/tokenizer.ts";
import { flagHelp, type ParsedFlags, parseFlags, UsageError } from "../flags.ts";
import { type JsonEvents, jsonEvents } from "../json_events.ts";
import { launchOf } from "../../mpi/launcher.ts";
import { newRun } from "../new_run.ts";
import { devicePermissions } from "../opened_model.ts";
import { type Dashboard, openDashboard, PAGE_PORT, pageNeeds } from "../page_server.ts";
import { checkPermissions, environment, type Needs, permissionsHelp, readingOf } from "../permissions.ts";
import { program } from "../program.ts";
import { joinLaunch, type Launched, LaunchError, type RankTeam } from "../rank_team.ts";
import { resumedRun } from "../resumed_run.ts";
import { filesOf, sayHelp, untilItFails, writeOutput } from "../standard_streams.ts";
import { noScreen, openTerminal, type Terminal } from "../terminal.ts";
import { together } from "../together.ts";
import { trainFlagGroups, trainFlags as flags } from "../train_flags.ts";
import { trainRun } from "../train_run.ts";

const trainPermissions = {
  "--allow-read=TEXT,runs": "the text and the run; of --init, --tokenizer and --add-tokens their files too",
  "--allow-write=runs": "the run; with --out that folder, with --resume that run's; the file of --trace too",
  "--allow-net=HOST": "text and models at addresses; the default text comes from raw.githubusercontent.com",
  [`--allow-net=127.0.0.1:${PAGE_PORT}`]: "the page of --dashboard, on this machine only",
  ...devicePermissions,
  "--allow-env=HOME,XDG_CACHE_HOME":
    "the cache folder, which keeps what --tune chose, and the default text; otherwise --out keeps that",
  "--allow-env=LC_ALL,LC_CTYPE,LANG": "the locale: whether the plot at the end may use more than ASCII",
  "--allow-ffi --allow-env": "several ranks under an MPI launcher: its variables, and the library of MPI",
  "--allow-sys=hostname": "detects immediately (instead of after a minute) that a run's process has ended",
  "--allow-sys=systemMemoryInfo": "to report before training what does not fit into this machine's memory",
};

/** Help of the command. */
const trainHelp = `Trains a masked language model and keeps it in a run folder.

Usage: ${program} train [options]

${flagHelp(trainFlagGroups)}

${permissionsHelp(trainPermissions)}

Examples:
  ${program} train
  ${program} train --data book.txt --size tiny --tokens 300k
  ${program} train --data 'corpus/*.txt' --curriculum 32:20%,64:20%,128 --minutes 10
  ${program} train --preset labml --epochs 10
  ${program} train --init bert-base-uncased --data law.txt --add-tokens law_words.txt
  ${program} train --resume runs/modernbert-small-shakespeare`;

/** Runs the command; returns the exit code. */
export async function trainCommand(args: readonly string[]): Promise<number> {
  // ranks end together, also where a flag is wrong
  const parsing = parsedOrWrong(args);
  const { parsed } = parsing;
  if (parsed?.help) {
    if (!launchOf(environment)?.rank) sayHelp(trainHelp);
    return 0;
  }
  const { team, notice } = await joinedFor(parsed);
  const trains = () => {
    if ("wrong" in parsing) throw parsing.wrong;
    return trainAs(parsing.parsed, { team, notice });
  };
  return team ? await together(team, trains) : await trains();
}

/** Milliseconds for the first rank to say what is wrong with all; a launcher ends the others then. */
const LAST_WORDS = 1500;

/** Milliseconds between two ranks that say what is wrong with them, and ranks after which all say it at once. */
const [TURN, TURNS] = [100, 30];

/** The launch that this process belongs to. One that cannot take part says why, unless the first does and it is ended meanwhile. */
async function joinedFor(parsed: ParsedFlags | undefined): Promise<Launched> {
  try {
    const [choice, patience] = [parsed?.get(flags.mpi), parsed?.get(flags["rank-timeout"])];
    return await joinLaunch({ choice: choice ?? "auto", patience: patience ?? flags["rank-timeout"].default });
  } catch (error) {
    if (error instanceof LaunchError) endByHydra();
    if (error instanceof LaunchError && !error.isSaid) {
      const turn = TURN * Math.min(TURNS, launchOf(environment)?.rank ?? 0);
      await new Promise((resolve) => setTimeout(resolve, LAST_WORDS + turn));
    }
    throw error;
  }
}

/** MPICH's launcher ends the others for a process that a signal ended, and not for one that leaves before it begins MPI. */
function endByHydra(): void {
  const isAllowed = Deno.permissions.querySync({ name: "run" }).state === "granted";
  if (launchOf(environment)?.family !== "MPICH" || !isAllowed || Deno.build.os === "windows") return;
  // another signal may find the process gone already, with a code in place of it
  globalThis.addEventListener("unload", () => Deno.kill(Deno.pid, "SIGKILL"));
}

function parsedOrWrong(args: readonly string[]): { parsed: ParsedFlags } | { parsed: undefined; wrong: unknown } {
  try {
    return { parsed: parseFlags(trainFlagGroups, args) };
  } catch (wrong) {
    return { parsed: undefined, wrong };
  }
}

/** Trains as one of a team, or alone; returns the exit code. */
async function trainAs(parsed: ParsedFlags, { team, notice }: Launched): Promise<number> {
  if (parsed.positional.length > 0) {
    throw new UsageError(`Unexpected argument "${parsed.positional[0]}"; text to train on is given by --data`);
  }
  const [quiet, isJson] = [parsed.get(flags.quiet) ?? false, parsed.get(flags.json) ?? false];
  if (quiet && isJson) {
    throw new UsageError("Give either --quiet or --json: what --json says to people goes to standard error alone");
  }
  const isMute = (team?.ranks.rank ?? 0) > 0;
  const terminal = isMute
    ? openTerminal({ quiet: true, screen: noScreen })
    : openTerminal({ goesOn: true, quiet, stream: isJson ? "stderr" : "stdout" });
  if (notice !== undefined) terminal.print(`note: ${notice}`);
  if (!team && parsed.given.includes("gradient-precision")) {
    terminal.print("note: --gradient-precision has no effect in one process, which sends no gradients");
  }
  const json = isJson && !isMute
    ? jsonEvents(untilItFails((line) => writeOutput(new TextEncoder().encode(line))))
    : undefined;
  checkPermissions(needsOf(parsed));
  // before anything that takes long: the port may be taken
  const page = isMute ? undefined : await openDashboard(parsed.get(flags.dashboard));
  try {
    const code = await trained(parsed, { terminal, page, json, team });
    json?.ended({ code });
    return code;
  } catch (error) {
    json?.ended({ error });
    throw error;
  } finally {
    await page?.close();
  }
}

/** Makes or resumes a run and trains it; returns the exit code. */
async function trained(
  parsed: ParsedFlags,
  { terminal, page, json, team }: {
    terminal: Terminal;
    page: Dashboard | undefined;
    json: JsonEvents | undefined;
    team: RankTeam | undefined;
  },
): Promise<number> {
  const resumed = parsed.get(flags.resume);
  const site = { terminal, team };
  const run = resumed === undefined ? await newRun(parsed, site) : await resumedRun(parsed, resumed, site);
  if (team) team.path = run.path;
  try {
    page?.show(run.path);
    if (page) terminal.print(`page    ${page.address}`);
    return await trainRun(run, { parsed, terminal, json });
  } finally {
    run.claim.release();
    await run.base?.opened?.weights.close();
    await run.opened.close();
  }
}

/** What a run reads and writes, as far as the flags say it: what a resumed one reads is in its folder. */
function needsOf({ get, all }: ParsedFlags): Needs {
  const resumed = get(flags.resume);
  const port = get(flags.dashboard);
  const page = port === undefined ? [] : pageNeeds(port).net ?? [];
  const trace = [get(flags.trace)].filter((path) => path !== undefined);
  if (resumed !== undefined) return { write: [resumed, ...trace], net: page };
  const kind = get(flags.tokenizer);
  const [validation, isMade] = [get(flags.validation), tokenizerTypes.some((type) => type === kind)];
  const texts = filesOf([...all(flags.data), ...(typeof validation === "string" ? [validation] : [])]);
  const files = [get(flags.init), get(flags["add-tokens"]), isMade ? undefined : kind];
  const reading = readingOf([...texts, ...files]);
  return { ...reading, net: [...reading.net ?? [], ...page], write: [get(flags.out), ...trace] };
}
