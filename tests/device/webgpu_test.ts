import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { allocateTensor, type Device, DeviceError } from "../../lib/device/device.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { gpuTest } from "../helpers/devices.ts";
import { openWebGpuDevice } from "../../lib/device/webgpu/open_webgpu.ts";

gpuTest("Device writes and reads parts of tensors", async (device) => {
  const x = allocateTensor(device, "x", { shape: [6] });
  const ids = allocateTensor(device, "ids", { shape: [3], dtype: "u32" });
  device.write(x, Float32Array.of(1, 2, 3, 4, 5, 6));
  device.write(x, Float32Array.of(9), 4);
  device.write(ids, Uint32Array.of(7, 8, 0xffffffff));
  const [first, second] = await device.read([x, ids]);
  assertEquals([...new Float32Array(first!)], [1, 2, 3, 4, 9, 6]);
  assertEquals([...new Uint32Array(second!)], [7, 8, 0xffffffff]);
  assertThrows(() => device.write(x, new Float32Array(4), 3), RangeError, "Cannot write 4 elements at 3 to x of 6");
  x.storage.buffer.destroy();
  ids.storage.buffer.destroy();
});

/** y += x on so many elements. */
function addition(size: number) {
  const graph = new Graph();
  const x = graph.persistent("x", [size]);
  const y = graph.persistent("y", [size]);
  graph.call("add", { tensors: { x, y }, params: { size } });
  return { graph, x, y };
}

gpuTest("Device folds grids of more workgroups than one dimension holds", async (device) => {
  // 64 vec4 a workgroup, 65,535 workgroups a dimension
  const size = 4 * 64 * 65_535 + 4 * 1000;
  const { graph, x, y } = addition(size);
  const program = await graph.compile(device);
  device.write(x, new Float32Array(size).fill(2));
  program.run();
  program.run();
  const result = new Float32Array((await device.read([y]))[0]!);
  program.destroy();
  assertEquals(result.every((value) => value === 4), true);
});

gpuTest("Device says with numbers when a tensor is too large", async (device) => {
  const size = Math.ceil(device.maxTensorBytes / 4) + 4;
  const graph = new Graph();
  const [x, y] = [graph.activation("x", [size]), graph.activation("y", [size])];
  graph.call("add", { tensors: { x, y }, params: { size } });
  await assertRejects(
    () => graph.compile(device),
    RangeError,
    `${size * 4} bytes are more than the ${device.maxTensorBytes}`,
  );
  assertThrows(
    () => device.allocate(2 ** 40, "too much"),
    RangeError,
    "Cannot allocate 1099511627776 bytes for too much",
  );
});

gpuTest("Device rejects calls that do not fit their kernel", async (device) => {
  const compile = (change: (graph: Graph) => void) => {
    const graph = new Graph();
    change(graph);
    return graph.compile(device);
  };
  const x = (graph: Graph) => graph.persistent("x", [4]);
  await assertRejects(
    () => compile((graph) => graph.call("nothing", { tensors: {}, params: {} })),
    TypeError,
    'no operation "nothing"',
  );
  await assertRejects(
    () => compile((graph) => graph.call("add", { tensors: { z: x(graph) }, params: { size: 4 } })),
    TypeError,
    'Kernel add has no binding "z"',
  );
  const { graph } = addition(4);
  const program = await graph.compile(device);
  assertThrows(() => program.run("other"), TypeError, 'no section "other"');
  program.destroy();
});

gpuTest("Device says which kernel WebGPU would refuse to run, and goes on", async (device) => {
  const compile = (change: (graph: Graph) => void) => {
    const graph = new Graph();
    change(graph);
    return graph.compile(device);
  };
  const x = allocateTensor(device, "x", { shape: [128] });
  const refused = async (tensors: Record<string, Tensor>, message: string) => {
    const error = await assertRejects(() => compile((graph) => graph.call("add", { tensors, params: { size: 4 } })));
    assert(error instanceof Error && error.message.startsWith("Cannot run kernel add: "), String(error));
    assert(error.message.includes(message), error.message);
  };
  const behind = { ...x, storage: { ...x.storage, offset: 512 } };
  const y = allocateTensor(device, "y", { shape: [128] });
  await refused({ x: behind, y }, "512");
  await refused({ x, y: { ...y, storage: { ...y.storage, offset: 4 } } }, "alignment");
  // read and written at once
  await refused({ x, y: x }, "usage");
  const program = await compile((graph) => graph.call("add", { tensors: { x, y }, params: { size: 128 } }));
  device.write(x, new Float32Array(128).fill(3));
  program.run();
  assertEquals(new Float32Array((await device.read([y]))[0]!), new Float32Array(128).fill(3));
  program.destroy();
  x.storage.buffer.destroy();
  y.storage.buffer.destroy();
});

gpuTest("Device fails with WebGPU's own words once something went wrong", async () => {
  const device: Device = await openWebGpuDevice();
  const { graph, y } = addition(16);
  const program = await graph.compile(device);
  // destroyed under the program: WebGPU reports it only with the next submission
  y.storage!.buffer.destroy();
  const use = async () => {
    program.run();
    await device.read([allocateTensor(device, "probe", { shape: [4] })]);
    program.run();
  };
  await assertRejects(use, DeviceError, "The GPU refused its work: ");
  device.destroy();
});

gpuTest("Device gives all memory back that programs took", async (device) => {
  const { graph, y } = addition(64);
  const program = await graph.compile(device);
  assertEquals(program.bytes, 2 * 256);
  program.run();
  await device.read([y]);
  program.destroy();
});
