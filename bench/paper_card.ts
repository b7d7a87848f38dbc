/** A graphics card with the usual limits, as lowering sees it. */
import { MOST_WORKGROUP_BYTES } from "../lib/device/webgpu/choices.ts";
import type { GpuTarget } from "../lib/device/webgpu/lower.ts";

/** Its choices are those without a tuner. */
export const card: GpuTarget = {
  variant: "tiled",
  table: {},
  attention: "by length",
  workgroupBytes: MOST_WORKGROUP_BYTES,
  parallelism: 512,
  maxTensorBytes: 2 ** 31 - 4,
};
