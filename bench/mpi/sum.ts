/**
 * Time to add up vectors over ranks, under a launcher:
 *
 * mpirun -n 2 deno run -A --no-check bench/mpi/sum.ts [FORMAT]
 *
 * @module
 */

import { joinLaunch } from "../../lib/cli/rank_team.ts";
import { sumOverRanks } from "../../lib/mpi/tile_sum.ts";
import type { WirePrecision } from "../../lib/mpi/wire_precision.ts";

const precision = (Deno.args[0] ?? "f32") as WirePrecision;
const { team } = await joinLaunch({ choice: "auto", patience: 120 });
if (!team) throw new RangeError("Start this under mpirun");
const { ranks } = team;
const rows = [];
for (const floats of [1 << 8, 1 << 14, 1 << 17, 1 << 20, 1 << 22]) {
  const times: number[] = [];
  const before = ranks.traffic.bytes;
  const repeats = floats > 1 << 18 ? 7 : 20;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await sumOverRanks(ranks, [[new Float32Array(floats).fill(ranks.rank)]], {
      what: "sum",
      tiles: ranks.size,
      precision,
    });
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  const bytes = (ranks.traffic.bytes - before) / repeats;
  rows.push({ ranks: ranks.size, precision, floats, bytes, least: times[0]!, median: times[repeats >> 1]! });
}
if (ranks.rank === 0) { for (const row of rows) console.log(JSON.stringify(row)); }
await team.close();
