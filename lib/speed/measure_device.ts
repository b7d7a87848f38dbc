/**
 * How fast a device is: its memory, its arithmetic and the calls themselves, each measured by what nothing else limits.
 *
 * @module
 */

import { alteredDevice } from "../device/altered_device.ts";
import type { Device } from "../device/device.ts";
import { workOf } from "../device/profile.ts";
import { Graph } from "../graph/graph.ts";
import { attention } from "../ops/attention.ts";
import { product } from "../ops/linear.ts";
import type { KernelCall } from "../tensor/tensor.ts";

/** What a device reaches at best. */
export interface DeviceSpeed {
  /** Bytes a second, of a large tensor that is added to another: two are read, one is written. */
  readonly bandwidth: number;
  /** Floating-point operations a second, of a large matrix product. */
  readonly products: number;
  /** Floating-point operations a second, of attention with its gradient. */
  readonly attention: number;
  /** Seconds of a call that does next to nothing and waits for the one before. */
  readonly call: number;
  /** Seconds of JavaScript and the driver that a call costs before the device has it; 0 where the device is this processor. */
  readonly submit: number;
}

/** Sizes of what is measured: large enough for the device to show what it can. */
export interface MeasuredSizes {
  /** Elements of the tensor that is added. */
  readonly elements: number;
  /** Rows, columns and depth of the product. */
  readonly product: readonly [m: number, n: number, k: number];
  /** Sequences, and what attends in them. */
  readonly attention: {
    readonly batch: number;
    readonly length: number;
    readonly width: number;
    readonly heads: number;
  };
}

const cardSizes: MeasuredSizes = {
  elements: 2 ** 25,
  product: [4096, 4096, 1024],
  attention: { batch: 8, length: 512, width: 768, heads: 12 },
};

/** The CPU, and software that does a card's work. */
const processorSizes: MeasuredSizes = {
  elements: 2 ** 23,
  product: [512, 512, 512],
  attention: { batch: 2, length: 128, width: 128, heads: 4 },
};

/** Calls of next to nothing. */
const CALLS = 64;

/** Measures a device, in about a second. */
export async function measureDevice(
  device: Device,
  sizes: MeasuredSizes = device.kind === "cpu" || device.software ? processorSizes : cardSizes,
): Promise<DeviceSpeed> {
  const { elements, product: [m, n, k], attention: attending } = sizes;
  const size = Math.min(elements, Math.floor(device.maxTensorBytes / 64) * 16);
  const memory = await measured(device, (graph) => addition(graph, size));
  const products = await measured(device, (graph) => {
    product(graph, {
      sizes: { m, n, k },
      strides: { a_stride: k, b_stride: k, c_stride: n },
      tensors: {
        a: graph.persistent("a", [m, k]),
        b: graph.persistent("b", [n, k]),
        c: graph.persistent("c", [m, n]),
      },
      choices: { transposeB: true },
    });
  });
  const attended = await measured(device, (graph) => {
    const { batch, length, width, heads } = attending;
    const y = attention(graph, graph.persistent("qkv", [batch * length, 3 * width]), { length, heads });
    graph.seed(y, graph.persistent("d_y", y.shape));
    graph.backward();
  });
  const calls = await measured(device, (graph) => {
    const tensors = { x: graph.persistent("x", [64]), y: graph.persistent("y", [64]) };
    for (let i = 0; i < CALLS; i++) graph.call("add", { tensors, params: { size: 64 } });
  });
  return {
    bandwidth: memory.bytes / memory.seconds,
    products: products.flop / products.seconds,
    attention: attended.flop / attended.seconds,
    call: calls.seconds / CALLS,
    submit: device.kind === "cpu" ? 0 : calls.submitted / CALLS,
  };
}

function addition(graph: Graph, size: number): void {
  graph.call("add", {
    tensors: { x: graph.persistent("x", [size]), y: graph.persistent("y", [size]) },
    params: { size },
  });
}

/** Time and work of a run of what is recorded. */
async function measured(device: Device, record: (graph: Graph) => void) {
  const graph = new Graph();
  record(graph);
  const probe = graph.persistent("probe", [4]);
  const kernels: KernelCall[] = [];
  const noting = alteredDevice(device, {
    build(recording) {
      kernels.push(...[...recording.sections.values()].flat());
      return device.build(recording);
    },
  });
  const program = await graph.compile(noting);
  let submitted = 0;
  const run = async (count: number) => {
    const began = performance.now();
    for (let i = 0; i < count; i++) program.run();
    submitted = (performance.now() - began) / 1000 / count;
    await device.read([probe]);
    return (performance.now() - began) / 1000;
  };
  try {
    const work = kernels.map(workOf);
    const seconds = await secondsOf(run);
    const sum = (of: "flop" | "bytes") => work.reduce((total, one) => total + one[of], 0);
    return { seconds, submitted, flop: sum("flop"), bytes: sum("bytes") };
  } finally {
    program.destroy();
  }
}

/** Seconds that a measured number of runs takes at least: a wait alone may take a hundredth. */
const ENOUGH = 0.05;

/** Seconds of one run, less what a wait costs: a number of runs is compared with three times as many. */
export async function secondsOf(run: (count: number) => Promise<number>): Promise<number> {
  await run(1);
  let count = 1;
  let few = await run(count);
  while (few < ENOUGH && count < 4096) few = await run(count *= 2);
  const many = await run(3 * count);
  const difference = (many - few) / (2 * count);
  // where chance took more than the runs
  return difference > 0 ? difference : many / (3 * count);
}
