/**
 * Watching over a GPU: that it was lost, what it refuses, and that it does not answer, each as one sentence.
 *
 * @module
 */

import { DeviceError, DeviceMemoryError } from "../device.ts";
import { gist } from "./kernel_error.ts";

/** Seconds without an answer after which a GPU is given up; software may work on one step for long. */
const PATIENCE = { hardware: 600, software: 3600 } as const;

/** Seconds that opening an adapter may take. */
const OPENING = 60;

/** Milliseconds in which WebGPU says why something failed, after it did. */
const REASON = 100;

/** Watches over one device. */
export interface GpuWatch {
  /**
   * Nothing has failed so far.
   *
   * @throws {DeviceError} with what failed first.
   */
  check(): void;
  /**
   * What the device is waited for.
   *
   * @throws {DeviceError} if the device is lost, or WebGPU fails otherwise, or does not answer; other errors as they are.
   */
  answer<T>(result: Promise<T>): Promise<T>;
  /** Is told no more: the device is destroyed on purpose. */
  end(): void;
}

/** Watches over a device until it is destroyed on purpose. */
export function watchGpu(gpu: GPUDevice, { software }: { software: boolean }): GpuWatch {
  let failure: DeviceError | undefined;
  let isOver = false;
  gpu.addEventListener("uncapturederror", (event) => {
    event.preventDefault();
    failure ??= errorOf((event as GPUUncapturedErrorEvent).error);
  });
  gpu.lost.then(({ reason, message }) => {
    if (isOver) return;
    const why = reason === "destroyed" ? "it was destroyed while it was in use" : gist(message) || "no reason is given";
    failure ??= new DeviceError(`The GPU was lost: ${why}`);
  });
  const minutes = PATIENCE[software ? "software" : "hardware"] / 60;
  return {
    check() {
      if (failure) throw failure;
    },
    async answer(result) {
      try {
        const sentence = `The GPU has not answered for ${minutes} minutes`;
        const answered = await within(result, 60 * minutes, { sentence, parts: PARTS });
        if (failure) throw failure;
        return answered;
      } catch (error) {
        // the reason comes a moment after what failed for it
        if (!failure) await Promise.race([gpu.lost, new Promise((resolve) => setTimeout(resolve, REASON))]);
        if (failure) throw failure;
        throw isOfWebGpu(error) ? new DeviceError(`The GPU failed: ${gist(error.message)}`) : error;
      }
    },
    end() {
      isOver = true;
    },
  };
}

/** An adapter or a device that is asked for. */
export function opened<T>(result: Promise<T>): Promise<T> {
  return within(result, OPENING, { sentence: `Cannot open a GPU: its driver has not answered for ${OPENING} seconds` });
}

/** Parts of a wait: while the host is at something else for long, an answer cannot be heard, and only one part passes. */
const PARTS = 10;

/** A result, or a sentence where it takes too long. */
async function within<T>(
  result: Promise<T>,
  seconds: number,
  { sentence, parts = 1 }: { sentence: string; parts?: number },
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    const wait = (left: number) => {
      const next = () => left > 1 ? wait(left - 1) : reject(new DeviceError(sentence));
      timer = setTimeout(next, 1000 * seconds / parts);
    };
    wait(parts);
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** WebGPU has one kind of error of its own, and takes that of browsers for the rest. */
const isOfWebGpu = (error: unknown): error is DOMException => error instanceof DOMException;

function errorOf(error: GPUError): DeviceError {
  return error instanceof GPUOutOfMemoryError
    ? new DeviceMemoryError("The GPU has no memory left: fewer tokens a step, or a smaller model, need less")
    : new DeviceError(`The GPU refused its work: ${gist(error.message)}`);
}
