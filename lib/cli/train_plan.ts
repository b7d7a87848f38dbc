/**
 * What the flags of `train` amount to.
 *
 * @module
 */

import { DEFAULT_LENGTH, parseCurriculum, type Stage } from "../batch/curriculum.ts";
import { architectures, checkConfig, type ModelConfig, modelConfig, type Preset } from "../model/config.ts";
import type { Activation } from "../tensor/activations.ts";
import { checkContrastive, contrastiveDefaults, TEXT_LENGTH, VIEW_DROPOUT } from "../train/contrastive_settings.ts";
import type { Budget, LearningRate } from "../train/schedule.ts";
import { wirePrecisions } from "../mpi/wire_precision.ts";
import type { MuonOptions } from "../optimizer/muon.ts";
import { defaultSettings, muonSettings, type TrainingSettings } from "../train/settings.ts";
import { definedOnly, type ParsedFlags, UsageError } from "./flags.ts";
import { DEFAULT_TOKENS, defaultSize, defaultsOf } from "./train_defaults.ts";
import { budgetFlags, shapeFlags, trainFlags as flags } from "./train_flags.ts";

/** What the flags say, while text and vocabulary are still unknown; in the order in which it is used. */
export interface TrainPlan {
  /** Seed of all random numbers. */
  readonly seed: number;
  /** Whether the tokenizer should have labml's two special tokens only. */
  readonly labmlVocabulary: boolean;
  /** The model; its vocabulary grows to that of the tokenizer. */
  readonly model: ModelConfig;
  /** How it is trained. */
  readonly settings: Omit<TrainingSettings, "budget">;
  /** How long, in tokens, steps or minutes, or so many times through the text. */
  readonly budget: Budget | { readonly epochs: number };
}

/** Tokens of the shortest windows in which a masked token has others around it to be told by, and of those of two texts. */
const SHORTEST = 4;
const SHORTEST_PAIR = 16;

/** Flags that mean nothing where a model is there already. */
const initialFlags = [
  ...shapeFlags.filter((name) => !["dropout", "nsp"].includes(name)),
  ...["tokenizer", "vocab", "cased"],
];

/**
 * Checks the flags together.
 *
 * @param base Configuration of the model that is trained on, if there is one.
 * @throws {UsageError} if two contradict each other.
 */
export function planFromFlags(parsed: ParsedFlags, base?: ModelConfig): TrainPlan {
  const { get } = parsed;
  const other = base && parsed.given.find((name) => initialFlags.includes(name));
  if (other) throw new UsageError(`Option --${other} has no effect with --init: the model is there already`);
  if (!base && get(flags["add-tokens"]) !== undefined) {
    throw new UsageError("Option --add-tokens is for --init: a new vocabulary is trained on the text");
  }
  const budget = budgetOf(parsed);
  const preset = base?.preset ?? get(flags.preset);
  checkPairs(parsed, preset);
  checkObjective(parsed);
  const curriculum = stages(parsed, { preset, base });
  const model = modelOf(parsed, { preset, base, length: curriculum.at(-1)!.length });
  const seed = get(flags.seed) ?? defaultsOf(preset).seed;
  const settings = { ...settingsOf(parsed, { preset, width: model.width, base, curriculum }), curriculum, seed };
  const hasPairs = get(flags.pairs) !== undefined;
  if (settings.contrastive) {
    const corpus = hasPairs ? { pairs: () => [] } : {};
    orUsageError(() => checkContrastive(settings, { model: { config: model }, corpus }));
  }
  return { seed, labmlVocabulary: preset === "labml", model, settings, budget };
}

/** Next sentence prediction takes an architecture that tells the texts of a pair apart, and windows of its own. */
function checkPairs({ get }: ParsedFlags, preset: Preset): void {
  if (!get(flags.nsp)) return;
  if (preset !== "bert") {
    throw new UsageError(`Option --nsp is for --preset bert: ${preset} has no token types to tell two texts apart`);
  }
  if (get(flags.attention) !== undefined) {
    throw new UsageError("Option --attention has no effect with --nsp: the first of two texts must see the second");
  }
  if (get(flags.pack) !== undefined) {
    throw new UsageError("Option --pack has no effect with --nsp, which fills windows with pairs of texts");
  }
}

/** Whether texts are compared instead of masked tokens predicted. */
const isContrastive = ({ get }: ParsedFlags) => get(flags.objective) === "contrastive";

/** Flags that mean nothing for one objective or the other. */
const ofContrastive = ["pairs", "views", "temperature"];
const ofMasked = [
  ...["nsp", "pack", "attention", "sample-every"],
  ...["mask-rate", "mask-spread", "mask-rule", "mask-mode", "never-mask"],
];

/** Each objective has flags of its own. */
function checkObjective(parsed: ParsedFlags): void {
  const { get, given } = parsed;
  if (!isContrastive(parsed)) {
    const other = given.find((name) => ofContrastive.includes(name));
    if (other) throw new UsageError(`Option --${other} is for --objective contrastive`);
    return;
  }
  const other = given.find((name) => ofMasked.includes(name));
  if (other) {
    throw new UsageError(`Option --${other} has no effect with --objective contrastive, which masks nothing`);
  }
  if (typeof get(flags["micro-batch"]) === "number") {
    throw new UsageError(
      "Option --micro-batch has no effect with --objective contrastive: a text is compared with all others of a batch",
    );
  }
  if (get(flags.pairs) === undefined) return;
  const beside = given.find((name) => ["data", "document", "views"].includes(name));
  if (beside) {
    throw new UsageError(`Option --${beside} has no effect with --pairs, which holds the texts and their views`);
  }
}

function budgetOf({ get }: ParsedFlags): TrainPlan["budget"] {
  const given = budgetFlags.filter((name) => get(flags[name]) !== undefined);
  if (given.length > 1) {
    throw new UsageError(`Only one budget can be given, not ${given.map((name) => `--${name}`).join(" and ")}`);
  }
  const [name] = given;
  return name === undefined ? { tokens: DEFAULT_TOKENS } : { [name]: get(flags[name]) } as TrainPlan["budget"];
}

/** Stages of rising length. A model that has learned already needs no short sequences first, unless they are asked for. */
function stages(
  parsed: ParsedFlags,
  { preset, base }: { preset: Preset; base: ModelConfig | undefined },
): readonly Stage[] {
  const { get } = parsed;
  const [text, length] = [get(flags.curriculum), get(flags.length)];
  const curriculum = text !== undefined
    ? orUsageError(() => parseCurriculum(text, { length }))
    : isContrastive(parsed)
    ? [{ length: length ?? Math.min(TEXT_LENGTH, base?.maxLength ?? TEXT_LENGTH), share: 1 }]
    : base
    ? [{ length: length ?? Math.min(DEFAULT_LENGTH, base.maxLength), share: 1 }]
    : defaultsOf(preset, length).curriculum;
  const shortest = get(flags.nsp) ? SHORTEST_PAIR : SHORTEST;
  if (curriculum[0]!.length < shortest) {
    const what = get(flags.nsp) ? "no room for two texts" : "no context";
    throw new UsageError(`Windows of ${curriculum[0]!.length} tokens have ${what}: lengths begin at ${shortest}`);
  }
  const seen = get(flags.attention)?.start ?? SHORTEST;
  if (seen < SHORTEST) {
    throw new UsageError(`Attention within ${seen} tokens has no context: --attention begins at ${SHORTEST}`);
  }
  return curriculum;
}

/** The model, checked before any work is done. */
function modelOf(
  parsed: ParsedFlags,
  { preset, base, length }: { preset: Preset; base: ModelConfig | undefined; length: number },
): ModelConfig {
  const { get } = parsed;
  const isLearned = architectures[preset].positionEncoding === "learned";
  const usual = isLearned ? length : Math.max(defaultsOf(preset).maxLength, length);
  const maxLength = base?.maxLength ?? get(flags["max-length"]) ?? usual;
  if (length > maxLength) {
    throw new UsageError(`Length ${length} exceeds the model's longest sequence of ${maxLength} (--max-length)`);
  }
  // the two views of a text differ by what is dropped
  const usualDropout = isContrastive(parsed) ? base?.dropout || VIEW_DROPOUT : undefined;
  const dropout = get(flags.dropout) ?? usualDropout;
  const nextSentence = get(flags.nsp) ?? false;
  return orUsageError(() => {
    if (base) {
      const config = { ...base, dropout: dropout ?? base.dropout, nextSentence };
      checkConfig(config);
      return config;
    }
    return modelConfig({
      preset,
      size: get(flags.size) ?? defaultSize(preset),
      vocab: 1,
      layers: get(flags.layers),
      width: get(flags.width),
      heads: get(flags.heads),
      hidden: get(flags.hidden),
      ...activationOf(preset, get(flags.activation)),
      maxLength,
      dropout,
      nextSentence,
    });
  });
}

/** A value that is noted only where it is another than without its flag. */
const unlessUsual = <T>(value: T | undefined, usual: T) => value === usual ? undefined : value;

/** Where a gate has an activation, it is that of the feed-forward layer; the head keeps its own. */
function activationOf(preset: Preset, activation: Activation | undefined): Partial<ModelConfig> {
  if (activation === undefined) return {};
  return architectures[preset].gated ? { gate: activation } : { activation };
}

/** All settings but curriculum and seed. */
function settingsOf(
  parsed: ParsedFlags,
  { preset, width, base, curriculum }: {
    preset: Preset;
    width: number;
    base: ModelConfig | undefined;
    curriculum: readonly Stage[];
  },
): Omit<TrainingSettings, "budget"> {
  const { get, all } = parsed;
  const { length } = curriculum.at(-1)!;
  const defaults = isContrastive(parsed)
    ? contrastiveDefaults({ preset, width, length })
    : defaultSettings({ preset, width });
  const learningRate = base && !isContrastive(parsed) ? continuedRate({ preset, width }) : defaults.learningRate;
  const schedule = get(flags.schedule) ?? learningRate.schedule;
  // a rate for one family of schedules means nothing in the other
  const isOther = (schedule === "noam") !== (learningRate.schedule === "noam");
  const usual = isOther
    ? defaultSettings({ preset: schedule === "noam" ? "labml" : "modernbert", width }).learningRate
    : learningRate;
  const peak = get(flags.lr) ?? usual.peak;
  const embeddings = get(flags["embedding-lr"]);
  return {
    ...defaults,
    // a head that tells next sentences reads other rows, too
    lastLayer: get(flags.nsp) ? undefined : defaults.lastLayer,
    learningRate: { schedule, peak, warmup: get(flags.warmup) ?? usual.warmup },
    optimizer: {
      ...defaults.optimizer,
      ...definedOnly({
        weightDecay: get(flags["weight-decay"]),
        clip: get(flags.clip),
        embeddingRate: embeddings === undefined ? undefined : unlessUsual(embeddings / peak, 1),
        muon: muonOf(parsed, { width, peak, usual: usual.peak }),
      }),
    },
    ...definedOnly({
      batchTokens: get(flags["batch-tokens"]),
      pack: get(flags.nsp) ? "pairs" : get(flags.pack),
      accumulate: get(flags.accumulate),
      gradientPrecision: unlessUsual(get(flags["gradient-precision"]), wirePrecisions[0]),
      syncEvery: unlessUsual(get(flags["sync-every"]), 1),
      recompute: get(flags["checkpoint-activations"]) || undefined,
      outputInit: unlessUsual(get(flags["output-init"]), 1),
      attention: get(flags.attention),
      maskRate: get(flags["mask-rate"]),
      maskSpread: unlessUsual(get(flags["mask-spread"]), 0),
      maskRule: get(flags["mask-rule"]),
      maskMode: get(flags["mask-mode"]),
      neverMask: all(flags["never-mask"]),
      evaluateEvery: get(flags["eval-every"]),
      evaluateTokens: get(flags["eval-tokens"]),
      saveEvery: get(flags["save-every"]),
      sampleEvery: get(flags["sample-every"]),
      contrastive: defaults.contrastive && {
        temperature: get(flags.temperature) ?? defaults.contrastive.temperature,
        views: get(flags.views) ?? defaults.contrastive.views,
      },
    }),
  };
}

/** Muon's settings, if it is chosen: its rate is its own, whatever that of the other parameters. */
function muonOf(
  { get }: ParsedFlags,
  { width, peak, usual }: { width: number; peak: number; usual: number },
): MuonOptions | undefined {
  const [rate, every] = [get(flags["muon-lr"]), get(flags["muon-every"])];
  if (get(flags.optimizer) !== "muon") {
    const own = rate !== undefined ? "--muon-lr" : every !== undefined ? "--muon-every" : undefined;
    if (own && get(flags.optimizer)) throw new UsageError(`Option ${own} is for --optimizer muon`);
    // a CPU may take it all the same
    return undefined;
  }
  const settings = muonSettings({ width });
  return {
    ...settings,
    relativeRate: (rate ?? usual * settings.relativeRate) / peak,
    ...definedOnly({ every: unlessUsual(every, 1) }),
  };
}

/**
 * Rate of a model that is trained on. Wide models have seen much text and forget at rates that they began with: at width 768
 * this gives the 1e-4 that is usual (Gururangan et al., Don't Stop Pretraining, 2020), at 128 the rate of the beginning, which
 * bench/RESULTS.md shows is best. labml's schedule would begin anew at a rate that undoes what was learned.
 */
function continuedRate({ preset, width }: { preset: Preset; width: number }): LearningRate {
  const { learningRate } = defaultSettings({ preset: preset === "labml" ? "modernbert" : preset, width });
  return { ...learningRate, peak: Math.min(1, 128 / width) * learningRate.peak };
}

/** What is wrong with the values of flags is wrong usage. */
function orUsageError<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
