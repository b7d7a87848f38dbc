import { assert, assertEquals, assertGreater } from "@std/assert";
import { epilogueOf, type ProductChoice, type ProductShape } from "../../lib/device/webgpu/choices.ts";
import type { GpuTarget } from "../../lib/device/webgpu/lower.ts";
import { openWebGpuDevice } from "../../lib/device/webgpu/open_webgpu.ts";
import {
  candidatesFor,
  chooseByTime,
  isUsual,
  productsOf,
  type TuneContext,
  type TuneReport,
} from "../../lib/device/webgpu/tuner.ts";
import type { WebGpuSettings } from "../../lib/device/device.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { linear } from "../../lib/ops/linear.ts";
import type { KernelCall, OpCall, Parameter, Tensor } from "../../lib/tensor/tensor.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { withoutGpu } from "../helpers/devices.ts";
import { normal } from "../helpers/random.ts";

const limits = { parallelism: 512, maxTensorBytes: 2 ** 30, workgroupBytes: 2 ** 15 };
const card: GpuTarget = { variant: "tiled", table: {}, attention: "by length", ...limits };
const software: GpuTarget = { ...card, variant: "direct", parallelism: 16 };

const tensor = (name: string, ...shape: number[]): Tensor => ({
  name,
  shape,
  dtype: "f32",
  size: shape.reduce((a, b) => a * b, 1),
});

/** A weight's gradient, whose sums are long, or a product with a residual, whose sums must stay whole. */
const gradient = (m: number, n: number, k: number): OpCall => ({
  op: "matmul",
  tensors: { a: tensor("a", k, m), b: tensor("b", k, n), c: tensor("c", m, n) },
  params: { m, n, k, a_stride: m, b_stride: n, c_stride: n },
  choices: { transposeA: true, accumulate: true },
});
const withResidual = (m: number, n: number, k: number): OpCall => ({
  op: "matmul",
  tensors: { a: tensor("a", m, k), b: tensor("b", n, k), c: tensor("c", m, n), residual: tensor("r", m, n) },
  params: { m, n, k, a_stride: k, b_stride: k, c_stride: n },
  choices: { transposeB: true },
});

const spelled = ({ variant, tile, splits }: ProductChoice) => `${variant} ${tile?.join("×") ?? ""} / ${splits}`;

/** A clock that only timing moves on, and times that a function of the first call gives. */
function fakeContext(milliseconds: (call: KernelCall) => number | undefined, budget = 1000) {
  const asked: number[] = [];
  let clock = 0;
  const context: TuneContext = {
    target: card,
    budget,
    now: () => clock,
    compile: () => Promise.resolve(true),
    time(ways, estimate) {
      asked.push(ways.length);
      const times = ways.map(([call]) => milliseconds(call!));
      clock += estimate === undefined ? 1 : 10;
      return Promise.resolve(times);
    },
  };
  return { context, asked };
}

Deno.test("productsOf() knows products by shape and epilogue, once each, the most expensive first", () => {
  const calls = [withResidual(64, 64, 64), gradient(64, 64, 64), gradient(64, 64, 64), gradient(256, 64, 64)];
  assertEquals(productsOf(calls, card).map(({ key, flop }) => [key, flop]), [
    ["Aᵀ·B 256×64×64 accumulate", 2 * 256 * 64 * 64],
    ["Aᵀ·B 64×64×64 accumulate", 2 * 2 * 64 ** 3],
    ["A·Bᵀ 64×64×64 residual", 2 * 64 ** 3],
  ]);
  assertEquals(
    epilogueOf({ TRANSPOSE_A: true, BIAS: false, ACTIVATION: 2, ROWS: 1, BIAS_GRADIENT: true }),
    "activation=2+bias_gradient",
  );
  assertEquals(epilogueOf({ ACTIVATION: 0, ACCUMULATE: false }), undefined);
});

Deno.test("candidatesFor() begins with the usual way, cuts sums where tiles are few, and tries registers on small products", () => {
  const choices = (shape: ProductShape, target: GpuTarget) => candidatesFor(shape, target).map(spelled);
  assertEquals(choices({ layout: "A·Bᵀ", m: 4096, n: 2304, k: 768 }, card).slice(0, 1), ["tiled 128×128 / 1"]);
  const long = choices({ layout: "Aᵀ·B", m: 384, n: 128, k: 1024 }, card);
  assertEquals(long[0], "tiled 64×64 / 16");
  for (const wanted of ["tiled 64×64 / 8", "tiled 128×128 / 16", "tiled 128×64 / 1", "direct  / 1"]) {
    assert(long.includes(wanted), `${wanted} is not among ${long}`);
  }
  assertEquals(new Set(long).size, long.length);
  assert(!choices({ layout: "A·B", m: 4096, n: 4096, k: 64 }, card).some((choice) => choice.startsWith("direct")));
  assertEquals(choices({ layout: "A·B", m: 8, n: 8, k: 8 }, software)[0], "direct  / 1");
});

Deno.test("chooseByTime() takes the quickest, but the usual way where another saves hardly anything", async () => {
  const [product] = productsOf([gradient(384, 128, 1024)], card);
  const { key, shape } = product!;
  const isWanted = ({ grid, constants }: KernelCall) =>
    grid[2] === 8 && constants.ROWS === 2 && constants.COLUMNS === 1;
  const clear = fakeContext((call) => isWanted(call) ? 1 : 1.2);
  assertEquals(await chooseByTime([product!], clear.context), {
    [key]: { variant: "tiled", tile: [128, 64], splits: 8 },
  });
  const close = fakeContext((call) => isWanted(call) ? 0.98 : 1);
  const chosen = await chooseByTime([product!], close.context);
  assert(isUsual(chosen[key]!, shape, card), JSON.stringify(chosen));
});

Deno.test("chooseByTime() looks twice at what is hopeful only, and at the usual way", async () => {
  const products = productsOf([gradient(384, 128, 1024)], card);
  const { context, asked } = fakeContext(({ kernel, grid }) => kernel === "matmul_direct" || grid[2] !== 4 ? 9 : 1);
  await chooseByTime(products, context);
  assertEquals(asked, [candidatesFor(products[0]!.shape, card).length, 4]);
});

Deno.test("chooseByTime() ends when its time is over, with the most expensive products done", async () => {
  const products = productsOf([gradient(64, 64, 64), gradient(512, 512, 512), gradient(256, 256, 256)], card);
  const { context } = fakeContext(() => 1, 15);
  const chosen = await chooseByTime(products, context);
  assertEquals(Object.keys(chosen), ["Aᵀ·B 512×512×512 accumulate", "Aᵀ·B 256×256×256 accumulate"]);
});

Deno.test("chooseByTime() leaves out ways that do not compile, and products that cannot be timed", async () => {
  const products = productsOf([gradient(384, 128, 1024)], card);
  const { context } = fakeContext(({ grid }) => grid[2]);
  const compile = (calls: readonly KernelCall[]) => Promise.resolve(calls[0]!.kernel === "matmul_direct");
  const [chosen] = Object.values(await chooseByTime(products, { ...context, compile }));
  assertEquals(chosen?.variant, "direct");
  assertEquals(await chooseByTime(products, { ...context, compile: () => Promise.resolve(false) }), {});
  assertEquals(await chooseByTime(products, fakeContext(() => undefined).context), {});
});

Deno.test("chooseByTime() times a product once whose sums must stay whole in each way that is called differently", async () => {
  const products = productsOf([withResidual(384, 128, 1024)], card);
  const { context, asked } = fakeContext(() => 1);
  await chooseByTime(products, context);
  // three tiles and the direct kernel
  assertEquals(asked[0], 4);
});

/** y = x · wᵀ + r with its gradients, of shapes small enough for software. */
function smallGraph() {
  const graph = new Graph();
  const [x, residual] = [graph.persistent("x", [40, 16]), graph.persistent("r", [40, 24])];
  const weight: Parameter = { ...graph.persistent("w", [24, 16]), gradient: graph.persistent("d_w", [24, 16]) };
  graph.keep(weight);
  graph.keep(weight.gradient);
  const y = graph.keep(linear(graph, x, weight, { residual }));
  graph.seed(y, graph.persistent("d_y", [40, 24]));
  graph.backward();
  return { graph, x, y, weight };
}

/** The operations that a graph records. */
async function operationsOf(graph: Graph): Promise<OpCall[]> {
  const calls: OpCall[] = [];
  const device = await openWebGpuDevice();
  await graph.compile({ ...recorder(calls), settings: device.settings });
  device.destroy();
  return calls;
}

const recorder = (calls: OpCall[]) => ({
  kind: "webgpu" as const,
  description: "",
  software: true,
  maxTensorBytes: 2 ** 20,
  allocate: (bytes: number) => ({ bytes, destroy: () => {} }),
  write: () => {},
  read: () => Promise.resolve([]),
  lower(call: OpCall) {
    calls.push(call);
    return [];
  },
  build: () => Promise.resolve({ bytes: 0, run: () => {}, destroy: () => {} }),
  takeProfile: () => Promise.resolve(undefined),
  destroy: () => {},
});

const productsIn = (settings: unknown) => (settings as WebGpuSettings).products ?? {};

for (const timestamps of [true, false]) {
  Deno.test({
    name: `Device.tune() times, remembers and settles on products ${timestamps ? "by timestamps" : "by waiting"}`,
    ignore: withoutGpu,
    fn: async () => {
      // one product, and as much time as a busy machine may need for it
      const calls = (await operationsOf(smallGraph().graph)).filter(({ choices }) => choices.transposeB);
      const reports: TuneReport[] = [];
      const device = await openWebGpuDevice({
        tune: { software: true, timestamps, budget: 30_000, report: (report) => void reports.push(report) },
      });
      assertEquals(productsIn(device.settings), {});
      await device.tune!(calls);
      const [report] = reports;
      assertEquals([report!.products, report!.known, report!.left], [1, 0, 0]);
      assertGreater(report!.milliseconds, 0);
      assertEquals(Object.keys(report!.chosen), ["A·Bᵀ 40×24×16 residual"]);
      assertEquals(productsIn(device.settings), report!.chosen);
      assertEquals(report!.adapter.kernels.length, 8);
      device.destroy();
    },
  });
}

Deno.test({
  name: "Device.tune() takes what it recalls, and asks for nothing that its table has",
  ignore: withoutGpu,
  fn: async () => {
    const calls = await operationsOf(smallGraph().graph);
    const products = { "A·Bᵀ 40×24×16 residual": { variant: "tiled", tile: [64, 64], splits: 1 } } as const;
    const recalled = { "Aᵀ·B 24×16×40 accumulate": { variant: "direct", splits: 3 } } as const;
    const others = { "A·B 40×16×24": { variant: "tiled", tile: [128, 64], splits: 1 } } as const;
    const reports: TuneReport[] = [];
    const device = await openWebGpuDevice({
      products,
      tune: {
        software: true,
        recall: () => Promise.resolve({ ...recalled, ...others, "A·B 9×9×9": { variant: "direct", splits: 2 } }),
        report: (report) => void reports.push(report),
      },
    });
    await device.tune!(calls);
    await device.tune!(calls);
    assertEquals(productsIn(device.settings), { ...products, ...recalled, ...others });
    assertEquals(reports.map(({ products, known, left }) => [products, known, left]), [[2, 2, 0]]);
    device.destroy();
  },
});

Deno.test({
  name: "Device.tune() leaves to the rule for good what there was no time for",
  ignore: withoutGpu,
  fn: async () => {
    const calls = await operationsOf(smallGraph().graph);
    const left: number[] = [];
    const tune = { software: true, budget: 0, report: (report: TuneReport) => void left.push(report.left) };
    const device = await openWebGpuDevice({ tune });
    await device.tune!(calls);
    await device.tune!(calls);
    assertEquals([left, productsIn(device.settings)], [[3], {}]);
    device.destroy();
  },
});

Deno.test({
  name: "Device.tune() is absent on software that was not asked for",
  ignore: withoutGpu,
  fn: async () => {
    const device = await openWebGpuDevice({ tune: {} });
    assertEquals(device.tune === undefined, device.software);
    device.destroy();
  },
});

Deno.test({
  name: "every candidate of a product computes the same",
  ignore: withoutGpu,
  fn: async () => {
    const [calls, results] = [await operationsOf(smallGraph().graph), [] as Float32Array[][]];
    const target = { ...software, maxTensorBytes: 2 ** 27 };
    const all = productsOf(calls, target).map(({ key, shape }) => ({ key, choices: candidatesFor(shape, target) }));
    const most = Math.max(...all.map(({ choices }) => choices.length));
    assertGreater(most, 3);
    for (let i = 0; i < most; i++) {
      const products = Object.fromEntries(all.map(({ key, choices }) => [key, choices[i % choices.length]!]));
      const device = await openWebGpuDevice({ products });
      const { graph, x, y, weight } = smallGraph();
      const program = await graph.compile(device);
      device.write(x, normal(x.size, { seed: 1 }));
      device.write(weight, normal(weight.size, { seed: 2 }));
      program.run();
      results.push((await device.read([y, weight.gradient])).map((bytes) => new Float32Array(bytes)));
      device.destroy();
    }
    for (const [output, gradient] of results) {
      // sums of 16 products of numbers of size 1 in another order
      assertClose(output!, results[0]![0]!, { atol: 1e-5, rtol: 1e-5 });
      assertClose(gradient!, results[0]![1]!, { atol: 1e-5, rtol: 1e-5 });
    }
  },
});
