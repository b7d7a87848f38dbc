import { assert, assertEquals, assertLess } from "@std/assert";
import { localRanks } from "../../lib/mpi/local_ranks.ts";
import { type Pieces, subtreesOf, sumOverRanks, tilesOf, tileSum } from "../../lib/mpi/tile_sum.ts";
import type { WirePrecision } from "../../lib/mpi/wire_precision.ts";
import { normal } from "../helpers/random.ts";

const SIZES = [37, 3];

/** The pieces of a tile, of magnitudes that make the order of sums matter. */
function tileOf(tile: number): Pieces {
  return SIZES.map((size, piece) => {
    const values = normal(size, { seed: 100 * tile + piece });
    return values.map((value, i) => Math.fround(value * 10 ** (i % 7 - 3)));
  });
}

/** The sum as the tree over all tiles says, written down on its own: the left half is the largest power of two. */
function expected(first: number, end: number): number[] {
  if (end - first === 1) return tileOf(first).flatMap((piece) => [...piece]);
  let half = 1;
  while (2 * half < end - first) half *= 2;
  const [left, right] = [expected(first, first + half), expected(first + half, end)];
  return left.map((value, i) => Math.fround(value + right[i]!));
}

/** What each of so many ranks has in the end. */
function sums(size: number, tiles: number, precision: WirePrecision = "f32"): Promise<number[][]> {
  return Promise.all(
    localRanks(size).map(async (ready) => {
      const ranks = await ready;
      const { first, end } = tilesOf(ranks.rank, { tiles, size });
      const sum = tileSum(first);
      for (let tile = first; tile < end; tile++) sum.add(tileOf(tile));
      const result = await sumOverRanks(ranks, sum.nodes, { what: "test", tiles, precision });
      return result.flatMap((piece) => [...piece]);
    }),
  );
}

Deno.test("tilesOf() gives every tile to one rank, and no rank two more than another", () => {
  for (const [tiles, size] of [[4, 4], [5, 3], [8, 3], [7, 2], [64, 5]] as const) {
    const ranges = Array.from({ length: size }, (_, rank) => tilesOf(rank, { tiles, size }));
    assertEquals(ranges.flatMap(({ first, end }) => Array.from({ length: end - first }, (_, i) => first + i)), [
      ...Array(tiles).keys(),
    ]);
    const counts = ranges.map(({ first, end }) => end - first);
    assertLess(Math.max(...counts) - Math.min(...counts), 2);
  }
});

Deno.test("subtreesOf() gives stretches of powers of two at multiples of their lengths", () => {
  assertEquals(subtreesOf({ first: 0, end: 8 }), [{ first: 0, end: 8 }]);
  assertEquals(subtreesOf({ first: 2, end: 5 }), [{ first: 2, end: 4 }, { first: 4, end: 5 }]);
  assertEquals(subtreesOf({ first: 5, end: 8 }), [{ first: 5, end: 6 }, { first: 6, end: 8 }]);
});

Deno.test("sumOverRanks() gives every rank the same sum to the bit, for any number of ranks and tiles", async () => {
  for (const tiles of [1, 2, 3, 4, 5, 6, 8, 11]) {
    const right = expected(0, tiles);
    for (const size of [1, 2, 3, 4, 5].filter((size) => size <= tiles)) {
      for (const sum of await sums(size, tiles)) assertEquals([tiles, size, sum], [tiles, size, right]);
    }
  }
});

// relative to the largest number of a segment where there is a scale for all of it
for (const [precision, rounding] of [["bf16", 2 ** -8], ["f16", 2 ** -11]] as const) {
  Deno.test(`sumOverRanks() in ${precision} gives all ranks the same numbers, rounded by a few of its units`, async () => {
    const right = expected(0, 6);
    const sizes = Array.from(
      right,
      (_, i) =>
        Math.max(...Array.from({ length: 6 }, (_, t) => Math.abs(tileOf(t).flatMap((piece) => [...piece])[i]!))),
    );
    for (const size of [2, 3]) {
      const [one, ...others] = await sums(size, 6, precision);
      for (const other of others) assertEquals(other, one);
      assert(one!.some((value, i) => value !== right[i]));
      // each number is rounded on its way there, and its sum on its way back
      for (const [i, value] of one!.entries()) {
        assertLess(Math.abs(value - right[i]!), 8 * rounding * sizes[i]! + 1e-7 * Math.max(...sizes), `${i}`);
      }
    }
  });
}

Deno.test("sumOverRanks() carries what is not finite to all ranks, in every format", async () => {
  for (const precision of ["f32", "bf16", "f16"] as const) {
    for (const bad of [NaN, Infinity, -Infinity]) {
      const all = await Promise.all(
        localRanks(2).map(async (ready) => {
          const ranks = await ready;
          const sum = tileSum(ranks.rank);
          sum.add([Float32Array.of(1, ranks.rank === 0 ? bad : 1, 2 ** -30)]);
          const [piece] = await sumOverRanks(ranks, sum.nodes, { what: "test", tiles: 2, precision });
          return [...piece!];
        }),
      );
      for (const values of all) assertEquals([precision, values[1]], [precision, bad]);
    }
  }
});
