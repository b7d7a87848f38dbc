/**
 * The whole model in float64, written from the papers' formulas on the tape, and AdamW; an oracle for losses, gradients
 * and training steps. It shares nothing with lib/ but the names of the parameters.
 */
import type { Batch } from "../../lib/batch/batch.ts";
import type { ModelConfig } from "../../lib/model/config.ts";
import * as tape from "./tape.ts";
import type { Value } from "./tape.ts";

export type Values = ReadonlyMap<string, Value>;

/** Leaves for all parameters. */
export function leaves(
  parameters: ReadonlyMap<string, ArrayLike<number>>,
  shapes: ReadonlyMap<string, readonly number[]>,
) {
  return new Map([...parameters].map(([name, data]) => [name, tape.leaf(shapes.get(name)!, data)]));
}

/**
 * Mean cross-entropy over the masked rows of a batch, without dropout, and where it holds pairs, that of their classes added:
 * [1, 1].
 */
export function loss(config: ModelConfig, values: Values, batch: Batch): Value {
  const weight = batch.labels.length === 0 ? 0 : 1 / batch.labels.length;
  const hidden = encoderOf(config)(config, values, batch);
  const masked = tape.crossEntropy(logits(config, values, { batch, hidden }), batch.labels, weight);
  const { pairClasses } = batch;
  if (!pairClasses) return masked;
  const pairs = pairLogits(config, values, { batch, hidden });
  return tape.add(masked, tape.crossEntropy(pairs, pairClasses, 1 / pairClasses.length));
}

/**
 * Mean cross-entropy of the first view of each text of a batch among all second ones, by cosines divided by a temperature: [1, 1].
 * The first half of the windows holds the first views.
 */
export function contrastiveLoss(config: ModelConfig, values: Values, batch: Batch, temperature: number): Value {
  const { windows, length, documents, labels } = batch;
  const { width } = config;
  const hidden = encoderOf(config)(config, values, batch);
  const shares = Float64Array.from({ length: windows * windows * length }, (_, i) => {
    const [window, row] = [Math.floor(i / (windows * length)), i % (windows * length)];
    const end = documents?.[2 * window * length + 1] ?? length;
    return Math.floor(row / length) === window && row % length < end ? 1 / end : 0;
  });
  const pooled = tape.matmul(tape.leaf([windows, windows * length], shares), hidden);
  const squares = tape.sumRows(tape.multiply(pooled, pooled));
  const inverse = tape.map(squares, (v) => v ** -0.5, (v) => -0.5 * v ** -1.5);
  const vectors = tape.multiply(pooled, tape.spread(inverse, width));
  const half = (first: number) => tape.block(vectors, { first, rows: windows / 2, left: 0, columns: width });
  const cosines = tape.matmul(half(0), tape.transpose(half(windows / 2)));
  return tape.crossEntropy(tape.scale(cosines, 1 / temperature), labels, 1 / labels.length);
}

/** Whether a query does not see a key, because it belongs to another document. */
const apartIn = ({ documents, length }: Batch) => (window: number, query: number, key: number) => {
  const row = 2 * (window * length + query);
  return documents !== undefined && (key < documents[row]! || key >= documents[row + 1]!);
};

const encoderOf = ({ preset }: ModelConfig) => ({ modernbert, bert, labml })[preset];

/** Logits of the two classes for each window: [windows, 2]. */
function pairLogits(
  { width }: ModelConfig,
  values: Values,
  { batch: { windows, length }, hidden }: { batch: Batch; hidden: Value },
): Value {
  const get = (name: string) => values.get(name)!;
  const first = tape.take(hidden, [windows, width], (i) => Math.floor(i / width) * length * width + i % width);
  const pooled = tape.tanh(tape.linear(first, get("pooler.weight"), get("pooler.bias")));
  return tape.linear(pooled, get("nextSentence.weight"), get("nextSentence.bias"));
}

/** Logits at the masked rows: [count, vocab]. */
export function logits(
  config: ModelConfig,
  values: Values,
  { batch, hidden }: { batch: Batch; hidden: Value },
): Value {
  const { width } = config;
  const rows = batch.maskedRows;
  const masked = tape.take(hidden, [rows.length, width], (i) => rows[Math.floor(i / width)]! * width + i % width);
  const get = (name: string) => values.get(name)!;
  const decoder = get(config.tied ? "embeddings.token" : "decoder.weight");
  if (config.preset === "labml") return tape.linear(masked, decoder, get("decoder.bias"));
  const dense = tape[config.activation](tape.linear(masked, get("head.dense.weight"), values.get("head.dense.bias")));
  const bias = values.get("head.norm.bias");
  const { epsilon } = config;
  const normed = tape.layerNorm(dense, { weight: get("head.norm.weight"), ...(bias && { bias }), epsilon });
  return tape.linear(normed, decoder, values.get("decoder.bias"));
}

/**
 * Logits of the classes of each window, [windows, classes], or of each row, [rows, classes], without dropout; `lengths`: tokens of
 * each window's text.
 */
export function classLogits(
  config: ModelConfig,
  values: Values,
  { batch, lengths }: { batch: Batch; lengths: readonly number[] },
): Value {
  const { preset, epsilon, activation, classification } = config;
  const get = (name: string) => values.get(name)!;
  const linear = (x: Value, name: string) => tape.linear(x, get(`${name}.weight`), values.get(`${name}.bias`));
  let x = encoderOf(config)(config, values, batch);
  if (classification!.of === "text") {
    const isMean = preset === "modernbert" && classification!.pool === "mean";
    const rows = batch.windows * batch.length;
    const shares = Float64Array.from({ length: batch.windows * rows }, (_, i) => {
      const [window, row] = [Math.floor(i / rows), i % rows];
      const at = row - window * batch.length;
      return isMean ? Number(at >= 0 && at < lengths[window]!) / lengths[window]! : Number(at === 0);
    });
    x = tape.matmul(tape.leaf([batch.windows, rows], shares), x);
  }
  if (preset === "modernbert") {
    const bias = values.get("classifier.norm.bias");
    x = tape[activation](linear(x, "classifier.dense"));
    x = tape.layerNorm(x, { weight: get("classifier.norm.weight"), ...(bias && { bias }), epsilon });
  } else if (classification!.of === "text") x = tape.tanh(linear(x, "classifier.pooler"));
  return linear(x, "classifier.output");
}

/** Mean cross-entropy of classes, each label by its weight: [1, 1]. */
export function classLoss(
  config: ModelConfig,
  values: Values,
  { labels, weights, ...texts }: {
    batch: Batch;
    lengths: readonly number[];
    labels: readonly (number | undefined)[];
    weights: readonly number[];
  },
): Value {
  const logits = classLogits(config, values, texts);
  const classes = logits.shape[1]!;
  const counted = [...labels.keys()].filter((i) => labels[i] !== undefined);
  const total = counted.reduce((sum, i) => sum + weights[i]!, 0);
  return counted.map((i) => {
    const row = tape.take(logits, [1, classes], (column) => i * classes + column);
    return tape.crossEntropy(row, [labels[i]!], weights[i]! / total);
  }).reduce(tape.add);
}

function lookUp(table: Value, rows: number, row: (i: number) => number): Value {
  const width = table.shape[1]!;
  return tape.take(table, [rows, width], (i) => row(Math.floor(i / width)) * width + i % width);
}

/** Warner et al., 2024. */
function modernbert(config: ModelConfig, values: Values, batch: Batch): Value {
  const { ids, windows } = batch;
  const apart = apartIn(batch);
  const get = (name: string) => values.get(name)!;
  const { epsilon, local } = config;
  const norm = (x: Value, name: string) => {
    const bias = values.get(`${name}.bias`);
    return tape.layerNorm(x, { weight: get(`${name}.weight`), ...(bias && { bias }), epsilon });
  };
  const linear = (x: Value, name: string) => tape.linear(x, get(`${name}.weight`), values.get(`${name}.bias`));
  let x = norm(lookUp(get("embeddings.token"), ids.length, (i) => ids[i]!), "embeddings.norm");
  for (let i = 0; i < config.layers; i++) {
    const a = `layers.${i}.attention`;
    const input = i === 0 ? x : norm(x, `${a}.norm`);
    const near = local?.layers.includes(i) ? local : undefined;
    const mixed = tape.attention(linear(input, `${a}.qkv`), {
      batch: windows,
      heads: config.heads,
      base: (near ?? config).rotaryBase,
      apart: (window, query, key) =>
        apart(window, query, key) || (near !== undefined && 2 * Math.abs(query - key) > near.window),
    });
    x = tape.add(x, linear(mixed, `${a}.output`));
    const f = `layers.${i}.feedForward`;
    const u = linear(norm(x, `${f}.norm`), `${f}.input`);
    const half = (left: number) => tape.block(u, { first: 0, rows: ids.length, left, columns: config.hidden });
    const gated = tape.multiply(tape[config.gate ?? "gelu"](half(0)), half(config.hidden));
    x = tape.add(x, linear(gated, `${f}.output`));
  }
  return norm(x, "finalNorm");
}

/** Devlin et al., 2019. */
function bert(config: ModelConfig, values: Values, batch: Batch): Value {
  const { ids, windows, length, documents, tokenTypes } = batch;
  const start = (row: number) => documents?.[2 * row] ?? 0;
  const apart = apartIn(batch);
  const get = (name: string) => values.get(name)!;
  const norm = (x: Value, name: string) =>
    tape.layerNorm(x, { weight: get(`${name}.weight`), bias: get(`${name}.bias`), epsilon: config.epsilon });
  const linear = (x: Value, name: string) => tape.linear(x, get(`${name}.weight`), get(`${name}.bias`));
  const token = lookUp(get("embeddings.token"), ids.length, (i) => ids[i]!);
  const position = lookUp(get("embeddings.position"), ids.length, (i) => i % length - start(i));
  let sum = tape.add(token, position);
  if (config.tokenTypes > 0) {
    sum = tape.add(
      sum,
      lookUp(get("embeddings.tokenType"), ids.length, (i) => tokenTypes?.[i] ?? 0),
    );
  }
  let x = norm(sum, "embeddings.norm");
  for (let i = 0; i < config.layers; i++) {
    const a = `layers.${i}.attention`;
    const mixed = tape.attention(linear(x, `${a}.qkv`), { batch: windows, heads: config.heads, apart });
    x = norm(tape.add(x, linear(mixed, `${a}.output`)), `${a}.norm`);
    const f = `layers.${i}.feedForward`;
    x = norm(tape.add(x, linear(tape[config.activation](linear(x, `${f}.input`)), `${f}.output`)), `${f}.norm`);
  }
  return x;
}

/** labml.ai's annotated MLM. */
function labml(config: ModelConfig, values: Values, batch: Batch): Value {
  const { ids, windows, length } = batch;
  const get = (name: string) => values.get(name)!;
  const norm = (x: Value, name: string) =>
    tape.layerNorm(x, { weight: get(`${name}.weight`), bias: get(`${name}.bias`), epsilon: 1e-5 });
  const linear = (x: Value, name: string) => tape.linear(x, get(`${name}.weight`), get(`${name}.bias`));
  const { width } = config;
  const token = tape.scale(lookUp(get("embeddings.token"), ids.length, (i) => ids[i]!), Math.sqrt(width));
  const sinusoid = Float64Array.from({ length: ids.length * width }, (_, i) => {
    const [position, column] = [Math.floor(i / width) % length, i % width];
    const angle = position / Math.pow(10_000, 2 * Math.floor(column / 2) / width);
    return column % 2 ? Math.cos(angle) : Math.sin(angle);
  });
  let x = tape.add(token, tape.leaf(token.shape, sinusoid));
  for (let i = 0; i < config.layers; i++) {
    const a = `layers.${i}.attention`;
    const mixed = tape.attention(linear(norm(x, `${a}.norm`), `${a}.qkv`), {
      batch: windows,
      heads: config.heads,
      apart: apartIn(batch),
    });
    x = tape.add(x, linear(mixed, `${a}.output`));
    const f = `layers.${i}.feedForward`;
    x = tape.add(x, linear(tape[config.activation](linear(norm(x, `${f}.norm`), `${f}.input`)), `${f}.output`));
  }
  return norm(x, "finalNorm");
}

/** AdamW with clipping of the global norm, in float64; moments begin at zero. */
export function adamW(
  { beta1, beta2, epsilon, weightDecay, clip, rateOf = () => 1 }:
    & Record<"beta1" | "beta2" | "epsilon" | "weightDecay" | "clip", number>
    & { rateOf?: (name: string) => number },
) {
  const moments = new Map<string, { m: Float64Array; v: Float64Array }>();
  let t = 0;
  /** Updates the parameters in place; returns the norm before clipping. */
  return (parameters: ReadonlyMap<string, Float64Array>, values: Values, rate: number): number => {
    t++;
    let squares = 0;
    for (const { grad } of values.values()) for (const g of grad) squares += g * g;
    const norm = Math.sqrt(squares);
    const factor = norm > clip ? clip / norm : 1;
    for (const [name, p] of parameters) {
      const { grad, shape } = values.get(name)!;
      const { m, v } = moments.get(name) ?? { m: new Float64Array(p.length), v: new Float64Array(p.length) };
      moments.set(name, { m, v });
      for (let i = 0; i < p.length; i++) {
        const g = grad[i]! * factor;
        m[i] = beta1 * m[i]! + (1 - beta1) * g;
        v[i] = beta2 * v[i]! + (1 - beta2) * g * g;
        const update = m[i]! / (1 - beta1 ** t) / (Math.sqrt(v[i]! / (1 - beta2 ** t)) + epsilon);
        p[i]! -= rate * rateOf(name) * (update + (shape.length > 1 ? weightDecay : 0) * p[i]!);
      }
    }
    return norm;
  };
}
