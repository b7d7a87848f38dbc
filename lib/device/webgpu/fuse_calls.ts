/**
 * Which calls of a section a GPU does together.
 *
 * @module
 */

import type { KernelCall } from "../../tensor/tensor.ts";
import { fuseProducts } from "./fuse_products.ts";
import { mergeSums } from "./merge_sums.ts";

/** Fewer calls that do the same. */
export function fuseCalls(calls: readonly KernelCall[], limits: { maxTensorBytes: number }): readonly KernelCall[] {
  return mergeSums(fuseProducts(calls), limits);
}
