import { assertEquals } from "@std/assert";
import { allocateTensor } from "../../lib/device/device.ts";
import { readInPieces, stageTensors } from "../../lib/device/staged.ts";
import { findAdapter } from "../../lib/device/webgpu/open_webgpu.ts";
import { stage } from "../../lib/device/webgpu/staging.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";
import { kindTest, withoutGpu } from "../helpers/devices.ts";

kindTest(
  "stageTensors() copies what tensors hold when it is called, whatever is written before it is read",
  async (device) => {
    const [x, y] = [
      allocateTensor(device, "x", { shape: [3] }),
      allocateTensor(device, "y", { shape: [2], dtype: "u32" }),
    ];
    device.write(x, Float32Array.of(1, 2, 3));
    device.write(y, Uint32Array.of(4, 5));
    const first = stageTensors(device, [x, y]);
    device.write(x, Float32Array.of(6, 7, 8));
    const second = stageTensors(device, [x]);
    device.write(x, Float32Array.of(9, 9, 9));
    const [floats, integers] = await (await first)!.read();
    assertEquals([[...new Float32Array(floats!)], [...new Uint32Array(integers!)]], [[1, 2, 3], [4, 5]]);
    assertEquals([...new Float32Array((await (await second)!.read())[0]!)], [6, 7, 8]);
    for (const { storage } of [x, y]) storage.buffer.destroy();
  },
);

kindTest("readInPieces() reads what read() does", async (device) => {
  const x = allocateTensor(device, "x", { shape: [101] });
  const part: Tensor = { ...x, shape: [90], size: 90, storage: { ...x.storage, offset: 16 } };
  device.write(x, Float32Array.from({ length: 101 }, (_, i) => i));
  assertEquals(await readInPieces(device, [x, part], { piece: 64 }), await device.read([x, part]));
  x.storage.buffer.destroy();
});

Deno.test({
  name: "stage() takes several buffers where one may not be so large, and none where there is no memory",
  ignore: withoutGpu,
  fn: async () => {
    const gpu = await (await findAdapter())!.requestDevice();
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = gpu.createBuffer({ size: 48, usage });
    gpu.queue.writeBuffer(buffer, 0, Float32Array.from({ length: 12 }, (_, i) => i));
    const sizes: number[] = [];
    const limited = (maxBufferSize: number) =>
      new Proxy(gpu, {
        get(target, name) {
          if (name === "limits") return { maxBufferSize };
          if (name === "createBuffer") {
            return (options: GPUBufferDescriptor) => {
              sizes.push(options.size);
              return gpu.createBuffer(options);
            };
          }
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    const tensor = (size: number, first: number): Tensor & { at: number } => ({
      name: "x",
      shape: [size],
      dtype: "f32",
      size,
      at: 4 * first,
    });
    const options = {
      placeOf: (tensor: Tensor) => ({ gpu: buffer, offset: (tensor as Tensor & { at: number }).at }),
      answer: <T>(result: Promise<T>) => result,
    };
    const tensors = [tensor(4, 0), tensor(4, 4), tensor(2, 8), tensor(2, 10)];
    const read = await (await stage(limited(32), tensors, options))!.read();
    assertEquals(read.map((bytes) => [...new Float32Array(bytes)]), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [10, 11]]);
    assertEquals(sizes, [32, 16]);
    // no device has a buffer of that size
    assertEquals(await stage(limited(2 ** 53), [tensor(2 ** 46, 0)], options), undefined);
    buffer.destroy();
    gpu.destroy();
  },
});
