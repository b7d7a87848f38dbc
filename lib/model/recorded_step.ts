/**
 * A training step as it would be recorded, without any memory for it.
 *
 * @module
 */

import { alteredDevice } from "../device/altered_device.ts";
import type { Device, Recording } from "../device/device.ts";
import { everyStep } from "../optimizer/muon.ts";
import type { OptimizerOptions } from "../optimizer/optimizer.ts";
import type { KernelCall, OpCall } from "../tensor/tensor.ts";
import type { ModelConfig } from "./config.ts";
import { type BatchShape, Model } from "./model.ts";

/** A training step in two forms. */
export interface RecordedStep {
  /** What is computed. */
  readonly operations: readonly OpCall[];
  /** How the device would do it. */
  readonly kernels: readonly KernelCall[];
}

/** What hears of memory that would be taken. */
export interface PlanHooks {
  /** A piece of memory. */
  readonly allocated?: (bytes: number) => void;
  /** A program. */
  readonly built?: (recording: Recording) => void;
}

/** A device that lowers as another one does, and has no memory. */
export function planningDevice(device: Device, { allocated, built }: PlanHooks = {}): Device {
  return alteredDevice(device, {
    allocate(bytes) {
      allocated?.(bytes);
      return { bytes, destroy: () => {} };
    },
    write: () => {},
    read: () => Promise.resolve([]),
    build(recording) {
      built?.(recording);
      return Promise.resolve({ bytes: 0, run: () => {}, destroy: () => {} });
    },
    takeProfile: () => Promise.resolve(undefined),
    destroy: () => {},
  });
}

/** Records the training step of a model for batches of a shape, one that updates everything. */
export async function recordedStep(
  device: Device,
  config: ModelConfig,
  { shape, optimizer, recomputes = false }: { shape: BatchShape; optimizer: OptimizerOptions; recomputes?: boolean },
): Promise<RecordedStep> {
  const operations: OpCall[] = [];
  const kernels: KernelCall[] = [];
  const planning = planningDevice(device, {
    built: ({ sections }) => kernels.push(...[...sections.values()].flat()),
  });
  const noting = alteredDevice(planning, {
    lower(call) {
      operations.push(call);
      return device.lower(call);
    },
  });
  await new Model(noting, config).compileTraining(shape, everyStep(optimizer), { recomputes });
  return { operations, kernels };
}
