// Preloaded to spoil a weight before some steps: CLOZE_TEST_SPOIL is a table of values by step, and how often each happens.
import { CpuDevice } from "../../lib/device/cpu/cpu_device.ts";
import { WebGpuDevice } from "../../lib/device/webgpu/webgpu_device.ts";
import type { Device } from "../../lib/device/device.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";

const faults: Record<string, { value: string; times: number }> = JSON.parse(Deno.env.get("CLOZE_TEST_SPOIL") ?? "{}");

for (const prototype of [CpuDevice.prototype, WebGpuDevice.prototype] as Device[]) {
  const { allocate, write } = prototype;
  const parameters = new WeakMap<object, Tensor>();
  prototype.allocate = function (bytes: number, label: string) {
    const buffer = allocate.call(this, bytes, label);
    const first = { name: "first", shape: [1], dtype: "f32", size: 1, storage: { buffer, offset: 0 } } as const;
    if (label === "parameters") parameters.set(this, first);
    return buffer;
  };
  prototype.write = function (tensor, data, offset) {
    const fault = tensor.name === "step clock" ? faults[data[1]! + 1] : undefined;
    if (fault && fault.times-- > 0) write.call(this, parameters.get(this)!, Float32Array.of(Number(fault.value)));
    write.call(this, tensor, data, offset);
  };
}
