/**
 * The WebGPU device: recorded kernel calls as one compute pass in one submission.
 *
 * @module
 */

import { type Device, DeviceError, type Program, type Recording, type Staged, type WebGpuSettings } from "../device.ts";
import {
  type DeviceBuffer,
  elementBytes,
  type KernelCall,
  type OpCall,
  type Precision,
  type Storage,
  type Tensor,
  tensorBytes,
} from "../../tensor/tensor.ts";
import { type KernelTime, workOf } from "../profile.ts";
import type { TraceLog } from "../trace.ts";
import { encode, PassTimer, type PreparedCall } from "./pass_timer.ts";
import { type Pipeline, pipelineCache } from "./pipelines.ts";
import { stage } from "./staging.ts";
import { readInPieces } from "../staged.ts";
import { encodeParams, paramsBytes } from "./wgsl.ts";
import { checkDispatches, eachCall } from "./check_calls.ts";
import type { AttentionTable, AttentionVariant, MatmulVariant, ProductTable, Tile } from "./choices.ts";
import type { KernelSource } from "./kernel_sources.ts";
import { type GpuWatch, watchGpu } from "./gpu_watch.ts";
import { type GpuTarget, lower } from "./lower.ts";
import { fuseCalls } from "./fuse_calls.ts";
import { type PreparedProgram, tunedTable } from "./tune_device.ts";
import type { AdapterPrint, TuneOptions } from "./tuner.ts";

/** A device that was opened, what it is, and the kernels that it may run. */
export interface WebGpuDeviceOptions {
  readonly description: string;
  readonly software: boolean;
  readonly precision: Precision;
  readonly matmul: MatmulVariant;
  readonly tile: Tile | undefined;
  readonly products: ProductTable;
  readonly attention: AttentionVariant;
  readonly attentionBlocks: AttentionTable | undefined;
  readonly sources: Readonly<Record<string, KernelSource>>;
  readonly profile: boolean;
  readonly trace?: TraceLog | undefined;
  /** How products are chosen by time, if they are to be. */
  readonly tune?: (TuneOptions & { readonly adapter: AdapterPrint }) | undefined;
}

interface WebGpuBuffer extends DeviceBuffer {
  readonly gpu: GPUBuffer;
}

const usage = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;

/** Absent tensors are bound to this many bytes each, apart from one another: writable bindings must not overlap. */
const ABSENT_BYTES = 256;

/** Memory and programs on a GPU. */
export class WebGpuDevice implements Device {
  readonly kind = "webgpu";
  readonly description: string;
  readonly tune?: (calls: readonly OpCall[]) => Promise<void>;
  readonly software: boolean;
  readonly precision: Precision;
  readonly maxTensorBytes: number;
  readonly maxBufferBytes: number;
  #gpu: GPUDevice;
  #target: GpuTarget;
  #sources: Readonly<Record<string, KernelSource>>;
  #pipeline: (call: KernelCall) => Promise<Pipeline>;
  #buffers = new Set<GPUBuffer>();
  #absent: WebGpuBuffer;
  #absentWritable: WebGpuBuffer;
  #watch: GpuWatch;
  #timer: PassTimer | undefined;
  #settled = new Set<string>();

  constructor(gpu: GPUDevice, options: WebGpuDeviceOptions) {
    const { description, software, precision, matmul, tile, products, attention, attentionBlocks } = options;
    const { sources, profile, trace, tune } = options;
    this.#gpu = gpu;
    this.software = software;
    this.precision = precision;
    this.description = description;
    this.maxBufferBytes = gpu.limits.maxBufferSize;
    this.maxTensorBytes = Math.min(gpu.limits.maxStorageBufferBindingSize, gpu.limits.maxBufferSize);
    this.#target = {
      variant: matmul,
      tile,
      table: products,
      attention,
      blocks: attentionBlocks,
      workgroupBytes: gpu.limits.maxComputeWorkgroupStorageSize,
      maxTensorBytes: this.maxTensorBytes,
      parallelism: software ? 16 : 512,
    };
    this.#sources = sources;
    this.#pipeline = pipelineCache(gpu, sources);
    this.#watch = watchGpu(gpu, { software });
    this.#timer = profile ? new PassTimer(gpu, trace) : undefined;
    if (tune) this.tune = (calls) => this.#watch.answer(this.#tune(calls, tune));
    this.#absent = this.allocate(ABSENT_BYTES, "absent");
    this.#absentWritable = this.allocate(ABSENT_BYTES * 16, "absent, writable");
  }

  get settings(): WebGpuSettings {
    const { variant, tile, table, attention, blocks } = this.#target;
    return {
      kind: "webgpu",
      adapter: this.description,
      ...(this.precision === "f32" ? {} : { precision: this.precision }),
      matmul: variant,
      ...(tile ? { tile } : {}),
      ...(Object.keys(table).length > 0 ? { products: table } : {}),
      attention,
      ...(blocks ? { attentionBlocks: blocks } : {}),
    };
  }

  allocate(bytes: number, label: string): WebGpuBuffer {
    if (bytes > this.#gpu.limits.maxBufferSize) {
      throw new RangeError(
        `Cannot allocate ${bytes} bytes for ${label}: this device's buffers hold at most ${this.#gpu.limits.maxBufferSize}`,
      );
    }
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const gpu = this.#gpu.createBuffer({ size, usage: usage(), label });
    this.#buffers.add(gpu);
    return {
      bytes: size,
      gpu,
      destroy: () => {
        this.#buffers.delete(gpu);
        gpu.destroy();
      },
    };
  }

  write(tensor: Tensor, data: Float32Array | Uint32Array, offset = 0): void {
    if (offset + data.length > tensor.size) {
      throw new RangeError(`Cannot write ${data.length} elements at ${offset} to ${tensor.name} of ${tensor.size}`);
    }
    const { buffer, offset: first } = storageOf(tensor);
    const bytes = tensor.dtype === "f16" ? halvesOf(tensor, data, offset) : data;
    const place = first + offset * elementBytes(tensor.dtype);
    this.#gpu.queue.writeBuffer((buffer as WebGpuBuffer).gpu, place, bytes as Float32Array<ArrayBuffer>);
  }

  async read(tensors: readonly Tensor[]): Promise<ArrayBuffer[]> {
    const staged = await this.stage(tensors);
    return staged ? await staged.read() : await readInPieces(this, tensors);
  }

  stage(tensors: readonly Tensor[]): Promise<Staged | undefined> {
    const placeOf = (tensor: Tensor) => {
      const { buffer, offset } = storageOf(tensor);
      return { gpu: (buffer as WebGpuBuffer).gpu, offset };
    };
    return stage(this.#gpu, tensors, { placeOf, answer: (result) => this.#watch.answer(result) });
  }

  lower(call: OpCall): readonly KernelCall[] {
    return lower(call, this.#target);
  }

  fuse(calls: readonly KernelCall[]): readonly KernelCall[] {
    return fuseCalls(calls, this.#target);
  }

  build(recording: Recording): Promise<Program> {
    return this.#watch.answer(this.#build(recording));
  }

  /** Everything that a step would otherwise do anew: pipelines, memory, parameters and bind groups. */
  async #build(recording: Recording): Promise<Program> {
    const { sections, bytes, destroy } = await this.#prepared(recording);
    return { bytes, destroy, run: (...names) => this.#run(sections, names) };
  }

  async #tune(calls: readonly OpCall[], options: TuneOptions & { readonly adapter: AdapterPrint }): Promise<void> {
    const table = await tunedTable(calls, {
      ...options,
      gpu: this.#gpu,
      target: this.#target,
      settled: this.#settled,
      allocate: (bytes, label) => this.allocate(bytes, label),
      write: (tensor, data, offset) => this.write(tensor, data, offset),
      compile: (call) => this.#pipeline(call),
      prepared: (recording) => this.#prepared(recording),
    });
    this.#target = { ...this.#target, table };
  }

  async #prepared(recording: Recording): Promise<PreparedProgram> {
    const calls = [...recording.sections.values()].flat();
    this.#checkSizes(calls);
    const pipelines = await Promise.all(calls.map((call) => this.#pipeline(call)));
    this.#gpu.pushErrorScope("out-of-memory");
    const arenas = recording.arenas.map((bytes, i) => this.allocate(bytes, `arena ${i}`));
    const uniforms = this.#uniforms(calls, pipelines);
    const bytes = arenas.reduce((sum, arena) => sum + arena.bytes, 0);
    const failure = await this.#gpu.popErrorScope();
    const destroy = () => {
      for (const arena of arenas) arena.destroy();
      uniforms.buffer.destroy();
    };
    if (failure) {
      destroy();
      throw new DeviceError(
        `Cannot allocate ${(bytes / 2 ** 20).toFixed(0)} MiB for activations: out of device memory`,
      );
    }
    const storage = (tensor: Tensor): Storage => {
      if (tensor.part) return { buffer: storage(tensor.part.of).buffer, offset: 4 * tensor.part.offset };
      const arena = recording.arenaOf.get(tensor);
      return arena === undefined ? storageOf(tensor) : { buffer: arenas[arena]!, offset: 0 };
    };
    const prepared = await this.#prepare(calls, pipelines, uniforms, storage).catch((error: unknown) => {
      destroy();
      throw error;
    });
    const sections = new Map<string, readonly PreparedCall[]>();
    let first = 0;
    for (const [name, section] of recording.sections) {
      sections.set(name, prepared.slice(first, first += section.length));
    }
    return { sections, bytes, destroy };
  }

  async takeProfile(): Promise<readonly KernelTime[] | undefined> {
    return await this.#timer?.take();
  }

  destroy(): void {
    this.#watch.end();
    for (const buffer of this.#buffers) buffer.destroy();
    this.#buffers.clear();
    this.#gpu.destroy();
  }

  async #prepare(
    calls: readonly KernelCall[],
    pipelines: readonly Pipeline[],
    uniforms: { buffer: GPUBuffer; offsets: readonly number[] },
    storage: (tensor: Tensor) => Storage,
  ): Promise<PreparedCall[]> {
    const prepared = await eachCall(this.#gpu, calls, (call, i) => ({
      pipeline: pipelines[i]!.pipeline,
      bindGroup: this.#bindGroup(
        call,
        pipelines[i]!,
        { buffer: uniforms.buffer, offset: uniforms.offsets[i]! },
        storage,
      ),
      workgroups: this.#workgroups(call),
      work: workOf(call),
    }));
    await checkDispatches(this.#gpu, calls, prepared);
    return prepared;
  }

  /** One encoder, one pass, one submission; nothing is awaited. */
  #run(sections: ReadonlyMap<string, readonly PreparedCall[]>, names: readonly string[]): void {
    this.#watch.check();
    const calls = [...(names.length > 0 ? names : sections.keys())].flatMap((name) => {
      const section = sections.get(name);
      if (!section) throw new TypeError(`The program has no section "${name}"`);
      return section;
    });
    if (this.#timer) {
      this.#timer.run(calls);
      return;
    }
    this.#gpu.queue.submit([encode(this.#gpu, calls)]);
  }

  #checkSizes(calls: readonly KernelCall[]): void {
    for (const { kernel, tensors } of calls) {
      for (const tensor of Object.values(tensors)) {
        if (tensorBytes(tensor) > this.maxTensorBytes) {
          throw new RangeError(
            `Cannot run ${kernel} on ${tensor.name} of shape [${tensor.shape}]: ${
              tensorBytes(tensor)
            } bytes are more than ` +
              `the ${this.maxTensorBytes} that this device can bind; ${
                tensor.storage ? "a smaller vocabulary or width" : "fewer tokens a step or a smaller model"
              } would fit`,
          );
        }
      }
    }
  }

  #uniforms(calls: readonly KernelCall[], pipelines: readonly Pipeline[]) {
    const alignment = this.#gpu.limits.minUniformBufferOffsetAlignment;
    let bytes = 0;
    const offsets = pipelines.map(({ shader }) => {
      const offset = bytes;
      bytes += Math.ceil(paramsBytes(shader) / alignment) * alignment;
      return offset;
    });
    const data = new Uint8Array(bytes);
    for (const [i, call] of calls.entries()) {
      data.set(encodeParams(pipelines[i]!.shader.params, call.params), offsets[i]!);
    }
    const buffer = this.#gpu.createBuffer({
      size: Math.max(16, bytes),
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
      label: "uniforms",
    });
    this.#gpu.queue.writeBuffer(buffer, 0, data);
    return { buffer, offsets };
  }

  #bindGroup(
    call: KernelCall,
    { layout, shader }: Pipeline,
    params: { buffer: GPUBuffer; offset: number },
    storage: (tensor: Tensor) => Storage,
  ): GPUBindGroup {
    for (const name of Object.keys(call.tensors)) {
      if (!shader.bindings.some((binding) => binding.name === name)) {
        throw new TypeError(`Kernel ${call.kernel} has no binding "${name}"`);
      }
    }
    const entries: GPUBindGroupEntry[] = shader.bindings.map(({ name, index, writable }) => {
      const tensor = call.tensors[name];
      if (!tensor) {
        const absent = writable ? this.#absentWritable : this.#absent;
        const offset = writable ? index * ABSENT_BYTES : 0;
        return { binding: index, resource: { buffer: absent.gpu, offset, size: ABSENT_BYTES } };
      }
      const { buffer, offset } = storage(tensor);
      const size = Math.ceil(tensor.size / 4) * 4 * elementBytes(tensor.dtype);
      return { binding: index, resource: { buffer: (buffer as WebGpuBuffer).gpu, offset, size } };
    });
    entries.push({ binding: 0, resource: { ...params, size: paramsBytes(shader) } });
    return this.#gpu.createBindGroup({ layout, entries });
  }

  #workgroups(call: KernelCall): [number, number, number] {
    const items = this.#sources[call.kernel]!.items(call.constants);
    const [x, y, z] = call.grid.map((count, i) => Math.ceil(count / items[i]!)) as [number, number, number];
    const limit = this.#gpu.limits.maxComputeWorkgroupsPerDimension;
    if (x <= limit) return [x, y, z];
    if (y > 1) {
      throw new RangeError(`Cannot run ${call.kernel} on a grid of ${call.grid}: more than ${limit} workgroups`);
    }
    const folds = Math.ceil(x / limit);
    return [Math.ceil(x / folds), folds, z];
  }
}

/** Numbers rounded to f16, in whole fours of bytes. */
function halvesOf(
  tensor: Tensor,
  data: Float32Array | Uint32Array,
  offset: number,
): Float16Array<ArrayBuffer> {
  const isWhole = offset % 2 === 0 && (data.length % 2 === 0 || offset + data.length === tensor.size);
  if (!isWhole) {
    throw new RangeError(
      `Cannot write ${data.length} elements at ${offset} to ${tensor.name}: f16 is written in pairs`,
    );
  }
  const halves = new Float16Array(Math.ceil(data.length / 2) * 2);
  halves.set(data);
  return halves;
}

function storageOf(tensor: Tensor): Storage {
  if (!tensor.storage) throw new TypeError(`Tensor ${tensor.name} has no storage`);
  return tensor.storage;
}
