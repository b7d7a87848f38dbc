/**
 * Kernels compiled for their constants: pipelines, and the layouts of their bindings.
 *
 * @module
 */

import type { KernelCall } from "../../tensor/tensor.ts";
import { compileError, kernelError } from "./kernel_error.ts";
import { withHalves } from "./halves.ts";
import type { KernelSource } from "./kernel_sources.ts";
import { checkLimits } from "./limits.ts";
import { unrollLoops } from "./unroll_loops.ts";
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

/** Compiles each kernel once for each set of constants, and of tensors stored in halves, that a call asks for. */
export function pipelineCache(
  gpu: GPUDevice,
  sources: Readonly<Record<string, KernelSource>>,
): (call: KernelCall) => Promise<Pipeline> {
  const pipelines = new Map<string, Promise<Pipeline>>();
  return (call) => {
    const key = `${call.kernel} ${JSON.stringify(Object.entries(call.constants).sort())} ${halvesOf(call).sort()}`;
    let pipeline = pipelines.get(key);
    if (!pipeline) pipelines.set(key, pipeline = createPipeline(gpu, sources, call));
    return pipeline;
  };
}

/** Tensors of a call that are stored in halves. */
function halvesOf({ tensors }: KernelCall): string[] {
  return Object.keys(tensors).filter((name) => tensors[name]!.dtype === "f16");
}

/** A kernel's code for a call. */
export function codeFor(source: KernelSource, call: KernelCall): string {
  const bindings = halvesOf(call);
  const copies = Object.entries(source.copies(call.constants))
    .filter(([, from]) => from.every((name) => !(name in call.tensors) || bindings.includes(name)))
    .map(([name]) => name);
  const code = withHalves(specialise(source.source, call.constants), { bindings, copies });
  return source.unrolled ? unrollLoops(code) : code;
}

async function createPipeline(
  gpu: GPUDevice,
  sources: Readonly<Record<string, KernelSource>>,
  call: KernelCall,
): Promise<Pipeline> {
  const source = sources[call.kernel];
  if (!source) throw new TypeError(`There is no kernel "${call.kernel}"`);
  const code = codeFor(source, call);
  const shader = parseShader(code);
  checkLimits(gpu.limits, { owner: "device", kernel: call.kernel, shader });
  gpu.pushErrorScope("validation");
  const layout = gpu.createBindGroupLayout({ entries: layoutEntries(shader) });
  const pipelineLayout = gpu.createPipelineLayout({ bindGroupLayouts: [layout] });
  const module = gpu.createShaderModule({ code, label: call.kernel });
  const failure = await gpu.popErrorScope();
  const messages = (await module.getCompilationInfo()).messages.filter(({ type }) => type === "error");
  if (messages.length > 0) throw compileError(call, source, { code, messages });
  if (failure) throw kernelError("compile", call, failure.message);
  const descriptor = { label: call.kernel, layout: pipelineLayout, compute: { module, entryPoint: "main" } };
  const pipeline = await gpu.createComputePipelineAsync(descriptor).catch((error: Error) => {
    throw kernelError("compile", call, error.message);
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
    buffer: { type: "uniform", minBindingSize: paramsBytes(shader) },
  });
  return entries;
}
