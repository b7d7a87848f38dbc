/**
 * Tuning on a device: memory for the products of a program, their ways prepared and timed, and the table that comes of it.
 *
 * @module
 */

import { type DeviceBuffer, type KernelCall, type OpCall, type Tensor, tensorBytes } from "../../tensor/tensor.ts";
import type { Recording } from "../device.ts";
import type { ProductTable } from "./choices.ts";
import type { GpuTarget } from "./lower.ts";
import type { PreparedCall } from "./pass_timer.ts";
import { runTimer } from "./run_timer.ts";
import {
  type AdapterPrint,
  chooseByTime,
  isUsual,
  productsOf,
  type TimeWays,
  TUNE_BUDGET,
  type TunedProduct,
  type TuneOptions,
  type Ways,
} from "./tuner.ts";

/** Calls with memory, ready to be encoded. */
export interface PreparedProgram {
  /** By section. */
  readonly sections: ReadonlyMap<string, readonly PreparedCall[]>;
  /** Bytes of memory held. */
  readonly bytes: number;
  /** Gives the memory back. */
  destroy(): void;
}

/** What tuning needs of a device. */
export interface TunedDevice extends TuneOptions {
  readonly adapter: AdapterPrint;
  readonly gpu: GPUDevice;
  readonly target: GpuTarget;
  /** Products that were gone into, which are not again: those that there was no time for stay with the rule. */
  readonly settled: Set<string>;
  allocate(bytes: number, label: string): DeviceBuffer;
  write(tensor: Tensor, data: Float32Array, offset: number): void;
  compile(call: KernelCall): Promise<unknown>;
  prepared(recording: Recording): Promise<PreparedProgram>;
}

/** The device's table with choices for the products of these calls: those it has, those known from before, those made now. */
export async function tunedTable(calls: readonly OpCall[], device: TunedDevice): Promise<ProductTable> {
  const { target, adapter, settled, budget = TUNE_BUDGET, recall, report } = device;
  const began = performance.now();
  const isNew = ({ key }: TunedProduct) => !Object.hasOwn(target.table, key) && !settled.has(key);
  const products = productsOf(calls, target).filter(isNew);
  if (products.length === 0) return target.table;
  for (const { key } of products) settled.add(key);
  const before = await recall?.(adapter) ?? {};
  const isKnown = ({ key }: TunedProduct) => Object.hasOwn(before, key);
  const known = Object.fromEntries(products.filter(isKnown).map(({ key }) => [key, before[key]!]));
  const rest = products.filter((product) => !isKnown(product));
  const chosen = await timedChoices(rest, device, { end: began + budget });
  const changed = rest.filter(({ key, shape }) => chosen[key] && !isUsual(chosen[key], shape, target));
  await report?.({
    adapter,
    products: products.length,
    chosen,
    known: products.length - rest.length,
    left: rest.length - Object.keys(chosen).length,
    changed: changed.length,
    milliseconds: performance.now() - began,
  });
  return { ...target.table, ...known, ...chosen };
}

/** Choices for products by time; none where there is no memory for them. */
async function timedChoices(
  products: readonly TunedProduct[],
  device: TunedDevice,
  { end }: { end: number },
): Promise<ProductTable> {
  const { target, gpu, timestamps = true } = device;
  const fitting = products.filter(({ call }) =>
    Object.values(call.tensors).every((tensor) => tensorBytes(tensor) <= target.maxTensorBytes)
  );
  const memory = await operands(fitting, device);
  if (!memory) return {};
  const timer = runTimer(gpu, { timestamps: timestamps && gpu.features.has("timestamp-query") });
  // a way that a driver refuses is none
  const compile = (calls: readonly KernelCall[]) =>
    Promise.all(calls.map((call) => device.compile(call))).then(() => true, () => false);
  const time: TimeWays = async (ways, estimate) => {
    const program = await preparedWays(ways, device);
    if (!program) return ways.map(() => undefined);
    try {
      return await timer([...program.sections.values()], estimate);
    } finally {
      program.destroy();
    }
  };
  try {
    const placed = fitting.map((product) => ({ ...product, call: memory.placed(product.call) }));
    const now = () => performance.now();
    return await chooseByTime(placed, { target, compile, time, budget: end - now(), now });
  } finally {
    memory.destroy();
  }
}

/** The ways of a product with memory for what lies between their calls; undefined where they cannot be prepared together. */
async function preparedWays(ways: Ways, device: TunedDevice): Promise<PreparedProgram | undefined> {
  const arenas: number[] = [];
  const arenaOf = new Map<Tensor, number>();
  for (const calls of ways) {
    const scratch = new Set(calls.flatMap(({ tensors }) => Object.values(tensors)).filter(({ storage }) => !storage));
    // ways run one after the other, so they share what lies between their calls
    for (const [i, tensor] of [...scratch].entries()) {
      arenas[i] = Math.max(arenas[i] ?? 0, tensorBytes(tensor));
      arenaOf.set(tensor, i);
    }
  }
  const sections = new Map(ways.map((calls, i) => [String(i), calls]));
  try {
    return await device.prepared({ sections, arenas, arenaOf });
  } catch {
    // there is no memory for them; what the device itself has to say is heard later
    return undefined;
  }
}

/** Numbers that operands are filled with, over and over: zeros would cost a card less power, and so less time. */
const PATTERN = 1 << 18;

/** Operands that are only read. */
const filled = ["a", "b"];

/** Memory that the tensors of all products share, by the names that the operation gives them; undefined if there is too little. */
async function operands(products: readonly TunedProduct[], { gpu, allocate, write }: TunedDevice) {
  const sizes = new Map<string, Tensor>();
  for (const tensor of products.flatMap(({ call }) => Object.entries(call.tensors))) {
    const [name, operand] = tensor;
    const largest = sizes.get(name);
    if (!largest || tensorBytes(operand) > tensorBytes(largest)) sizes.set(name, operand);
  }
  const pattern = Float32Array.from({ length: PATTERN }, (_, i) => Math.sin(i * i) / 8);
  gpu.pushErrorScope("out-of-memory");
  const buffers = new Map(
    [...sizes].map(([name, tensor]) => [name, allocate(tensorBytes(tensor), `${name} of the tuner`)]),
  );
  for (const [name, { size, ...rest }] of sizes) {
    const tensor = { ...rest, size, storage: { buffer: buffers.get(name)!, offset: 0 } };
    for (let at = 0; at < size && filled.includes(name); at += PATTERN) {
      write(tensor, pattern.subarray(0, size - at), at);
    }
  }
  const failure = await gpu.popErrorScope();
  const destroy = () => {
    for (const buffer of buffers.values()) buffer.destroy();
  };
  if (failure) destroy();
  const placed = (call: OpCall): OpCall => {
    const tensors = Object.entries(call.tensors).map(([name, tensor]) => [
      name,
      { ...tensor, storage: { buffer: buffers.get(name)!, offset: 0 } },
    ]);
    return { ...call, tensors: Object.fromEntries(tensors) };
  };
  return failure ? undefined : { placed, destroy };
}
