import { assertEquals, assertThrows } from "@std/assert";
import { kernelSources } from "../../lib/device/webgpu/kernel_sources.ts";
import { checkLimits, type Limits, requiredLimits } from "../../lib/device/webgpu/limits.ts";
import { parseShader } from "../../lib/device/webgpu/wgsl.ts";

/** What every adapter has, by WebGPU's specification. */
const defaults = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxStorageBuffersPerShaderStage: 8,
  maxBindingsPerBindGroup: 1000,
  maxUniformBuffersPerShaderStage: 12,
  maxUniformBufferBindingSize: 65536,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupSizeY: 256,
  maxComputeWorkgroupSizeZ: 64,
} as Limits;

Deno.test("requiredLimits() ask for what the kernels need and for all memory", () => {
  const adapter = { ...defaults, maxBufferSize: 2 ** 31, maxStorageBuffersPerShaderStage: 32 };
  const required = requiredLimits(adapter, kernelSources);
  // attention_backward_query's buffers, and tiled products' 256 invocations and two tiles of 16 × 128 floats
  assertEquals(required.maxStorageBuffersPerShaderStage, 8);
  assertEquals(required.maxComputeInvocationsPerWorkgroup, 256);
  assertEquals(required.maxComputeWorkgroupStorageSize, 2 * 16 * 128 * 4);
  assertEquals([required.maxComputeWorkgroupSizeX, required.maxComputeWorkgroupSizeZ], [256, 1]);
  assertEquals([required.maxBufferSize, required.maxStorageBufferBindingSize], [2 ** 31, 2 ** 27]);
});

Deno.test("requiredLimits() of all kernels are within WebGPU's defaults", () => {
  const required = requiredLimits(defaults, kernelSources);
  assertEquals(Object.keys(required).sort(), Object.keys(defaults).sort());
});

Deno.test("requiredLimits() ask for as much of a workgroup's memory as some kernels are quicker with, where there is", () => {
  const asked = (maxComputeWorkgroupStorageSize: number, workgroupBytes?: number) =>
    requiredLimits({ ...defaults, maxComputeWorkgroupStorageSize }, kernelSources, { workgroupBytes })
      .maxComputeWorkgroupStorageSize;
  assertEquals([asked(16384), asked(32768), asked(65536)], [16384, 32768, 40960]);
  // less than a kernel needs is not asked for
  assertEquals([asked(65536, 20000), asked(65536, 0)], [20000, 16384]);
});

Deno.test("requiredLimits() name the kernel and both numbers where an adapter has too little", () => {
  const refused = (change: Partial<Limits>, message: string) =>
    assertThrows(() => requiredLimits({ ...defaults, ...change }, kernelSources), RangeError, message);
  refused(
    { maxStorageBuffersPerShaderStage: 7 },
    "Cannot run attention_backward_query: this adapter binds at most 7 storage buffers to a kernel, " +
      "attention_backward_query needs 8",
  );
  refused(
    { maxComputeInvocationsPerWorkgroup: 128 },
    "runs at most 128 invocations in a workgroup, embedding_backward needs 256",
  );
  refused(
    { maxComputeWorkgroupStorageSize: 14336 },
    "gives a workgroup at most 14336 bytes of memory, matmul_tiled needs 16384",
  );
  refused(
    { maxComputeWorkgroupSizeX: 128 },
    "runs at most 128 invocations along x in a workgroup, embedding_backward needs 256",
  );
  refused({ maxUniformBuffersPerShaderStage: 0 }, "binds at most 0 uniform buffers to a kernel");
});

Deno.test("checkLimits() counts bindings and parameters", () => {
  const bindings = Array.from(
    { length: 9 },
    (_, i) => `@group(0) @binding(${i + 1}) var<storage, read> x${i}: array<f32>;`,
  );
  const params = Array.from({ length: 9 }, (_, i) => `p${i}: u32,`);
  const shader = parseShader(`struct Params { ${params.join(" ")} }\n${bindings.join("\n")}\n@workgroup_size(64)`);
  const check = (change: Partial<Limits>) => () =>
    checkLimits({ ...defaults, ...change }, { owner: "device", kernel: "wide", shader });
  assertThrows(check({}), RangeError, "this device binds at most 8 storage buffers to a kernel, wide needs 9");
  check({ maxStorageBuffersPerShaderStage: 9 })();
  const roomy = { maxStorageBuffersPerShaderStage: 9 };
  assertThrows(
    check({ ...roomy, maxBindingsPerBindGroup: 9 }),
    RangeError,
    "at most 9 bindings of a kernel, wide needs 10",
  );
  assertThrows(
    check({ ...roomy, maxUniformBufferBindingSize: 32 }),
    RangeError,
    "at most 32 bytes of parameters, wide needs 48",
  );
});
