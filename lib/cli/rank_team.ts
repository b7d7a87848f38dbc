/**
 * The processes of a launch: who they are, what they must agree on before they train, and what is said when one is lost.
 *
 * @module
 */

import { type Launch, type LaunchEnding, launchOf } from "../mpi/launcher.ts";
import { libraryNames, type MpiLibrary, openLibrary } from "../mpi/library.ts";
import { type LostRank, mpiWire } from "../mpi/mpi_wire.ts";
import type { Device } from "../device/device.ts";
import { rankName, type Ranks, ranksOn } from "../mpi/ranks.ts";
import type { RankProcess } from "../mpi/watch.ts";
import { environment as ownEnvironment, mayRead } from "./permissions.ts";
import { hostName } from "../files/lock_signs.ts";
import { resumeCommand } from "./resume_command.ts";
import { sayAside } from "./standard_streams.ts";
import { checkpointSteps } from "../files/checkpoint_folder.ts";

/** The ranks of a launch, and what one of them needs to know of the others. */
export interface RankTeam {
  /** The ranks. */
  readonly ranks: Ranks;
  /** Threads for this one, so that those of a machine share its cores. */
  readonly threads: number;
  /** For people: who trains. */
  readonly description: string;
  /** How the launcher ends its processes when it is interrupted, where they hear of it before they are told to end. */
  readonly ending: LaunchEnding | undefined;
  /** Whether all ranks are there as far as is known: a launcher ends those that are left as it does at Ctrl-C. */
  isWhole(): Promise<boolean>;
  /** Where the run is kept, once that is known, for what is said at the end. */
  path: string | undefined;
  /** Ends, with the others. */
  close(): Promise<void>;
}

/** What there is of a launch: a team, or a note why there is none. */
export interface Launched {
  /** The team; undefined: this process trains alone. */
  readonly team: RankTeam | undefined;
  /** What the user should know. */
  readonly notice: string | undefined;
}

/** A process that belongs to a launch and cannot take part. */
export class LaunchError extends RangeError {
  /** Name of the class. */
  override name = "LaunchError";
  /** Whether this process is to say it at once; others wait until all that fail alike would be ended. */
  readonly isSaid: boolean;

  /** A message, and whether it is this process's to say at once. */
  constructor(message: string, isSaid: boolean) {
    super(message);
    this.isSaid = isSaid;
  }
}

/** Milliseconds in which others see who says what is wrong. */
const LAST_WORDS = 600;

/** Milliseconds in which a rank of another machine hears that one is gone. */
const WORD_GETS_ROUND = 400;

/** What each rank tells of itself. */
interface RankFacts extends RankProcess {
  /** Cores that it may use. */
  readonly cores: number;
  /** Which those are, where that is known. */
  readonly cpus: string | null;
}

/**
 * Joins the launch that this process belongs to, if there is one; without one nothing is loaded.
 *
 * @param options.choice "auto", "off", or the MPI library's file.
 * @param options.patience Seconds that a rank may be silent.
 * @param options.environment Where launchers tell of themselves. Default: this process's.
 * @throws {LaunchError} if it cannot take part.
 */
export async function joinLaunch({ choice, patience, environment = ownEnvironment }: {
  choice: string;
  patience: number;
  environment?: (name: string) => string | undefined;
}): Promise<Launched> {
  const launch = choice === "off" ? undefined : launchOf(environment);
  if (!launch) return { team: undefined, notice: undefined };
  if (!launch.hasMpi) return { team: undefined, notice: aloneNotice(launch) };
  const mpi = await begunWithin(openedFor(launch, choice), { launch, patience });
  const wire = mpiWire(mpi, { patience: 1000 * patience });
  const ranks = await ranksOn(wire, mpi.host);
  const facts = await ranks.gather<RankFacts>("ranks", {
    host: mpi.host,
    pid: Deno.pid,
    cores: navigator.hardwareConcurrency,
    cpus: allowedCpus(),
  });
  const look = () => void wire.look();
  let isLost = false;
  const team: RankTeam = {
    ranks,
    threads: threadsOf(ranks.rank, facts),
    description: describe(ranks, mpi, launch),
    ending: launch.ending,
    async isWhole() {
      if (isLost || wire.look()) return false;
      await new Promise((resolve) => setTimeout(resolve, WORD_GETS_ROUND));
      return !isLost && !wire.look();
    },
    path: undefined,
    async close() {
      if (Deno.build.os !== "windows") Deno.removeSignalListener("SIGTERM", look);
      await ranks.close();
    },
  };
  // how launchers end the others when one has ended
  if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", look);
  wire.watch(facts, (lost) => {
    isLost = true;
    void endWith(lost, { team, facts, patience });
  });
  return { team, notice: undefined };
}

/** How many times as long as a rank may be silent the others may take to begin: programs start cold. */
const START = 3;

/** Milliseconds that a timer can wait. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** Milliseconds between two ranks, in whose turn each says that others are missing. */
const TURN = 1500;

/**
 * What begins, unless that takes too long. Any rank may be the one that is missing, so each says it in its turn; launchers end the
 * others when one has ended.
 *
 * @throws {LaunchError} if it takes longer than {@linkcode START} times `patience`, in seconds.
 */
export async function begunWithin<T>(
  begun: Promise<T>,
  { launch: { rank, size, launcher }, patience, turn = TURN }: {
    launch: Pick<Launch, "rank" | "size" | "launcher">;
    patience: number;
    turn?: number;
  },
): Promise<T> {
  const seconds = Number((START * patience).toPrecision(3));
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const what =
      `rank ${rank} has waited ${seconds} seconds for the others to begin MPI; all must be started with the ` +
      "same --mpi, and where they only begin slowly, --rank-timeout gives them longer";
    late.reject(new LaunchError(`Cannot train as ${size} ranks, as ${launcher} started them: ${what}`, true));
  }, Math.min(1000 * seconds + turn * rank, LONGEST_TIMER));
  try {
    return await Promise.race([begun, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What is said of processes that no MPI connects. */
function aloneNotice({ rank, size, variable }: Launch): string {
  return `${variable} says that this is process ${rank} of ${size}: without an MPI launcher each trains by itself; ` +
    `together they train under mpirun -n ${size}`;
}

/**
 * The library that a launcher's processes speak by. Opened for another MPI's launcher, a library would call every process the
 * first of one, so it is to know of as many as the launcher says.
 *
 * @param open Opens one. Default: {@linkcode openLibrary}.
 * @throws {LaunchError} if there is none, or it belongs to another launcher.
 */
export async function openedFor(
  launch: Launch,
  choice: string,
  open: (name: string) => Promise<MpiLibrary> = openLibrary,
): Promise<MpiLibrary> {
  const { rank, size, launcher, variable } = launch;
  const host = hostName();
  const fail = (what: string) =>
    new LaunchError(
      `Cannot train as ${size} ranks, as ${launcher} started them: ${
        rank === 0 ? "" : `rank ${rank}${host === null ? "" : ` on ${host}`}: `
      }${what}`,
      rank === 0,
    );
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") {
    throw fail("Deno was started without --allow-ffi, which calls MPI");
  }
  const names = choice === "auto" ? libraryNames(launch.family) : [choice];
  let mpi: MpiLibrary | undefined;
  for (const name of names) {
    try {
      mpi = await open(name);
      break;
    } catch (error) {
      if (choice !== "auto") throw fail((error as Error).message);
    }
  }
  const wanted = launch.family ?? "MPI";
  if (!mpi) {
    throw fail(`no library of ${wanted} is here (${names.join(", ")}); install one, or name its file by --mpi`);
  }
  if (mpi.size === size) return mpi;
  throw fail(
    `${variable} is ${size}, and ${mpi.name} knows of ${mpi.size}: launcher and library belong to different MPIs; ` +
      "--mpi names another library",
  );
}

/** Processors that this process may use, as the system spells them. */
function allowedCpus(): string | null {
  const status = "/proc/self/status";
  if (Deno.build.os !== "linux" || !mayRead(status)) return null;
  return /^Cpus_allowed_list:\s*(\S+)$/m.exec(Deno.readTextFileSync(status))?.[1] ?? null;
}

/** Threads of a rank: the cores that it may use, shared with those that may use the same. */
export function threadsOf(rank: number, facts: readonly RankFacts[]): number {
  const { host, cpus, cores } = facts[rank]!;
  const sharing = facts.filter((other) => other.host === host && other.cpus === cpus).length;
  return Math.max(1, Math.floor(cores / sharing));
}

/** What is said where several ranks of a machine compute on a graphics card, which is the same one as far as WebGPU shows. */
export function sharedCardNote(
  hosts: readonly string[],
  { kind, software, description }: Pick<Device, "kind" | "software" | "description">,
): string | undefined {
  if (kind !== "webgpu" || software) return undefined;
  const host = hosts.find((name, i) => hosts.indexOf(name) !== i);
  if (host === undefined) return undefined;
  const ranks = hosts.filter((name) => name === host).length;
  return `note: ${ranks} ranks on ${host} compute on ${description}, on one card unless the launcher shows each a card of ` +
    "its own, as srun --gpus-per-task 1 does: WebGPU cannot choose";
}

function describe({ size, hosts }: Ranks, { name }: MpiLibrary, { launcher }: Launch): string {
  const machines = new Set(hosts).size;
  return `${size} on ${
    machines === 1 ? hosts[0] : `${machines} machines`
  }, started by ${launcher}, connected by ${name}`;
}

/** Says that a rank is lost, and ends all. */
async function endWith(
  { rank, how, isTeller }: LostRank,
  { team, facts, patience }: { team: RankTeam; facts: readonly RankFacts[]; patience: number },
): Promise<void> {
  const name = rankName(team.ranks, rank);
  const what = how === "gone"
    ? `${name} (process ${facts[rank]!.pid}) has ended without a word: it was killed, perhaps for want of memory`
    : `${name} has given no sign of life for ${patience} seconds or more`;
  if (isTeller) sayAside(`error: Cannot go on: ${what}${await advice(team.path)}`);
  // the others are to hear that this one lives, and says it; it ends them, or else each ends by itself
  await new Promise((resolve) => setTimeout(resolve, isTeller ? LAST_WORDS : 3 * LAST_WORDS));
  team.ranks.abort(1);
  Deno.exit(1);
}

/** What there is to go on from. */
export async function advice(path: string | undefined): Promise<string> {
  if (path === undefined) return "";
  const last = (await checkpointSteps(path).catch(() => [])).at(-1);
  return last === undefined
    ? "; there is no checkpoint yet"
    : `; the checkpoint of step ${last} is intact; go on from it with:
  ${resumeCommand(path)}`;
}
