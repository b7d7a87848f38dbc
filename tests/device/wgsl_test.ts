import { assert, assertEquals, assertThrows } from "@std/assert";
import { encodeParams, parseShader, specialise } from "../../lib/device/webgpu/wgsl.ts";
import { bareVariablesInLoops } from "../helpers/wgsl_loops.ts";
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
const DEPTH = 3u;
var<workgroup> sums: array<vec3f, SIZE>; // 8 of 16 bytes
var<workgroup> tile: array<f32, DEPTH * SIZE>;
var<workgroup> flag: u32;
@compute @workgroup_size(SIZE, 2u)
fn main() {}
`;

Deno.test("parseShader() finds parameters and bindings", () => {
  assertEquals(parseShader(source), {
    params: [{ name: "rows", type: "u32" }, { name: "scale", type: "f32" }],
    bindings: [{ name: "y", index: 2, writable: true }, { name: "x", index: 1, writable: false }],
    workgroupSize: [8, 2, 1],
    workgroupBytes: 8 * 16 + 3 * 8 * 4 + 16,
  });
});

Deno.test("parseShader() reads what a workgroup needs after specialising, and only what it understands", () => {
  const { workgroupSize, workgroupBytes } = parseShader(specialise(source, { SIZE: 5 }));
  assertEquals([workgroupSize, workgroupBytes], [[5, 2, 1], 5 * 16 + 64 + 16]);
  const bytes = (type: string) => parseShader(`var<workgroup> x: ${type};`).workgroupBytes;
  assertEquals(["f32", "vec2f", "vec3<u32>", "vec4i", "mat2x4f", "mat4x4<f32>"].map(bytes), [16, 16, 16, 16, 32, 64]);
  assertEquals(bytes("array<array<vec2f, 3>, 4>"), 96);
  assertThrows(() => bytes("array<f32, SIZE + 1>"), SyntaxError, 'how much "SIZE + 1" is');
  assertThrows(() => bytes("Place"), SyntaxError, 'how large "Place" is');
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

Deno.test("kernelSources have a uniform, storage and an entry point each", () => {
  for (const [name, { source }] of Object.entries(kernelSources)) {
    const { params, bindings } = parseShader(source);
    assert(source.includes("fn main("), name);
    assert(bindings.length >= 1, name);
    assertEquals(new Set(bindings.map(({ index }) => index)).size, bindings.length, name);
    if (params.length > 0) assert(source.includes("var<uniform> params: Params"), name);
  }
});

Deno.test("kernelSources cover as many items as their workgroups have invocations, rows or outputs for", () => {
  const items = (name: string, constants = {}) => kernelSources[name]!.items(constants);
  assertEquals(items("add"), [64, 1, 1]);
  assertEquals(items("layer_norm", { LANES: 32 }), [2, 1, 1]);
  assertEquals(items("square_sum"), [1, 1, 1]);
  assertEquals(items("reduce_partials", { LANES: 4 }), [16, 1, 1]);
  assertEquals([items("matmul_direct"), items("matmul_tiled", { ROWS: 2, COLUMNS: 1 })], [[64, 64, 1], [64, 128, 1]]);
});

Deno.test("kernelSources name the files that they are put together from", async () => {
  for (const [name, { source, files }] of Object.entries(kernelSources)) {
    const texts = files.map(({ name }) => Deno.readTextFile(new URL(`../../kernels/${name}`, import.meta.url)));
    assertEquals((await Promise.all(texts)).join("\n"), source, name);
  }
});

Deno.test("bareVariablesInLoops() finds variables of any loop that begin without a value", () => {
  const names = (body: string) =>
    bareVariablesInLoops(`var<workgroup> w: f32;\nfn f() {\n${body}\n}`).map(({ name, line }) => `${name} ${line}`);
  assertEquals(names("for (var i = 0u; i < 4u; i++) {\n  var sum: vec4f;\n}"), ["sum 4"]);
  assertEquals(names("loop { var a: u32; continuing { var b: array<f32, 4>; } }"), ["a 3", "b 3"]);
  assertEquals(names("while (go) { if (x) { var a: u32; } else { switch y { default { var b: f32; } } } }"), [
    "a 3",
    "b 3",
  ]);
  // the head of a loop is run once, of a loop inside a loop each time
  assertEquals(names("for (var i: u32; i < 4u; i++) { }"), []);
  assertEquals(names("loop { for (var i: u32; i < 4u; i++) { } }"), ["i 3"]);
});

Deno.test("bareVariablesInLoops() passes over values, comments and what is outside of loops", () => {
  const sources = [
    "fn f() { loop { var a: vec4f = vec4f(); var b = 1u; let c = 2u; } var d: f32; }",
    "fn f() { for (var i = 0u; i < 4u; i++) { } var a: f32; if (x) { var b: f32; } }",
    "fn f() { loop { /* var a: f32; /* var b: f32; */ var c: f32; */ } }",
    "fn f() { loop { // var a: f32;\n } }",
    "// loop {\nfn f() { var a: f32; }",
    "fn f() { loop { } }\nfn g() { var a: f32; }",
    "fn f() { let looped = 1; { var variable: f32; } }",
  ];
  assertEquals(sources.map(bareVariablesInLoops), sources.map(() => []));
});

Deno.test("kernels give every variable inside a loop a value", async () => {
  const folder = new URL("../../kernels/", import.meta.url);
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".wgsl"));
  assert(names.length > 30);
  for (const name of names) {
    assertEquals(bareVariablesInLoops(await Deno.readTextFile(new URL(name, folder))), [], name);
  }
});
