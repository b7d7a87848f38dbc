/**
 * Every kernel by itself, at the shapes of a tiny and of a small model: GFLOP/s for those that compute, GB/s for those
 * that move. `deno bench -A bench/kernels_bench.ts`
 */
import type { Parameter, Tensor } from "../lib/tensor/tensor.ts";
import { ParameterStore } from "../lib/optimizer/parameter_store.ts";
import { adamW } from "../lib/optimizer/adamw.ts";
import { muon } from "../lib/optimizer/muon.ts";
import { attention } from "../lib/ops/attention.ts";
import { crossEntropy } from "../lib/ops/cross_entropy.ts";
import { dropout } from "../lib/ops/dropout.ts";
import { embedding } from "../lib/ops/embedding.ts";
import { gatherRows } from "../lib/ops/gather_rows.ts";
import { geglu } from "../lib/ops/geglu.ts";
import { l2Normalise } from "../lib/ops/l2_normalise.ts";
import { layerNorm } from "../lib/ops/layer_norm.ts";
import { product } from "../lib/ops/linear.ts";
import { meanPool } from "../lib/ops/mean_pool.ts";
import { padColumns } from "../lib/ops/pad_columns.ts";
import { rotary } from "../lib/ops/rotary.ts";
import type { Graph } from "../lib/graph/graph.ts";
import { benchDevice, benchKernel, reportAtEnd, variantDevice, withoutGpu } from "./helpers.ts";

const shapes = {
  tiny: { rows: 1024, length: 64, width: 64, heads: 4, hidden: 168 },
  small: { rows: 2048, length: 64, width: 128, heads: 4, hidden: 340 },
};
const vocab = 70;
const capacity = 400;

type Input = (name: string, shape: number[], dtype?: "f32" | "u32") => Tensor;

/** A tensor that counts as a parameter, for operations that want one. */
function parameter(input: Input, name: string, shape: number[]): Parameter {
  return Object.assign(input(name, shape), { gradient: input(`d_${name}`, shape) });
}

/** Records an operation and its gradient. */
function withGradient(graph: Graph, input: Input, y: Tensor): void {
  graph.seed(y, input("d_y", [...y.shape]));
  graph.backward();
}

for (const [size, { rows, length, width, heads, hidden }] of Object.entries(shapes)) {
  const layouts = {
    "A · Bᵀ (forward)": { m: rows, n: 3 * width, k: width, choices: { transposeB: true } },
    "A · B (gradient of the input)": { m: rows, n: width, k: 3 * width, choices: {} },
    "Aᵀ · B (gradient of the weight)": { m: 3 * width, n: width, k: rows, choices: { transposeA: true } },
  };
  for (const variant of ["direct", "tiled"] as const) {
    for (const [layout, { m, n, k, choices }] of Object.entries(layouts)) {
      benchKernel({
        group: `matmul ${size}`,
        name: `${variant} ${layout} ${m}×${n}×${k}`,
        work: { flop: 2 * m * n * k },
        on: () => variantDevice(variant),
        record: (graph, input) =>
          product(graph, {
            sizes: { m, n, k },
            strides: {
              a_stride: "transposeA" in choices ? m : k,
              b_stride: "transposeB" in choices ? k : n,
              c_stride: n,
            },
            tensors: { a: input("a", [m * k]), b: input("b", [k * n]), c: input("c", [m * n]) },
            choices,
          }),
      });
    }
  }
  const name = (kernel: string) => `${kernel}, forward and backward`;
  const group = `kernels ${size}`;
  const elements = rows * width;
  benchKernel({
    group,
    name: name("attention"),
    // forward 2 products of length² · width a sequence, backward 5 and 2 of them computed twice
    work: { flop: 2 * 9 * rows * length * width },
    record: (graph, input) =>
      withGradient(graph, input, attention(graph, input("qkv", [rows, 3 * width]), { length, heads })),
  });
  benchKernel({
    group,
    name: name("layer norm"),
    work: { bytes: 4 * elements * 7 },
    record: (graph, input) => {
      const norm = { weight: parameter(input, "weight", [width]), epsilon: 1e-5 };
      withGradient(graph, input, layerNorm(graph, input("x", [rows, width]), norm));
    },
  });
  benchKernel({
    group,
    name: name("mean pooling and normalisation"),
    // documents that are written nowhere are empty: what moves is the gradient
    work: { bytes: 4 * elements },
    record: (graph, input) => {
      const [windows, documents] = [rows / length, input("documents", [rows, 2], "u32")];
      withGradient(
        graph,
        input,
        l2Normalise(graph, meanPool(graph, input("x", [rows, width]), { documents, windows })),
      );
    },
  });
  benchKernel({
    group,
    name: name("GeGLU"),
    work: { bytes: 4 * rows * hidden * 8 },
    record: (graph, input) => withGradient(graph, input, geglu(graph, input("u", [rows, 2 * hidden]))),
  });
  benchKernel({
    group,
    name: name("padded heads"),
    work: { bytes: 4 * elements * 3 * 4 },
    record: (graph, input) => {
      const from = width / heads;
      withGradient(graph, input, padColumns(graph, input("qkv", [rows, 3 * width]), { from, to: from + 2 }));
    },
  });
  benchKernel({
    group,
    name: name("rotary positions"),
    work: { bytes: 4 * elements * 8 },
    record: (graph, input) => {
      const qkv = input("qkv", [rows, 3 * width]);
      rotary(graph, qkv, { length, heads, angles: input("angles", [length, width / heads / 2, 2]) });
      withGradient(graph, input, qkv);
    },
  });
  benchKernel({
    group,
    name: name("embedding"),
    work: { bytes: 4 * elements * 4 },
    record: (graph, input) => {
      const index = (name: string, size: number) => input(name, [size], "u32");
      const ids = {
        ids: index("ids", rows),
        unique: index("u", rows),
        starts: index("s", rows + 1),
        order: index("o", rows),
      };
      withGradient(graph, input, embedding(graph, ids, { token: parameter(input, "token", [vocab, width]), length }));
    },
  });
  benchKernel({
    group,
    name: name("gather of masked rows"),
    work: { bytes: 4 * (capacity * width * 3 + elements) },
    record: (graph, input) => {
      const selection = { rows: input("selection", [capacity], "u32"), inverse: input("inverse", [rows], "u32") };
      withGradient(graph, input, gatherRows(graph, input("x", [rows, width]), selection));
    },
  });
  benchKernel({
    group,
    name: name("dropout"),
    work: { bytes: 4 * elements * 4 },
    record: (graph, input) => {
      const layer = { probability: 0.1, stream: 1, clock: input("clock", [4], "u32") };
      withGradient(graph, input, dropout(graph, input("x", [rows, width]), layer));
    },
  });
  for (const tokens of [vocab, 8192]) {
    benchKernel({
      group,
      name: `cross-entropy and its gradient, ${capacity} × ${tokens}`,
      work: { bytes: 4 * capacity * tokens * 4 },
      record: (graph, input) => {
        const tensors = {
          labels: input("labels", [capacity], "u32"),
          scalars: input("s", [4]),
          totals: input("t", [4]),
        };
        crossEntropy(graph, input("logits", [capacity, Math.ceil(tokens / 4) * 4]), { vocab: tokens, ...tensors });
      },
    });
  }
}

const count = 1 << 20;
if (!withoutGpu) {
  const store = new ParameterStore(await benchDevice(), [{ name: "all", shape: [count], decay: true }]);
  benchKernel({
    group: "optimizer",
    name: `AdamW with the gradient norm, ${count} parameters`,
    work: { bytes: 4 * count * 9 },
    record: (graph, input) => {
      const step = {
        clock: input("clock", [4], "u32"),
        scalars: input("scalars", [4]),
        totals: input("totals", [4]),
        ring: input("ring", [16, 4]),
      };
      adamW(graph, store, { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1, step });
    },
  });
}

if (!withoutGpu) {
  // the matrices of four layers of a small model
  const specs = [[384, 128], [128, 128], [680, 128], [128, 340]].flatMap((shape, i) =>
    [0, 1, 2, 3].map((layer) => ({ name: `${i} ${layer}`, shape, decay: true, hidden: true }))
  );
  const store = new ParameterStore(await benchDevice(), specs);
  benchKernel({
    group: "optimizer",
    name: `Muon with the gradient norm, ${store.count} parameters of four layers`,
    // 9 products of squares each, and the first and last of the whole matrix
    work: { flop: 4 * 2 * 128 ** 2 * (4 * 9 * 128 + 2 * (384 + 128 + 680 + 340)) },
    record: (graph, input) => {
      const step = {
        clock: input("clock", [4], "u32"),
        scalars: input("scalars", [4]),
        totals: input("totals", [4]),
        ring: input("ring", [16, 4]),
      };
      const options = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1, step };
      muon(graph, store, { ...options, muon: { relativeRate: 5, momentum: 0.95 } });
    },
  });
}

reportAtEnd();
