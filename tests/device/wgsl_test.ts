import { assert, assertEquals, assertThrows } from "@std/assert";
import { encodeParams, parseShader, specialise } from "../../lib/device/webgpu/wgsl.ts";
import { kernelSources } from "../../lib/device/webgpu/kernel_sources.ts";

const source = `
// struct Params { commented: u32 }
override SIZE: u32 = 8u;
override FLAG: bool = false;
override FACTOR: f32 = 1.5;
struct Params {
  rows: u32, // first
  scale: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
`;

Deno.test("parseShader() finds parameters and bindings", () => {
  assertEquals(parseShader(source), {
    params: [{ name: "rows", type: "u32" }, { name: "scale", type: "f32" }],
    bindings: [{ name: "y", index: 2, writable: true }, { name: "x", index: 1, writable: false }],
  });
});

Deno.test("specialise() turns overrides into constants", () => {
  const code = specialise(source, { SIZE: 12, FLAG: true });
  assert(code.includes("const SIZE: u32 = 12u;"));
  assert(code.includes("const FLAG: bool = true;"));
  assert(code.includes("const FACTOR: f32 = 1.5;"));
  assertThrows(() => specialise(source, { SIZES: 1 }), TypeError, "declares no override SIZES");
});

Deno.test("encodeParams() writes fields in order and misses none", () => {
  const { params } = parseShader(source);
  const bytes = new DataView(encodeParams(params, { scale: 0.5, rows: 7 }).buffer);
  assertEquals([bytes.getUint32(0, true), bytes.getFloat32(4, true)], [7, 0.5]);
  assertThrows(() => encodeParams(params, { rows: 7 }), TypeError, 'Missing kernel parameter "scale"');
  assertThrows(
    () => encodeParams(params, { rows: 7, scale: 1, extra: 1 }),
    TypeError,
    'Unknown kernel parameter "extra"',
  );
});

Deno.test("kernelSources have a uniform, storage and an entry point each, and fit WebGPU's default limits", () => {
  for (const [name, { source }] of Object.entries(kernelSources)) {
    const { params, bindings } = parseShader(source);
    assert(source.includes("fn main("), name);
    assert(bindings.length >= 1 && bindings.length <= 8, `${name} has ${bindings.length} storage bindings`);
    assertEquals(new Set(bindings.map(({ index }) => index)).size, bindings.length, name);
    if (params.length > 0) assert(source.includes("var<uniform> params: Params"), name);
  }
});
