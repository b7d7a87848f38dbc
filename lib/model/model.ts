/**
 * A model on a device: its parameters, and the programs that train or evaluate it on batches of one shape.
 *
 * @module
 */

import { type Batch, groupByToken } from "../batch/batch.ts";
import { allocateTensor, type Device, type Program } from "../device/device.ts";
import type { Storage, Tensor } from "../tensor/tensor.ts";
import { Graph } from "../graph/graph.ts";
import { ParameterStore } from "../optimizer/parameter_store.ts";
import { adamW, type AdamWOptions, recordStep, type StepTensors } from "../optimizer/adamw.ts";
import { crossEntropy, NO_LABEL } from "../ops/cross_entropy.ts";
import type { TokenInputs } from "../ops/embedding.ts";
import type { RowSelection } from "../ops/gather_rows.ts";
import { architectures, type ModelConfig } from "./config.ts";
import { decode, encode, type EncoderContext, positionTables } from "./encoder.ts";
import { initialValues, modelParameters } from "./parameters.ts";

/** Steps whose results the device keeps until they are read. */
export const RING_SIZE = 1024;

/** Sizes of the batches that a program takes. */
export interface BatchShape {
  /** Number of windows. */
  readonly windows: number;
  /** Tokens of a window. */
  readonly length: number;
  /** Room for masked rows. */
  readonly capacity: number;
  /** Whether windows hold several documents that must not see one another. Default: false. */
  readonly documents?: boolean;
}

/** What one step reported: sums, not means. */
export interface StepRecord {
  /** Σ cross-entropy over the masked rows, in nats. */
  readonly lossSum: number;
  /** Masked positions predicted as they were. */
  readonly correct: number;
  /** Masked positions. */
  readonly masked: number;
  /** Global gradient norm before clipping; 0 in evaluation. */
  readonly gradientNorm: number;
}

/** Writes batches of one shape to the device and runs the model on them. */
export interface BatchProgram {
  /** Sizes of the batches. */
  readonly shape: BatchShape;
  /** Bytes of device memory held. */
  readonly bytes: number;
  /** Writes a batch; it may have fewer windows and masked rows than there is room for. */
  write(batch: Batch): void;
  /** The underlying program. */
  readonly program: Program;
  /** Most probable token of each masked row: u32 [capacity]. */
  readonly predictions: Tensor;
  /** Logits [capacity, vocab padded to a multiple of 4]; absent in training, where gradients replace them. */
  readonly logits: Tensor | undefined;
  /** Cross-entropy of each masked row in nats: f32 [capacity]; absent in training. */
  readonly losses: Tensor | undefined;
  /** Gives the memory back. */
  destroy(): void;
}

/** What {@linkcode Model.compileEvaluation} gives. */
export interface EvaluationProgram extends BatchProgram {
  /** Logits [capacity, vocab padded to a multiple of 4]. */
  readonly logits: Tensor;
  /** Cross-entropy of each masked row in nats: f32 [capacity]. */
  readonly losses: Tensor;
}

/** Runs the encoder alone on texts of one shape. */
export interface EncoderProgram {
  /** The underlying program. */
  readonly program: Program;
  /** The last layer's hidden states: f32 [windows · length, width]. */
  readonly hidden: Tensor;
  /** Writes token ids, and where each row's text begins and ends: {@linkcode Batch.documents}. */
  write(texts: Pick<Batch, "ids" | "documents">): void;
  /** Gives the memory back. */
  destroy(): void;
}

/** A masked language model on a device. */
export class Model {
  /** Where it lives. */
  readonly device: Device;
  /** What it is. */
  readonly config: ModelConfig;
  /** Its parameters, gradients and moments. */
  readonly store: ParameterStore;
  /** What host and device tell each other of a training step. */
  readonly step: StepTensors;
  /** Whether it has a head that predicts masked tokens; without one it gives vectors only. */
  readonly hasHead: boolean;
  #evaluationStep: StepTensors;
  #owned: (Tensor & { storage: Storage })[];

  /** Allocates the model, with or without its head, with all parameters zero; see {@linkcode createModel}. */
  constructor(device: Device, config: ModelConfig, { head = true }: { head?: boolean } = {}) {
    this.device = device;
    this.config = config;
    this.hasHead = head;
    this.#owned = [];
    this.store = new ParameterStore(device, modelParameters(config, { head }));
    this.step = this.#stepTensors("training");
    this.#evaluationStep = this.#stepTensors("evaluation");
  }

  /** Compiles the training step for batches of a shape: sections "gradients" and "update". */
  async compileTraining(shape: BatchShape, optimizer: AdamWOptions): Promise<BatchProgram> {
    return await this.#compile(shape, this.step, (graph) => {
      graph.section("update");
      adamW(graph, this.store, { ...optimizer, step: this.step });
    });
  }

  /** Compiles the forward pass for batches of a shape; it needs no gradients and drops nothing. */
  async compileEvaluation(shape: BatchShape): Promise<EvaluationProgram> {
    const program = await this.#compile(shape, this.#evaluationStep, undefined);
    return { ...program, logits: program.logits!, losses: program.losses! };
  }

  /** Compiles the encoder without the head. */
  async compileEncoder(shape: Omit<BatchShape, "capacity">): Promise<EncoderProgram> {
    const { device } = this;
    const recording = this.#record(shape, { training: false, clock: this.#evaluationStep.clock });
    const { graph, context, texts } = recording;
    const hidden = graph.keep(encode(context, texts.tokens));
    const program = await graph.compile(device);
    recording.writeTables();
    return {
      program,
      hidden,
      destroy: () => program.destroy(),
      write: (batch) => writeTexts(device, batch, { shape, texts, training: false }),
    };
  }

  /** Writes the clock and scalars of a training step. */
  writeStep(
    { seed, step, microStep, lossScale, learningRate, optimizer }: {
      seed: number;
      step: number;
      microStep: number;
      lossScale: number;
      learningRate: number;
      optimizer: AdamWOptions;
    },
  ): void {
    const { beta1, beta2 } = optimizer;
    // AdamW counts updates from 1
    const corrections = [1 / (1 - beta1 ** (step + 1)), 1 / (1 - beta2 ** (step + 1))];
    this.device.write(this.step.clock, Uint32Array.of(seed, step, microStep, 0));
    this.device.write(this.step.scalars, Float32Array.of(lossScale, learningRate, ...corrections));
  }

  /** Writes the number of the evaluation batch that comes next, below {@linkcode RING_SIZE}. */
  writeEvaluationStep(step: number): void {
    this.device.write(this.#evaluationStep.clock, Uint32Array.of(0, step, 0, 0));
  }

  /** Waits, and reads the records of steps first ... last - 1. */
  async readRecords({ first, last, evaluation = false }: {
    first: number;
    last: number;
    evaluation?: boolean;
  }): Promise<StepRecord[]> {
    if (last - first > RING_SIZE) {
      throw new RangeError(`Cannot read ${last - first} records: the ring holds ${RING_SIZE}`);
    }
    const [bytes] = await this.device.read([(evaluation ? this.#evaluationStep : this.step).ring]);
    const ring = new Float32Array(bytes!);
    return Array.from({ length: last - first }, (_, i) => {
      const [lossSum, correct, masked, gradientNorm] = ring.subarray((first + i) % RING_SIZE * 4);
      return { lossSum: lossSum!, correct: correct!, masked: masked!, gradientNorm: gradientNorm! };
    });
  }

  /** Waits, and reads all parameters by name. */
  async readParameters(): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    const [values] = await this.device.read([this.store.values]);
    return this.store.split(new Float32Array(values!));
  }

  /** Replaces all parameters. */
  writeParameters(values: ReadonlyMap<string, Float32Array>): void {
    this.device.write(this.store.values, this.store.join(values));
  }

  /** Gives all memory back, but not that of its programs. */
  destroy(): void {
    this.store.destroy();
    for (const tensor of this.#owned) tensor.storage.buffer.destroy();
  }

  #stepTensors(purpose: string): StepTensors {
    const make = (name: string, shape: number[], dtype: "f32" | "u32" = "f32") => {
      const tensor = allocateTensor(this.device, `${purpose} ${name}`, { shape, dtype });
      this.#owned.push(tensor);
      return tensor;
    };
    return {
      clock: make("clock", [4], "u32"),
      scalars: make("scalars", [4]),
      totals: make("totals", [4]),
      ring: make("ring", [RING_SIZE, 4]),
    };
  }

  /** Begins a recording: the tensors that every program has. */
  #record(shape: Omit<BatchShape, "capacity">, { training, clock }: { training: boolean; clock: Tensor }) {
    const { device, config, store } = this;
    const { windows, length } = shape;
    if (length > config.maxLength) {
      throw new RangeError(`Cannot run length ${length}: this model's longest is ${config.maxLength}`);
    }
    const rows = windows * length;
    const graph = new Graph({ training });
    graph.section("gradients");
    const index = (name: string, size: number) => graph.persistent(name, [size], "u32");
    const groups = (name: string): TokenInputs => ({
      ids: index(name, rows),
      unique: index(`unique ${name}`, rows),
      starts: index(`starts of ${name}`, rows + 1),
      order: index(`order of ${name}`, rows),
    });
    const tokens = groups("ids");
    const documents = shape.documents ? graph.persistent("documents", [rows, 2], "u32") : undefined;
    // rotary positions are relative: where a text begins does not matter to them
    const isRelative = architectures[config.preset].positionEncoding === "rotary";
    const rowPositions = documents && !isRelative ? groups("row positions") : undefined;
    const tables = Object.entries(positionTables(config, length));
    const tensors = Object.fromEntries(tables.map(([name, { shape }]) => [name, graph.persistent(name, shape)]));
    const context: EncoderContext = {
      graph,
      store,
      config,
      length,
      clock,
      positionTables: tensors,
      documents,
      rowPositions,
    };
    return {
      graph,
      context,
      texts: { tokens, documents, rowPositions },
      index,
      writeTables() {
        for (const [name, { values }] of tables) device.write(tensors[name]!, values);
      },
    };
  }

  async #compile(
    shape: BatchShape,
    step: StepTensors,
    update: ((graph: Graph) => void) | undefined,
  ): Promise<BatchProgram> {
    const { device, config } = this;
    if (!this.hasHead) {
      throw new RangeError(
        "Cannot predict masked tokens: this model has no head for them, only an encoder; train --init makes it a new head",
      );
    }
    const { windows, length, capacity } = shape;
    const training = update !== undefined;
    const recording = this.#record(shape, { training, clock: step.clock });
    const { graph, context, texts, index } = recording;
    const selection = {
      rows: index("masked rows", capacity),
      inverse: index("masked rows, inverse", windows * length),
    };
    const labels = index("labels", capacity);
    const logits = decode(context, encode(context, texts.tokens), selection);
    if (!update) graph.keep(logits);
    const loss = crossEntropy(graph, logits, { vocab: config.vocab, labels, ...step });
    if (update) {
      graph.backward();
      update(graph);
    } else {
      graph.keep(loss.losses);
      recordStep(graph, step);
    }
    const program = await graph.compile(device);
    recording.writeTables();
    return {
      shape,
      program,
      bytes: program.bytes,
      predictions: loss.predictions,
      logits: update ? undefined : logits,
      losses: update ? undefined : loss.losses,
      destroy: () => program.destroy(),
      write: (batch) => writeBatch(device, batch, { shape, texts, selection, labels, training }),
    };
  }
}

/** A new model with random parameters. */
export function createModel(device: Device, config: ModelConfig, { seed = 1 }: { seed?: number } = {}): Model {
  const model = new Model(device, config);
  model.writeParameters(initialValues(config, seed));
  return model;
}

/** What texts are written to. */
interface TextTensors {
  tokens: TokenInputs;
  documents: Tensor | undefined;
  rowPositions: TokenInputs | undefined;
}

interface BatchTensors {
  shape: BatchShape;
  texts: TextTensors;
  selection: RowSelection;
  labels: Tensor;
  training: boolean;
}

function writeBatch(
  device: Device,
  batch: Batch,
  { shape, texts, selection, labels, training }: BatchTensors,
): void {
  const rows = shape.windows * shape.length;
  const count = batch.maskedRows.length;
  if (batch.length !== shape.length || batch.windows > shape.windows || count > shape.capacity) {
    throw new RangeError(
      `Cannot run ${batch.windows} windows of ${batch.length} with ${count} masked tokens: there is room for ` +
        `${shape.windows} of ${shape.length} with ${shape.capacity}`,
    );
  }
  writeTexts(device, batch, { shape, texts, training });
  const maskedRows = new Uint32Array(shape.capacity);
  maskedRows.set(batch.maskedRows);
  const correct = new Uint32Array(shape.capacity).fill(NO_LABEL);
  correct.set(batch.labels);
  device.write(selection.rows, maskedRows);
  device.write(labels, correct);
  if (!training) return;
  const inverse = new Uint32Array(rows).fill(0xffffffff);
  for (let index = 0; index < count; index++) inverse[maskedRows[index]!] = index;
  device.write(selection.inverse, inverse);
}

/** Writes token ids, the bounds of texts and the positions within them. */
function writeTexts(
  device: Device,
  batch: Pick<Batch, "ids" | "documents">,
  { shape, texts: { tokens, documents, rowPositions }, training }: {
    shape: Omit<BatchShape, "capacity">;
    texts: TextTensors;
    training: boolean;
  },
): void {
  const rows = shape.windows * shape.length;
  let { ids } = batch;
  if (ids.length < rows) {
    // windows that are missing hold token 0; nothing in them is masked, so they change no sum
    ids = new Uint32Array(rows);
    ids.set(batch.ids);
  }
  writeGrouped(device, tokens, { ids, training });
  if (!documents) return;
  // windows that are missing, or of one document each, see themselves whole
  const bounds = Uint32Array.from({ length: 2 * rows }, (_, i) => i % 2 === 0 ? 0 : shape.length);
  if (batch.documents) bounds.set(batch.documents);
  device.write(documents, bounds);
  if (!rowPositions) return;
  const positions = Uint32Array.from({ length: rows }, (_, row) => row % shape.length - bounds[2 * row]!);
  writeGrouped(device, rowPositions, { ids: positions, training });
}

/** Writes ids and, for the gradient, which rows hold the same one. */
function writeGrouped(
  device: Device,
  inputs: TokenInputs,
  { ids, training }: { ids: Uint32Array<ArrayBuffer>; training: boolean },
): void {
  device.write(inputs.ids, ids);
  if (!training) return;
  const { unique, starts, order } = groupByToken(ids);
  device.write(inputs.unique, unique);
  device.write(inputs.starts, starts);
  device.write(inputs.order, order);
}

/**
 * Gives new tokens weights: each the mean of those of the tokens that it was cut into before, in the embedding and, where the
 * decoder has weights of its own or a bias, there too (Gee et al., Fast Vocabulary Transfer, 2022).
 */
export async function initialiseTokens(
  { device, store }: Model,
  added: readonly { readonly id: number; readonly pieces: readonly number[] }[],
): Promise<void> {
  if (added.length === 0) return;
  const present = new Set(store.specs.map(({ name }) => name));
  for (const name of ["embeddings.token", "decoder.weight", "decoder.bias"].filter((name) => present.has(name))) {
    const tensor = store.get(name);
    const width = tensor.size / tensor.shape[0]!;
    const [bytes] = await device.read([tensor]);
    const values = new Float32Array(bytes!);
    for (const { id, pieces } of added) {
      const mean = new Float64Array(width);
      for (const piece of pieces) {
        for (let i = 0; i < width; i++) mean[i]! += values[piece * width + i]! / pieces.length;
      }
      store.write(name, Float32Array.from(mean), id * width);
    }
  }
}
