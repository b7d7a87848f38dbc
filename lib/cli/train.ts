/**
 * The command `train`.
 *
 * @module
 */

import type { Corpus } from "../text/corpus.ts";
import type { Device } from "../device/device.ts";
import { openDevice, type OpenedDevice } from "../device/open.ts";
import type { ModelConfig } from "../model/config.ts";
import { addTokens, type ExtendedTokenizer, type NewToken } from "../format/add_tokens.ts";
import type { OpenedModel } from "../format/model_folder.ts";
import type { PackMode } from "../batch/packing.ts";
import { toDevice } from "../inference/load.ts";
import { createModel, initialiseTokens, Model } from "../model/model.ts";
import { parameterCount } from "../model/parameters.ts";
import { characterTokenizer, scanCharacters } from "../tokenizer/character.ts";
import { bertFrame, type Tokenizer, tokenizerTypes } from "../tokenizer/tokenizer.ts";
import { trainTokenizer } from "../tokenizer/train.ts";
import { loadCheckpoint, type RunOrigin, saveCheckpoint } from "../train/checkpoint.ts";
import type { SampleToken } from "../train/evaluate.ts";
import { folderStorage } from "../train/folder_storage.ts";
import { planStages, progressOf } from "../train/schedule.ts";
import type { TrainingSettings } from "../train/settings.ts";
import { modelCard } from "../train/model_card.ts";
import { train, type TrainingState, type TrainRecord, type ValidationRecord } from "../train/trainer.ts";
import {
  checkUnchanged,
  type CorpusChoice,
  countTokens,
  openCorpus,
  type OpenedCorpus,
  trainingTexts,
} from "./corpus.ts";
import { flagHelp, type ParsedFlags, parseFlags, UsageError } from "./flags.ts";
import { duration, formatSample, grouped, percent, rate } from "./format.ts";
import { checkFree, createRun, freeName, readRun, reopenRun, type RunConfig, type RunFolder } from "./run_folder.ts";
import { openNamed } from "./opened_model.ts";
import { profileTable } from "./profile_table.ts";
import { openTerminal, paint, table, type Terminal } from "./terminal.ts";
import { readTokenizer } from "./tokenizer_folder.ts";
import { planFromFlags, trainFlagGroups, trainFlags as flags, type TrainPlan } from "./train_flags.ts";

/** Help of the command. */
export const trainHelp = `Trains a masked language model and keeps it in a run folder.

Usage: deno run -A cli.ts train [options]

${flagHelp(trainFlagGroups)}

Examples:
  deno run -A cli.ts train
  deno run -A cli.ts train --data book.txt --size tiny --tokens 300k
  deno run -A cli.ts train --data 'corpus/*.txt' --curriculum 32:20%,64:20%,128 --minutes 10
  deno run -A cli.ts train --preset labml --epochs 10
  deno run -A cli.ts train --init bert-base-uncased --data law.txt --add-tokens law_words.txt
  deno run -A cli.ts train --resume runs/modernbert-small-shakespeare`;

/** Everything that a run is made of, new or resumed. */
interface Run {
  readonly opened: OpenedCorpus;
  readonly tokenizer: Tokenizer;
  readonly config: ModelConfig;
  readonly settings: TrainingSettings;
  readonly state: TrainingState | undefined;
  /** Path of the run's folder. */
  readonly path: string;
  /** The model that is trained on, and the tokens that it gets. */
  readonly base: Base | undefined;
  /** System BLAS that the run began with, if it is resumed. */
  readonly blas: string | undefined;
  /** Makes or opens the run's folder, once nothing more can go wrong. */
  folder(device: Device): Promise<RunFolder>;
}

/** A model that is trained on. */
interface Base {
  /** Where it is. */
  readonly name: string;
  /** The model; its weights are still to be read. Undefined in a resumed run. */
  readonly opened: OpenedModel | undefined;
  /** What its vocabulary gets more. */
  readonly added: readonly NewToken[];
}

/** Runs the command; returns the exit code. */
export async function trainCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(trainFlagGroups, args);
  if (parsed.help) {
    console.log(trainHelp);
    return 0;
  }
  if (parsed.positional.length > 0) {
    throw new UsageError(`Unexpected argument "${parsed.positional[0]}"; text to train on is given by --data`);
  }
  const terminal = openTerminal();
  const resumed = parsed.get(flags.resume);
  const run = resumed === undefined ? await newRun(parsed, terminal) : await resumedRun(parsed, resumed, terminal);
  try {
    const { device, reason, notice } = await openDeviceFor(run, parsed);
    try {
      return await trainOn(device, run, { terminal, reason, notice });
    } finally {
      device.destroy();
    }
  } finally {
    await run.base?.opened?.weights.close();
    await run.opened.close();
  }
}

/** Opens the device that the flags ask for; a resumed run goes on with the BLAS, or without one, as it began. */
async function openDeviceFor(run: Run, parsed: ParsedFlags): Promise<OpenedDevice> {
  const open = (blas: string) =>
    openDevice(parsed.get(flags.device), {
      threads: parsed.get(flags.threads),
      blas,
      profile: parsed.get(flags.profile),
    });
  const asked = parsed.get(flags.blas);
  if (asked !== undefined || run.blas === undefined) return await open(asked ?? "auto");
  try {
    return await open(run.blas);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const notice = `${run.blas}, by which this run began, cannot be used here: losses will differ in their last digits`;
    return { ...await open("off"), notice };
  }
}

async function newRun(parsed: ParsedFlags, terminal: Terminal): Promise<Run> {
  const init = parsed.get(flags.init);
  const model = init === undefined ? undefined : await openNamed(init);
  let opened: OpenedCorpus | undefined;
  try {
    const plan = planFromFlags(parsed, model?.config);
    opened = await openCorpus(corpusChoice(parsed), { seed: plan.seed });
    return await newRunOn(opened, { parsed, plan, model, terminal });
  } catch (error) {
    await model?.weights.close();
    await opened?.close();
    throw error;
  }
}

async function newRunOn(
  opened: OpenedCorpus,
  { parsed, plan, model, terminal }: {
    parsed: ParsedFlags;
    plan: TrainPlan;
    model: OpenedModel | undefined;
    terminal: Terminal;
  },
): Promise<Run> {
  if (opened.notice) terminal.print(opened.notice);
  const init = parsed.get(flags.init)?.replace(/(?<=.)[\\/]+$/, "");
  const base = model && init !== undefined
    ? { name: init, opened: model, added: [] as readonly NewToken[] }
    : undefined;
  let tokenizer: Tokenizer;
  if (base) {
    const extended = await moreTokens(base.opened.tokenizer, parsed.get(flags["add-tokens"]), terminal);
    tokenizer = extended.tokenizer;
    base.added = extended.added;
  } else tokenizer = framedFor(parsed.get(flags.pack), await tokenizerFor(opened.corpus, parsed, { plan, terminal }));
  const config = plan.model(tokenizer.size);
  const settings = await plan.settings(() => countTokens(opened.corpus, tokenizer));
  const out = parsed.get(flags.out) ?? "runs";
  const size = parsed.get(flags.size) ?? (config.preset === "labml" ? undefined : "small");
  const kind = init === undefined ? [config.preset, size] : [nameOf(init)];
  const wanted = [...kind, opened.label].filter((part) => part !== undefined).join("-");
  const name = parsed.get(flags.name) ?? await freeName(out, wanted);
  const runConfig: Omit<RunConfig, "device" | "blas"> = {
    format: 2,
    model: config,
    training: settings,
    text: opened.choice,
    files: opened.files,
    ...(init === undefined ? {} : { init }),
  };
  const path = `${out}/${name}`;
  await checkFree(path);
  return {
    opened,
    tokenizer,
    config,
    settings,
    state: undefined,
    path,
    base,
    blas: undefined,
    folder: (device) => createRun(path, { ...runConfig, device: device.description, blas: device.blas ?? "off" }),
  };
}

/** Last part of a path, or of a run's or checkpoint's the name of the run. */
function nameOf(path: string): string {
  const parts = path.split(/[\\/]+/).filter((part) => part !== "" && part !== "." && part !== "..");
  const at = parts.indexOf("checkpoints");
  return (at > 0 ? parts[at - 1] : parts.at(-1)) ?? "model";
}

/** In packed windows every document stands between [CLS] and [SEP], so texts are to do so ever after. */
function framedFor(pack: PackMode | undefined, tokenizer: Tokenizer): Tokenizer {
  if (pack === undefined || pack === "none" || tokenizer.frame) return tokenizer;
  const frame = bertFrame(tokenizer.special);
  if (!frame) return tokenizer;
  // files of a ready tokenizer would say otherwise
  const { files: _, ...rest } = tokenizer;
  return { ...rest, frame };
}

/** A tokenizer with the words of a file, one a line. */
async function moreTokens(
  tokenizer: Tokenizer,
  path: string | undefined,
  terminal: Terminal,
): Promise<Pick<ExtendedTokenizer, "tokenizer" | "added">> {
  if (path === undefined) return { tokenizer, added: [] };
  const text = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) throw new RangeError(`Cannot read "${path}": there is no such file`);
    throw error;
  });
  const words = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  const extended = addTokens(tokenizer, words);
  const known = extended.known.length > 0 ? `; ${grouped(extended.known.length)} were there already` : "";
  terminal.print(`added   ${grouped(extended.added.length)} tokens from ${path}${known}`);
  return extended;
}

/** The text that the flags ask for. */
function corpusChoice(parsed: ParsedFlags): CorpusChoice {
  const choice = {
    document: parsed.get(flags.document),
    field: parsed.get(flags.field),
    validation: parsed.get(flags.validation),
    skipBad: parsed.get(flags["skip-bad"]),
  };
  const given = Object.entries(choice).filter(([, value]) => value !== undefined);
  return { data: parsed.all(flags.data), ...Object.fromEntries(given) };
}

/** The tokenizer that the flags ask for: read from a folder, or made from the text. */
async function tokenizerFor(
  corpus: Corpus,
  parsed: ParsedFlags,
  { plan, terminal }: { plan: TrainPlan; terminal: Terminal },
): Promise<Tokenizer> {
  const kind = parsed.get(flags.tokenizer) ?? "char";
  const type = tokenizerTypes.find((type) => type === kind);
  const size = parsed.get(flags.vocab);
  if (type === undefined) {
    if (size !== undefined) throw new UsageError(`Option --vocab means nothing beside the ready vocabulary of ${kind}`);
    return await readTokenizer(kind);
  }
  if (type === "char" && size === undefined) {
    const specials = plan.labmlVocabulary ? { specials: ["[PAD]", "[MASK]"] as const } : {};
    return characterTokenizer((await scanCharacters(corpus)).characters, specials);
  }
  const wanted = size ?? 8192;
  const tokenizer = await trainTokenizer(trainingTexts(corpus), {
    type,
    size: wanted,
    progress: (stage, done) =>
      terminal.progress(`vocabulary: ${grouped(done)} ${stage === "reading" ? "lines read" : "tokens"}`),
  });
  terminal.clear();
  if (tokenizer.size < wanted) {
    terminal.print(`note: the text supports only ${grouped(tokenizer.size)} tokens, not the ${grouped(wanted)} wanted`);
  }
  return tokenizer;
}

async function resumedRun(parsed: ParsedFlags, path: string, terminal: Terminal): Promise<Run> {
  const other = parsed.given.find((name) => !["resume", "device", "threads", "blas", "profile"].includes(name));
  if (other) throw new UsageError(`Option --${other} cannot be changed by --resume: a run goes on as it began`);
  const { config: runConfig, checkpoint } = await readRun(path);
  if (runConfig.text.data.length === 0) {
    throw new RangeError(`Cannot resume "${path}": its text came from standard input`);
  }
  const opened = await openCorpus(runConfig.text, { seed: runConfig.training.seed });
  try {
    const note = checkUnchanged(runConfig.files, opened.files);
    if (note) terminal.print(`note: ${note}`);
  } catch (error) {
    throw new RangeError(`Cannot resume "${path}": ${(error as Error).message}`);
  }
  const folder = path.replace(/[\\/]+$/, "");
  const { config, tokenizer, state } = await loadCheckpoint(folderStorage(`${folder}/checkpoints`), checkpoint);
  const settings = runConfig.training;
  if (progressOf(settings.budget, state) >= 1) {
    throw new RangeError(`"${path}" is finished: it has trained on ${grouped(state.tokens)} tokens`);
  }
  return {
    opened,
    tokenizer,
    config,
    settings,
    state,
    path: folder,
    base: runConfig.init === undefined ? undefined : { name: runConfig.init, opened: undefined, added: [] },
    blas: runConfig.blas,
    folder: () => reopenRun(folder, state.step),
  };
}

async function trainOn(
  device: Device,
  run: Run,
  { terminal, reason, notice }: { terminal: Terminal; reason: string; notice: string | undefined },
): Promise<number> {
  const { opened: { corpus }, tokenizer, config, settings, state } = run;
  if (state) terminal.print(`resume  ${run.path} at step ${grouped(state.step)}`);
  printPlan(terminal, { reason, notice, corpus, tokenizer, config, settings, base: run.base?.name });
  const model = await modelOf(run, device);
  const interrupt = interruptible(terminal);
  let folder: RunFolder | undefined;
  const curve: ValidationRecord[] = [];
  try {
    const { signal } = interrupt;
    for await (const event of train({ model, corpus, tokenizer, ...settings, resume: state, signal })) {
      // only now: text that turns out too short leaves no folder behind
      if (!folder) {
        folder = await run.folder(device);
        curve.push(...await folder.validations());
      }
      switch (event.kind) {
        case "train":
          folder.log(event);
          terminal.progress(progressLine(event, settings));
          break;
        case "validation":
          folder.log(event);
          curve.push(event);
          terminal.print(
            `${paint(terminal, "bold", `step ${grouped(event.step)}`)}  ${grouped(event.tokens)} tokens  ` +
              `${duration(event.seconds)}  validation loss ${event.loss.toFixed(4)}  accuracy ${
                percent(event.accuracy)
              }  ` +
              `perplexity ${event.perplexity.toFixed(2)}` +
              (event.paddingShare > 0 ? `  padding ${percent(event.paddingShare)}` : ""),
          );
          break;
        case "samples":
          for (const sample of event.samples) {
            terminal.print(`  ${formatSample(terminal, fitting(sample, terminal.columns - 3))}`);
          }
          break;
        case "checkpoint":
          await saveCheckpoint(folder.checkpoints, {
            config,
            tokenizer,
            state: event.state,
            origin: originOf(run, { device, curve, state: event.state }),
          });
      }
    }
    terminal.clear();
    for (const message of run.opened.bad.messages.slice(0, 5)) terminal.print(`skipped: ${message}`);
    if (run.opened.bad.count > 0) terminal.print(`${grouped(run.opened.bad.count)} records were skipped`);
    const profile = await device.takeProfile();
    if (profile) terminal.print(profileTable(profile));
    if (!folder) return 1;
    if (signal.aborted) {
      terminal.print(`\nsaved; go on with:\n  deno run -A cli.ts train --resume ${folder.path}`);
      return 130;
    }
    terminal.print(`\nthe model is in ${folder.path}; fill in masked text with:`);
    terminal.print(`  deno run -A cli.ts fill ${folder.path} ${example(corpus, tokenizer)}`);
    return 0;
  } catch (error) {
    terminal.clear();
    if (folder && (await folder.checkpoints.list()).length > 0) {
      terminal.print(
        `the latest checkpoint is intact; go on from it with:\n  deno run -A cli.ts train --resume ${folder.path}`,
      );
    }
    throw error;
  } finally {
    interrupt.remove();
    folder?.close();
    model.destroy();
  }
}

/** The model that a run begins or goes on with; its saved state is written by the loop. */
async function modelOf({ config, settings, state, base }: Run, device: Device): Promise<Model> {
  if (state) return new Model(device, config);
  if (!base?.opened) return createModel(device, config, { seed: settings.seed });
  const model = await toDevice({ ...base.opened, config }, device);
  await initialiseTokens(model, base.added);
  return model;
}

/** What a checkpoint tells of its run. */
function originOf(
  { opened: { corpus }, config, tokenizer, settings, base, path }: Run,
  { device, curve, state }: { device: Device; curve: readonly ValidationRecord[]; state: TrainingState },
): RunOrigin {
  const about = { corpus: `${corpus.name}, ${corpus.description}`, device: device.description, base: base?.name };
  const name = path.split(/[\\/]/).at(-1)!;
  return { ...about, card: modelCard({ name, config, tokenizer, settings, ...about, curve, state }) };
}

function example(corpus: Corpus, tokenizer: Tokenizer): string {
  if (tokenizer.type !== "char") return '"the beginning of the [MASK]"';
  return corpus.name === "stories"
    ? '"Ben has a red b[MASK]ll. Where is the ba[MASK]l?"'
    : '"home [MASK]s where i want to be"';
}

function printPlan(
  terminal: Terminal,
  { reason, notice, corpus, tokenizer, config, settings, base }: {
    reason: string;
    notice: string | undefined;
    corpus: Corpus;
    tokenizer: Tokenizer;
    config: ModelConfig;
    settings: TrainingSettings;
    base: string | undefined;
  },
): void {
  const { preset, layers, width, heads, hidden, vocab } = config;
  terminal.print(`device  ${reason}`);
  if (notice) terminal.print(`        note: ${notice}`);
  terminal.print(
    `corpus  ${corpus.name}, ${corpus.description}; ${grouped(tokenizer.size)} different tokens (${
      tokenizerNames[tokenizer.type]
    })`,
  );
  terminal.print(
    `model   ${preset}: ${layers} layers × ${width}, ${heads} heads, hidden ${hidden}, vocabulary ${vocab}: ` +
      `${grouped(parameterCount(config))} parameters` + (base === undefined ? "" : `, from ${base}`),
  );
  const { learningRate: { peak, schedule, warmup }, maskRule, budget } = settings;
  const rise = "share" in warmup ? percent(warmup.share, 0) : `${warmup.steps} steps`;
  const amount = Object.entries(budget).map(([unit, value]) => `${grouped(value)} ${unit}`)[0];
  terminal.print(
    `plan    ${amount}; learning rate ${peak.toPrecision(3)} ${schedule}, warm-up ${rise}; masking rule ${maskRule}`,
  );
  const rows = planStages(settings).map((stage, i) => [
    String(i + 1),
    String(stage.length),
    percent(stage.share, 0),
    stage.steps === undefined ? "by the clock" : grouped(stage.steps),
    String(stage.windows),
    grouped(stage.tokens),
    stage.maskRate.map((share) => percent(share, 0)).join(" → "),
  ]);
  terminal.print(table([["stage", "length", "share", "steps", "windows", "tokens a step", "mask rate"], ...rows]));
  terminal.print("");
}

const tokenizerNames = { char: "characters", wordpiece: "WordPiece", bpe: "byte-level BPE" } as const;

function progressLine(event: TrainRecord, { budget }: TrainingSettings): string {
  const progress = Math.min(1, progressOf(budget, event));
  const total = "minutes" in budget ? 60 * budget.minutes : event.seconds / Math.max(progress, 1e-9);
  return [
    `step ${grouped(event.step)}`,
    percent(progress, 0),
    `loss ${event.loss.toFixed(3)}`,
    `accuracy ${percent(event.accuracy)}`,
    `rate ${rate(event.learningRate)}`,
    `length ${event.length}`,
    `${grouped(event.tokensPerSecond)} tokens/s`,
    `${duration(Math.max(0, total - event.seconds))} left`,
  ].join("  ");
}

/** As many tokens of a sample as a line holds. */
function fitting(sample: readonly SampleToken[], columns: number): SampleToken[] {
  let left = columns;
  return sample.filter(({ token, predicted = "" }) => (left -= Math.max(token.length, predicted.length)) >= 0);
}

/** Ctrl-C once: stop after the step under way. Twice: stop at once. */
function interruptible(terminal: Terminal): { signal: AbortSignal; remove(): void } {
  const controller = new AbortController();
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  const stop = () => {
    if (controller.signal.aborted) Deno.exit(130);
    controller.abort();
    terminal.print("finishing the step and saving; again to stop at once");
  };
  for (const name of signals) Deno.addSignalListener(name, stop);
  return {
    signal: controller.signal,
    remove: () => {
      for (const name of signals) Deno.removeSignalListener(name, stop);
    },
  };
}
