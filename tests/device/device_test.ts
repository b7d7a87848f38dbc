import { assertEquals } from "@std/assert";
import { allocateTensor } from "../../lib/device/device.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { kindTest } from "../helpers/devices.ts";

kindTest(
  "Device.read() gives what was there when it was called, whatever is written and run while it waits",
  async (device) => {
    const graph = new Graph();
    const x = graph.persistent("x", [4]);
    const y = allocateTensor(device, "y", { shape: [4] });
    graph.call("add", { tensors: { x, y }, params: { size: 4 } });
    const program = await graph.compile(device);
    const reads = [1, 10, 100].map((value) => {
      device.write(x, new Float32Array(4).fill(value));
      program.run();
      return device.read([x, y]);
    });
    const results = (await Promise.all(reads)).map((tensors) => tensors.map((bytes) => new Float32Array(bytes)[0]!));
    assertEquals(results, [[1, 1], [10, 11], [100, 111]]);
    program.destroy();
    y.storage.buffer.destroy();
  },
);
