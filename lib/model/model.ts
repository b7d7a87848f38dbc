/**
 * A model on a device: its parameters, and the programs that train it, evaluate it or encode with it on texts of one shape.
 *
 * @module
 */

import type { Batch } from "../batch/batch.ts";
import type { Device, Program } from "../device/device.ts";
import { Graph } from "../graph/graph.ts";
import { roundWeights } from "../optimizer/adamw.ts";
import { allocateLossScale, type LossScale, writeLossScale } from "../optimizer/loss_scale.ts";
import { everyStep, type UpdateSection } from "../optimizer/muon.ts";
import { type OptimizerOptions, recordUpdate } from "../optimizer/optimizer.ts";
import { ParameterStore } from "../optimizer/parameter_store.ts";
import {
  allocateStep,
  type OwnedStepTensors,
  recordStep,
  stageRecords,
  type StepInput,
  type StepRecord,
  type StepTensors,
  writeStep,
} from "../optimizer/step.ts";
import type { RowSelection } from "../ops/gather_rows.ts";
import type { Precision, Storage, Tensor } from "../tensor/tensor.ts";
import { bucketCuts, type GradientBucket, stretchOf } from "./buckets.ts";
import type { ModelConfig } from "./config.ts";
import { encode, type EncoderContext, positionTables } from "./encoder.ts";
import { type ContrastiveHead, recordContrastiveHead } from "./heads/contrastive.ts";
import { type MaskedHead, maskedRowSelection, recordMaskedHead } from "./heads/masked.ts";
import { type NextSentenceHead, recordNextSentenceHead } from "./heads/next_sentence.ts";
import { initialValues, modelParameters } from "./parameters.ts";
import { textInputs, type Texts, type TextShape, writeTexts } from "./text_inputs.ts";

/** Sizes of the batches that a program takes. */
export interface BatchShape extends TextShape {
  /** Room for masked rows. */
  readonly capacity: number;
  /**
   * Whether texts are compared instead of masked tokens predicted: the first half of the windows holds one view of each text,
   * the second half the other, and cosines are divided by the temperature. Such batches are always full. Default: they are not.
   */
  readonly contrast?: Contrast | undefined;
  /**
   * Whether the last layer, behind its attention, is computed for masked rows alone, which are all that the head reads, or for the
   * whole batch, as where the model tells next sentences as well. The results are the same but for their last digits, and for what
   * dropout draws.
   *
   * @default {"masked"}
   */
  readonly lastLayer?: LastLayer | undefined;
}

/** What the last layer is computed for, behind its attention: masked rows, or whole batches. */
export const lastLayers = ["masked", "whole"] as const;

/** One of {@linkcode lastLayers}. */
export type LastLayer = typeof lastLayers[number];

/** How texts are compared. */
export interface Contrast {
  /** What cosines are divided by. */
  readonly temperature: number;
}

/** Trains on batches of one shape. */
export interface TrainingProgram {
  /** Sizes of the batches. */
  readonly shape: BatchShape;
  /** The underlying program, of the sections "gradients" and "update". */
  readonly program: Program;
  /** Bytes of device memory held. */
  readonly bytes: number;
  /** Writes a batch; it may have fewer windows and masked rows than there is room for. */
  write(batch: Batch): void;
  /** Gives the memory back. */
  destroy(): void;
}

/** A training program whose gradients are finished in parts. */
export interface StepProgram extends TrainingProgram {
  /**
   * Consecutive parts of the section "gradients", and what each finishes of the sums: one that is all of them, unless buckets were
   * asked for.
   */
  readonly buckets: readonly GradientBucket[];
}

/** Predicts the masked tokens, and what follows what, of batches of one shape. */
export interface EvaluationProgram extends TrainingProgram {
  /** Most probable token of each masked row: u32 [capacity]. */
  readonly predictions: Tensor;
  /** Logits: [capacity, vocab padded to a multiple of 4]. */
  readonly logits: Tensor;
  /** Cross-entropy of each masked row in nats: f32 [capacity]. */
  readonly losses: Tensor;
  /** Where batches hold pairs of texts: class and loss of each, [windows]. */
  readonly pairs?: Pick<NextSentenceHead, "predictions" | "losses"> | undefined;
}

/** Runs the encoder alone on texts of one shape. */
export interface EncoderProgram {
  /** The underlying program. */
  readonly program: Program;
  /** The last layer's hidden states: f32 [windows · length, width]. */
  readonly hidden: Tensor;
  /** The hidden states of the layers that were asked for, in that order, each of the same shape. */
  readonly states: readonly Tensor[];
  /** Writes token ids, and where each row's text begins and ends: {@linkcode Batch.documents}. */
  write(texts: Texts): void;
  /** Gives the memory back. */
  destroy(): void;
}

/** A program of the encoder and a head of one's own. */
export interface HeadProgram<Head> {
  /** The underlying program: section "gradients", and in training "update". */
  readonly program: Program;
  /** What was recorded. */
  readonly head: Head;
  /** Writes texts. */
  write(texts: Texts): void;
  /** Gives the memory back. */
  destroy(): void;
}

/** Records a head on hidden states [windows · length, width]; `step` is there in training, for its loss. */
export type HeadRecorder<Head> = (context: EncoderContext, hidden: Tensor, step: StepTensors | undefined) => Head;

/** Tensors of the steps of each loss. */
interface Steps {
  readonly masked: OwnedStepTensors;
  /** Where there is a head for next sentences. */
  readonly pairs: OwnedStepTensors | undefined;
  /** Where activations are f16: the loss scale. */
  readonly scaling: (Tensor & { storage: Storage }) | undefined;
}

/** How a model is recorded that is to be trained. */
interface Training {
  /** What host and device tell each other; without it, only the forward pass is recorded. */
  readonly steps?: Steps;
  /** See {@linkcode Model.compileTraining}. */
  readonly recomputes?: boolean;
  /** Takes the hidden states of each layer. */
  readonly states?: Tensor[];
  /** What activations are stored in. Default: in training the device's precision. */
  readonly precision?: Precision;
  /** The rows that are read of the hidden states. Default: all. */
  readonly reads?: (graph: Graph) => RowSelection;
}

/** What a step reports of each loss. */
export interface StepRecords {
  /** Masked tokens. */
  readonly masked: StepRecord;
  /** Pairs of texts, where there is a head for them. */
  readonly pairs?: StepRecord | undefined;
}

/** What is written before a step; `pairScale` is the second loss's factor. */
export type ModelStepInput = StepInput & { readonly pairScale?: number | undefined };

/** A masked language model on a device. */
export class Model {
  /** Where it lives. */
  readonly device: Device;
  /** What it is. */
  readonly config: ModelConfig;
  /** Its parameters, gradients and moments. */
  readonly store: ParameterStore;
  /** Whether it has a head that predicts masked tokens; without one it gives vectors only. */
  readonly hasHead: boolean;
  #steps: Steps;

  /** Allocates the model, with or without its heads, with all parameters zero; see {@linkcode createModel}. */
  constructor(device: Device, config: ModelConfig, { head = true }: { head?: boolean } = {}) {
    this.device = device;
    this.config = config;
    this.hasHead = head && !config.classification;
    this.store = new ParameterStore(device, modelParameters(config, { head }));
    this.#steps = {
      masked: allocateStep(device, "step"),
      pairs: this.hasHead && config.nextSentence ? allocateStep(device, "step of pairs") : undefined,
      scaling: head && device.precision === "f16" ? allocateLossScale(device) : undefined,
    };
  }

  /** What host and device tell each other of the masked tokens of a training step. */
  get step(): StepTensors {
    return this.#steps.masked;
  }

  /** Bytes of device memory held, without those of its programs. */
  get bytes(): number {
    return tensorsOf(this.#steps).reduce((sum, { storage }) => sum + storage.buffer.bytes, this.store.bytes);
  }

  /**
   * Compiles the training step for batches of a shape: sections "gradients" and "update", and "momentum" to take its place where Muon
   * does not update its matrices at every step (`updateSection`). It stores activations in the device's
   * precision, and reads weights rounded to it; all other programs compute with the weights as they are.
   *
   * @param options `recomputes`: keep only what goes from layer to layer, and compute the rest of each layer a second time for
   * its gradient, which takes far less memory, a third more time, and gives the same numbers to the bit. `bucket`: cut the section
   * "gradients" wherever so many gradients at least are finished. Default: it is whole.
   */
  async compileTraining(
    shape: BatchShape,
    optimizer: OptimizerOptions,
    { recomputes = false, bucket = Infinity }: { recomputes?: boolean; bucket?: number | undefined } = {},
  ): Promise<StepProgram> {
    const steps = this.#steps;
    const recording = this.#recordHeads(shape, { steps, recomputes });
    const { graph } = recording;
    graph.backward();
    const buckets = this.#cutIntoBuckets(graph, bucket);
    const other = shape.pairs ? steps.pairs : undefined;
    const sections: readonly UpdateSection[] = (optimizer.muon?.every ?? 1) > 1 ? ["momentum", "update"] : ["update"];
    for (const section of sections) {
      graph.section(section);
      if (other) recordStep(graph, other);
      const step = { ...steps.masked, scaling: steps.scaling };
      recordUpdate(graph, this.store, { ...optimizer, step, other, section });
    }
    const compiled = await recording.compile();
    const step = [...buckets.map(({ section }) => section), "update"];
    const run = (...names: string[]) => compiled.program.run(...(names.length > 0 ? names : step));
    return { ...compiled, program: { ...compiled.program, run }, buckets };
  }

  #cutIntoBuckets(graph: Graph, least: number): GradientBucket[] {
    const { gradients } = this.store;
    const cuts = bucketCuts(graph.section("gradients"), this.store, { least });
    const sections = graph.cut("gradients", cuts.map(({ end }) => end));
    return cuts.map(({ ranges }, i) => {
      const pieces = ranges.map((range) => stretchOf(gradients, range));
      const totals = i === cuts.length - 1 ? stepsOf(this.#steps).map(({ totals }) => totals) : [];
      return { section: sections[i]!, tensors: [...pieces, ...totals] };
    });
  }

  /** Compiles the forward pass for batches of a shape; it needs no gradients and drops nothing. */
  async compileEvaluation(shape: BatchShape): Promise<EvaluationProgram> {
    const { graph, masked, pairs, compile } = this.#recordHeads(shape);
    const { logits, losses, predictions } = masked;
    for (const tensor of [logits, losses, ...(pairs ? [pairs.losses] : [])]) graph.keep(tensor);
    return { ...await compile(), logits, losses, predictions, pairs };
  }

  /**
   * Compiles the encoder without the heads.
   *
   * @param options `layers`: layers whose hidden states are kept to be read: 0 the embeddings, the model's number of layers the
   * last ones, after their norm where there is one.
   */
  async compileEncoder(
    shape: TextShape,
    { layers = [] }: { layers?: readonly number[] } = {},
  ): Promise<EncoderProgram> {
    const all: Tensor[] = [];
    const { graph, hidden, write, writeTables } = this.#record(shape, { states: all });
    const states = layers.map((layer) => all[layer]!);
    for (const tensor of [hidden, ...states]) graph.keep(tensor);
    const program = await graph.compile(this.device);
    writeTables();
    return { program, hidden, states, write, destroy: () => program.destroy() };
  }

  /**
   * Compiles the encoder with a head of one's own; with an optimizer, to train it, and all below it, on the head's loss, by an update
   * of everything at every step. Activations are stored as f32.
   */
  async compileHead<Head>(
    shape: TextShape,
    recordHead: HeadRecorder<Head>,
    { optimizer }: { optimizer?: OptimizerOptions | undefined } = {},
  ): Promise<HeadProgram<Head>> {
    const steps = optimizer ? this.#steps : undefined;
    const { graph, context, hidden, write, writeTables } = this.#record(shape, {
      precision: "f32",
      ...(steps ? { steps } : {}),
    });
    const head = recordHead(context, hidden, steps?.masked);
    if (optimizer) {
      graph.backward();
      graph.section("update");
      recordUpdate(graph, this.store, { ...everyStep(optimizer), step: this.#steps.masked });
    }
    const program = await graph.compile(this.device);
    writeTables();
    return { program, head, write, destroy: () => program.destroy() };
  }

  /** Writes the clock and scalars of a training step. */
  writeStep({ pairScale = 0, ...input }: ModelStepInput): void {
    const { masked, pairs } = this.#steps;
    writeStep(this.device, masked, input);
    if (pairs) writeStep(this.device, pairs, { ...input, lossScale: pairScale });
  }

  /** Copies the records of steps first ... end - 1 and does not wait; the result waits for them. */
  async stageRecords(range: { first: number; end: number }): Promise<() => Promise<StepRecords[]>> {
    const read = await stageRecords(this.device, stepsOf(this.#steps), range);
    return async () => {
      const [masked, pairs] = await read();
      return masked!.map((record, i) => pairs ? { masked: record, pairs: pairs[i]! } : { masked: record });
    };
  }

  /** Replaces the loss scale, which training steps change; there is one where the device's precision is f16. */
  writeLossScale(scale: LossScale): void {
    if (this.#steps.scaling) writeLossScale(this.device, this.#steps.scaling, scale);
  }

  /** Waits, and reads the records of steps first ... end - 1. */
  async readRecords(range: { first: number; end: number }): Promise<StepRecords[]> {
    return await (await this.stageRecords(range))();
  }

  /** Clears what the section "gradients" adds up: all gradients, and the totals of each loss. */
  clearSums(): void {
    for (const tensor of [this.store.gradients, ...stepsOf(this.#steps).map(({ totals }) => totals)]) {
      this.device.write(tensor, new Float32Array(tensor.size));
    }
  }

  /** Waits, and reads all parameters by name. */
  async readParameters(): Promise<Map<string, Float32Array<ArrayBuffer>>> {
    const [values] = await this.device.read([this.store.values]);
    return this.store.split(new Float32Array(values!));
  }

  /** Replaces all parameters. */
  writeParameters(values: ReadonlyMap<string, Float32Array>): void {
    this.store.writeAll(values);
  }

  /** Gives all memory back, but not that of its programs. */
  destroy(): void {
    this.store.destroy();
    for (const tensor of tensorsOf(this.#steps)) tensor.storage.buffer.destroy();
  }

  /** Records the encoder on texts of a shape, in the section "gradients"; to be trained, if it is given the tensors of steps. */
  #record(shape: TextShape, { steps, recomputes, states, precision, reads }: Training = {}) {
    const { device, config, store } = this;
    const { length } = shape;
    if (length > config.maxLength) {
      throw new RangeError(`Cannot run length ${length}: this model's longest is ${config.maxLength}`);
    }
    const training = steps !== undefined;
    const graph = new Graph({ training, precision: precision ?? (training ? device.precision : "f32") });
    if (graph.precision === "f16") {
      graph.section(ROUNDING);
      roundWeights(graph, store);
    }
    graph.section("gradients");
    const inputs = textInputs(graph, config, shape);
    const tables = Object.entries(positionTables(config, length));
    const tensors = Object.fromEntries(tables.map(([name, { shape }]) => [name, graph.persistent(name, shape)]));
    const context: EncoderContext = {
      graph,
      store,
      config,
      length,
      clock: steps?.masked.clock,
      recomputes,
      positionTables: tensors,
      states,
      selection: reads?.(graph),
      ...inputs,
    };
    return {
      graph,
      context,
      hidden: encode(context, inputs.tokens),
      write: (texts: Texts) => writeTexts(device, texts, { shape, inputs, training }),
      writeTables() {
        for (const [name, { values }] of tables) device.write(tensors[name]!, values);
      },
    };
  }

  /** Records encoder and heads with their losses; to be trained, if they are given the tensors of steps. */
  #recordHeads(shape: BatchShape, training: Training = {}) {
    const { steps } = training;
    const { device } = this;
    if (!this.hasHead && !shape.contrast) {
      throw new RangeError(
        "Cannot predict masked tokens: this model has no head for them, only an encoder; train --init makes it a new head",
      );
    }
    if (shape.pairs && !this.config.nextSentence) {
      throw new RangeError("Cannot tell which text follows which: this model has no head for next sentences");
    }
    const { windows, length, capacity, contrast, lastLayer = "masked" } = shape;
    const rows = windows * length;
    const maskedRows = (graph: Graph) => maskedRowSelection(graph, { rows, capacity });
    const readsMasked = lastLayer === "masked" && !contrast && !shape.pairs && capacity < rows;
    const { graph, context, hidden, write, writeTables } = this.#record(
      shape,
      readsMasked ? { ...training, reads: maskedRows } : training,
    );
    const scaled = (step: StepTensors | undefined) => step && { ...step, scaling: steps?.scaling };
    const step = scaled(steps?.masked);
    const contrastive: ContrastiveHead | undefined = contrast &&
      recordContrastiveHead(context, hidden, { device, windows, ...contrast, step });
    const masked: MaskedHead = contrastive ??
      recordMaskedHead(context, hidden, { device, selection: context.selection ?? maskedRows(graph), step });
    const pairs = shape.pairs
      ? recordNextSentenceHead(context, hidden, { device, windows, step: scaled(steps?.pairs) })
      : undefined;
    const compile = async (): Promise<TrainingProgram> => {
      const program = withRounding(await graph.compile(device), graph, this.store);
      writeTables();
      contrastive?.writeConstants();
      pairs?.writeConstants();
      return {
        shape,
        program,
        bytes: program.bytes,
        destroy: () => program.destroy(),
        write(batch) {
          checkBatch(batch, shape);
          write(batch);
          masked.write(batch);
          pairs?.write(batch);
        },
      };
    };
    return { graph, masked, pairs, compile };
  }
}

/** The losses' tensors, that of the masked tokens first. */
function stepsOf({ masked, pairs }: Steps): OwnedStepTensors[] {
  return pairs ? [masked, pairs] : [masked];
}

/** All tensors of steps. */
function tensorsOf(steps: Steps): (Tensor & { storage: Storage })[] {
  const all = stepsOf(steps).flatMap((step): OwnedStepTensors[keyof OwnedStepTensors][] => Object.values(step));
  return steps.scaling ? [...all, steps.scaling] : all;
}

/** Name of the section that rounds the weights, and of those that make a step. */
const ROUNDING = "weights";
const STEP = ["gradients", "update"];

/** A program that first rounds weights which the host has written, where its kernels read rounded ones; the optimizer keeps them so. */
function withRounding(program: Program, { precision }: Graph, store: ParameterStore): Program {
  if (precision !== "f16") return program;
  return {
    bytes: program.bytes,
    run(...sections) {
      const first = store.needsRounding ? [ROUNDING] : [];
      store.needsRounding = false;
      program.run(...first, ...(sections.length > 0 ? sections : STEP));
    },
    destroy: () => program.destroy(),
  };
}

function checkBatch(batch: Batch, shape: BatchShape): void {
  const count = batch.maskedRows.length;
  // a window that is missing would be a text to compare with
  if (shape.contrast && batch.windows !== shape.windows) {
    throw new RangeError(`Cannot compare the texts of ${batch.windows} windows: there must be ${shape.windows}`);
  }
  if (batch.length === shape.length && batch.windows <= shape.windows && count <= shape.capacity) return;
  throw new RangeError(
    `Cannot run ${batch.windows} windows of ${batch.length} with ${count} masked tokens: there is room for ` +
      `${shape.windows} of ${shape.length} with ${shape.capacity}`,
  );
}

/** A new model with random parameters; `outputInit` is the factor of those that end a block: see {@linkcode initialValues}. */
export function createModel(
  device: Device,
  config: ModelConfig,
  { seed = 1, outputInit }: { seed?: number; outputInit?: number | undefined } = {},
): Model {
  const model = new Model(device, config);
  model.writeParameters(initialValues(config, seed, { outputInit }));
  return model;
}
