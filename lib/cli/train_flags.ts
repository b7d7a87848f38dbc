/**
 * The flags of `train`, and the settings that they amount to.
 *
 * @module
 */

import { DEFAULT_LENGTH, defaultCurriculum, parseCurriculum, type Stage } from "../batch/curriculum.ts";
import { type MaskMode, maskModes, type MaskRule, maskRules } from "../batch/masking.ts";
import { MOST_THREADS } from "../device/cpu/thread_program.ts";
import { type PackMode, packModes } from "../batch/packing.ts";
import { deviceChoices } from "../device/open_device.ts";
import { textFormats } from "../text/text_source.ts";
import { documentKinds } from "../text/plain_text.ts";
import { architectures, type ModelConfig, modelConfig, presets, sizes } from "../model/config.ts";
import { schedules } from "../train/schedule.ts";
import { defaultSettings, type TrainingSettings } from "../train/settings.ts";
import {
  definedOnly,
  type Flag,
  type FlagGroups,
  flagSwitch,
  parseChoice,
  parseCount,
  type ParsedFlags,
  parseMinutes,
  parseNumber,
  parseShare,
  parseSpan,
  UsageError,
} from "./flags.ts";

const flag = <T>(value: string, help: string, parse: (text: string) => T): Flag<T> => ({ value, help, parse });
const text = (value: string) => value;
const count = parseCount;

const flags = {
  data: {
    ...flag("PATH", "text: file, folder, glob, URL, - or stories; PATH=3: by weight (default: Tiny Shakespeare)", text),
    repeatable: true,
  },
  document: flag(
    "KIND",
    "what a document of plain text is: line, paragraph, file (default: line)",
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
  validation: flag("SHARE|PATH", "text to validate on: a share of --data, or a path (default: 10%)", parseValidation),
  "skip-bad": flag("N", "records that may be skipped because they cannot be read (default: 0)", count),
  tokenizer: flag("KIND", "char, wordpiece, bpe, or the folder of a ready one (default: char)", text),
  vocab: flag("N", "tokens of the vocabulary that is trained (default: all characters, or 8192)", count),
  cased: flagSwitch("keep upper case and accents apart in a wordpiece vocabulary that is trained"),
  init: flag("DIR", "train on from this model: a run, or any Hugging Face folder; keeps its tokenizer", text),
  "add-tokens": flag("FILE", "with --init: add words to its vocabulary, one a line", text),
  out: flag("FOLDER", "where run folders go (default: runs)", text),
  name: flag("NAME", "name of the run (default: from model and corpus)", text),
  resume: flag("RUN", "go on with an interrupted run", text),
  device: flag("KIND", "auto, webgpu or cpu (default: auto)", parseChoice(deviceChoices)),
  blas: flag("CHOICE", "system BLAS for the CPU device: auto, off or a path (default: auto)", text),
  threads: flag("N", "threads of the CPU device (default: all cores)", parseThreads),

  preset: flag("NAME", "modernbert, bert or labml (default: modernbert)", parseChoice(presets)),
  size: flag("NAME", "tiny, small, mini or base (default: small)", parseChoice(sizes)),
  layers: flag("N", "encoder layers", count),
  width: flag("N", "width of the residual stream", count),
  heads: flag("N", "attention heads", count),
  hidden: flag("N", "width of the feed-forward layer", count),
  "max-length": flag("N", "longest sequence of the model (default: 512; bert: the final length)", count),
  dropout: flag("SHARE", "share of activations dropped (default: 0; labml: 0.1)", parseShare),

  tokens: flag("N", "train on so many tokens, such as 500k (default: 3M)", count),
  steps: flag("N", "train for so many steps", count),
  epochs: flag("N", "train on the text so many times", (value) => parseNumber(value)),
  minutes: flag("N", "train for so many minutes, validation and saving included; 2h or 90s will do", parseMinutes),
  length: flag("N", `final sequence length (default: ${DEFAULT_LENGTH}; labml: 32)`, count),
  curriculum: flag("STAGES", "length:share,...,length or none (default: rising to the final length)", text),
  pack: flag(
    "MODE",
    "none, document (several, kept apart) or line (one a window) (default: none)",
    parseChoice(packModes),
  ),
  "batch-tokens": flag("N", "tokens of a batch (default: 1024; labml: 2048)", count),
  accumulate: flag("N", "batches of a step (default: 1)", count),
  "mask-rate": flag("SHARE", "share of tokens masked, or start:end (default: 40%:15%; labml: 15%)", parseMaskRate),
  "mask-rule": flag("RULE", "bert (80/10/10) or labml (81/10/9) (default: that of the preset)", parseChoice(maskRules)),

  "mask-mode": flag("MODE", "token, word (whole words) or span (default: token)", parseChoice(maskModes)),
  "never-mask": { ...flag("WORD", "a word that is never masked; may be repeated", text), repeatable: true },

  lr: flag("RATE", "peak learning rate; factor for noam (default: 2e-3 at width 128; noam: 1)", parseNumber),
  schedule: flag("NAME", `${schedules.join(", ")} (default: linear; labml: noam)`, parseChoice(schedules)),
  warmup: flag("SPAN", "share of the budget, or steps (default: 5%; noam: 2000)", parseSpan),
  "weight-decay": flag(
    "X",
    "decay of matrices (default: 0.01; labml: 0)",
    (value) => parseNumber(value, { zero: true }),
  ),
  clip: flag("NORM", "largest gradient norm; 0 = none (default: 1)", (value) => parseNumber(value, { zero: true })),
  seed: flag("N", "seed of all random numbers (default: 1)", parseSeed),

  "eval-every": flag("SPAN", "validate so often: share or steps (default: 10%)", parseSpan),
  "eval-tokens": flag("N", "most tokens of the validation text (default: 32k, at most a tenth of the run)", count),
  "save-every": flag("SPAN", "save a checkpoint so often (default: 10%)", parseSpan),
  profile: flagSwitch("at the end, show where the time went: by kernel, on any device"),
  "sample-every": flag("SPAN", "show predictions so often (default: 20%)", parseSpan),
};

const pick = (...names: (keyof typeof flags)[]) => Object.fromEntries(names.map((name) => [name, flags[name]]));

/** The flags of `train` under headings. */
export const trainFlagGroups: FlagGroups = {
  "Text and run": pick(
    "data",
    "document",
    "field",
    "format",
    "validation",
    "skip-bad",
    "tokenizer",
    "vocab",
    "cased",
    "init",
    "add-tokens",
    "out",
    "name",
    "resume",
    "device",
    "threads",
    "blas",
  ),
  Model: pick("preset", "size", "layers", "width", "heads", "hidden", "max-length", "dropout"),
  "Budget (one of the first four) and batches": pick(
    "tokens",
    "steps",
    "epochs",
    "minutes",
    "length",
    "curriculum",
    "pack",
    "batch-tokens",
    "accumulate",
    "mask-rate",
    "mask-rule",
    "mask-mode",
    "never-mask",
  ),
  Optimizer: pick("lr", "schedule", "warmup", "weight-decay", "clip", "seed"),
  Reports: pick("eval-every", "eval-tokens", "save-every", "sample-every", "profile"),
};

/** Flags by name, for looking up their values. */
export const trainFlags: typeof flags = flags;

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

function parseThreads(value: string): number {
  const threads = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!(threads >= 1 && threads <= MOST_THREADS)) {
    throw new RangeError(`write a whole number from 1 to ${MOST_THREADS}`);
  }
  return threads;
}

function parseSeed(value: string): number {
  const seed = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!(seed < 2 ** 32)) throw new RangeError("write a whole number from 0 to 4294967295");
  return seed;
}

/** Labels of the budget flags. */
const budgetFlags = ["tokens", "steps", "epochs", "minutes"] as const;

/** What the flags say, with the vocabulary and the corpus still unknown. */
export interface TrainPlan {
  /** Seed of all random numbers. */
  readonly seed: number;
  /** The model, once the size of the vocabulary is known. */
  model(vocab: number): ModelConfig;
  /** The settings; the tokens of the training text are only counted if they matter. */
  settings(countTokens: () => Promise<number>): Promise<TrainingSettings>;
  /** Whether the tokenizer should have labml's two special tokens only. */
  readonly labmlVocabulary: boolean;
}

/** Tokens of the shortest windows in which a masked token has others around it to be told by. */
const SHORTEST = 4;

/** Flags that mean nothing where a model is there already. */
const initialFlags = [
  "preset",
  "size",
  "layers",
  "width",
  "heads",
  "hidden",
  "max-length",
  "tokenizer",
  "vocab",
  "cased",
];

/**
 * Wide models have seen much text and forget at rates that they began with: at width 768 this gives the 1e-4 that is usual
 * (Gururangan et al., Don't Stop Pretraining, 2020), at 128 the rate of the beginning, which bench/RESULTS.md shows is best.
 */
const continuedShare = (width: number) => Math.min(1, 128 / width);

/**
 * Checks the flags together.
 *
 * @param base Configuration of the model that is trained on, if there is one.
 * @throws {UsageError} if two contradict each other.
 */
export function planFromFlags(parsed: ParsedFlags, base?: ModelConfig): TrainPlan {
  const { get } = parsed;
  const other = base && parsed.given.find((name) => initialFlags.includes(name));
  if (other) throw new UsageError(`Option --${other} means nothing beside --init: the model is there already`);
  if (!base && get(flags["add-tokens"]) !== undefined) {
    throw new UsageError("Option --add-tokens is for --init: a new vocabulary is trained on the text");
  }
  const preset = base?.preset ?? get(flags.preset) ?? "modernbert";
  const isLabml = preset === "labml";
  const budgets = budgetFlags.filter((name) => get(flags[name]) !== undefined);
  if (budgets.length > 1) {
    throw new UsageError(`Only one budget can be given, not ${budgets.map((name) => `--${name}`).join(" and ")}`);
  }
  const curriculum = base ? continuedStages(parsed, base) : stages(parsed, isLabml);
  const length = curriculum.at(-1)!.length;
  if (curriculum[0]!.length < SHORTEST) {
    throw new UsageError(`Windows of ${curriculum[0]!.length} tokens have no context: lengths begin at ${SHORTEST}`);
  }
  const isLearned = architectures[preset].positionEncoding === "learned";
  const maxLength = base?.maxLength ?? get(flags["max-length"]) ?? (isLearned ? length : Math.max(512, length));
  if (length > maxLength) {
    throw new UsageError(`Length ${length} exceeds the model's longest sequence of ${maxLength} (--max-length)`);
  }
  const seed = get(flags.seed) ?? 1;
  const given = definedOnly({
    size: get(flags.size),
    layers: get(flags.layers),
    width: get(flags.width),
    heads: get(flags.heads),
    hidden: get(flags.hidden),
    dropout: get(flags.dropout),
  });
  const model = (vocab: number): ModelConfig =>
    base
      ? { ...base, vocab: Math.max(vocab, base.vocab), dropout: given.dropout ?? base.dropout }
      : modelConfig({ preset, vocab, maxLength, ...given });
  // checked before any work is done; the vocabulary does not matter here
  try {
    model(5);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return {
    seed,
    model,
    labmlVocabulary: isLabml,
    async settings(countTokens) {
      const corpusTokens = get(flags.epochs) === undefined ? 0 : await countTokens();
      if (!Number.isFinite(corpusTokens)) {
        throw new UsageError("The text never ends, so --epochs means nothing: give --tokens, --steps or --minutes");
      }
      const { width } = model(5);
      return {
        ...settingsFromFlags(parsed, { preset, width, continued: base !== undefined }),
        curriculum,
        seed,
        budget: budget(parsed, corpusTokens),
      };
    },
  };
}

function stages({ get }: ParsedFlags, isLabml: boolean): Stage[] {
  const text = get(flags.curriculum);
  const length = get(flags.length);
  try {
    if (text !== undefined) return parseCurriculum(text, length === undefined ? {} : { length });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  return isLabml ? [{ length: length ?? 32, share: 1 }] : defaultCurriculum(length);
}

/** One stage, unless the flags say more: a model that has learned already needs no short sequences first. */
function continuedStages(parsed: ParsedFlags, { maxLength }: ModelConfig): Stage[] {
  if (parsed.get(flags.curriculum) !== undefined) return stages(parsed, false);
  return [{ length: parsed.get(flags.length) ?? Math.min(DEFAULT_LENGTH, maxLength), share: 1 }];
}

function budget({ get }: ParsedFlags, corpusTokens: number): TrainingSettings["budget"] {
  const [steps, minutes, epochs] = [get(flags.steps), get(flags.minutes), get(flags.epochs)];
  if (steps !== undefined) return { steps };
  if (minutes !== undefined) return { minutes };
  return { tokens: epochs === undefined ? get(flags.tokens) ?? 3_000_000 : Math.ceil(epochs * corpusTokens) };
}

/** All settings but curriculum, seed and budget. */
function settingsFromFlags(
  { get, all }: ParsedFlags,
  { preset, width, continued }: { preset: ModelConfig["preset"]; width: number; continued: boolean },
): Omit<TrainingSettings, "budget"> {
  const defaults = continued ? continuedSettings({ preset, width }) : defaultSettings({ preset, width });
  const schedule = get(flags.schedule) ?? defaults.learningRate.schedule;
  const isNoam = schedule === "noam";
  // a rate for one family of schedules means nothing in the other
  const changed = isNoam !== (defaults.learningRate.schedule === "noam");
  const fallback = changed
    ? (isNoam ? noam : defaultSettings({ preset: "modernbert", width }).learningRate)
    : defaults.learningRate;
  return {
    ...defaults,
    learningRate: { schedule, peak: get(flags.lr) ?? fallback.peak, warmup: get(flags.warmup) ?? fallback.warmup },
    optimizer: {
      ...defaults.optimizer,
      ...definedOnly({ weightDecay: get(flags["weight-decay"]), clip: get(flags.clip) }),
    },
    ...definedOnly({
      batchTokens: get(flags["batch-tokens"]),
      pack: get(flags.pack) as PackMode | undefined,
      accumulate: get(flags.accumulate),
      maskRate: get(flags["mask-rate"]),
      maskRule: get(flags["mask-rule"]) as MaskRule | undefined,
      maskMode: get(flags["mask-mode"]) as MaskMode | undefined,
      neverMask: all(flags["never-mask"]),
      evaluateEvery: get(flags["eval-every"]),
      evaluateTokens: get(flags["eval-tokens"]),
      saveEvery: get(flags["save-every"]),
      sampleEvery: get(flags["sample-every"]),
    }),
  };
}

/** Defaults for a model that is trained on; labml's schedule begins anew at a rate that would undo what was learned. */
function continuedSettings({ preset, width }: { preset: ModelConfig["preset"]; width: number }) {
  const { learningRate } = defaultSettings({ preset: preset === "labml" ? "modernbert" : preset, width });
  return {
    ...defaultSettings({ preset, width }),
    learningRate: { ...learningRate, peak: continuedShare(width) * learningRate.peak },
  };
}

const noam = { peak: 1, warmup: { steps: 2000 } };
