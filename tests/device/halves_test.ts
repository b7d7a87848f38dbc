import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { allocateTensor } from "../../lib/device/device.ts";
import { readInPieces, stageTensors } from "../../lib/device/staged.ts";
import { withHalves } from "../../lib/device/webgpu/halves.ts";
import { kernelSources } from "../../lib/device/webgpu/kernel_sources.ts";
import { requiredLimits } from "../../lib/device/webgpu/limits.ts";
import { findAdapter } from "../../lib/device/webgpu/open_webgpu.ts";
import { codeFor } from "../../lib/device/webgpu/pipelines.ts";
import { parseShader } from "../../lib/device/webgpu/wgsl.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import { halfTest, withoutHalves } from "../helpers/devices.ts";

const source = `// x[i] is read
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> z: array<f32>;
var<workgroup> tile: array<array<vec4f, 8>, 2>;
fn main() {
  BODY
}`;

/** What becomes of a statement of a kernel whose x, y and z are halves, and whose tile holds what x held. */
function rewritten(statement: string): string {
  const names = { bindings: ["x", "y", "z"], copies: ["tile"] };
  return withHalves(source.replace("BODY", statement), names).split("\n")[6]!.trim();
}

Deno.test("withHalves() widens what is read and rounds what is written", () => {
  for (
    const [statement, expected] of [
      ["let a = x[i];", "let a = vec4f(x[i]);"],
      ["let a = dot(x[i + 1u], y[2u * (i + j)]);", "let a = dot(vec4f(x[i + 1u]), vec4f(y[2u * (i + j)]));"],
      ["let a = x[i][j % 4u] + x[i].w;", "let a = vec4f(x[i])[j % 4u] + vec4f(x[i]).w;"],
      ["y[i] = x[u32(z[j])];", "y[i] = to_half4(vec4f(x[u32(f32(z[j]))]));"],
      ["y[i] += x[i] * 2.0;", "y[i] = to_half4(vec4f(y[i]) + (vec4f(x[i]) * 2.0));"],
      ["z[i] /= 3.0 - a;", "z[i] = to_half(f32(z[i]) / (3.0 - a));"],
      ["y[i][2u] -= z[i];", "y[i][2u] = f16(f32(y[i][2u]) - (f32(z[i])));"],
      ["if (z[i] == 1.0 || x[i].x <= 2.0) {}", "if (f32(z[i]) == 1.0 || vec4f(x[i]).x <= 2.0) {}"],
      ["tile[i][j] = x[i];", "tile[i][j] = vec4h(vec4f(x[i]));"],
      ["tile[i][j][1u] = vector[1u];", "tile[i][j][1u] = f16(vector[1u]);"],
      ["let a = tile[i][j][k] * tile[0][1];", "let a = vec4f(tile[i][j])[k] * vec4f(tile[0][1]);"],
      ["max[i] = other_x[i] + xs[i];", "max[i] = other_x[i] + xs[i];"],
    ] as const
  ) assertEquals(rewritten(statement), expected);
});

Deno.test("withHalves() declares halves, keeps lines, and does nothing where none are wanted", () => {
  const code = withHalves(source, { bindings: ["x", "z"], copies: ["tile"] });
  assert(code.startsWith("enable f16; "));
  assertStringIncludes(code, "read> x: array<vec4h>;");
  assertStringIncludes(code, "read_write> y: array<vec4f>;");
  assertStringIncludes(code, "read_write> z: array<f16>;");
  assertStringIncludes(code, "tile: array<array<vec4h, 8>, 2>;");
  assertEquals(code.split("\n").length, source.split("\n").length);
  assertEquals([parseShader(source).workgroupBytes, parseShader(code).workgroupBytes], [256, 128]);
  assertEquals(withHalves(source, { bindings: [] }), source);
});

Deno.test("withHalves() refuses what it would make something else of", () => {
  const fails = (statement: string, message: string) => assertThrows(() => rewritten(statement), SyntaxError, message);
  fails("f(&x[i]);", "Cannot store x in halves: it is used otherwise");
  fails("y[i].x = 1.0;", "Cannot store y in halves: it is used otherwise");
  fails("let row = tile[i];", "Cannot store tile in halves: it is used otherwise");
  fails("var x = array<f32, 2>(); x[0] = 1.0;", "another variable of the shader has its name");
  fails("let a = x[i + 1u", "A bracket of a shader is not closed");
  const words = "@group(0) @binding(1) var<storage, read> ids: array<u32>;";
  assertThrows(
    () => withHalves(words, { bindings: ["ids"] }),
    SyntaxError,
    "Cannot store ids in halves: it is array<u32>",
  );
});

/** A kernel's code where all tensors that may be stored in halves are. */
function inHalves(kernel: string): string {
  const source = kernelSources[kernel]!;
  const bindings = [...source.source.matchAll(/var<storage, \w+> (\w+): array<(\w+)>/g)];
  const tensors = Object.fromEntries(bindings.map(([, name, type]) => {
    const dtype = /^f32$|^vec[24]f$/.test(type!) ? "f16" : "u32";
    return [name!, { name: name!, shape: [4], size: 4, dtype } satisfies Tensor];
  }));
  return codeFor(source, { kernel, tensors, params: {}, constants: {}, grid: [1, 1, 1] });
}

Deno.test({
  name: "every kernel compiles with all of its floats in halves, whatever its constants are",
  ignore: withoutHalves,
  // WebGPU's own
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const adapter = (await findAdapter())!;
    const gpu = await adapter.requestDevice({
      requiredFeatures: ["shader-f16"],
      requiredLimits: requiredLimits(adapter.limits, kernelSources),
    });
    for (const kernel of Object.keys(kernelSources)) {
      const module = gpu.createShaderModule({ code: inHalves(kernel) });
      const { messages } = await module.getCompilationInfo();
      assertEquals(messages.map(({ message }) => message), [], kernel);
    }
    gpu.destroy();
  },
});

Deno.test("kernels hold copies of halves in halves, and sums in f32", () => {
  const types = (kernel: string) =>
    [...inHalves(kernel).matchAll(/var<workgroup> (\w+): (?:array<)+(\w+)/g)].map(([, name, type]) =>
      `${name} ${type}`
    );
  assertEquals(types("matmul_tiled"), ["a_tile vec4h", "b_tile vec4h"]);
  assertEquals(types("attention_blocked"), ["tiles vec4h", "weights vec4f", "own vec4h"]);
  assertEquals(types("layer_norm"), ["lane_values vec2f"]);
  assertEquals(types("embedding_backward"), ["lane_sums vec4f"]);
});

halfTest("tensors of f16 are written and read as f32: whole, in part, copied, and in pieces", async (device) => {
  const tensor = allocateTensor(device, "halves", { shape: [7], dtype: "f16" });
  const values = Float32Array.of(1, -2.5, 0.1, 65504, 70000, 6e-8, NaN);
  const rounded = values.map(Math.f16round);
  device.write(tensor, values);
  assertEquals(new Float32Array((await device.read([tensor]))[0]!), rounded);
  device.write(tensor, Float32Array.of(3, 4), 2);
  rounded.set([3, 4], 2);
  const staged = await stageTensors(device, [tensor, tensor]);
  assertEquals((await staged!.read()).map((bytes) => new Float32Array(bytes)), [rounded, rounded]);
  const [pieces] = await readInPieces(device, [tensor], { piece: 8 });
  assertEquals(new Float32Array(pieces!), rounded);
  assertThrows(() => device.write(tensor, Float32Array.of(1, 2), 1), RangeError, "f16 is written in pairs");
  tensor.storage.buffer.destroy();
});
