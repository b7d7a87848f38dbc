/**
 * Whether a run has the memory that it needs, found out before any text is read.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import type { ModelConfig } from "../model/config.ts";
import { type TrainingMemory, trainingMemory } from "../model/memory.ts";
import { modelParameters, parameterCount } from "../model/parameters.ts";
import { elementBytes, sizeOf } from "../tensor/tensor.ts";
import { fewestParts, largestStage } from "../train/micro_batch.ts";
import { stageSize } from "../train/schedule.ts";
import type { TrainingSettings } from "../train/settings.ts";
import { stageShape, STEPS_AHEAD } from "../train/step_queue.ts";
import { grouped, mebibytes } from "./figures.ts";
import { UsageError } from "./flags.ts";

/** A run as far as memory counts. */
export interface MemoryChoice {
  /** The model; its vocabulary may turn out larger. */
  readonly config: ModelConfig;
  /** How it is trained. */
  readonly settings: Omit<TrainingSettings, "budget">;
  /** What it is to be trained on. */
  readonly device: Device;
}

/** Numbers that a parameter takes in training: value, gradient, two moments. */
const COPIES = 4;

/** Bytes of a token that waits in a batch: its id, masked and not, and the bounds of its document. */
const TOKEN_BYTES = 16;

/** Numbers of an activation of the model's width in a layer, at the least; what is planned is more. */
const LEAST_ACTIVATIONS = 4;

/** How a batch is divided: tokens that are computed at once, as many as the memory holds, or all of them. */
export type MicroBatch = number | "auto" | "off";

/** Settings that fit, and what the user should know of them. */
export interface FittedSettings<Settings> {
  /** The settings, perhaps with batches in parts. */
  readonly settings: Settings;
  /** Said where that was not asked for. */
  readonly notice?: string | undefined;
}

/**
 * Compares what a run needs at the least with what there is, and divides batches that do not fit.
 *
 * @throws {RangeError} with both numbers, and what would do.
 * @throws {UsageError} if batches cannot be divided as was asked for.
 */
export async function fitMemory<Settings extends MemoryChoice["settings"]>(
  choice: MemoryChoice & { readonly settings: Settings },
  microBatch: MicroBatch = "off",
): Promise<FittedSettings<Settings>> {
  const { device } = choice;
  const machine = device.kind === "cpu" || device.software ? machineBytes() : Infinity;
  const limit = Math.min(machine, device.memoryBytes ?? Infinity);
  checkParameters(choice, limit);
  checkWaiting(choice.settings);
  const asked = typeof microBatch === "number" ? askedParts(choice.settings, microBatch) : choice.settings;
  let problem = await batchProblem({ ...choice, settings: asked, microBatch }, limit);
  let divided: { parts: number; settings: Settings } = { parts: 1, settings: asked };
  while (problem) {
    const next = microBatch === "auto"
      ? fewestParts(choice.settings, { most: problem.fittingTokens, above: divided.parts })
      : undefined;
    if (!next) throw problem.error;
    divided = next;
    problem = await batchProblem({ ...choice, settings: divided.settings, microBatch }, limit);
  }
  return { settings: divided.settings, notice: partsNotice(choice.settings, divided) };
}

/** What is said of batches that are computed in parts. */
export function partsNotice(
  whole: BatchSettings,
  { parts, settings }: { parts: number; settings: BatchSettings },
): string | undefined {
  if (parts === 1) return undefined;
  // of whole windows, which may be fewer tokens than were asked for
  return `batches of ${
    grouped(largestTokens(whole))
  } tokens do not fit into memory: each is computed in ${parts} parts of ` +
    `${grouped(largestTokens(settings))} (--micro-batch)`;
}

/** What batches are as large as. */
type BatchSettings = Pick<TrainingSettings, "batchTokens" | "curriculum">;

/** Tokens of the largest batches. */
function largestTokens(settings: BatchSettings): number {
  return stageSize(settings.curriculum[largestStage(settings)]!, { ...settings, accumulate: 1 }).tokens;
}

function askedParts<Settings extends MemoryChoice["settings"]>(settings: Settings, most: number): Settings {
  const found = fewestParts(settings, { most });
  if (found) return found.settings;
  const { length } = settings.curriculum.at(-1)!;
  throw new UsageError(
    most < length
      ? `Option --micro-batch cannot be ${grouped(most)}: one window of this run has ${grouped(length)} tokens`
      : `Option --micro-batch cannot divide batches of ${grouped(settings.batchTokens)} tokens into parts of at most ${
        grouped(most)
      }: ` +
        "a stage's windows do not divide evenly; use a power of 2 for --batch-tokens",
  );
}

/** A model whose parameters alone do not fit. */
function checkParameters({ config, device }: MemoryChoice, limit: number): void {
  const count = parameterCount(config);
  const { maxBufferBytes = Infinity, maxTensorBytes } = device;
  const smaller = "smaller --layers, --width, --hidden, --vocab or --max-length would fit";
  const fail = (what: string, wish = smaller) =>
    new RangeError(`Cannot train a model of ${grouped(count)} parameters on ${device.description}: ${what}; ${wish}`);
  const bytes = 4 * count;
  if (COPIES * bytes > limit) {
    throw fail(`with gradients and moments they take ${mebibytes(COPIES * bytes)}, and it has ${mebibytes(limit)}`);
  }
  if (bytes > maxBufferBytes) {
    throw fail(`they take ${mebibytes(bytes)} in one piece, and it has ${mebibytes(maxBufferBytes)} at most`);
  }
  const [largest] = modelParameters(config).sort((a, b) => sizeOf(b.shape) - sizeOf(a.shape));
  const matrix = 4 * sizeOf(largest!.shape);
  if (matrix > maxTensorBytes) {
    const [what, flags] = largest!.shape[0] === config.vocab
      ? ["its vocabulary", "--vocab or --width"]
      : ["its largest matrix", "--width or --hidden"];
    throw fail(
      `${what} takes ${mebibytes(matrix)}, and it computes with ${mebibytes(maxTensorBytes)} at once`,
      `smaller ${flags} would fit, fewer tokens a step would not`,
    );
  }
}

/** Steps whose text alone does not fit into the machine: a few are prepared ahead. */
function checkWaiting(settings: MemoryChoice["settings"]): void {
  const { batchTokens, accumulate, curriculum } = settings;
  const stage = curriculum[largestStage(settings)]!;
  const { tokens } = stageSize(stage, settings);
  const bytes = STEPS_AHEAD * tokens * TOKEN_BYTES;
  const limit = machineBytes();
  if (bytes <= limit) return;
  throw new RangeError(
    `Cannot train with steps of ${grouped(tokens)} tokens: their text alone takes ${
      mebibytes(bytes)
    }, and this machine ` +
      `has ${mebibytes(limit)}; smaller ${
        tokens > (stage.batchTokens ?? batchTokens) * accumulate ? "--length" : "--batch-tokens"
      } or --accumulate would fit`,
  );
}

/** Why batches do not fit, and tokens that would. */
interface BatchProblem {
  readonly error: RangeError;
  readonly fittingTokens: number;
}

/** What is wrong with batches that do not fit. */
async function batchProblem(
  choice: MemoryChoice & { readonly microBatch: MicroBatch },
  limit: number,
): Promise<BatchProblem | undefined> {
  const { config, settings, device } = choice;
  const { curriculum, recompute = false } = settings;
  const stage = curriculum[largestStage(settings)]!;
  const { length } = stage;
  const { windows } = stageSize(stage, { ...settings, accumulate: 1 });
  const largest = device.maxTensorBytes;
  const kept = recompute ? 1 : LEAST_ACTIVATIONS;
  const bytes = elementBytes(device.precision ?? "f32");
  const least = (count: number) => bytes * count * length * config.width * kept * config.layers;
  const canPlan = (count: number) => bytes * count * length * config.width <= largest && least(count) <= limit;
  // what is far too large cannot even be planned: one window tells how many would fit, or two, where texts are compared
  const unit = settings.contrastive ? 2 : 1;
  const planned = canPlan(windows) ? windows : canPlan(unit) ? unit : 0;
  const needs = planned > 0 ? await measured(choice, planned) : undefined;
  if (needs && planned === windows && needs.parameters + needs.batch <= limit && needs.largestTensor <= largest) return;
  const share = needs ? Math.min((limit - needs.parameters) / needs.batch, largest / needs.largestTensor) : 0;
  const fittingTokens = unit * length * Math.max(0, Math.floor(ROOM * planned * share / unit));
  const isPlanned = needs !== undefined && planned === windows;
  const needed = isPlanned ? needs.parameters + needs.batch : least(windows);
  const tensor = isPlanned ? needs.largestTensor : bytes * windows * length * config.width;
  const why = needed > limit
    ? `a step takes at least ${mebibytes(needed)}, and it has ${mebibytes(limit)}`
    : `its largest tensor takes at least ${mebibytes(tensor)}, and one may have ${mebibytes(largest)}`;
  const wish = fittingTokens > 0
    ? `${fewerTokens(choice)} ${fittingTokens} would fit`
    : `shorter windows (--length, --curriculum)${
      recompute ? "" : ", --checkpoint-activations"
    } or a smaller model would fit`;
  const error = new RangeError(
    `Cannot train with batches of ${grouped(windows * length)} tokens on ${device.description}: ${why}; ${wish}`,
  );
  return { error, fittingTokens };
}

/** The flag by which fewer tokens are computed at once, and auto where that was turned off. */
function fewerTokens(
  { microBatch, settings }: MemoryChoice & { readonly microBatch: MicroBatch },
): string {
  if (typeof microBatch === "number") return "--micro-batch";
  return microBatch === "off" && !settings.contrastive ? "--micro-batch auto or --batch-tokens" : "--batch-tokens";
}

/** Room for what does not grow evenly with a batch. */
const ROOM = 0.9;

/**
 * Memory of steps of as many tokens as so many windows of the stage with the largest batches have: stages before may mask more,
 * and so take more.
 */
async function measured(
  { config, settings, device }: MemoryChoice,
  windows: number,
): Promise<Pick<TrainingMemory, "parameters" | "batch" | "largestTensor">> {
  const { optimizer, recompute: recomputes = false } = settings;
  const most = windows * settings.curriculum[largestStage(settings)]!.length;
  const curriculum = settings.curriculum.map((stage) => ({
    ...stage,
    batchTokens: Math.min(stage.batchTokens ?? settings.batchTokens, most),
  }));
  let [parameters, batch, largestTensor] = [0, 0, 0];
  for (const stage of curriculum.keys()) {
    const shape = stageShape({ ...settings, curriculum }, stage);
    const needs = await trainingMemory(device, config, { shape, optimizer, recomputes });
    parameters = Math.max(parameters, needs.parameters);
    batch = Math.max(batch, needs.batch);
    largestTensor = Math.max(largestTensor, needs.largestTensor);
  }
  return { parameters, batch, largestTensor };
}

/** Bytes of memory of this machine; where Deno may not be asked, more than any has. */
function machineBytes(): number {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "systemMemoryInfo" });
  return state === "granted" ? Deno.systemMemoryInfo().total : 2 ** 42;
}
