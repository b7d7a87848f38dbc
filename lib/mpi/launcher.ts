/**
 * Who started this process, and as which of how many: launchers say so in the environment.
 *
 * @module
 */

import type { MpiFamily } from "./library.ts";

/** What a launcher says of this process. */
export interface Launch {
  /** The launcher, for people. */
  readonly launcher: string;
  /** Number of this process. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Number of this process among those of its machine, where that is told. */
  readonly localRank: number | undefined;
  /** Whether its processes can speak by MPI. */
  readonly hasMpi: boolean;
  /** The family of MPI that the launcher belongs to; undefined: any. */
  readonly family: MpiFamily | undefined;
  /** The variable that tells the number of processes. */
  readonly variable: string;
  /** How it ends its processes when it is interrupted itself, where that begins with another signal than SIGTERM. */
  readonly ending: LaunchEnding | undefined;
}

/** How a launcher ends its processes: it has them continue (SIGCONT), then terminates, then kills them, with a pause between. */
export interface LaunchEnding {
  /** Seconds of each of the two pauses. */
  readonly pause: number;
  /** What gives more. */
  readonly option: string;
}

/** A launcher's variables. */
export interface Signs extends Pick<Launch, "launcher" | "hasMpi" | "family"> {
  /** How it ends its processes: the option that its pauses are given by, their variables, and seconds where none is set. */
  readonly ending?: { readonly option: string; readonly variables: readonly string[]; readonly pause: number };
  /** Variable of the number of this process. */
  readonly rank: string;
  /** Variable of the number of processes. */
  readonly size: string;
  /** Variable of its number on its machine. */
  readonly localRank: string;
}

/** Launchers that are known, those first that others start: Slurm starts Open MPI's, whose variables tell more. */
export const launchers: readonly Signs[] = [
  {
    launcher: "Open MPI's mpirun",
    rank: "OMPI_COMM_WORLD_RANK",
    size: "OMPI_COMM_WORLD_SIZE",
    localRank: "OMPI_COMM_WORLD_LOCAL_RANK",
    hasMpi: true,
    family: "Open MPI",
    ending: {
      option: "--mca odls_base_sigkill_timeout",
      // from version 5 on its launcher is PRRTE, with variables of its own
      variables: ["OMPI_MCA_odls_base_sigkill_timeout", "PRTE_MCA_odls_base_sigkill_timeout"],
      pause: 1,
    },
  },
  // of a job step, for SLURM_NTASKS is that of the whole job, also where a script runs without srun
  {
    launcher: "Slurm's srun",
    rank: "SLURM_PROCID",
    size: "SLURM_STEP_NUM_TASKS",
    localRank: "SLURM_LOCALID",
    hasMpi: true,
    family: undefined,
  },
  {
    launcher: "MPICH's mpiexec",
    rank: "PMI_RANK",
    size: "PMI_SIZE",
    localRank: "MPI_LOCALRANKID",
    hasMpi: true,
    family: "MPICH",
  },
  {
    launcher: "MVAPICH's mpirun_rsh",
    rank: "MV2_COMM_WORLD_RANK",
    size: "MV2_COMM_WORLD_SIZE",
    localRank: "MV2_COMM_WORLD_LOCAL_RANK",
    hasMpi: true,
    family: "MPICH",
  },
  {
    launcher: "a launcher without MPI",
    rank: "RANK",
    size: "WORLD_SIZE",
    localRank: "LOCAL_RANK",
    hasMpi: false,
    family: undefined,
  },
];

/** What the environment says of a launcher of several processes; undefined where there is none. */
export function launchOf(environment: (name: string) => string | undefined): Launch | undefined {
  const whole = (name: string) => {
    const value = environment(name);
    return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
  };
  for (const { rank, size, localRank, ending, ...rest } of launchers) {
    const [at, count] = [whole(rank), whole(size)];
    if (at === undefined || count === undefined || at >= count || count < 2) continue;
    const family = rest.hasMpi ? rest.family ?? familyOf(environment) : undefined;
    const given = ending?.variables.map(whole).find((seconds) => seconds !== undefined);
    const pauses = ending && { option: ending.option, pause: given ?? ending.pause };
    return { ...rest, family, rank: at, size: count, localRank: whole(localRank), variable: size, ending: pauses };
  }
  return undefined;
}

/** The MPI that a launcher of any family prepared for. */
function familyOf(environment: (name: string) => string | undefined): MpiFamily | undefined {
  if (environment("PMIX_RANK") !== undefined) return "Open MPI";
  return environment("PMI_FD") === undefined && environment("PMI_RANK") === undefined ? undefined : "MPICH";
}
