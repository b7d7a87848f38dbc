import { assertEquals, assertRejects } from "@std/assert";
import { localRanks } from "../../lib/mpi/local_ranks.ts";
import { OtherRankError, type Ranks, RanksError } from "../../lib/mpi/ranks.ts";

/** Does the same on so many ranks. */
const onAll = <T>(size: number, work: (ranks: Ranks) => Promise<T>): Promise<T[]> =>
  Promise.all(localRanks(size).map(async (ranks) => await work(await ranks)));

Deno.test("ranks tell each other numbers, values and bytes", async () => {
  await onAll(3, async (ranks) => {
    const { rank } = ranks;
    assertEquals(ranks.hosts, ["host0", "host1", "host2"]);
    assertEquals(await ranks.numbers("n", [rank, Math.PI * rank]), [[0, 0], [1, Math.PI], [2, 2 * Math.PI]]);
    const value = { text: "ä".repeat(rank), values: [1 / 3, null] };
    assertEquals(await ranks.gather("v", value), [0, 1, 2].map((rank) => ({ ...value, text: "ä".repeat(rank) })));
    assertEquals(await ranks.gather<unknown>("nothing", undefined), [null, null, null]);
    assertEquals(await ranks.broadcast("b", rank === 0 ? Uint8Array.of(7, 8) : undefined), Uint8Array.of(7, 8));
  });
});

Deno.test("ranks that do different things all say so, and do nothing", async () => {
  const errors = await onAll(
    3,
    async (ranks) => await assertRejects(() => ranks.numbers(ranks.rank === 1 ? "save" : "step", [1]), RanksError),
  );
  assertEquals(errors.map(({ speaker }) => speaker), [0, 0, 0]);
  assertEquals(errors[2]!.message, "Cannot go on: rank 1 on host1 does something else than rank 0 (step)");
});

Deno.test("fail() ends what the others are about to do, and names the ranks that cannot go on", async () => {
  const ends = await onAll(4, async (ranks) => {
    if (ranks.rank % 2 === 1) return await ranks.fail();
    const error = await assertRejects(() => ranks.gather("run", ranks.rank), OtherRankError);
    return [error.speaker];
  });
  assertEquals(ends, [[1], [1, 3], [1], [1, 3]]);
});

Deno.test("traffic counts bytes that go to other ranks", async () => {
  await onAll(2, async (ranks) => {
    const before = ranks.traffic.bytes;
    await ranks.broadcast("b", ranks.rank === 0 ? new Uint8Array(1000) : undefined);
    const heads = 9 * 8;
    assertEquals(ranks.traffic.bytes - before, heads + (ranks.rank === 0 ? 1000 : 0));
  });
  const [alone] = await onAll(1, async (ranks) => {
    await ranks.gather("x", "long".repeat(100));
    return ranks.traffic.bytes;
  });
  assertEquals(alone, 0);
});
