// Launchers of MPI that are installed, and the command line under them.
import type { CliResult } from "./run_cli.ts";

/** A launcher: its command for so many ranks, and the library that belongs to it. */
export interface Launcher {
  readonly name: string;
  readonly library: string;
  /** Whether it leaves the others a moment when one of them has ended; else it says itself which. */
  readonly leavesLastWords: boolean;
  readonly command: (size: number) => readonly string[];
}

const openMpi = ["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-q"];

const known: readonly (Launcher & { readonly program: string })[] = [
  {
    name: "Open MPI",
    program: "mpirun.openmpi",
    library: "libmpi.so.40",
    leavesLastWords: true,
    command: (size) => ["mpirun.openmpi", ...openMpi, "-n", String(size)],
  },
  {
    name: "MPICH",
    program: "mpirun.mpich",
    library: "libmpich.so.12",
    leavesLastWords: false,
    command: (size) => ["mpirun.mpich", "-n", String(size)],
  },
];

async function isInstalled(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

/** Launchers, each with whether it is there; CLOZE_REQUIRE_MPI says that all must be. */
export const launchers: readonly (Launcher & { readonly ignore: boolean })[] = await Promise.all(
  known.map(async (launcher) => {
    const isThere = await isInstalled(launcher.program);
    if (!isThere && Deno.env.get("CLOZE_REQUIRE_MPI")) throw new Error(`${launcher.program} is not installed`);
    return { ...launcher, ignore: !isThere };
  }),
);

const root = new URL("../../", import.meta.url);

/** A shell's words for the command line, with arguments that ranks share, and more for one of them. */
export function rankScript(
  args: readonly string[],
  other: { readonly rank: number; readonly args: readonly string[] } | undefined,
): string {
  const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(" ");
  const config = new URL("deno.json", root).pathname;
  const deno = [Deno.execPath(), "run", "-A", "--no-prompt", "--no-check", `--config=${config}`];
  const command = `exec ${quoted([...deno, new URL("cli.ts", root).href])}`;
  const rank = "${OMPI_COMM_WORLD_RANK:-$PMI_RANK}";
  const special = other ? `[ "${rank}" = ${other.rank} ] && ${command} ${quoted(other.args)}\n` : "";
  return `${special}${command} ${quoted(args)}`;
}

/** Starts the command line on so many ranks. */
export function spawnRanks(
  launcher: Launcher,
  args: readonly string[],
  { size, cwd, other, env = {} }: {
    size: number;
    cwd: string;
    other?: { readonly rank: number; readonly args: readonly string[] };
    env?: Record<string, string>;
  },
): Deno.ChildProcess {
  const [program, ...words] = launcher.command(size);
  return new Deno.Command(program!, {
    args: [...words, "bash", "-c", rankScript(args, other)],
    cwd,
    env: { NO_COLOR: "1", XDG_RUNTIME_DIR: "/tmp", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** What a launch printed: Open MPI puts a terminal's line ends and both streams through one. */
export async function ended(child: Deno.ChildProcess): Promise<CliResult> {
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).replaceAll("\r", "");
  return { code, out: text(stdout), err: text(stderr) };
}

/** Sentences in which the program said what is wrong. */
export function errorsIn({ out, err }: CliResult): string[] {
  return `${out}\n${err}`.split("\n").filter((line) => line.startsWith("error: "));
}

/** Processes of ranks that train in a folder, by rank. */
export async function rankProcesses(name: string): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for await (const { name: pid } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      const words = (await Deno.readTextFile(`/proc/${pid}/cmdline`)).split("\0");
      if (!words[0]!.endsWith("deno") || !words.includes(name)) continue;
      const environment = await Deno.readTextFile(`/proc/${pid}/environ`);
      const [, rank] = /(?:^|\0)(?:OMPI_COMM_WORLD_RANK|PMI_RANK)=(\d+)/.exec(environment) ?? [];
      if (rank !== undefined) found.set(Number(rank), Number(pid));
    } catch {
      // it has ended meanwhile
    }
  }
  return found;
}
