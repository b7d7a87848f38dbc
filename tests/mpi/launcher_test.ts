import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { begunWithin, joinLaunch, LaunchError, openedFor } from "../../lib/cli/rank_team.ts";
import { launchers, launchOf } from "../../lib/mpi/launcher.ts";
import { libraryNames, type MpiLibrary } from "../../lib/mpi/library.ts";

const launch = (variables: Record<string, string>) => launchOf((name) => variables[name]);

Deno.test("launchOf() finds no launch where there is none, or only one process", () => {
  assertEquals(launch({}), undefined);
  assertEquals(launch({ OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "1" }), undefined);
  // a job's script that runs without srun is one process, however many tasks the job has
  assertEquals(launch({ SLURM_NTASKS: "4", SLURM_PROCID: "0" }), undefined);
  for (const [rank, size] of [["x", "2"], ["2", "2"], ["", "2"], ["0", ""], ["-1", "2"]] as const) {
    assertEquals(launch({ PMI_RANK: rank, PMI_SIZE: size }), undefined);
  }
});

Deno.test("launchOf() knows launchers by their variables, and which MPI belongs to them", () => {
  const cases: readonly [Record<string, string>, Record<string, unknown>][] = [
    [
      {
        OMPI_COMM_WORLD_RANK: "2",
        OMPI_COMM_WORLD_SIZE: "4",
        OMPI_COMM_WORLD_LOCAL_RANK: "1",
        PMI_RANK: "0",
        PMI_SIZE: "9",
      },
      { rank: 2, size: 4, localRank: 1, hasMpi: true, family: "Open MPI" },
    ],
    [{ PMI_RANK: "1", PMI_SIZE: "2", MPI_LOCALRANKID: "1" }, { rank: 1, localRank: 1, hasMpi: true, family: "MPICH" }],
    [{ SLURM_PROCID: "3", SLURM_STEP_NUM_TASKS: "8" }, { rank: 3, size: 8, hasMpi: true, family: undefined }],
    [
      { SLURM_PROCID: "3", SLURM_STEP_NUM_TASKS: "8", PMIX_RANK: "3" },
      { rank: 3, size: 8, hasMpi: true, family: "Open MPI" },
    ],
    [
      { SLURM_PROCID: "3", SLURM_STEP_NUM_TASKS: "8", PMI_FD: "7", PMI_RANK: "3", PMI_SIZE: "8" },
      { rank: 3, size: 8, hasMpi: true, family: "MPICH" },
    ],
    [
      { MV2_COMM_WORLD_RANK: "1", MV2_COMM_WORLD_SIZE: "2", MV2_COMM_WORLD_LOCAL_RANK: "1" },
      { rank: 1, size: 2, localRank: 1, hasMpi: true, family: "MPICH" },
    ],
    [{ RANK: "1", WORLD_SIZE: "2", LOCAL_RANK: "1" }, { rank: 1, size: 2, localRank: 1, hasMpi: false }],
  ];
  for (const [variables, wanted] of cases) {
    const found = launch(variables) as unknown as Record<string, unknown>;
    assertEquals(Object.fromEntries(Object.keys(wanted).map((name) => [name, found[name]])), wanted);
  }
});

/** What each launcher that is known says of two processes. */
const launches = launchers.map((signs) => {
  const of = (rank: number) => ({ [signs.rank]: `${rank}`, [signs.size]: "2", [signs.localRank]: `${rank}` });
  return { ...signs, of: (rank: number) => launch(of(rank))! };
});

for (const { launcher, size, hasMpi, of } of launches) {
  Deno.test(`a process of ${launcher} is known by its number, also where MPI says that it is alone`, async () => {
    for (const rank of [0, 1]) {
      const found = of(rank);
      assertEquals([found.launcher, found.rank, found.size, found.localRank], [launcher, rank, 2, rank]);
      if (!hasMpi) continue;
      // as every library does that another launcher's processes open
      const alone = (name: string) => Promise.resolve({ name, rank: 0, size: 1 } as MpiLibrary);
      const error = await assertRejects(() => openedFor(found, "auto", alone), LaunchError);
      assertMatch(
        error.message,
        new RegExp(
          `^Cannot train as 2 ranks, as ${launcher} started them: ${
            rank === 0 ? "" : "rank 1 on [^ ]+: "
          }${size} is 2, and`,
        ),
      );
      assertStringIncludes(
        error.message,
        "knows of 1: launcher and library belong to different MPIs; --mpi names another",
      );
      assertEquals(error.isSaid, rank === 0);
      const both = (name: string) => Promise.resolve({ name, rank, size: 2 } as MpiLibrary);
      assertEquals((await openedFor(found, "auto", both)).size, 2);
    }
    if (hasMpi) return;
    const { notice, team } = await joinLaunch({
      choice: "auto",
      patience: 1,
      environment: (name) => ({ [size]: "2", RANK: "1" })[name],
    });
    assertEquals(team, undefined);
    assertMatch(notice!, new RegExp(`^${size} says that this is process 1 of 2: .* under mpirun -n 2$`));
  });
}

Deno.test("libraryNames() gives the files of a family, or of all", () => {
  assertEquals(libraryNames("Open MPI", "linux")[0], "libmpi.so.40");
  assertEquals(libraryNames("MPICH", "linux")[0], "libmpich.so.12");
  assertEquals(libraryNames(undefined, "linux").length, 5);
  assertEquals(libraryNames(undefined, "aix"), []);
});

Deno.test("begunWithin() waits for who begins, and says who has waited too long for others", async () => {
  const launch = { rank: 1, size: 3, launcher: "mpirun" };
  assertEquals(await begunWithin(Promise.resolve(7), { launch, patience: 60 }), 7);
  const never = new Promise<never>(() => {});
  const begun = performance.now();
  const error = await assertRejects(() => begunWithin(never, { launch, patience: 0.01, turn: 50 }), LaunchError);
  assert(performance.now() - begun >= 30 + 50 - 1, "its turn comes after that of rank 0");
  assertMatch(
    error.message,
    /^Cannot train as 3 ranks, as mpirun started them: rank 1 has waited 0.03 seconds for the/,
  );
  assertEquals(error.isSaid, true);
});

Deno.test("launchOf() knows how long Open MPI leaves its processes when it is interrupted", () => {
  const own = { OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "2" };
  const option = "--mca odls_base_sigkill_timeout";
  assertEquals(launch(own)!.ending, { option, pause: 1 });
  for (const variable of ["OMPI_MCA_odls_base_sigkill_timeout", "PRTE_MCA_odls_base_sigkill_timeout"]) {
    assertEquals(launch({ ...own, [variable]: "60" })!.ending, { option, pause: 60 });
  }
  assertEquals(launch({ PMI_RANK: "0", PMI_SIZE: "2" })!.ending, undefined);
});
