/**
 * What a device's speed means for a training step: each call takes as long as its arithmetic or its memory, whichever is the
 * longer, and as long as a call takes; a step never takes less than submitting it.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import { workOf } from "../device/profile.ts";
import { type ModelConfig, modelConfig, type Size, sizes } from "../model/config.ts";
import { trainingMemory } from "../model/memory.ts";
import type { BatchShape } from "../model/model.ts";
import { parameterCount } from "../model/parameters.ts";
import { recordedStep } from "../model/recorded_step.ts";
import type { KernelCall } from "../tensor/tensor.ts";
import type { DeviceSpeed } from "./measure_device.ts";

/** A training step that is estimated. */
export interface StepEstimate {
  /** Size of the model. */
  readonly size: Size;
  /** Its parameters. */
  readonly parameters: number;
  /** Length of its windows. */
  readonly length: number;
  /** Tokens of a step. */
  readonly tokens: number;
  /** Calls of kernels. */
  readonly calls: number;
  /** Floating-point operations. */
  readonly flop: number;
  /** Bytes that are moved. */
  readonly bytes: number;
  /** Bytes of memory, weights and moments included. */
  readonly memory: number;
  /** Seconds, as estimated. */
  readonly seconds: number;
  /** Tokens a second, as estimated; undefined where the device cannot hold one of the step's tensors. */
  readonly tokensPerSecond: number | undefined;
}

/** What is estimated: the usual model of a size, with a vocabulary and a length that go with it. */
const cases: Readonly<Record<Size, { readonly vocab: number; readonly length: number }>> = {
  tiny: { vocab: 70, length: 64 },
  small: { vocab: 70, length: 128 },
  mini: { vocab: 8192, length: 128 },
  base: { vocab: 30_522, length: 512 },
};

/** Tokens of a step, and the share of them that is predicted. */
const TOKENS = 4096;
const RATE = 0.15;

const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };

/** Estimates steps of all sizes. */
export async function estimateSizes(device: Device, speed: DeviceSpeed): Promise<StepEstimate[]> {
  const estimates = [];
  for (const size of sizes) estimates.push(await estimateStep(device, speed, { size, tokens: TOKENS, ...cases[size] }));
  return estimates;
}

/** Estimates a step of the usual model of a size. */
export async function estimateStep(
  device: Device,
  speed: DeviceSpeed,
  { size, vocab, length, tokens }: { size: Size; vocab: number; length: number; tokens: number },
): Promise<StepEstimate> {
  const config: ModelConfig = modelConfig({ size, vocab, maxLength: length });
  const shape: BatchShape = { windows: tokens / length, length, capacity: Math.ceil(RATE * tokens) };
  const { kernels } = await recordedStep(device, config, { shape, optimizer });
  const { parameters, batch } = await trainingMemory(device, config, { shape, optimizer });
  const working = kernels.reduce((sum, call) => sum + secondsFor(call, speed), 0);
  const seconds = Math.max(working, kernels.length * speed.submit);
  const sum = (of: "flop" | "bytes") => kernels.reduce((total, call) => total + workOf(call)[of], 0);
  const fits = kernels.every(({ tensors }) =>
    Object.values(tensors).every((one) => 4 * one.size <= device.maxTensorBytes)
  );
  return {
    size,
    parameters: parameterCount(config),
    length,
    tokens,
    calls: kernels.length,
    flop: sum("flop"),
    bytes: sum("bytes"),
    memory: parameters + batch,
    seconds,
    tokensPerSecond: fits ? tokens / seconds : undefined,
  };
}

/** Seconds of a call. */
function secondsFor(kernelCall: KernelCall, { products, attention, bandwidth, call }: DeviceSpeed): number {
  const { flop, bytes } = workOf(kernelCall);
  const rate = kernelCall.kernel.startsWith("attention") ? attention : products;
  return Math.max(flop / rate, bytes / bandwidth) + call;
}
