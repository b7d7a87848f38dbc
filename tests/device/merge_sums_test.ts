import { assert, assertEquals } from "@std/assert";
import { mergeSums } from "../../lib/device/webgpu/merge_sums.ts";
import { reducePartials, scratch } from "../../lib/device/lowering.ts";
import { planMemory } from "../../lib/graph/plan.ts";
import type { KernelCall, Tensor } from "../../lib/tensor/tensor.ts";

const gradients = { bytes: 2 ** 20, destroy() {} };

/** A gradient of so many floats, from an element of the flat ones on. */
function gradient(size: number, first: number): Tensor {
  return { ...scratch("d_w", [size]), storage: { buffer: gradients, offset: 4 * first } };
}

/** The call that makes partial sums, and the one that adds them up. */
function summed(y: Tensor, splits: number, { accumulate = true } = {}): [KernelCall, KernelCall] {
  const partials = scratch("partials", [splits, y.size]);
  const make = { kernel: "make", tensors: { partials }, params: {}, constants: {}, grid: [1, 1, 1] } as const;
  return [make, reducePartials(partials, y, { accumulate })];
}

const limits = { maxTensorBytes: 2 ** 27 };
const kernels = (calls: readonly KernelCall[]) => calls.map(({ kernel }) => kernel);

Deno.test("mergeSums() adds up at the end what is added to gradients, from one piece of memory", () => {
  const calls = mergeSums([...summed(gradient(100, 0), 3), ...summed(gradient(7, 128), 20)], limits);
  assertEquals(kernels(calls), ["make", "make", "reduce_many"]);
  const [one, other, last] = calls;
  const { partials, sums, y } = last!.tensors;
  assertEquals(one!.tensors.partials!.part, { of: partials!, offset: 0 });
  // behind 300 floats, at the next multiple of 64
  assertEquals(other!.tensors.partials!.part, { of: partials!, offset: 320 });
  assertEquals([partials!.size, y!.size, y!.storage!.offset], [512, 2 ** 18, 0]);
  assertEquals([...sums!.contents!], [0, 0, 0, 100, 3, 1, 0, 0, 2, 320, 128, 7, 20, 1, 0, 0]);
  assertEquals([last!.grid[0], last!.params.sums], [3, 2]);
  // alive from the first call to the last
  assertEquals(planMemory(calls).arenaOf.get(partials!), 0);
});

Deno.test("mergeSums() gives a sum as many workgroups as its lanes need", () => {
  const [make, sum] = summed(gradient(100, 0), 64);
  const calls = mergeSums([
    make,
    { ...sum, constants: { ...sum.constants, LANES: 16 } },
    ...summed(gradient(4, 128), 2),
  ], limits);
  assertEquals([...calls.at(-1)!.tensors.sums!.contents!].slice(4, 9), [64, 16, 0, 0, 25]);
});

Deno.test("mergeSums() leaves alone what is read before the end, what is alone, and what cannot be bound", () => {
  const activation = scratch("d_x", [100]);
  const alone = [...summed(gradient(100, 0), 3), ...summed(activation, 3), ...summed(activation, 2)];
  assertEquals(mergeSums(alone, limits), alone);
  const overwritten = [...summed(gradient(8, 0), 3, { accumulate: false }), ...summed(gradient(8, 64), 3)];
  assertEquals(mergeSums(overwritten, limits), overwritten);
  const two = [...summed(gradient(8, 0), 3), ...summed(gradient(8, 64), 3)];
  assertEquals(mergeSums(two, { maxTensorBytes: 2 ** 19 }), two);
});

Deno.test("mergeSums() never adds to one gradient twice in a call, nor keeps more waiting than 64 MiB", () => {
  const twice = mergeSums([
    ...[...summed(gradient(100, 0), 3), ...summed(gradient(50, 128), 3)],
    ...[...summed(gradient(64, 64), 3), ...summed(gradient(50, 128), 3)],
  ], limits);
  assertEquals(kernels(twice), ["make", "make", "reduce_many", "make", "make", "reduce_many"]);
  const large = [0, 1, 2, 3].flatMap((i) => summed(gradient(2 ** 15, i * 2 ** 15), 250));
  const merged = mergeSums(large, limits);
  assertEquals(kernels(merged), ["make", "make", "reduce_many", "make", "make", "reduce_many"]);
  assert(merged.every(({ tensors }) => 4 * tensors.partials!.size <= 2 ** 26));
});
