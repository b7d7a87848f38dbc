import { assertEquals, assertMatch } from "@std/assert";
import { UsageError } from "../../lib/cli/flags.ts";
import { difference, type RankPrint } from "../../lib/cli/rank_agreement.ts";
import { advice, sharedCardNote, threadsOf } from "../../lib/cli/rank_team.ts";
import { together } from "../../lib/cli/together.ts";
import { localRanks } from "../../lib/mpi/local_ranks.ts";
import type { Ranks } from "../../lib/mpi/ranks.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

/** How each of so many ranks ends its work: an exit code, or what it says. */
const ends = (size: number, work: (ranks: Ranks) => Promise<number>): Promise<(number | string)[]> =>
  Promise.all(
    localRanks(size).map(async (ready) => {
      const ranks = await ready;
      try {
        return await together({ ranks, close: () => ranks.close() }, () => work(ranks));
      } catch (error) {
        return `${(error as Error).name}: ${(error as Error).message}`;
      }
    }),
  );

Deno.test("together() ends with everyone's exit code where all goes well", async () => {
  assertEquals(await ends(3, async (ranks) => (await ranks.numbers("x", [1])).length), [3, 3, 3]);
});

Deno.test("together() has the rank that fails say so, by its name, and the others end without a word", async () => {
  const found = await ends(3, async (ranks) => {
    if (ranks.rank === 1) throw new RangeError("There is no memory left");
    await ranks.numbers("step", [0]);
    return 0;
  });
  assertEquals(found, [1, "Error: rank 1 on host1: There is no memory left", 1]);
});

Deno.test("together() has the first say what is wrong with all", async () => {
  const found = await ends(3, () => Promise.reject(new UsageError("Unknown option --lrr")));
  assertEquals(found, ["UsageError: Unknown option --lrr", 2, 2]);
});

Deno.test("together() has one say what the ranks find out together", async () => {
  const found = await ends(2, async (ranks) => {
    await ranks.numbers(`${ranks.rank}`, []);
    return 0;
  });
  assertEquals(found, ["RanksError: Cannot go on: rank 1 on host1 does something else than rank 0 (0)", 1]);
});

const print: RankPrint = {
  code: "a",
  text: "b",
  vocabulary: "c",
  settings: { accumulate: 4, pack: "none" },
  device: { kind: "cpu", blas: "off", fusedMultiplyAdd: true },
};

Deno.test("difference() says what a rank has that the first has not", () => {
  assertEquals(difference(print, structuredClone(print)), undefined);
  assertEquals(difference(print, { ...print, code: "x" }), "other code");
  assertEquals(difference(print, { ...print, text: "x" }), "another text");
  assertEquals(difference(print, { ...print, vocabulary: "x" }), "another vocabulary");
  const settings = { ...print.settings, accumulate: 2 };
  assertEquals(difference(print, { ...print, settings }), "other settings (accumulate: 2, not 4)");
  const more = { ...print.settings, syncEvery: 10 };
  assertEquals(difference(print, { ...print, settings: more }), "other settings (syncEvery: 10, not none)");
  const device = { kind: "cpu", blas: "off", fusedMultiplyAdd: false } as const;
  assertEquals(difference(print, { ...print, device }), "a device that computes otherwise");
});

Deno.test("threadsOf() shares the cores of a machine among ranks that may use the same", () => {
  const fact = (host: string, cpus: string | null, cores: number) => ({ host, pid: 1, cpus, cores });
  const shared = [fact("a", "0-15", 16), fact("a", "0-15", 16), fact("a", "0-15", 16), fact("b", "0-15", 16)];
  assertEquals(shared.map((_, rank) => threadsOf(rank, shared)), [5, 5, 5, 16]);
  const bound = [fact("a", "0-3", 4), fact("a", "4-7", 4)];
  assertEquals(bound.map((_, rank) => threadsOf(rank, bound)), [4, 4]);
  const crowded = Array.from({ length: 4 }, () => fact("a", null, 2));
  assertEquals(threadsOf(3, crowded), 1);
});

Deno.test("sharedCardNote() tells of ranks that may have one graphics card between them", () => {
  const card = { kind: "webgpu", software: false, description: "a card" } as const;
  assertEquals(sharedCardNote(["a", "b"], card), undefined);
  assertEquals(sharedCardNote(["a", "a"], { ...card, software: true }), undefined);
  assertEquals(sharedCardNote(["a", "a"], { ...card, kind: "cpu" }), undefined);
  assertMatch(
    sharedCardNote(["a", "b", "b", "b"], card)!,
    /^note: 3 ranks on b compute on a card, on one card unless /,
  );
});

Deno.test("advice() names the checkpoint that a run can go on from", () =>
  inTemporaryFolder(async (path) => {
    assertEquals(await advice(undefined), "");
    assertEquals(await advice(path), "; there is no checkpoint yet");
    await Deno.mkdir(`${path}/checkpoints/step-00000012`, { recursive: true });
    await Deno.writeTextFile(`${path}/checkpoints/step-00000012/training.json`, "{}");
    assertEquals((await advice(path)).split("\n")[0], "; the checkpoint of step 12 is intact; go on from it with:");
  }));
