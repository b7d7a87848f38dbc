import { assertEquals, assertThrows } from "@std/assert";
import { parseCurriculum } from "../../lib/batch/curriculum.ts";
import { inTiles } from "../../lib/train/tiles.ts";

const settings = { batchTokens: 1024, accumulate: 1, curriculum: parseCurriculum("32:30%,64:30%,128") };

Deno.test("inTiles() gives ranks equally much to do where the windows come out even", () => {
  const tilesFor = (ranks: number, more = {}) => {
    const { batchTokens, accumulate, tiles } = inTiles({ ...settings, ...more }, { ranks });
    return [batchTokens, accumulate, tiles];
  };
  assertEquals(tilesFor(1), [1024, 1, true]);
  assertEquals(tilesFor(2), [512, 2, true]);
  assertEquals(tilesFor(4), [256, 4, true]);
  assertEquals(tilesFor(8), [128, 8, true]);
  // eight windows among three: 3, 3 and 2, rather than 2, 1 and 1 of four
  assertEquals(tilesFor(3), [128, 8, true]);
  assertEquals(tilesFor(2, { accumulate: 4 }), [1024, 4, true]);
  assertEquals(tilesFor(8, { accumulate: 4 }), [512, 8, true]);
});

Deno.test("inTiles() makes as many tiles as are asked for, or a multiple", () => {
  assertEquals(inTiles(settings, { ranks: 1, tiles: 4 }).accumulate, 4);
  assertEquals(inTiles(settings, { ranks: 8, tiles: 4 }).accumulate, 8);
  assertEquals(inTiles({ ...settings, accumulate: 3 }, { ranks: 1, tiles: 2 }).accumulate, 6);
});

Deno.test("inTiles() says how much text a step needs for so many ranks", () => {
  assertThrows(
    () => inTiles(settings, { ranks: 16 }),
    RangeError,
    "Cannot train on 16 ranks: a step has 8 windows of the longest, which do not come out even; --batch-tokens 2048",
  );
  assertEquals(inTiles({ ...settings, batchTokens: 2048 }, { ranks: 16 }).accumulate, 16);
  assertThrows(() => inTiles(settings, { ranks: 1, tiles: 5 }), RangeError, "Cannot divide steps into 5 tiles");
});
