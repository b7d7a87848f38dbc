/**
 * The flags of `train`, under the headings of its help.
 *
 * @module
 */

import { maskModes, maskRules } from "../batch/masking.ts";
import { MOST_THREADS } from "../device/cpu/thread_program.ts";
import type { AttentionGrowth } from "../batch/pieces.ts";
import { packModes } from "../batch/block.ts";
import { viewKinds } from "../batch/views.ts";
import { deviceChoices } from "../device/open_device.ts";
import { trimmed } from "../files/paths.ts";
import { VALIDATION_SHARE } from "../text/corpus.ts";
import { textFormats } from "../text/text_source.ts";
import { documentKinds } from "../text/plain_text.ts";
import { BadRecords } from "../text/source.ts";
import { type Preset, presets, sizes } from "../model/config.ts";
import { activations } from "../tensor/activations.ts";
import { TEMPERATURE } from "../model/heads/contrastive.ts";
import { optimizers } from "../optimizer/optimizer.ts";
import { tokenizerTypes } from "../tokenizer/tokenizer.ts";
import { wirePrecisions } from "../mpi/wire_precision.ts";
import { MOST_LOCAL_STEPS } from "../train/rank_steps.ts";
import { KEPT_CHECKPOINTS } from "../train/checkpoint.ts";
import { BATCH_TEXTS, TEXT_LENGTH, VIEW_DROPOUT } from "../train/contrastive_settings.ts";
import { type LearningRate, type MaskRate, schedules, type Span } from "../train/schedule.ts";
import {
  CPU_LENGTH,
  CPU_MASK_RATE,
  FEWEST_OF_LONG,
  FEWEST_TOKENS,
  LONG_MINUTES,
  LONG_RUN,
  LONG_WIDTH,
  MOST_WIDTH,
  PIECES,
  USUAL_TOKENS,
} from "../train/cpu_batch.ts";
import { EVALUATION_TOKENS, MOST_EVERY, muonSettings } from "../train/settings.ts";
import { DEFAULT_TEXT } from "./default_text.ts";
import { grouped, percent, shortCount, shortShare } from "./figures.ts";
import { precisions } from "../tensor/tensor.ts";
import { either, flag, type FlagGroups, flagSwitch } from "./flags.ts";

import {
  parseChoice,
  parseCount,
  parseExtent,
  parseFew,
  parseMinutes,
  parseNumber,
  parseShare,
  parseSpan,
  parseWhole,
} from "./flag_values.ts";
import type { MicroBatch } from "./memory_check.ts";
import { PAGE_PORT, parsePort } from "./page_server.ts";
import { parseRunName } from "./run_name.ts";
import { tuneModes } from "./tuned_products.ts";
import {
  byDefault,
  DEFAULT_BLAS,
  DEFAULT_TOKENS,
  DEFAULT_TUNE,
  DEFAULT_VOCABULARY,
  defaultSize,
  defaultsOf,
} from "./train_defaults.ts";

const text = (value: string) => value;
/** Which runs have a recipe of their own. */
const onCpu = `new modernbert models up to width ${MOST_WIDTH} on a CPU`;

const count = parseCount;
const orNone = (value: string) => parseNumber(value, { zero: true });

const spelledSpan = (span: Span) => "share" in span ? shortShare(span.share) : String(span.steps);
const spelledRate = ({ peak }: LearningRate) => peak < 0.1 ? peak.toExponential() : String(peak);
const spelledMaskRate = ({ start, by = [], end }: MaskRate) =>
  [...new Set([start, ...by, end])].map(shortShare).join(":");

const usual = defaultsOf(presets[0]);
/** labml.ai's rate, which other presets get with its schedule. */
const noam = defaultsOf("labml").learningRate;

const textAndRun = {
  data: {
    ...flag(
      "PATH",
      `text: file, folder, glob, URL, - or stories; PATH=3 weights a path (default: ${DEFAULT_TEXT})`,
      text,
    ),
    repeatable: true,
  },
  document: flag(
    "KIND",
    `what one document of plain text is: ${documentKinds.join(", ")} (default: ${documentKinds[0]})`,
    parseChoice(documentKinds),
  ),
  field: flag(
    "NAME",
    "field or column of the text in JSON, tables, parquet; a path such as doc.text (default: text)",
    text,
  ),
  format: flag(
    "FORMAT",
    `text format, overriding the file extension: ${textFormats.join(", ")} (default: by the extension)`,
    parseChoice(textFormats),
  ),
  validation: flag(
    "SHARE|PATH",
    `validation text: a share of --data, or a path (default: ${shortShare(VALIDATION_SHARE)})`,
    parseValidation,
  ),
  "skip-bad": flag(
    "N",
    `how many unreadable records may be skipped (default: ${new BadRecords().allowed})`,
    count,
  ),
  tokenizer: {
    ...flag("KIND", `${tokenizerTypes.join(", ")}, or the folder of an existing tokenizer`, text),
    default: tokenizerTypes[0],
  },
  vocab: flag(
    "N",
    `vocabulary size (default: all characters, or ${DEFAULT_VOCABULARY})`,
    count,
  ),
  cased: flagSwitch("for a new wordpiece vocabulary: keep upper case and accents"),
  init: flag("DIR", "start from this model and its tokenizer: a run, or any Hugging Face folder", trimmed),
  "add-tokens": flag("FILE", "with --init: words to add to its vocabulary, one per line", text),
  out: { ...flag("FOLDER", "folder for runs", trimmed), default: "runs" },
  name: flag("NAME", "name of the run (default: from model and corpus)", (value) => parseRunName(value)),
  resume: flag("RUN", "continue an interrupted run; --lr changes its learning rate from there on", trimmed),
  device: flag("KIND", `${either(deviceChoices)} (default: ${deviceChoices[0]})`, parseChoice(deviceChoices)),
  threads: flag("N", "threads of the CPU device (default: all cores)", parseWhole({ least: 1, most: MOST_THREADS })),
  blas: flag(
    "CHOICE",
    `system BLAS for the CPU device: auto, off or a path (default: ${DEFAULT_BLAS})`,
    text,
  ),
  precision: flag(
    "TYPE",
    `what a graphics card stores activations in, and weights that it reads: ${
      either(precisions)
    } (half the memory) (default: f32)`,
    parseChoice(precisions),
  ),
  tune: flag(
    "MODE",
    `benchmark matrix-product variants on the card: ${
      either(tuneModes)
    } (anew, software too) (default: ${DEFAULT_TUNE})`,
    parseChoice(tuneModes),
  ),
};

const shape = {
  preset: { ...flag("NAME", either(presets), parseChoice(presets)), default: presets[0] as Preset },
  size: flag("NAME", `${either(sizes)} (default: ${defaultSize(presets[0])})`, parseChoice(sizes)),
  layers: flag("N", "encoder layers", parseFew),
  width: flag("N", "width of the residual stream", parseExtent),
  heads: flag("N", "attention heads", parseFew),
  hidden: flag("N", "width of the feed-forward layer", parseExtent),
  "max-length": flag(
    "N",
    `longest sequence of the model (${byDefault(({ maxLength }) => maxLength)}; bert: the final length)`,
    parseExtent,
  ),
  activation: flag(
    "NAME",
    `activation of the feed-forward layer: ${either(activations)} (default: that of the preset)`,
    parseChoice(activations),
  ),
  "output-init": flag(
    "FACTOR",
    "factor of the initial weights that end a block; with 0 blocks begin by adding nothing (default: 1)",
    orNone,
  ),
  nsp: flagSwitch("with --preset bert: also train next sentence prediction"),
  dropout: flag("SHARE", `share of activations dropped (${byDefault(({ dropout }) => dropout)})`, parseShare),
};

/** The flags of which one at most is given. */
const budgets = {
  tokens: flag("N", `how many tokens to train on, such as 500k (default: ${shortCount(DEFAULT_TOKENS)})`, count),
  steps: flag("N", "how many steps to train for", count),
  epochs: flag("N", "how many times to read the text", (value) => parseNumber(value, { example: 3 })),
  minutes: flag("N", "how many minutes to train for, validation and saving included; also 2h or 90s", parseMinutes),
};

const batches = {
  length: flag(
    "N",
    `final sequence length (${byDefault(({ curriculum }) => curriculum.at(-1)!.length)})`,
    parseExtent,
  ),
  curriculum: flag(
    "STAGES",
    `length:share,...,length or none; :share@512 for batches of 512 tokens (default: rising to the final length; at length ${CPU_LENGTH}, ${onCpu} with muon begin with windows of 16)`,
    text,
  ),
  attention: flag(
    "N:SHARE",
    "attention within pieces of N tokens at first, which grow to whole windows in this share of the budget (default: off)",
    parseAttention,
  ),
  pack: flag(
    "MODE",
    `how text fills windows: none (text runs through), document (several, kept apart) or line (one per window) (${
      byDefault(({ pack }) => pack)
    })`,
    parseChoice(packModes),
  ),
  "batch-tokens": flag(
    "N",
    `tokens per batch; ${onCpu} take ${FEWEST_TOKENS}; ${FEWEST_OF_LONG} where the budget is ${
      shortCount(LONG_RUN)
    } tokens (tiny: ${
      shortCount(4 * LONG_RUN)
    }) or ${LONG_MINUTES} minutes or more, up to width ${LONG_WIDTH}, and where the vocabulary has ${
      grouped(PIECES)
    } tokens or more; or two windows up to 1024, without ranks and tiles; long runs on a graphics card more (${
      byDefault(({ batchTokens }) => batchTokens)
    })`,
    count,
  ),
  accumulate: flag("N", `batches per step (${byDefault(({ accumulate }) => accumulate)})`, parseFew),
  "micro-batch": {
    ...flag<MicroBatch>("N", "tokens computed at once: a number, auto (what fits into memory) or off", parseMicroBatch),
    default: "auto" as const,
  },
  "checkpoint-activations": flagSwitch("recompute activations for the gradient: less memory, a third slower"),
  "mask-rate": flag(
    "SHARE",
    `share of tokens masked, or start:end, or more on the way such as 40%:15%:5%; at length ${CPU_LENGTH}, ${onCpu} with muon begin with ${
      percent(CPU_MASK_RATE.start, 0)
    } (${byDefault(({ maskRate }) => maskRate, spelledMaskRate)})`,
    parseMaskRate,
  ),
  "mask-spread": flag(
    "SHARE",
    "mask some windows of a batch less and some more, by up to this share of the rate (default: 0)",
    parseShare,
  ),
  "mask-rule": flag("RULE", "bert (80/10/10) or labml (81/10/9) (default: that of the preset)", parseChoice(maskRules)),
  "mask-mode": flag(
    "MODE",
    `token, word (whole words) or span (${byDefault(({ maskMode }) => maskMode)})`,
    parseChoice(maskModes),
  ),
  "never-mask": { ...flag("WORD", "a word that is never masked; repeatable", text), repeatable: true },
};

/** What a model is trained to do. */
export const objectives = ["masked", "contrastive"] as const;

const objective = {
  objective: flag(
    "KIND",
    `masked tokens, or contrastive: texts whose vectors are compared (default: ${objectives[0]})`,
    parseChoice(objectives),
  ),
  pairs: flag("FILE", "contrastive: texts that belong together, two columns or fields, instead of --data", trimmed),
  views: flag(
    "KIND",
    `contrastive: a text twice under dropout, or its halves: ${either(viewKinds)} (default: ${viewKinds[0]})`,
    parseChoice(viewKinds),
  ),
  temperature: flag("X", `contrastive: what cosines are divided by (default: ${TEMPERATURE})`, parseNumber),
};

const optimizer = {
  optimizer: flag(
    "NAME",
    `adamw, or muon, which ${onCpu} take: the layers' matrices take orthogonal steps, which learns more of each token and takes longer (default: ${
      optimizers[0]
    })`,
    parseChoice(optimizers),
  ),
  lr: flag(
    "RATE",
    `peak learning rate; factor for noam (${
      byDefault(({ learningRate }) => learningRate, spelledRate)
    }, at width ${usual.width})`,
    parseNumber,
  ),
  "muon-lr": flag(
    "RATE",
    `peak learning rate of muon's matrices, the others keep --lr; ${onCpu} take less below ${USUAL_TOKENS} tokens a step, by the root (${
      byDefault(({ learningRate: { peak }, width }) => String(peak * muonSettings({ width }).relativeRate))
    })`,
    parseNumber,
  ),
  "muon-every": flag(
    "N",
    `steps from one step of muon's matrices to the next, which is as much longer, for fewer products; ${onCpu} take up to ${MOST_EVERY} (default: 1)`,
    parseFew,
  ),
  "embedding-lr": flag(
    "RATE",
    `peak learning rate of the embeddings (default: that of --lr; ${onCpu}, with ${
      grouped(PIECES)
    } tokens or more, twice as much)`,
    parseNumber,
  ),
  schedule: flag(
    "NAME",
    `${schedules.join(", ")} (${byDefault(({ learningRate }) => learningRate.schedule)})`,
    parseChoice(schedules),
  ),
  warmup: flag(
    "SPAN",
    `share of the budget, or steps (default: ${spelledSpan(usual.learningRate.warmup)}; noam: ${
      spelledSpan(noam.warmup)
    })`,
    parseSpan,
  ),
  "weight-decay": flag(
    "X",
    `weight decay of matrices (${byDefault(({ optimizer }) => optimizer.weightDecay)})`,
    orNone,
  ),
  clip: flag(
    "NORM",
    `largest gradient norm; 0 = none (${byDefault(({ optimizer }) => optimizer.clip)})`,
    orNone,
  ),
  seed: flag(
    "N",
    `seed of all random numbers (${byDefault(({ seed }) => seed)})`,
    parseWhole({ least: 0, most: 2 ** 32 - 1 }),
  ),
};

const reports = {
  "eval-every": flag(
    "SPAN",
    `how often to validate: share of the budget, or steps (${
      byDefault(({ evaluateEvery }) => evaluateEvery, spelledSpan)
    })`,
    parseSpan,
  ),
  "eval-tokens": flag(
    "N",
    `how many validation tokens to use at most (default: ${EVALUATION_TOKENS}, halved until validation takes at most 10% of the run)`,
    count,
  ),
  "save-every": flag(
    "SPAN",
    `how often to save a checkpoint (${byDefault(({ saveEvery }) => saveEvery, spelledSpan)})`,
    parseSpan,
  ),
  keep: flag(
    "N",
    `how many of the latest checkpoints to keep, besides the best (default: ${KEPT_CHECKPOINTS})`,
    parseFew,
  ),
  "sample-every": flag(
    "SPAN",
    `how often to show predictions (${byDefault(({ sampleEvery }) => sampleEvery, spelledSpan)})`,
    parseSpan,
  ),
  dashboard: {
    ...flag(
      "[PORT]",
      `show the run on a page in a browser (default port: ${PAGE_PORT}, or a free one)`,
      parsePort,
    ),
    bare: PAGE_PORT,
  },
  quiet: flagSwitch("print only errors and how the run ends"),
  json: flagSwitch(
    "print events as lines of JSON, as in metrics.jsonl; text for people goes to standard error",
  ),
  tensorboard: flagSwitch("write TensorBoard event files into the run's folder"),
  profile: flagSwitch("show at the end how long each kernel took, on any device"),
  trace: flag("FILE", "record a timeline of device and host, for Perfetto or chrome://tracing; slower", trimmed),
};

const together = {
  tiles: flag(
    "N",
    "compute steps in N tiles (or a multiple) whose sum is the same for any number of ranks (default: what suits the ranks)",
    parseFew,
  ),
  "gradient-precision": flag(
    "FORMAT",
    `how gradients travel between ranks: ${either(wirePrecisions)} (default: ${wirePrecisions[0]})`,
    parseChoice(wirePrecisions),
  ),
  "sync-every": flag(
    "N",
    "steps that ranks make on their own before they bring their weights together (default: 1)",
    parseWhole({ least: 1, most: MOST_LOCAL_STEPS }),
  ),
  mpi: { ...flag("CHOICE", "MPI library of the launcher: auto, off or a path", trimmed), default: "auto" },
  "rank-timeout": {
    ...flag("SECONDS", "how long a rank may give no sign of life", (value) => parseNumber(value, { example: 120 })),
    default: 20,
  },
};

/** The flags of `train` under headings. */
export const trainFlagGroups: FlagGroups = {
  "Text and run": textAndRun,
  Model: shape,
  "Training budget (choose one)": budgets,
  "Windows, batches and masks": batches,
  [`What is learned (contrastive: --length ${TEXT_LENGTH}, ${BATCH_TEXTS} texts a batch, --dropout ${VIEW_DROPOUT})`]:
    objective,
  Optimizer: optimizer,
  "Several machines": together,
  Reports: reports,
};

/** Flags by name, for looking up their values. */
export const trainFlags = {
  ...textAndRun,
  ...shape,
  ...budgets,
  ...batches,
  ...objective,
  ...optimizer,
  ...together,
  ...reports,
};

/** Names of the flags of which one at most is given. */
export const budgetFlags = Object.keys(budgets) as readonly (keyof typeof budgets)[];

/** Names of the flags that shape a new model. */
export const shapeFlags: readonly string[] = Object.keys(shape);

function parseMicroBatch(value: string): MicroBatch {
  if (value === "auto" || value === "off") return value;
  try {
    return parseCount(value);
  } catch {
    throw new RangeError("write a number of tokens such as 2k, or auto or off");
  }
}

function parseMaskRate(value: string): MaskRate {
  const [start, ...others] = value.split(":").map(parseShare);
  const end = others.pop() ?? start;
  if (start === undefined || end === undefined || [start, ...others, end].includes(0)) {
    throw new RangeError("write a share above 0 such as 15%, or start:end such as 30%:15%");
  }
  return others.length === 0 ? { start, end } : { start, by: others, end };
}

function parseAttention(value: string): AttentionGrowth {
  const [start = "", share = "", ...others] = value.split(":");
  if (others.length > 0 || share === "") throw new RangeError("write tokens and a share of the budget such as 16:40%");
  const growth = { start: parseCount(start), share: parseShare(share) };
  if (growth.share === 0) throw new RangeError("write a share above 0, such as 16:40%");
  return growth;
}

function parseValidation(value: string): number | string {
  if (!/^[\d.]+%?$/.test(value)) return value;
  const share = parseShare(value);
  if (share === 0 || share === 1) throw new RangeError("write a share above 0 and below 1, such as 5%, or a path");
  return share;
}
