/**
 * Kernels compiled for their constants: pipelines, and the layouts of their bindings.
 *
 * @module
 */

import type { KernelCall } from "../../tensor/tensor.ts";
import type { KernelSource } from "./kernel_sources.ts";
import { paramsBytes, parseShader, type ShaderInterface, specialise } from "./wgsl.ts";

/** A kernel, compiled. */
export interface Pipeline {
  /** What runs. */
  readonly pipeline: GPUComputePipeline;
  /** Its bindings as WebGPU knows them. */
  readonly layout: GPUBindGroupLayout;
  /** Its bindings and parameters as the source names them. */
  readonly shader: ShaderInterface;
}

/** Compiles each kernel once for each set of constants that a call asks for. */
export function pipelineCache(
  gpu: GPUDevice,
  sources: Readonly<Record<string, KernelSource>>,
): (call: KernelCall) => Promise<Pipeline> {
  const pipelines = new Map<string, Promise<Pipeline>>();
  return (call) => {
    const key = `${call.kernel} ${JSON.stringify(Object.entries(call.constants).sort())}`;
    let pipeline = pipelines.get(key);
    if (!pipeline) pipelines.set(key, pipeline = createPipeline(gpu, sources, call));
    return pipeline;
  };
}

async function createPipeline(
  gpu: GPUDevice,
  sources: Readonly<Record<string, KernelSource>>,
  { kernel, constants }: KernelCall,
): Promise<Pipeline> {
  const source = sources[kernel];
  if (!source) throw new TypeError(`There is no kernel "${kernel}"`);
  const code = specialise(source.source, constants);
  const shader = parseShader(code);
  const layout = gpu.createBindGroupLayout({ entries: layoutEntries(shader) });
  const module = gpu.createShaderModule({ code, label: kernel });
  const pipeline = await gpu.createComputePipelineAsync({
    label: kernel,
    layout: gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module, entryPoint: "main" },
  });
  return { pipeline, layout, shader };
}

function layoutEntries(shader: ShaderInterface): GPUBindGroupLayoutEntry[] {
  const entries: GPUBindGroupLayoutEntry[] = shader.bindings.map(({ index, writable }) => ({
    binding: index,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: writable ? "storage" : "read-only-storage" },
  }));
  entries.push({
    binding: 0,
    visibility: GPUShaderStage.COMPUTE,
    buffer: { type: "uniform", hasDynamicOffset: true, minBindingSize: paramsBytes(shader) },
  });
  return entries;
}
