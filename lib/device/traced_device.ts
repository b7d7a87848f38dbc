/**
 * A device whose host's work is noted: uploads, submissions, what is read back and what is compiled.
 *
 * @module
 */

import { alteredDevice } from "./altered_device.ts";
import type { Device, Staged } from "./device.ts";
import type { TraceLog } from "./trace.ts";

/** The same device; what it is given to do is noted in a log. */
export function tracedDevice(device: Device, log: TraceLog): Device {
  const { tune } = device;
  const stage = device.stage?.bind(device);
  return alteredDevice(device, {
    write: (tensor, data, offset) => log.during("upload", () => device.write(tensor, data, offset)),
    read: (tensors) => log.during("read back", () => device.read(tensors)),
    ...(stage
      ? { stage: (tensors) => log.during("copy", () => stage(tensors).then((staged) => noted(staged, log))) }
      : {}),
    ...(tune ? { tune: (calls) => log.during("tune", () => tune(calls)) } : {}),
    async build(recording) {
      const program = await log.during("compile", () => device.build(recording));
      return { ...program, run: (...sections) => log.during("encode", () => program.run(...sections)) };
    },
  });
}

/** Copies whose reading is noted: the host may do something else meanwhile. */
const noted = (staged: Staged | undefined, log: TraceLog): Staged | undefined =>
  staged && { ...staged, read: () => log.waiting("read back", () => staged.read()) };
