import { assert, assertEquals, assertGreater } from "@std/assert";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import type { Device } from "../../lib/device/device.ts";
import type { KernelCall, Parameter } from "../../lib/tensor/tensor.ts";
import { bytesOf, ProfileTotals, workOf } from "../../lib/device/profile.ts";
import { openWebGpuDevice } from "../../lib/device/webgpu/open_webgpu.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { attention } from "../../lib/ops/attention.ts";
import { linear } from "../../lib/ops/linear.ts";
import { withoutGpu } from "../helpers/devices.ts";

const opened: Readonly<Record<string, (profile: boolean) => Promise<Device>>> = {
  webgpu: (profile) => openWebGpuDevice({ profile }),
  cpu: (profile) => openCpuDevice({ threads: 2, profile }),
};

async function runThrice(device: Device): Promise<void> {
  const graph = new Graph({ training: false });
  const x = graph.persistent("x", [24, 32]);
  const weight: Parameter = { ...graph.persistent("w", [48, 32]), gradient: graph.persistent("d_w", [48, 32]) };
  graph.keep(weight);
  graph.keep(attention(graph, linear(graph, x, weight), { length: 12, heads: 2 }));
  const program = await graph.compile(device);
  for (let i = 0; i < 3; i++) program.run();
  await device.read([x]);
}

for (const [kind, open] of Object.entries(opened)) {
  Deno.test({
    name: `Device.takeProfile() knows calls, time and work of every kernel (${kind})`,
    ignore: kind === "webgpu" && withoutGpu,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      const device = await open(true);
      await runThrice(device);
      const times = await device.takeProfile();
      assert(times);
      const product = times.find(({ name }) => name === "matmul A·Bᵀ 24×48×32");
      const attended = times.find(({ name }) => name === "attention");
      assert(product && attended);
      assertEquals([product.calls, product.flop], [3, 3 * 2 * 24 * 48 * 32]);
      assertEquals(product.bytes, 3 * 4 * (24 * 32 + 48 * 32 + 24 * 48));
      assertEquals([attended.calls, attended.flop], [3, 3 * 2 * 2 * 2 * 2 * 12 * 12 * 8]);
      for (const { milliseconds } of times) assertGreater(milliseconds, 0);
      assertEquals(await device.takeProfile(), []);
      device.destroy();
    },
  });

  Deno.test({
    name: `Device.takeProfile() is undefined unless it was asked for (${kind})`,
    ignore: kind === "webgpu" && withoutGpu,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      const device = await open(false);
      await runThrice(device);
      assertEquals(await device.takeProfile(), undefined);
      device.destroy();
    },
  });
}

Deno.test("ProfileTotals adds up by name, longest first, and starts again", () => {
  const totals = new ProfileTotals();
  totals.add({ name: "add", flop: 0, bytes: 8 }, 1);
  totals.add({ name: "norm", flop: 0, bytes: 4 }, 5);
  totals.add({ name: "add", flop: 0, bytes: 8 }, 2);
  assertEquals(totals.take(10), [
    { name: "norm", calls: 1, milliseconds: 50, flop: 0, bytes: 4 },
    { name: "add", calls: 2, milliseconds: 30, flop: 0, bytes: 16 },
  ]);
  assertEquals(totals.take(), []);
});

Deno.test("workOf() counts attention's gradient as its five products where one kernel makes them all", () => {
  const call = {
    kernel: "attention_backward_query",
    tensors: {},
    params: { batch: 2, length: 8, heads: 4 },
    constants: { HEAD_COLUMNS4: 2 },
    grid: [1, 1, 1] as const,
  };
  const product = 2 * 2 * 4 * 8 * 8 * 8;
  assertEquals(workOf(call).flop, 3 * product);
  assertEquals(workOf({ ...call, constants: { HEAD_COLUMNS4: 2, DOCUMENTS: true } }).flop, 0);
  assertEquals(workOf({ ...call, kernel: "attention_backward" }), {
    name: "attention_backward",
    flop: 5 * product,
    bytes: 0,
  });
});

Deno.test("bytesOf() counts what is changed twice, and of tables the rows that are touched", () => {
  const tensor = (size: number) => ({ name: "", shape: [size], dtype: "f32" as const, size });
  const bytes = (kernel: string, sizes: Record<string, number>, constants: KernelCall["constants"] = {}) => {
    const tensors = Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, tensor(size)]));
    return bytesOf({ kernel, tensors, params: {}, constants, grid: [1, 1, 1] }) / 4;
  };
  assertEquals(bytes("matmul_tiled", { a: 1, b: 10, c: 100 }), 111);
  assertEquals(bytes("matmul_tiled", { a: 1, b: 10, c: 100, d_bias: 1000 }, { ACCUMULATE: true }), 2211);
  assertEquals(bytes("add", { x: 1, y: 10 }), 21);
  assertEquals(bytes("adamw", { parameters: 1, gradients: 1, first_moment: 1, second_moment: 1, scalars: 4 }), 12);
  assertEquals(bytes("cross_entropy", { logits: 100, labels: 1 }, { GRADIENT: true }), 201);
  assertEquals(bytes("cross_entropy", { logits: 100, labels: 1 }, { GRADIENT: false }), 101);
  assertEquals(bytes("embedding", { ids: 2, token: 9000, y: 20 }), 42);
  assertEquals(bytes("embedding", { ids: 2, token: 10, y: 20 }), 32);
  assertEquals(bytes("embedding_backward", { order: 2, d_y: 20, d_token: 9000 }), 62);
  assertEquals(bytes("matmul", { a: 1, packed: 99 }), 1);
});
