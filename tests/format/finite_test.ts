import { assert, assertEquals, assertThrows } from "@std/assert";
import { allFinite, checkFinite, countNotFinite } from "../../lib/format/finite.ts";

/** Numbers at the edges of 32 bits: the largest, the smallest, zeros of both signs. */
const edges = [3.4028234663852886e38, -3.4028234663852886e38, 1.4e-45, -1.4e-45, 0, -0, 1.17549435e-38, 1];

Deno.test("allFinite() finds one number that is not, wherever it is, and no other", () => {
  for (let length = 0; length < 40; length++) {
    const values = Float32Array.from({ length }, (_, i) => edges[i % edges.length]!);
    assert(allFinite(values), `${length} finite numbers`);
    for (let at = 0; at < length; at++) {
      for (const wrong of [NaN, Infinity, -Infinity]) {
        assertEquals(allFinite(values.with(at, wrong)), false, `${wrong} at ${at} of ${length}`);
      }
    }
  }
});

Deno.test("allFinite() takes a million of the largest numbers for what they are", () => {
  const values = new Float32Array(1 << 20).fill(edges[0]!);
  assert(allFinite(values));
  // infinities of both signs do not make up for each other
  values.set([Infinity, -Infinity], 1000);
  assertEquals([allFinite(values), countNotFinite(values)], [false, 2]);
});

Deno.test("allFinite() finds numbers that are none with any bits", () => {
  for (const word of [0x7f800001, 0x7fc00000, 0xffffffff, 0xff800001]) {
    const values = new Float32Array(Uint32Array.of(0, word, 0, 0, 0).buffer);
    assertEquals([allFinite(values), countNotFinite(values)], [false, 1]);
  }
});

Deno.test("checkFinite() says which tensor, and how many of how many", () => {
  checkFinite(Float32Array.of(1, 2), { path: "m", name: "x" });
  assertThrows(
    () => checkFinite(Float32Array.of(1, NaN, Infinity), { path: "m", name: "x" }),
    SyntaxError,
    'Cannot use m: tensor "x" holds numbers that are not finite, 2 of 3',
  );
});
