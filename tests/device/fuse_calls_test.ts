import { assert, assertEquals } from "@std/assert";
import type { Device } from "../../lib/device/device.ts";
import { fuseProducts } from "../../lib/device/webgpu/fuse_products.ts";
import { lower } from "../../lib/device/webgpu/lower.ts";
import { scratch } from "../../lib/device/lowering.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { geglu } from "../../lib/ops/geglu.ts";
import { layerNorm } from "../../lib/ops/layer_norm.ts";
import { linear } from "../../lib/ops/linear.ts";
import { rotary, rotaryAngles } from "../../lib/ops/rotary.ts";
import type { KernelCall, Parameter, Tensor } from "../../lib/tensor/tensor.ts";
import { checkOp } from "../helpers/check_op.ts";
import { deviceTest } from "../helpers/devices.ts";
import * as tape from "../reference/tape.ts";

const target = {
  parallelism: 512,
  maxTensorBytes: 2 ** 27,
  variant: "tiled",
  table: {},
  attention: "rows",
  workgroupBytes: 16384,
} as const;

/** What a GPU makes of what is recorded, with and without its gradient. */
async function fused(record: (graph: Graph) => Tensor, { training = true } = {}): Promise<string[]> {
  const graph = new Graph({ training });
  const y = record(graph);
  if (training) {
    graph.seed(y, graph.persistent("d_y", y.shape));
    graph.backward();
  }
  let calls: readonly KernelCall[] = [];
  const device = {
    allocate: (bytes: number) => ({ bytes, destroy() {} }),
    lower: (call: Parameters<Device["lower"]>[0]) => lower(call, target),
    fuse: (lowered: readonly KernelCall[]) => calls = fuseProducts(lowered),
    build: () => Promise.resolve({ bytes: 0, run() {}, destroy() {} }),
  };
  await graph.compile(device as unknown as Device);
  const marks = ({ constants: { PAIRED, GRADIENT_OF, ACTIVATION } }: KernelCall) =>
    PAIRED ? `, pairs ${PAIRED}` : GRADIENT_OF ? `, gradient ${GRADIENT_OF}` : ACTIVATION ? `, ${ACTIVATION}` : "";
  return calls.map((call) => `${call.kernel}${marks(call)}`);
}

/** Declares a test for the products that do more; the operations by themselves have tests of their own. */
function fusedTest(name: string, run: (device: Device) => Promise<void>): void {
  deviceTest(name, run, ["webgpu, tiled products"]);
}

function parameter(graph: Graph, name: string, ...shape: number[]): Parameter {
  return Object.assign(graph.persistent(name, shape), { gradient: graph.persistent(`d_${name}`, shape) });
}

const feedForward = (graph: Graph) => {
  const x = linear(graph, parameter(graph, "x", 80, 16), parameter(graph, "a", 32, 16));
  return linear(graph, geglu(graph, x), parameter(graph, "b", 16, 16));
};

Deno.test("fuseProducts() has products do gates and their gradients", async () => {
  assertEquals(await fused(feedForward, { training: false }), ["matmul_tiled, pairs 1", "matmul_tiled"]);
  const calls = await fused(feedForward);
  assertEquals(calls.slice(0, 2), ["matmul_tiled, pairs 1", "matmul_tiled"]);
  assertEquals(calls.filter((call) => call.startsWith("geglu")), []);
  assertEquals(calls.filter((call) => call.includes("gradient 2")).length, 1);
});

Deno.test("fuseProducts() has products and norms do the gradients of activations", async () => {
  const activated = (graph: Graph) =>
    linear(graph, parameter(graph, "x", 80, 16), parameter(graph, "a", 32, 16), { activation: "gelu" });
  const between = await fused((graph) => linear(graph, activated(graph), parameter(graph, "b", 16, 32)));
  assertEquals(between.filter((call) => call.includes("gradient 1")).length, 1);
  const normed = await fused((graph) =>
    layerNorm(graph, activated(graph), { weight: parameter(graph, "w", 32), epsilon: 1e-5 })
  );
  assert(normed.includes("layer_norm_backward, 1"));
  assertEquals([...between, ...normed].filter((call) => call === "activation_backward"), []);
});

Deno.test("fuseProducts() has products turn queries and keys whose halves are whole vectors", async () => {
  const turned = (headWidth: number) =>
    fused((graph) => {
      const qkv = linear(graph, parameter(graph, "x", 80, 16), parameter(graph, "w", 6 * headWidth, 16));
      rotary(graph, qkv, { length: 20, heads: 2, angles: graph.persistent("angles", [20, headWidth / 2, 2]) });
      return qkv;
    }, { training: false });
  assertEquals(await turned(8), ["matmul_tiled, pairs 2"]);
  assertEquals(await turned(12), ["matmul_tiled", "rotary"]);
});

Deno.test("fuseProducts() leaves alone what something else works on in between", async () => {
  const calls = await fused((graph) => {
    const y = linear(graph, parameter(graph, "x", 80, 16), parameter(graph, "a", 32, 16));
    // reads what the gate would take
    linear(graph, y, parameter(graph, "b", 8, 32));
    return geglu(graph, y);
  }, { training: false });
  assertEquals(calls, ["matmul_tiled", "matmul_tiled", "geglu, 1"]);
});

Deno.test("fuseProducts() leaves alone what would read a tensor before it is written", () => {
  const [u, d_u, d_y] = [scratch("u", [4, 16]), scratch("d_u", [4, 16]), scratch("d_y", [4, 8])];
  const call = (kernel: string, tensors: KernelCall["tensors"], params = {}): KernelCall => ({
    kernel,
    tensors,
    params,
    constants: kernel === "geglu_backward" ? { ACTIVATION: 1 } : {},
    grid: [1, 1, 1],
  });
  const product = call("matmul_tiled", { a: scratch("a", [4, 4]), b: scratch("b", [4, 8]), c: d_y }, { n: 8 });
  const backward = call("geglu_backward", { u, d_y, d_u }, { rows: 4, hidden4: 2 });
  const kernels = (between: KernelCall) => fuseProducts([product, between, backward]).map(({ kernel }) => kernel);
  assertEquals(kernels(call("add", { y: scratch("y", [4]) })), ["matmul_tiled", "add"]);
  assertEquals(kernels(call("add", { y: u })), ["matmul_tiled", "add", "geglu_backward"]);
});

for (const [rows, inputs, hidden, outputs] of [[3, 4, 4, 4], [70, 12, 68, 8]] as const) {
  fusedTest(
    `linear() does a gate and its gradient, ${rows} rows of ${inputs}, ${hidden} hidden`,
    (device) =>
      checkOp(device, {
        inputs: {
          x: { shape: [rows, inputs] },
          w: { shape: [2 * hidden, inputs], scale: 0.5 },
          bias: { shape: [2 * hidden] },
          v: { shape: [outputs, hidden], scale: 0.5 },
        },
        build: (graph, { x, w, bias, v }) => linear(graph, geglu(graph, linear(graph, x, w, { bias }), "silu"), v),
        reference: ({ x, w, bias, v }) => {
          const u = tape.linear(x, w, bias);
          const half = (left: number) => tape.block(u, { first: 0, rows, left, columns: hidden });
          return tape.linear(tape.multiply(tape.silu(half(0)), half(hidden)), v);
        },
        tolerance: { atol: 2e-4, rtol: 2e-5 },
      }),
  );
}

fusedTest("linear() and layerNorm() do the gradient of an activation before them", (device) =>
  checkOp(device, {
    inputs: {
      x: { shape: [70, 12] },
      w: { shape: [68, 12], scale: 0.5 },
      weight: { shape: [68] },
      v: { shape: [8, 68], scale: 0.5 },
      u: { shape: [12, 8] },
    },
    build: (graph, { x, w, weight, v, u }) => {
      const y = layerNorm(graph, linear(graph, x, w, { activation: "gelu" }), { weight, epsilon: 1e-5 });
      return linear(graph, linear(graph, y, v, { activation: "relu" }), u);
    },
    reference: ({ x, w, weight, v, u }) => {
      const y = tape.layerNorm(tape.gelu(tape.linear(x, w)), { weight, epsilon: 1e-5 });
      return tape.linear(tape.relu(tape.linear(y, v)), u);
    },
    tolerance: { atol: 2e-4, rtol: 2e-5 },
  }));

fusedTest("linear() turns queries and keys", (device) => {
  const [batch, length, heads, headWidth, width] = [3, 23, 3, 24, 12];
  const angles = rotaryAngles({ length, headWidth, base: 10_000 });
  return checkOp(device, {
    inputs: {
      x: { shape: [batch * length, width] },
      w: { shape: [3 * heads * headWidth, width], scale: 0.5 },
      bias: { shape: [3 * heads * headWidth] },
    },
    data: { angles },
    build: (graph, { x, w, bias }, { angles }) => {
      const qkv = linear(graph, x, w, { bias });
      rotary(graph, qkv, { length, heads, angles: angles! });
      return qkv;
    },
    reference: ({ x, w, bias }) => {
      const qkv = tape.linear(x, w, bias);
      return tape.assemble(Array.from({ length: batch }, (_, b) =>
        Array.from({ length: 3 * heads }, (_, part) => {
          const head = tape.block(qkv, { first: b * length, rows: length, left: part * headWidth, columns: headWidth });
          return part < 2 * heads ? tape.rotate(head, 10_000) : head;
        })));
    },
    tolerance: { atol: 1e-4, rtol: 2e-5 },
  });
});
