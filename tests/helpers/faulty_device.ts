import type { Device } from "../../lib/device/device.ts";
import type { Tensor } from "../../lib/tensor/tensor.ts";

/** What the weight is in all other steps. */
const USUAL = 0.01;

/** A device that another one does the work of; the first weight of a model on it is another number in some steps. */
export function faultyDevice(
  device: Device,
  faultOf: (step: number) => number | undefined,
): Device {
  let parameters: Tensor | undefined;
  return {
    kind: device.kind,
    description: device.description,
    settings: device.settings,
    software: device.software,
    maxTensorBytes: device.maxTensorBytes,
    allocate: (...args) => device.allocate(...args),
    write: (tensor, data, offset) => {
      if (tensor.name === "parameters") parameters = tensor;
      // the clock is written before every step: seed, step
      if (tensor.name === "step clock" && parameters) {
        device.write(parameters, Float32Array.of(faultOf(data[1]! + 1) ?? USUAL));
      }
      device.write(tensor, data, offset);
    },
    read: (...args) => device.read(...args),
    takeProfile: () => device.takeProfile(),
    destroy: () => device.destroy(),
    lower: (call) => device.lower(call),
    build: (recording) => device.build(recording),
  };
}
