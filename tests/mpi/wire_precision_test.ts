import { assert, assertEquals, assertLess } from "@std/assert";
import { codecOf, type WirePrecision } from "../../lib/mpi/wire_precision.ts";
import { normal } from "../helpers/random.ts";

function carried(values: Float32Array, precision: WirePrecision, floats = values.length): Float32Array {
  const codec = codecOf(precision, floats);
  const bytes = new Uint8Array(codec.bytes + 8);
  codec.encode(values, bytes, 4);
  return codec.decode(bytes, 4);
}

Deno.test("codecOf() carries f32 as it is, and fewer numbers than there is room for with zeros behind them", () => {
  const values = normal(11, { seed: 1 });
  assertEquals(carried(values, "f32"), values);
  assertEquals(codecOf("f32", 11).bytes, 44);
  for (const precision of ["f32", "bf16", "f16"] as const) {
    assertEquals([...carried(values, precision, 13).subarray(11)], [0, 0]);
    assertEquals(codecOf(precision, 13).bytes % 4, 0);
  }
  assertLess(codecOf("bf16", 1000).bytes, 0.51 * codecOf("f32", 1000).bytes);
});

Deno.test("codecOf() rounds to bf16 to the nearest, ties to even", () => {
  // 1 + k/256: bf16 has steps of 1/128 there
  const values = Float32Array.of(1 + 1 / 256, 1 + 3 / 256, 1 + 1.01 / 256, -(1 + 1 / 256), 3.4e38, 1e-40, -0);
  const right = [1, 1 + 2 / 128, 1 + 1 / 128, -1];
  const found = carried(values, "bf16");
  assertEquals([...found.subarray(0, 4)], right);
  assert(found[4] === Infinity || Math.abs(found[4]! / 3.4e38 - 1) < 2 ** -8);
  assertLess(Math.abs(found[5]! - 1e-40), 1e-40);
  assert(Object.is(found[6], -0));
});

for (const [precision, rounding] of [["bf16", 2 ** -8], ["f16", 2 ** -11]] as const) {
  Deno.test(`codecOf() carries ${precision} with its relative error, at any magnitude`, () => {
    for (const scale of [1e-30, 1e-8, 1, 1e20]) {
      const values = normal(257, { seed: 3, scale }).map((value) => Math.abs(value) < scale / 50 ? scale : value);
      const found = carried(values, precision);
      for (const [i, value] of values.entries()) assertLess(Math.abs(found[i]! / value - 1), rounding, `${value}`);
    }
    assertEquals(carried(new Float32Array(4), precision), new Float32Array(4));
    assertEquals([...carried(Float32Array.of(NaN, Infinity, -Infinity, 1), precision)], [NaN, Infinity, -Infinity, 1]);
  });
}
