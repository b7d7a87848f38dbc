import { assert, assertEquals, assertThrows } from "@std/assert";
import { lower as lowerForCpu } from "../../lib/device/cpu/lower.ts";
import type { WebGpuSettings } from "../../lib/device/device.ts";
import { workOf } from "../../lib/device/profile.ts";
import { lowerOp } from "../../lib/device/lowering.ts";
import {
  type AttentionPass,
  type AttentionVariant,
  chooseAttention,
  chooseProduct,
  MOST_WORKGROUP_BYTES,
  normBlocks,
  partialLanes,
  productKey,
  type ProductShape,
  sliceLength,
} from "../../lib/device/webgpu/choices.ts";
import { kernelSources } from "../../lib/device/webgpu/kernel_sources.ts";
import { lower as lowerForGpu } from "../../lib/device/webgpu/lower.ts";
import { openWebGpuDevice } from "../../lib/device/webgpu/open_webgpu.ts";
import { parseShader, specialise } from "../../lib/device/webgpu/wgsl.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { linear } from "../../lib/ops/linear.ts";
import type { OpCall, Parameter, Tensor } from "../../lib/tensor/tensor.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { withoutGpu } from "../helpers/devices.ts";
import { normal } from "../helpers/random.ts";

const tensor = (name: string, ...shape: number[]): Tensor => ({
  name,
  shape,
  dtype: "f32",
  size: shape.reduce((a, b) => a * b, 1),
});
const target = { parallelism: 512, maxTensorBytes: 2 ** 27 };
const gpu = { ...target, variant: "direct", table: {}, attention: "rows", workgroupBytes: 16384 } as const;

/** The gradient of a weight of [m, n], summed over k rows. */
const weightGradient = ({ m, n, k }: { m: number; n: number; k: number }): OpCall => ({
  op: "matmul",
  tensors: { a: tensor("a", k, m), b: tensor("b", k, n), c: tensor("d_w", m, n), d_bias: tensor("d_bias", m) },
  params: { m, n, k, a_stride: m, b_stride: n, c_stride: n },
  choices: { transposeA: true, accumulate: true },
});

Deno.test("chooseProduct() splits long sums over rows of few tiles only", () => {
  const slice = (parallelism: number, sizes: { m: number; n: number; k: number }) => {
    const choice = chooseProduct({ layout: "Aᵀ·B", ...sizes }, { ...gpu, parallelism });
    return sliceLength(sizes.k, choice.splits);
  };
  assertEquals(slice(512, { m: 128, n: 128, k: 2048 }), 256);
  assertEquals(slice(1, { m: 128, n: 128, k: 2048 }), 2048);
  assertEquals(slice(512, { m: 4096, n: 4096, k: 2048 }), 2048);
  assertEquals(slice(512, { m: 64, n: 64, k: 100 }), 112);
  assertEquals(chooseProduct({ layout: "A·Bᵀ", m: 64, n: 64, k: 9999 }, gpu), { variant: "direct", splits: 1 });
});

Deno.test("chooseProduct() takes the largest tile of which, with the slices of long sums, there are enough", () => {
  const choice = (layout: ProductShape["layout"], m: number, n: number, k: number) => {
    const { tile, splits } = chooseProduct({ layout, m, n, k }, { ...gpu, variant: "tiled" });
    return [...tile!, splits];
  };
  assertEquals(choice("A·Bᵀ", 4096, 2304, 768), [128, 128, 1]);
  assertEquals(choice("A·Bᵀ", 4096, 768, 256), [128, 64, 1]);
  assertEquals(choice("A·Bᵀ", 1024, 384, 128), [64, 64, 1]);
  assertEquals(choice("Aᵀ·B", 384, 128, 1024), [64, 64, 16]);
  assertEquals(choice("Aᵀ·B", 2304, 768, 4096), [128, 128, 3]);
  const always = chooseProduct({ layout: "A·B", m: 9, n: 9, k: 9 }, { ...gpu, variant: "tiled", tile: [128, 64] });
  assertEquals(always.tile, [128, 64]);
});

Deno.test("partialLanes() shares sums where there are fewer of them than invocations, and many partials of each", () => {
  assertEquals(partialLanes({ size: 128, splits: 64 }, 512), 16);
  assertEquals(partialLanes({ size: 128, splits: 8 }, 512), 2);
  assertEquals(partialLanes({ size: 2 ** 20, splits: 64 }, 512), 1);
  assertEquals(partialLanes({ size: 512, splits: 64 }, 16), 1);
});

Deno.test("chooseProduct() takes the table's word for a shape", () => {
  const shape: ProductShape = { layout: "A·B", m: 3, n: 5, k: 1000 };
  const table = { [productKey(shape)]: { variant: "tiled", splits: 3 } } as const;
  assertEquals(chooseProduct(shape, { ...gpu, table }), { variant: "tiled", splits: 3 });
  assertEquals(chooseProduct({ ...shape, k: 999 }, { ...gpu, table }).splits, 1);
});

Deno.test("chooseProduct() tells products of f16 from those of f32", () => {
  const shape: ProductShape = { layout: "A·B", m: 3, n: 5, k: 1000, epilogue: "bias" };
  const half = { ...shape, dtype: "f16" as const };
  assertEquals([productKey(shape), productKey(half)], ["A·B 3×5×1000 bias", "A·B 3×5×1000 f16 bias"]);
  const table = { [productKey(half)]: { variant: "tiled", splits: 3 } } as const;
  assertEquals([shape, half].map((shape) => chooseProduct(shape, { ...gpu, table }).splits), [1, 3]);
  const asked: ProductShape[] = [];
  const a = { ...tensor("a", 64, 512), dtype: "f16" as const };
  lowerForGpu({
    op: "matmul",
    tensors: { a, b: a, c: tensor("c", 64, 64) },
    params: { m: 64, n: 64, k: 512, a_stride: 512, b_stride: 512, c_stride: 64 },
    choices: {},
  }, { ...gpu, asked: (shape) => asked.push(shape) });
  assertEquals(asked.map(productKey), ["A·B 64×64×512 f16"]);
});

Deno.test("chooseProduct() refuses a number of slices that is none", () => {
  const shape: ProductShape = { layout: "A·B", m: 3, n: 5, k: 1000 };
  for (const splits of [0, -1, 1.5, NaN]) {
    const table = { [productKey(shape)]: { variant: "direct", splits } } as const;
    assertThrows(() => chooseProduct(shape, { ...gpu, table }), RangeError, `into ${splits} slices`);
  }
});

Deno.test("lower() for a GPU splits no product after whose sum something comes", () => {
  const sizes = { m: 64, n: 64, k: 512 };
  const table = { [productKey({ layout: "A·Bᵀ", ...sizes })]: { variant: "tiled", splits: 2 } } as const;
  const tensors = { a: tensor("a", 64, 512), b: tensor("b", 64, 512), c: tensor("c", 64, 64) };
  const call = (more: Record<string, Tensor>, choices: OpCall["choices"] = {}): OpCall => ({
    op: "matmul",
    tensors: { ...tensors, ...more },
    params: { ...sizes, a_stride: 512, b_stride: 512, c_stride: 64 },
    choices: { transposeB: true, ...choices },
  });
  const kernels = (call: OpCall) => lowerForGpu(call, { ...gpu, table }).map(({ kernel }) => kernel);
  assertEquals(kernels(call({})), ["matmul_tiled", "reduce_partials"]);
  assertEquals(kernels(call({ bias: tensor("bias", 64) })), ["matmul_tiled"]);
  assertEquals(kernels(call({ residual: tensor("r", 64, 64) })), ["matmul_tiled"]);
  assertEquals(kernels(call({}, { activation: "gelu" })), ["matmul_tiled"]);
});

Deno.test("lower() for a GPU adds the slices of a split product up, its bias as well", () => {
  const calls = lowerForGpu(weightGradient({ m: 128, n: 64, k: 1024 }), gpu);
  assertEquals(calls.map(({ kernel }) => kernel), ["matmul_direct", "reduce_partials", "reduce_partials"]);
  const [product, weight, bias] = calls;
  assertEquals(product!.grid, [64, 128, 4]);
  assertEquals(product!.constants.ACCUMULATE, false);
  assert(product!.tensors.c === weight!.tensors.partials && product!.tensors.d_bias === bias!.tensors.partials);
  assertEquals([weight!.tensors.y!.name, bias!.tensors.y!.name], ["d_w", "d_bias"]);
  assertEquals([weight!.constants.ACCUMULATE, bias!.constants.ACCUMULATE], [true, true]);
});

Deno.test("lower() for the CPU packs a product, or leaves it to a BLAS and does the rest", () => {
  const call = weightGradient({ m: 20, n: 30, k: 1024 });
  const packed = lowerForCpu(call, { blas: undefined });
  assertEquals(packed.map(({ kernel, grid }) => [kernel, grid[0]]), [["matmul_pack", 4], ["matmul", 5]]);
  assert(packed[0]!.tensors.packed === packed[1]!.tensors.packed && !packed[0]!.tensors.packed!.storage);
  const host = lowerForCpu(call, { blas: "host" });
  assertEquals(host.map(({ kernel }) => kernel), ["blas", "matmul_bias_gradient"]);
  const threads = lowerForCpu(call, { blas: "threads" });
  assertEquals(threads.map(({ kernel, grid }) => [kernel, grid[0]]), [["matmul_blas", 2]]);
  assertEquals(threads[0]!.constants.BY_COLUMNS, true);
});

Deno.test("lower() makes attention's gradient two kernels on a GPU and one on the CPU", () => {
  const rows = { qkv: tensor("qkv", 14, 24), output: tensor("o", 14, 8), d_output: tensor("d_o", 14, 8) };
  const call: OpCall = {
    op: "attention_backward",
    tensors: { ...rows, logsumexp: tensor("l", 2, 2, 7), d_qkv: tensor("d_qkv", 14, 24) },
    params: { batch: 2, length: 7, heads: 2, headWidth: 4, scale: 0.5, window: 7 },
    choices: {},
  };
  const [query, keyValue] = lowerForGpu(call, gpu);
  assertEquals([query!.kernel, keyValue!.kernel], ["attention_backward_query", "attention_backward_key_value"]);
  assert(query!.tensors.delta === keyValue!.tensors.delta && !("output" in keyValue!.tensors));
  assertEquals(query!.tensors.delta!.shape, [2, 2, 7]);
  assertEquals(lowerForCpu(call, { blas: undefined }).map(({ kernel, grid }) => [kernel, grid[0]]), [
    ["attention_backward", 4],
  ]);
});

const passes: readonly AttentionPass[] = [
  "attention",
  "attention_backward_query",
  "attention_backward_key_value",
];

Deno.test("chooseAttention() takes blocks for which a workgroup has memory, and rows where there are none", () => {
  for (const pass of passes) {
    for (const workgroupBytes of [16384, 32768, MOST_WORKGROUP_BYTES]) {
      for (const length of [1, 32, 33, 512]) {
        for (let columns4 = 1; columns4 <= 64; columns4++) {
          const choice = chooseAttention(pass, { length, columns4 }, { attention: "blocks", workgroupBytes });
          assertEquals(choice === undefined, columns4 > (workgroupBytes > 16384 ? 32 : length > 32 ? 16 : 24), pass);
          if (!choice) continue;
          const constants = { ...choice.constants, HEAD_COLUMNS4: columns4 };
          const shader = parseShader(specialise(kernelSources[choice.kernel]!.source, constants));
          assert(shader.workgroupBytes <= workgroupBytes, `${pass} ${columns4} ${shader.workgroupBytes}`);
          assertEquals(shader.workgroupSize, [2 * choice.rows, 1, 1]);
          assertEquals(columns4 % choice.constants.DEPTH!, 0);
        }
      }
    }
  }
});

Deno.test("chooseAttention() takes blocks by length where they are filled", () => {
  const kernel = (attention: AttentionVariant, length: number, columns4 = 16) =>
    chooseAttention("attention", { length, columns4 }, { attention, workgroupBytes: 16384 })?.kernel;
  assertEquals([kernel("by length", 31), kernel("rows", 512)], [undefined, undefined]);
  assertEquals([kernel("by length", 32), kernel("blocks", 1)], ["attention_blocked_read", "attention_blocked_read"]);
});

Deno.test("chooseAttention() takes the blocks that a device was opened with", () => {
  const [small, large] = [{ widest: 8, columns: 1, tiles: 1, depth: 2 }, {
    widest: 16,
    columns: 2,
    tiles: 2,
    depth: 1,
  }];
  const blocks = { attention: [], attention_backward_query: [small, large], attention_backward_key_value: [] };
  const rule = { attention: "blocks", workgroupBytes: 65536, blocks } as const;
  const columns = (columns4: number) =>
    chooseAttention("attention_backward_query", { length: 64, columns4 }, rule)?.constants.COLUMNS;
  assertEquals([columns(8), columns(9), columns(17)], [1, 2, undefined]);
  assertEquals(chooseAttention("attention", { length: 64, columns4: 8 }, rule), undefined);
});

Deno.test({
  name: "openWebGpuDevice() tells in its settings how attention is computed",
  ignore: withoutGpu,
  fn: async () => {
    const attentionBlocks = { attention: [], attention_backward_query: [], attention_backward_key_value: [] };
    for (const options of [{ attention: "blocks" }, { attention: "by length", attentionBlocks }] as const) {
      const device = await openWebGpuDevice(options);
      const { attention, attentionBlocks: blocks } = device.settings as WebGpuSettings;
      assertEquals({ attention, ...(blocks ? { attentionBlocks: blocks } : {}) }, options);
      device.destroy();
    }
  },
});

Deno.test("lower() gives every block of attention's rows a workgroup", () => {
  const call: OpCall = {
    op: "attention",
    tensors: { qkv: tensor("qkv", 300, 192), output: tensor("o", 300, 64), logsumexp: tensor("l", 3, 2, 100) },
    params: { batch: 3, length: 100, heads: 2, headWidth: 32, scale: 0.5, window: 100 },
    choices: {},
  };
  const lowered = (choice: { attention: AttentionVariant; workgroupBytes: number }) =>
    lowerForGpu(call, { ...gpu, ...choice }).map(({ kernel, grid }) => [kernel, ...grid]);
  assertEquals(lowered({ attention: "by length", workgroupBytes: 32768 }), [["attention_blocked", 12, 1, 1]]);
  assertEquals(lowered({ attention: "by length", workgroupBytes: 16384 }), [["attention_blocked_read", 12, 1, 1]]);
  assertEquals(lowered({ attention: "rows", workgroupBytes: 32768 }), [["attention", 600, 1, 1]]);
});

Deno.test("normBlocks() are whole sets of rows, enough for the device, of invocations that hold few vectors", () => {
  for (const rows of [1, 9, 1024, 16384]) {
    for (const columns4 of [1, 32, 64, 65, 192, 256, 512, 1024]) {
      const { lanes, block } = normBlocks({ rows, columns4 }, 512);
      assertEquals(block % (64 / lanes), 0);
      assert(Math.ceil(rows / block) <= 256 && columns4 / lanes <= 16);
    }
  }
  assertEquals(normBlocks({ rows: 1024, columns4: 32 }, 512), { lanes: 8, block: 8 });
  assertEquals(normBlocks({ rows: 4096, columns4: 192 }, 512), { lanes: 32, block: 16 });
});

Deno.test("lower() for a GPU makes a norm's gradients in one kernel, and the sums of its blocks", () => {
  const width = ["weight", "bias", "d_weight", "d_bias"].map((name) => [name, tensor(name, 128)] as const);
  const calls = lowerForGpu({
    op: "layer_norm_backward",
    tensors: {
      ...Object.fromEntries(["x", "d_y", "d_x"].map((name) => [name, tensor(name, 1024, 128)])),
      ...Object.fromEntries(width.filter(([name]) => name !== "bias")),
      moments: tensor("moments", 1024, 2),
    },
    params: { rows: 1024, columns: 128 },
    choices: { accumulate: true },
  }, gpu);
  assertEquals(calls.map(({ kernel, grid }) => [kernel, grid[0]]), [
    ["layer_norm_backward", 128],
    ["reduce_partials", 128],
    ["reduce_partials", 128],
  ]);
  assertEquals(calls[0]!.constants, { ACCUMULATE: true, BIAS: true, LANES: 8, VECTORS: 4 });
  assert(calls[0]!.tensors.weight_partials === calls[1]!.tensors.partials);
});

Deno.test("lowerOp() cuts parameters into pieces that can be bound", () => {
  const storage = { buffer: { bytes: 0, destroy() {} }, offset: 64 };
  const flat = (name: string): Tensor => ({ ...tensor(name, 1000), storage });
  const limits = { parallelism: 1, maxTensorBytes: 2048 };
  const norm = lowerOp({
    op: "gradient_norm",
    tensors: {
      gradients: flat("gradients"),
      clock: tensor("c", 4),
      totals: tensor("t", 4),
      ring: tensor("r", 8, 4),
      update_scale: tensor("u", 1),
    },
    params: { ring_size: 8, clip: 1 },
    choices: {},
  }, limits);
  assertEquals(norm.map(({ kernel }) => kernel), ["square_sum", "square_sum", "record_step"]);
  assertEquals(norm.map(({ params }) => params.first ?? params.count), [0, 1, 2]);
  const names = ["parameters", "gradients", "first_moment", "second_moment"];
  const calls = lowerOp({
    op: "adamw",
    tensors: {
      scalars: tensor("s", 4),
      update_scale: tensor("u", 1),
      ...Object.fromEntries(names.map((name) => [name, flat(name)])),
    },
    params: { decayed: 600, embedded: 520, embedding_rate: 2, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weight_decay: 0 },
    choices: {},
  }, limits);
  assertEquals(calls.map(({ kernel }) => kernel), ["adamw", "adamw"]);
  const [first, second] = calls;
  assertEquals([first!.params.size4, first!.params.decayed4], [128, 128]);
  assertEquals([second!.params.size4, second!.params.decayed4], [122, 22]);
  assertEquals(calls.map(({ params }) => params.embedded4), [128, 2]);
  assertEquals(second!.tensors.gradients!.storage!.offset, 64 + 128 * 16);
});

Deno.test("lower() for a GPU makes several products the slices of one that nobody adds up", () => {
  const call: OpCall = {
    op: "batch_matmul",
    tensors: { a: tensor("a", 5, 36, 12), b: tensor("b", 5, 36, 28), c: tensor("c", 5, 12, 28) },
    params: { count: 5, m: 12, n: 28, k: 36, symmetric: 0 },
    choices: {},
  };
  const [product, ...rest] = lowerForGpu(call, gpu);
  assertEquals(rest, []);
  assertEquals(product!.grid, [28, 12, 5]);
  const { m, n, k, split_k, a_stride, b_stride, c_stride } = product!.params;
  assertEquals([m, n, k, split_k], [12, 28, 5 * 36, 36]);
  assertEquals([a_stride, b_stride, c_stride], [12, 28, 28]);
  assertEquals(product!.constants.TRANSPOSE_A, true);
  assertEquals(workOf(product!).flop, 5 * 2 * 12 * 28 * 36);
});

Deno.test("lowerOp() knows no operation that there is not", () => {
  const call = { op: "nothing", tensors: {}, params: {}, choices: {} };
  assertThrows(() => lowerOp(call, target), TypeError, 'There is no operation "nothing"');
});

Deno.test({
  name: "openWebGpuDevice() computes the same by a product that its table pins, and keeps the table in its settings",
  ignore: withoutGpu,
  fn: async () => {
    const [rows, inputs, outputs] = [600, 20, 12];
    const results = [];
    const pinned = {
      [productKey({ layout: "Aᵀ·B", m: outputs, n: inputs, k: rows })]: { variant: "tiled", splits: 5 },
    };
    for (const products of [{}, pinned as Record<string, { variant: "tiled"; splits: number }>]) {
      const device = await openWebGpuDevice({ matmul: "direct", products });
      assertEquals("products" in device.settings, products === pinned);
      const graph = new Graph();
      const x = graph.persistent("x", [rows, inputs]);
      const d_weight = graph.persistent("d_w", [outputs, inputs]);
      const weight: Parameter = { ...graph.persistent("w", [outputs, inputs]), gradient: d_weight };
      graph.keep(weight);
      const y = linear(graph, x, weight);
      const d_y = graph.persistent("d_y", y.shape);
      graph.seed(y, d_y);
      graph.backward();
      const program = await graph.compile(device);
      device.write(x, normal(rows * inputs, { seed: 1 }));
      device.write(d_y, normal(rows * outputs, { seed: 2 }));
      program.run();
      results.push(new Float32Array((await device.read([d_weight]))[0]!));
      program.destroy();
      device.destroy();
    }
    // sums of 600 products of size 1 in another order
    assertClose(results[1]!, Float64Array.from(results[0]!), { atol: 1e-4, rtol: 1e-5, label: "d_w" });
    assert(results[0]!.some((value) => value !== 0));
  },
});
