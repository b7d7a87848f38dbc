import { assert, assertEquals, assertRejects } from "@std/assert";
import { kernelSource } from "../../lib/device/webgpu/kernel_sources.ts";
import { placeOf } from "../../lib/device/webgpu/kernel_error.ts";
import { pipelineCache } from "../../lib/device/webgpu/pipelines.ts";
import type { KernelCall } from "../../lib/tensor/tensor.ts";
import { withoutGpu } from "../helpers/devices.ts";

const shared = `// one line
fn half(x: f32) -> f32 {
  return 0.5 * x;
}
`;

const halve = `override FACTOR: f32 = 1.0;

@group(0) @binding(0) var<uniform> params: Params;
struct Params {
  size: u32,
}
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  y[id.x] = FACTOR * half(y[id.x]);
}
`;

/** Compiles a kernel of two files on a device of its own, and sees to it that nothing went wrong beside what is thrown. */
async function compile(files: { sharedPart: string; halve: string }, constants: KernelCall["constants"] = {}) {
  const adapter = await navigator.gpu.requestAdapter();
  const gpu = await adapter!.requestDevice();
  const uncaptured: string[] = [];
  gpu.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    uncaptured.push((event as GPUUncapturedErrorEvent).error.message);
  });
  try {
    const pipeline = pipelineCache(gpu, { halve: kernelSource(files, (size) => size) });
    const call = { kernel: "halve", tensors: {}, params: {}, constants, grid: [1, 1, 1] as const };
    return await pipeline(call);
  } finally {
    gpu.destroy();
    assertEquals(uncaptured, []);
  }
}

function compileTest(name: string, run: () => Promise<void>): void {
  Deno.test({ name, ignore: withoutGpu, fn: run });
}

compileTest("pipelineCache() compiles a kernel that is put together from files", async () => {
  const { shader } = await compile({ sharedPart: shared, halve }, { FACTOR: 2 });
  assertEquals(shader.bindings, [{ name: "y", index: 1, writable: true }]);
});

compileTest("pipelineCache() says file, line and column of a syntax error", async () => {
  const error = await assertRejects(
    () => compile({ sharedPart: shared, halve: halve.replace("FACTOR *", "FACTOR * *") }, { FACTOR: 2 }),
    Error,
    "Cannot compile kernel halve (FACTOR = 2): kernels/halve.wgsl:11:",
  );
  assert(error.message.endsWith(': "y[id.x] = FACTOR * * half(y[id.x]);"'), error.message);
});

compileTest("pipelineCache() says file and line of a type error, also in a file that kernels share", async () => {
  await assertRejects(
    () => compile({ sharedPart: shared.replace("0.5 *", "vec2f(0.5) *"), halve }),
    Error,
    "Cannot compile kernel halve: kernels/shared_part.wgsl:2:",
  );
  const error = await assertRejects(
    () => compile({ sharedPart: shared, halve: halve.replace("half(y[id.x])", "half(true)") }),
    Error,
    "kernels/halve.wgsl:11:",
  );
  assert(!error.message.includes("\n"), error.message);
});

compileTest(
  "pipelineCache() says what WebGPU says of a kernel that compiles and does not fit its pipeline",
  async () => {
    await assertRejects(
      () => compile({ sharedPart: shared, halve: halve.replace("fn main", "fn other") }),
      Error,
      "Cannot compile kernel halve: ",
    );
  },
);

compileTest("pipelineCache() says with numbers what a kernel needs too much of", async () => {
  const more = Array.from(
    { length: 8 },
    (_, i) => `@group(0) @binding(${i + 2}) var<storage, read> x${i}: array<f32>;`,
  );
  const refused = (text: string, message: string) =>
    assertRejects(
      () => compile({ sharedPart: shared, halve: text }),
      RangeError,
      `Cannot run halve: this device ${message}`,
    );
  await refused(
    halve.replace("@compute", `${more.join("\n")}\n@compute`),
    "binds at most 8 storage buffers to a kernel, halve needs 9",
  );
  // naga does not count the memory of a workgroup
  await refused(
    halve.replace("@compute", "var<workgroup> tile: array<vec4f, 64 * 17>;\n@compute"),
    "gives a workgroup at most 16384 bytes of memory, halve needs 17408",
  );
  await refused(
    halve.replace("@workgroup_size(64)", "@workgroup_size(64, 8)"),
    "runs at most 256 invocations in a workgroup, halve needs 512",
  );
});

Deno.test("placeOf() finds the file of a line of a source", () => {
  const { source, files } = kernelSource({ sharedPart: shared, halve }, (size) => size);
  for (const [i, line] of source.split("\n").entries()) {
    const place = placeOf(files, i + 1)!;
    const text = { "shared_part.wgsl": shared, "halve.wgsl": halve }[place.file]!;
    assertEquals(text.split("\n")[place.line - 1], line);
  }
  assertEquals([placeOf(files, 0), placeOf(files, 1000)], [undefined, undefined]);
});
