/**
 * The flags of `train`, under the headings of its help.
 *
 * @module
 */

import { maskModes, maskRules } from "../batch/masking.ts";
import { MOST_THREADS } from "../device/cpu/thread_program.ts";
import { packModes } from "../batch/block.ts";
import { deviceChoices } from "../device/open_device.ts";
import { trimmed } from "../files/paths.ts";
import { VALIDATION_SHARE } from "../text/corpus.ts";
import { textFormats } from "../text/text_source.ts";
import { documentKinds } from "../text/plain_text.ts";
import { BadRecords } from "../text/source.ts";
import { type Preset, presets, sizes } from "../model/config.ts";
import { tokenizerTypes } from "../tokenizer/tokenizer.ts";
import { KEPT_CHECKPOINTS } from "../train/checkpoint.ts";
import { type LearningRate, type MaskRate, schedules, type Span } from "../train/schedule.ts";
import { EVALUATION_TOKENS } from "../train/settings.ts";
import { DEFAULT_TEXT } from "./default_text.ts";
import { shortCount, shortShare } from "./figures.ts";
import { either, flag, type FlagGroups, flagSwitch } from "./flags.ts";

import {
  parseChoice,
  parseCount,
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
const count = parseCount;
const orNone = (value: string) => parseNumber(value, { zero: true });

const spelledSpan = (span: Span) => "share" in span ? shortShare(span.share) : String(span.steps);
const spelledRate = ({ peak }: LearningRate) => peak < 0.1 ? peak.toExponential() : String(peak);
const spelledMaskRate = ({ start, end }: MaskRate) => [...new Set([start, end])].map(shortShare).join(":");

const usual = defaultsOf(presets[0]);
/** labml.ai's rate, which other presets get with its schedule. */
const noam = defaultsOf("labml").learningRate;

const textAndRun = {
  data: {
    ...flag(
      "PATH",
      `text: file, folder, glob, URL, - or stories; PATH=3: by weight (default: ${DEFAULT_TEXT})`,
      text,
    ),
    repeatable: true,
  },
  document: flag(
    "KIND",
    `what a document of plain text is: ${documentKinds.join(", ")} (default: ${documentKinds[0]})`,
    parseChoice(documentKinds),
  ),
  field: flag(
    "NAME",
    "field or column of the text in JSON, tables, parquet; a path such as doc.text (default: text)",
    text,
  ),
  format: flag(
    "FORMAT",
    `what the text is, whatever it is called: ${textFormats.join(", ")} (default: by its ending)`,
    parseChoice(textFormats),
  ),
  validation: flag(
    "SHARE|PATH",
    `text to validate on: a share of --data, or a path (default: ${shortShare(VALIDATION_SHARE)})`,
    parseValidation,
  ),
  "skip-bad": flag(
    "N",
    `records that may be skipped because they cannot be read (default: ${new BadRecords().allowed})`,
    count,
  ),
  tokenizer: {
    ...flag("KIND", `${tokenizerTypes.join(", ")}, or the folder of a ready one`, text),
    default: tokenizerTypes[0],
  },
  vocab: flag(
    "N",
    `tokens of the vocabulary that is trained (default: all characters, or ${DEFAULT_VOCABULARY})`,
    count,
  ),
  cased: flagSwitch("keep upper case and accents apart in a wordpiece vocabulary that is trained"),
  init: flag("DIR", "train on from this model: a run, or any Hugging Face folder; keeps its tokenizer", trimmed),
  "add-tokens": flag("FILE", "with --init: add words to its vocabulary, one a line", text),
  out: { ...flag("FOLDER", "where run folders go", trimmed), default: "runs" },
  name: flag("NAME", "name of the run (default: from model and corpus)", (value) => parseRunName(value)),
  resume: flag("RUN", "go on with an interrupted run; --lr changes its rate from there on", trimmed),
  device: flag("KIND", `${either(deviceChoices)} (default: ${deviceChoices[0]})`, parseChoice(deviceChoices)),
  threads: flag("N", "threads of the CPU device (default: all cores)", parseWhole({ least: 1, most: MOST_THREADS })),
  blas: flag(
    "CHOICE",
    `system BLAS for the CPU device: auto, off or a path (default: ${DEFAULT_BLAS})`,
    text,
  ),
  tune: flag(
    "MODE",
    `time how a graphics card multiplies best: ${either(tuneModes)} (anew, software too) (default: ${DEFAULT_TUNE})`,
    parseChoice(tuneModes),
  ),
};

const shape = {
  preset: { ...flag("NAME", either(presets), parseChoice(presets)), default: presets[0] as Preset },
  size: flag("NAME", `${either(sizes)} (default: ${defaultSize(presets[0])})`, parseChoice(sizes)),
  layers: flag("N", "encoder layers", count),
  width: flag("N", "width of the residual stream", count),
  heads: flag("N", "attention heads", count),
  hidden: flag("N", "width of the feed-forward layer", count),
  "max-length": flag(
    "N",
    `longest sequence of the model (${byDefault(({ maxLength }) => maxLength)}; bert: the final length)`,
    count,
  ),
  nsp: flagSwitch("with --preset bert: tell too which of two texts follows the other (next sentence prediction)"),
  dropout: flag("SHARE", `share of activations dropped (${byDefault(({ dropout }) => dropout)})`, parseShare),
};

/** The flags of which one at most is given. */
const budgets = {
  tokens: flag("N", `train on so many tokens, such as 500k (default: ${shortCount(DEFAULT_TOKENS)})`, count),
  steps: flag("N", "train for so many steps", count),
  epochs: flag("N", "train on the text so many times", (value) => parseNumber(value)),
  minutes: flag("N", "train for so many minutes, validation and saving included; 2h or 90s will do", parseMinutes),
};

const batches = {
  length: flag(
    "N",
    `final sequence length (${byDefault(({ curriculum }) => curriculum.at(-1)!.length)})`,
    count,
  ),
  curriculum: flag("STAGES", "length:share,...,length or none (default: rising to the final length)", text),
  pack: flag(
    "MODE",
    `none, document (several, kept apart) or line (one a window) (${byDefault(({ pack }) => pack)})`,
    parseChoice(packModes),
  ),
  "batch-tokens": flag("N", `tokens of a batch (${byDefault(({ batchTokens }) => batchTokens)})`, count),
  accumulate: flag("N", `batches of a step (${byDefault(({ accumulate }) => accumulate)})`, count),
  "micro-batch": {
    ...flag<MicroBatch>("N", "tokens computed at once: a number, auto (as the memory allows) or off", parseMicroBatch),
    default: "auto" as const,
  },
  "checkpoint-activations": flagSwitch("keep less for the gradient and compute it again: less memory, a third slower"),
  "mask-rate": flag(
    "SHARE",
    `share of tokens masked, or start:end (${byDefault(({ maskRate }) => maskRate, spelledMaskRate)})`,
    parseMaskRate,
  ),
  "mask-rule": flag("RULE", "bert (80/10/10) or labml (81/10/9) (default: that of the preset)", parseChoice(maskRules)),
  "mask-mode": flag(
    "MODE",
    `token, word (whole words) or span (${byDefault(({ maskMode }) => maskMode)})`,
    parseChoice(maskModes),
  ),
  "never-mask": { ...flag("WORD", "a word that is never masked; may be repeated", text), repeatable: true },
};

const optimizer = {
  lr: flag(
    "RATE",
    `peak learning rate; factor for noam (${
      byDefault(({ learningRate }) => learningRate, spelledRate)
    }, at width ${usual.width})`,
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
    `decay of matrices (${byDefault(({ optimizer }) => optimizer.weightDecay)})`,
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
    `validate so often: share or steps (${byDefault(({ evaluateEvery }) => evaluateEvery, spelledSpan)})`,
    parseSpan,
  ),
  "eval-tokens": flag(
    "N",
    `most tokens of the validation text (default: ${EVALUATION_TOKENS}, halved until it takes a tenth of the run at most)`,
    count,
  ),
  "save-every": flag(
    "SPAN",
    `save a checkpoint so often (${byDefault(({ saveEvery }) => saveEvery, spelledSpan)})`,
    parseSpan,
  ),
  keep: flag(
    "N",
    `keep the latest so many checkpoints, and the best beside them (default: ${KEPT_CHECKPOINTS})`,
    count,
  ),
  "sample-every": flag(
    "SPAN",
    `show predictions so often (${byDefault(({ sampleEvery }) => sampleEvery, spelledSpan)})`,
    parseSpan,
  ),
  dashboard: {
    ...flag(
      "[PORT]",
      `show the run on a page in a browser (default port: ${PAGE_PORT}, or one that is free)`,
      parsePort,
    ),
    bare: PAGE_PORT,
  },
  quiet: flagSwitch("say only how the run ends, and what goes wrong"),
  json: flagSwitch(
    "events as lines of JSON on standard output, as in metrics.jsonl; words for people on standard error",
  ),
  tensorboard: flagSwitch("write event files of TensorBoard into the run's folder"),
  profile: flagSwitch("at the end, show where the time went: by kernel, on any device"),
  trace: flag("FILE", "note what device and host did when, for Perfetto or chrome://tracing; slower", trimmed),
};

/** The flags of `train` under headings. */
export const trainFlagGroups: FlagGroups = {
  "Text and run": textAndRun,
  Model: shape,
  "Budget (one of the first four) and batches": { ...budgets, ...batches },
  Optimizer: optimizer,
  Reports: reports,
};

/** Flags by name, for looking up their values. */
export const trainFlags = { ...textAndRun, ...shape, ...budgets, ...batches, ...optimizer, ...reports };

/** Names of the flags of which one at most is given. */
export const budgetFlags = Object.keys(budgets) as readonly (keyof typeof budgets)[];

/** Names of the flags that shape a new model. */
export const shapeFlags: readonly string[] = Object.keys(shape);

function parseMicroBatch(value: string): MicroBatch {
  return value === "auto" || value === "off" ? value : parseCount(value);
}

function parseMaskRate(value: string): { start: number; end: number } {
  const parts = value.split(":").map(parseShare);
  const [start, end = start] = parts;
  if (parts.length > 2 || start === undefined || end === undefined || start === 0 || end === 0) {
    throw new RangeError("write a share above 0 such as 15%, or start:end such as 30%:15%");
  }
  return { start, end };
}

function parseValidation(value: string): number | string {
  if (!/^[\d.]+%?$/.test(value)) return value;
  const share = parseShare(value);
  if (share === 0 || share === 1) throw new RangeError("write a share above 0 and below 1, such as 5%, or a path");
  return share;
}
