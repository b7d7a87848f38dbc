import { assert, assertEquals } from "@std/assert";
import { roundedCount, roundedLength, takeBatch, type Waiting } from "../../lib/serve/batches.ts";
import type { Task } from "../../lib/serve/work.ts";

const limits = { tokens: 64, rows: 1000, longest: 512 };

const waiting = (name: string, lengths: readonly number[], task: Task = "fill") => ({
  name,
  task,
  windows: lengths.map((length) => ({ ids: new Uint32Array(length), positions: [0] })),
  left: [...lengths.keys()].sort((a, b) => lengths[b]! - lengths[a]!),
});

const taken = ({ members }: { members: readonly { job: Waiting; window: number }[] }) =>
  members.map(({ job, window }) => [(job as ReturnType<typeof waiting>).name, window]);

Deno.test("roundedLength() holds every length, in few steps, and stays within the longest", () => {
  for (let length = 0; length <= 500; length++) {
    const rounded = roundedLength(length, 500);
    assert(rounded >= Math.max(1, length) && rounded <= 500, `${length} → ${rounded}`);
    assert(rounded <= Math.max(8, length + Math.max(7, length / 4)), `${length} → ${rounded}`);
  }
  const all = new Set(Array.from({ length: 500 }, (_, length) => roundedLength(length, 500)));
  assertEquals(all.size, 8 + 4 * 3);
});

Deno.test("roundedCount() gives powers of two and one and a half of them", () => {
  const counts = [1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 17, 24, 25];
  assertEquals(counts.map(roundedCount), [1, 2, 3, 4, 6, 6, 8, 8, 12, 12, 16, 24, 24, 32]);
});

Deno.test("takeBatch() takes similar lengths of one task from all who wait, within its tokens", () => {
  const queue = [waiting("a", [16]), waiting("b", [16, 4, 9]), waiting("c", [16], "embed"), waiting("d", [12, 12])];
  const batch = takeBatch(queue, limits);
  assertEquals([batch.task, batch.length], ["fill", 16]);
  assertEquals(taken(batch), [["a", 0], ["b", 0], ["b", 2], ["b", 1]]);
  assertEquals(queue.map(({ left }) => left.length), [0, 0, 1, 2]);
  const long = takeBatch([waiting("a", [32]), waiting("b", [8, 17])], limits);
  assertEquals([long.length, taken(long)], [32, [["a", 0], ["b", 1]]]);
  // whoever is first goes with longer ones, but with none that is far longer
  const first = takeBatch([waiting("a", [10]), waiting("b", [40, 28]), waiting("c", [30, 12])], {
    ...limits,
    tokens: 128,
  });
  assertEquals([first.length, taken(first)], [32, [["a", 0], ["b", 1], ["c", 0], ["c", 1]]]);
});

Deno.test("takeBatch() takes a sequence alone that is larger than a batch, and one after the other for 1 token", () => {
  const [a, b] = [waiting("a", [200, 100]), waiting("b", [200])];
  assertEquals(taken(takeBatch([a, b], limits)), [["a", 0]]);
  const alone = { ...limits, tokens: 1 };
  assertEquals(taken(takeBatch([waiting("a", [8, 8])], alone)), [["a", 0]]);
  const few = { ...limits, rows: 2 };
  assertEquals(taken(takeBatch([waiting("a", [8, 8, 8])], few)), [["a", 0], ["a", 1]]);
});
