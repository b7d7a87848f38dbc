/**
 * What operations become on any device: calls of the kernels of their names, and where a sum is long, of several. Each
 * device goes on from here: `webgpu/lower.ts`, `cpu/lower.ts`.
 *
 * @module
 */

import type { Activation } from "../tensor/activations.ts";
import { elementBytes, type KernelCall, type OpCall, sizeOf, type Tensor } from "../tensor/tensor.ts";

/** What the shape of lowered calls depends on. */
export interface LoweringTarget {
  /** About how many workgroups keep the device busy: long sums are split where there are fewer. 1: results of any number of threads. */
  readonly parallelism: number;
  /** Largest tensor that a kernel may be given, in bytes. */
  readonly maxTensorBytes: number;
}

/** The kernels' numbers for activations: kernels/activations.wgsl. */
const activationCode: Readonly<Record<Activation, number>> = {
  gelu: 1,
  relu: 2,
  gelu_tanh: 3,
  silu: 4,
  tanh: 5,
  relu2: 6,
};

/** Vectors of four that so many floats take. */
const fours = (floats: number) => Math.ceil(floats / 4);

/** A tensor between two kernels of one operation; it is planned like any other. */
export function scratch(name: string, shape: readonly number[], options: Pick<Tensor, "isHot"> = {}): Tensor {
  return { name, shape, dtype: "f32", size: sizeOf(shape), ...options };
}

/** A kernel as an operation of its name wants it: its params and constants, and how many items there are. */
type Described = Pick<KernelCall, "params" | "constants"> & { readonly items: number };

const described: Readonly<Record<string, (call: OpCall) => Described>> = {
  add: ({ params: { size } }) => flat(size!),
  add_identity: ({ params, tensors }) => ({
    params,
    constants: { COPY: "x" in tensors },
    items: params.count! * params.side! * ("x" in tensors ? params.side! / 4 : 1),
  }),
  activation_backward: ({ params: { size }, choices }) => flat(size!, activation(choices.activation)),
  attention: ({ params: { headWidth, ...params }, tensors }) => ({
    params,
    constants: {
      HEAD_COLUMNS4: headWidth! / 4,
      DROPOUT: "clock" in tensors,
      DOCUMENTS: "documents" in tensors,
    },
    items: params.batch! * params.length! * params.heads!,
  }),
  cross_entropy: ({ params, tensors, choices }) => ({
    params,
    constants: {
      GRADIENT: choices.gradient ?? false,
      WEIGHTED: "weights" in tensors,
      ...("scaling" in tensors ? { SCALED: true } : {}),
    },
    items: params.rows!,
  }),
  dropout: ({ params: { size, ...params }, tensors, choices }) => ({
    params: { size4: fours(size!), ...params },
    constants: { RESIDUAL: "residual" in tensors, ACCUMULATE: choices.accumulate ?? false },
    items: fours(size!),
  }),
  embedding: ({ params, tensors }) => ({
    ...byColumns4(params),
    constants: {
      POSITION: "position" in tensors,
      ROW_POSITIONS: "row_positions" in tensors,
      TOKEN_TYPE: "token_type" in tensors,
      TOKEN_TYPES: "token_types" in tensors,
    },
  }),
  embedding_backward: ({ params }) => byColumns4(params),
  gather_rows: ({ params }) => byColumns4(params),
  gather_rows_backward: ({ params, choices }) => ({
    ...byColumns4(params),
    constants: { ACCUMULATE: choices.accumulate ?? false },
  }),
  geglu: ({ params, choices }) => byHidden4(params, choices.activation),
  geglu_backward: ({ params, choices }) => byHidden4(params, choices.activation),
  l2_normalise: ({ params }) => ({ ...byColumns4(params), items: params.rows! }),
  l2_normalise_backward: ({ params, choices }) => ({
    ...byColumns4(params),
    constants: { ACCUMULATE: choices.accumulate ?? false },
    items: params.rows!,
  }),
  layer_norm: ({ params, tensors }) => ({
    ...byColumns4(params),
    constants: { BIAS: "bias" in tensors },
    items: params.rows!,
  }),
  matmul: ({ params, tensors, choices }) => ({
    params,
    constants: {
      TRANSPOSE_A: choices.transposeA ?? false,
      TRANSPOSE_B: choices.transposeB ?? false,
      ACCUMULATE: choices.accumulate ?? false,
      BIAS: "bias" in tensors,
      ...activation(choices.activation),
      KEEP_INPUT: "activation_input" in tensors,
      RESIDUAL: "residual" in tensors,
      BIAS_GRADIENT: "d_bias" in tensors,
    },
    items: params.m! * params.n!,
  }),
  mean_pool: ({ params }) => byWindows4(params, params.windows!),
  mean_pool_backward: ({ params, choices }) => ({
    ...byWindows4(params, params.windows! * params.length!),
    constants: { ACCUMULATE: choices.accumulate ?? false },
  }),
  batch_matmul: ({ params: { symmetric, ...params } }) => ({
    params,
    constants: { SYMMETRIC: symmetric === 1 },
    items: params.count! * params.m! * params.n!,
  }),
  muon_update: ({ params: { rows, side, ...params } }) => ({
    params: { rows4: rows! / 4, side4: side! / 4, ...params },
    constants: {},
    items: params.count! * rows! * side! / 16,
  }),
  pad_columns: ({ params }) => ({ params, constants: {}, items: params.size! }),
  record_step: ({ params }) => ({ params: { ...params, count: 0, clip: 0 }, constants: {}, items: 1 }),
  rotary: ({ params: { headWidth, ...params } }) => ({
    params: { ...params, half_head: headWidth! / 2 },
    constants: {},
    items: params.rows! * params.width!,
  }),
  sum_loss: ({ params }) => ({ params, constants: {}, items: 1 }),
};

function activation(name: Activation | undefined): { ACTIVATION: number } {
  return { ACTIVATION: name ? activationCode[name] : 0 };
}

function flat(size: number, constants: Described["constants"] = {}): Described {
  return { params: { size4: fours(size) }, constants, items: fours(size) };
}

/** One item four columns of a row. */
function byColumns4({ columns, ...params }: OpCall["params"]): Described {
  const columns4 = columns! / 4;
  return { params: { ...params, columns4 }, constants: {}, items: (params.rows ?? params.count)! * columns4 };
}

/** One item four columns of so many rows. */
function byWindows4({ columns, ...params }: OpCall["params"], rows: number): Described {
  const columns4 = columns! / 4;
  return { params: { ...params, columns4 }, constants: {}, items: rows * columns4 };
}

function byHidden4({ rows, hidden }: OpCall["params"], name: Activation | undefined): Described {
  const hidden4 = hidden! / 4;
  return { params: { rows: rows!, hidden4 }, constants: activation(name), items: rows! * hidden4 };
}

/** Operations that take several kernels. */
const composed: Readonly<Record<string, (call: OpCall, target: LoweringTarget) => KernelCall[]>> = {
  adamw,
  gradient_norm: gradientNorm,
  layer_norm_backward: layerNormBackward,
  round_weights: roundWeights,
  muon_direction: muonDirection,
  muon_momentum: muonMomentum,
  sum_rows: sumRows,
};

/**
 * The kernels that an operation calls.
 *
 * @throws {TypeError} if there is no such operation.
 */
export function lowerOp(call: OpCall, target: LoweringTarget): KernelCall[] {
  const { op, tensors } = call;
  const compose = composed[op];
  if (compose) return compose(call, target);
  const describe = described[op];
  if (!describe) throw new TypeError(`There is no operation "${op}"`);
  const { params, constants, items } = describe(call);
  return [{ kernel: op, tensors, params, constants, grid: [items, 1, 1] }];
}

/** y (+)= Σ partials over the first dimension: adds up what was summed apart, always in the same order. */
export function reducePartials(partials: Tensor, y: Tensor, { accumulate }: { accumulate: boolean }): KernelCall {
  const splits = partials.shape[0]!;
  const size = partials.size / splits;
  return {
    kernel: "reduce_partials",
    tensors: { partials, y },
    params: { size, splits },
    constants: { ACCUMULATE: accumulate },
    grid: [size, 1, 1],
  };
}

/** Rows of a block that one invocation adds up: enough blocks to fill the device, none shorter than 16 rows. */
function layerNormBackward({ tensors, params, choices }: OpCall, { parallelism }: LoweringTarget): KernelCall[] {
  const { x, weight, moments, d_y, d_x, d_weight, d_bias } = tensors as Record<string, Tensor>;
  const rows = params.rows!;
  const columns4 = params.columns! / 4;
  const block = Math.max(16, Math.ceil(rows * columns4 / (64 * parallelism)));
  const splits = Math.ceil(rows / block);
  const partialsOf = (tensor: Tensor) => scratch(`${tensor.name}.partials`, [splits, params.columns!]);
  const weightPartials = partialsOf(d_weight!);
  const biasPartials = d_bias && partialsOf(d_bias);
  return [
    {
      kernel: "layer_norm_backward_weight",
      tensors: {
        x: x!,
        moments: moments!,
        d_y: d_y!,
        weight_partials: weightPartials,
        ...(biasPartials ? { bias_partials: biasPartials } : {}),
      },
      params: { rows, columns4, block, splits },
      constants: { BIAS: biasPartials !== undefined },
      grid: [splits * columns4, 1, 1],
    },
    reducePartials(weightPartials, d_weight!, { accumulate: true }),
    ...(biasPartials ? [reducePartials(biasPartials, d_bias, { accumulate: true })] : []),
    {
      kernel: "layer_norm_backward",
      tensors: { x: x!, weight: weight!, moments: moments!, d_y: d_y!, d_x: d_x! },
      params: { rows, columns4 },
      constants: { ACCUMULATE: choices.accumulate ?? false },
      grid: [rows, 1, 1],
    },
  ];
}

/** y (+)= Σ x[row] over the rows with the same row mod period: [period, columns]. */
function sumRows({ tensors, params, choices }: OpCall, { parallelism }: LoweringTarget): KernelCall[] {
  const { rows, period } = params as { rows: number; period: number };
  const columns4 = params.columns! / 4;
  const all = Math.ceil(rows / period);
  const wanted = Math.ceil(parallelism * 64 / (period * columns4));
  const repeats = Math.ceil(all / Math.max(1, Math.min(wanted, Math.ceil(all / 16))));
  const splits = Math.ceil(all / repeats);
  const partials = scratch(`${tensors.y!.name}.partials`, [splits, period, params.columns!]);
  return [
    {
      kernel: "sum_rows",
      tensors: { x: tensors.x!, partials },
      params: { rows, columns4, period, repeats, splits },
      constants: {},
      grid: [splits * period * columns4, 1, 1],
    },
    reducePartials(partials, tensors.y!, { accumulate: choices.accumulate ?? false }),
  ];
}

/**
 * Norm of all gradients, the end of the step's record, and by how much the gradients are scaled; in pieces that the device can
 * bind: one, unless the model is larger than its limit.
 */
function gradientNorm({ tensors, params }: OpCall, { maxTensorBytes }: LoweringTarget): KernelCall[] {
  const { gradients, ...recorded } = tensors as Record<string, Tensor>;
  const chunks = chunksOf(gradients!.size / 4, largestChunk(maxTensorBytes));
  const block4 = Math.max(256, Math.ceil(gradients!.size / 4 / 1024));
  const groups = chunks.map((chunk) => Math.ceil(chunk.size4 / block4));
  const partials = scratch("norm.partials", [groups.reduce((sum, count) => sum + count, 0)]);
  const squares = chunks.map((chunk, i): KernelCall => ({
    kernel: "square_sum",
    tensors: { gradients: view(gradients!, chunk), partials },
    params: { size4: chunk.size4, block4, first: groups.slice(0, i).reduce((sum, count) => sum + count, 0) },
    constants: {},
    grid: [groups[i]!, 1, 1],
  }));
  const record: KernelCall = {
    kernel: "record_step",
    tensors: { ...recorded, partials },
    params: { count: partials.size, ring_size: params.ring_size!, clip: params.clip! },
    constants: {
      NORM: true,
      OTHER: "other_ring" in recorded,
      ...("scaling" in recorded
        ? { SCALED: true, GROWTH_STEPS: params.growth_steps!, HIGHEST_SCALE: params.highest_scale! }
        : {}),
    },
    grid: [1, 1, 1],
  };
  return [...squares, record];
}

/** The update of flat parameters, in pieces that the device can bind; `rounded` is a copy of those that decay. */
function adamw({ tensors, params }: OpCall, { maxTensorBytes }: LoweringTarget): KernelCall[] {
  const { scalars, update_scale, rounded, ...flat } = tensors as Record<string, Tensor>;
  const { decayed, embedded, ...rest } = params as Record<string, number>;
  return chunksOf(flat.parameters!.size / 4, largestChunk(maxTensorBytes, rounded)).map((chunk) => {
    const decayed4 = Math.max(0, Math.min(chunk.size4, decayed! / 4 - chunk.first4));
    const embedded4 = Math.max(0, Math.min(chunk.size4, embedded! / 4 - chunk.first4));
    const copy = decayed4 > 0 && rounded ? { rounded: view(rounded, { ...chunk, size4: decayed4 }) } : undefined;
    return {
      kernel: "adamw",
      tensors: { scalars: scalars!, update_scale: update_scale!, ...views(flat, chunk), ...copy },
      params: { size4: chunk.size4, decayed4, embedded4, ...rest },
      constants: copy ? { ROUNDED: true } : {},
      grid: [chunk.size4, 1, 1],
    };
  });
}

/** y = x for the first elements of flat memory, in pieces that the device can bind. */
function roundWeights({ tensors, params }: OpCall, { maxTensorBytes }: LoweringTarget): KernelCall[] {
  const { x, y } = tensors as { x: Tensor; y: Tensor };
  return chunksOf(params.size! / 4, largestChunk(maxTensorBytes, y)).map((chunk) => ({
    kernel: "round_weights",
    tensors: { x: view(x, chunk), y: view(y, chunk) },
    params: { size4: chunk.size4 },
    constants: {},
    grid: [chunk.size4, 1, 1],
  }));
}

/** Vectors of four floats that can be bound, so many that the next begin at a multiple of 256 bytes: of the rounded ones, too. */
function largestChunk(maxTensorBytes: number, rounded?: Tensor | undefined): number {
  const vectors = rounded ? 256 / (4 * elementBytes(rounded.dtype)) : 16;
  return Math.floor(maxTensorBytes / (16 * vectors)) * vectors;
}

/** Momentum of flat parameters, in pieces that the device can bind. */
function muonMomentum({ tensors, params }: OpCall, { maxTensorBytes }: LoweringTarget): KernelCall[] {
  const { update_scale, ...flat } = tensors as Record<string, Tensor>;
  return chunksOf(flat.gradients!.size / 4, largestChunk(maxTensorBytes)).map((chunk) => ({
    kernel: "muon_momentum",
    tensors: { update_scale: update_scale!, ...views(flat, chunk) },
    params: { size4: chunk.size4, ...params },
    constants: {},
    grid: [chunk.size4, 1, 1],
  }));
}

/** The most blocks that a matrix's norm is summed in: each invocation adds them all up. */
const MOST_BLOCKS = 64;

/** Matrices of the Frobenius norm that is asked for. */
function muonDirection({ tensors, params }: OpCall): KernelCall[] {
  const { places, direction, tall, wide } = tensors as Record<"places" | "direction" | "tall" | "wide", Tensor>;
  const { count, rows, side, ...rest } = params as Record<string, number>;
  const size4 = rows! * side! / 4;
  const block4 = Math.max(256, Math.ceil(size4 / MOST_BLOCKS));
  const blocks = Math.ceil(size4 / block4);
  const partials = scratch("direction.partials", [count!, blocks]);
  return [
    {
      kernel: "muon_norm",
      tensors: { places, direction, partials },
      params: { size4, block4, blocks },
      constants: {},
      grid: [count! * blocks, 1, 1],
    },
    {
      kernel: "muon_direction",
      tensors: { places, direction, partials, tall, wide },
      params: { count: count!, rows4: rows! / 4, side4: side! / 4, blocks, ...rest },
      constants: {},
      grid: [count! * size4 / 4, 1, 1],
    },
  ];
}

/** A piece of flat memory, in vectors of four. */
interface Chunk {
  readonly first4: number;
  readonly size4: number;
}

/** Flat memory of so many vectors in pieces of at most so many. */
function chunksOf(all: number, largest: number): Chunk[] {
  return Array.from({ length: Math.ceil(all / largest) }, (_, i) => ({
    first4: i * largest,
    size4: Math.min(largest, all - i * largest),
  }));
}

function view(whole: Tensor, { first4, size4 }: Chunk): Tensor {
  const offset = whole.storage!.offset + 4 * first4 * elementBytes(whole.dtype);
  const storage = { buffer: whole.storage!.buffer, offset };
  return { ...whole, shape: [size4 * 4], size: size4 * 4, storage };
}

function views(whole: Readonly<Record<string, Tensor>>, chunk: Chunk): Record<string, Tensor> {
  return Object.fromEntries(Object.entries(whole).map(([name, tensor]) => [name, view(tensor, chunk)]));
}
