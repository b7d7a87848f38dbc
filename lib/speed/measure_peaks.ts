/**
 * What a device reaches at best, by the clock of its profile.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import { Graph } from "../graph/graph.ts";
import { product } from "../ops/linear.ts";
import type { DeviceSpeed } from "./measure_device.ts";

/** Rates that nothing a device does is much faster than: its caches aside. */
export type Peaks = Pick<DeviceSpeed, "bandwidth" | "products">;

/** Sizes of the product and of the tensor that is added, in elements. */
const cardSizes = { m: 4096, n: 4096, k: 1024, elements: 2 ** 25 };
const processorSizes = { m: 512, n: 512, k: 512, elements: 2 ** 23 };

/** Runs, the first of which warms up. */
const RUNS = 4;

/** Measures a device that was opened with a profile, which it takes; undefined where it has none, or no memory for it. */
export async function measurePeaks(
  device: Device,
  sizes: typeof cardSizes = device.kind === "cpu" || device.software ? processorSizes : cardSizes,
): Promise<Peaks | undefined> {
  const { m, n, k, elements } = sizes;
  const size = Math.min(elements, Math.floor(device.maxTensorBytes / 64) * 16);
  const graph = new Graph();
  product(graph, {
    sizes: { m, n, k },
    strides: { a_stride: k, b_stride: k, c_stride: n },
    tensors: { a: graph.persistent("a", [m, k]), b: graph.persistent("b", [n, k]), c: graph.persistent("c", [m, n]) },
    choices: { transposeB: true },
  });
  const [x, y] = [graph.persistent("x", [size]), graph.persistent("y", [size])];
  graph.call("add", { tensors: { x, y }, params: { size } });
  const probe = graph.persistent("probe", [4]);
  try {
    const program = await graph.compile(device);
    program.run();
    await device.read([probe]);
    await device.takeProfile();
    for (let run = 1; run < RUNS; run++) program.run();
    await device.read([probe]);
    const times = await device.takeProfile();
    program.destroy();
    const rate = (of: "flop" | "bytes", isWanted: (name: string) => boolean) => {
      const found = (times ?? []).filter(({ name }) => isWanted(name));
      const sum = (what: "flop" | "bytes" | "milliseconds") => found.reduce((sum, time) => sum + time[what], 0);
      return 1000 * sum(of) / sum("milliseconds");
    };
    const peaks = {
      products: rate("flop", (name) => name !== "add"),
      bandwidth: rate("bytes", (name) => name === "add"),
    };
    return Object.values(peaks).every((rate) => rate > 0 && rate < Infinity) ? peaks : undefined;
  } catch {
    // a training that has just ended well is not spoilt by what is measured behind it
    return undefined;
  }
}
