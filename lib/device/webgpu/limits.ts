/**
 * What the kernels need of an adapter, computed from their sources.
 *
 * @module
 */

import { MOST_WORKGROUP_BYTES } from "./choices.ts";
import { paramsBytes, parseShader, type ShaderInterface } from "./wgsl.ts";

/** A limit that kernels need, how much a kernel needs of it, and the sentence where there is less. */
interface Need {
  readonly limit: keyof GPUSupportedLimits;
  readonly of: (shader: ShaderInterface) => number;
  readonly most: (count: number) => string;
}

const needs: readonly Need[] = [
  {
    limit: "maxStorageBuffersPerShaderStage",
    of: ({ bindings }) => bindings.length,
    most: (count) => `binds at most ${count} storage buffers to a kernel`,
  },
  {
    limit: "maxBindingsPerBindGroup",
    of: ({ bindings }) => 1 + Math.max(0, ...bindings.map(({ index }) => index)),
    most: (count) => `numbers at most ${count} bindings of a kernel`,
  },
  {
    limit: "maxUniformBuffersPerShaderStage",
    of: () => 1,
    most: (count) => `binds at most ${count} uniform buffers to a kernel`,
  },
  {
    limit: "maxUniformBufferBindingSize",
    of: paramsBytes,
    most: (count) => `binds at most ${count} bytes of parameters`,
  },
  {
    limit: "maxComputeWorkgroupStorageSize",
    of: ({ workgroupBytes }) => workgroupBytes,
    most: (count) => `gives a workgroup at most ${count} bytes of memory`,
  },
  {
    limit: "maxComputeInvocationsPerWorkgroup",
    of: ({ workgroupSize: [x, y, z] }) => x * y * z,
    most: (count) => `runs at most ${count} invocations in a workgroup`,
  },
  ...(["X", "Y", "Z"] as const).map((axis, i): Need => ({
    limit: `maxComputeWorkgroupSize${axis}`,
    of: ({ workgroupSize }) => workgroupSize[i]!,
    most: (count) => `runs at most ${count} invocations along ${axis.toLowerCase()} in a workgroup`,
  })),
];

/** Limits of an adapter or a device. */
export type Limits = Readonly<Record<keyof GPUSupportedLimits, number>>;

/**
 * Compares what a kernel needs with what there is.
 *
 * @throws {RangeError} with both numbers.
 */
export function checkLimits(
  limits: Limits,
  { owner, kernel, shader }: { owner: "adapter" | "device"; kernel: string; shader: ShaderInterface },
): void {
  for (const { limit, of, most } of needs) {
    const needed = of(shader);
    if (needed > limits[limit]) {
      throw new RangeError(`Cannot run ${kernel}: this ${owner} ${most(limits[limit])}, ${kernel} needs ${needed}`);
    }
  }
}

/**
 * The limits to ask an adapter for: what the kernels need, all the memory that there is, and of a workgroup's memory as much
 * as some kernels are quicker with, or `workgroupBytes`, where the adapter has it.
 *
 * @throws {RangeError} with both numbers if a kernel needs more than the adapter has.
 */
export function requiredLimits(
  adapter: Limits,
  sources: Readonly<Record<string, { source: string }>>,
  { workgroupBytes = MOST_WORKGROUP_BYTES }: { workgroupBytes?: number | undefined } = {},
): Record<string, number> {
  const shaders = Object.entries(sources).map(([kernel, { source }]) => ({ kernel, shader: parseShader(source) }));
  for (const { kernel, shader } of shaders) checkLimits(adapter, { owner: "adapter", kernel, shader });
  const required = needs.map(({ limit, of }) => [limit, Math.max(...shaders.map(({ shader }) => of(shader)))]);
  const least = Object.fromEntries(required) as Record<string, number>;
  return {
    ...least,
    maxComputeWorkgroupStorageSize: Math.max(
      least.maxComputeWorkgroupStorageSize!,
      Math.min(workgroupBytes, adapter.maxComputeWorkgroupStorageSize),
    ),
    maxBufferSize: adapter.maxBufferSize,
    maxStorageBufferBindingSize: adapter.maxStorageBufferBindingSize,
  };
}
