/**
 * What a run is made of: text, vocabulary, model and settings, from the flags or from where a run was left.
 *
 * @module
 */

import type { PackMode } from "../batch/packing.ts";
import type { Device } from "../device/device.ts";
import { addTokens, type ExtendedTokenizer, type NewToken } from "../format/add_tokens.ts";
import type { OpenedModel } from "../format/open_model.ts";
import { toDevice } from "../inference/load.ts";
import type { ModelConfig } from "../model/config.ts";
import { createModel, initialiseTokens, Model } from "../model/model.ts";
import { type Corpus, trainingTexts } from "../text/corpus.ts";
import { characterTokenizer, scanCharacters } from "../tokenizer/character.ts";
import { bertFrame } from "../tokenizer/special_tokens.ts";
import { type Tokenizer, tokenizerTypes } from "../tokenizer/tokenizer.ts";
import { trainTokenizer } from "../tokenizer/train_tokenizer.ts";
import { loadCheckpoint } from "../train/checkpoint.ts";
import { folderStorage } from "../files/checkpoint_folder.ts";
import { progressOf } from "../train/schedule.ts";
import type { TrainingSettings } from "../train/settings.ts";
import type { TrainingState } from "../train/events.ts";
import { checkUnchanged, countTokens, openCorpus, type OpenedCorpus } from "./open_corpus.ts";
import { corpusChoice } from "./corpus_flags.ts";
import { type ParsedFlags, UsageError } from "./flags.ts";
import { grouped } from "./figures.ts";
import { checkModelPath } from "./model_path.ts";
import { openNamed } from "./opened_model.ts";
import { sameSettings } from "./run_device.ts";
import {
  changeDevice,
  checkFree,
  createRun,
  freeName,
  readRun,
  reopenRun,
  type RunConfig,
  type RunDevice,
  type RunFolder,
} from "./run_folder.ts";
import type { Terminal } from "./terminal.ts";
import { textNotices } from "./text_notices.ts";
import { CASED_ELSEWHERE, readTokenizer } from "./vocabulary_folder.ts";
import { planFromFlags, trainFlags as flags, type TrainPlan } from "./train_flags.ts";

/** Everything that a run is made of, new or resumed. */
export interface Run {
  readonly opened: OpenedCorpus;
  readonly tokenizer: Tokenizer;
  readonly config: ModelConfig;
  readonly settings: TrainingSettings;
  readonly state: TrainingState | undefined;
  /** Path of the run's folder. */
  readonly path: string;
  /** The model that is trained on, and the tokens that it gets. */
  readonly base: Base | undefined;
  /** What the user should know of the text. */
  readonly notices: readonly string[];
  /** Device that it ran on so far, if it is resumed. */
  readonly before: RunDevice | undefined;
  /** Makes or opens the run's folder, once nothing more can go wrong. */
  folder(device: Device): Promise<RunFolder>;
}

/** A model that is trained on. */
export interface Base {
  /** Where it is. */
  readonly name: string;
  /** The model; its weights are still to be read. Undefined in a resumed run. */
  readonly opened: OpenedModel | undefined;
  /** What its vocabulary gets more. */
  readonly added: readonly NewToken[];
}

/** A new run, as the flags say. */
export async function newRun(parsed: ParsedFlags, terminal: Terminal): Promise<Run> {
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
  if (model && !model.weights.head) {
    terminal.print(
      `head    ${init} has none for masked tokens: a new one begins with random weights (seed ${plan.seed})`,
    );
  }
  const extended = model && await moreTokens(model.tokenizer, parsed.get(flags["add-tokens"]), terminal);
  const unframed = extended?.tokenizer ?? await tokenizerFor(opened.corpus, parsed, { plan, terminal });
  const tokenizer = framedFor(parsed.get(flags.pack), unframed);
  const base = model && extended && init !== undefined
    ? { name: init, opened: model, added: extended.added }
    : undefined;
  const config = plan.model(tokenizer.size);
  const settings = await plan.settings(() => countTokens(opened.corpus, tokenizer));
  const notices = await textNotices(opened, { tokenizer, settings, isReady: base !== undefined });
  const out = parsed.get(flags.out) ?? "runs";
  const size = parsed.get(flags.size) ?? (config.preset === "labml" ? undefined : "small");
  const kind = init === undefined ? [config.preset, size] : [nameOf(init)];
  const wanted = [...kind, opened.label].filter((part) => part !== undefined).join("-");
  const name = parsed.get(flags.name) ?? await freeName(out, wanted);
  const runConfig: Omit<RunConfig, "device"> = {
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
    before: undefined,
    notices,
    folder: (device) => createRun(path, { ...runConfig, device: noteOf(device) }),
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
  const [first] = extended.skipped;
  if (first && extended.added.length === 0 && extended.known.length === 0) {
    throw new RangeError(`Cannot add the token "${first.word}": ${first.reason}`);
  }
  for (const { word, reason } of extended.skipped.slice(0, 3)) terminal.print(`skipped "${word}": ${reason}`);
  if (extended.skipped.length > 3) terminal.print(`skipped ${grouped(extended.skipped.length)} words of ${path}`);
  const known = extended.known.length > 0 ? `; ${grouped(extended.known.length)} were there already` : "";
  terminal.print(`added   ${grouped(extended.added.length)} tokens from ${path}${known}`);
  return extended;
}

/** Lines that are enough to see every character of an endless corpus. */
const ENDLESS_LINES = 2000;

/** The tokenizer that the flags ask for: read from a folder, or made from the text. */
async function tokenizerFor(
  corpus: Corpus,
  parsed: ParsedFlags,
  { plan, terminal }: { plan: TrainPlan; terminal: Terminal },
): Promise<Tokenizer> {
  const kind = parsed.get(flags.tokenizer) ?? "char";
  const type = tokenizerTypes.find((type) => type === kind);
  const [size, cased] = [parsed.get(flags.vocab), parsed.get(flags.cased)];
  if (type === undefined) {
    const other = size !== undefined ? "vocab" : cased ? "cased" : undefined;
    if (other) throw new UsageError(`Option --${other} means nothing beside the ready vocabulary of ${kind}`);
    return await readTokenizer(kind);
  }
  if (cased && type !== "wordpiece") throw new UsageError(CASED_ELSEWHERE);
  if (type === "char" && size === undefined) {
    const specials = plan.labmlVocabulary ? { specials: ["[PAD]", "[MASK]"] as const } : {};
    return characterTokenizer(await scanCharacters(trainingTexts(corpus, { most: ENDLESS_LINES })), specials);
  }
  const wanted = size ?? 8192;
  const tokenizer = await trainTokenizer(trainingTexts(corpus), {
    type,
    size: wanted,
    lowercase: !cased,
    progress: (stage, done) =>
      terminal.progress(`vocabulary: ${grouped(done)} ${stage === "reading" ? "lines read" : "tokens"}`),
  });
  terminal.clear();
  if (tokenizer.size < wanted) {
    terminal.print(`note: the text supports only ${grouped(tokenizer.size)} tokens, not the ${grouped(wanted)} wanted`);
  }
  return tokenizer;
}

/** A run that goes on where its latest checkpoint left it. */
export async function resumedRun(parsed: ParsedFlags, path: string, terminal: Terminal): Promise<Run> {
  const other = parsed.given.find((name) => !["resume", "device", "threads", "blas", "profile"].includes(name));
  if (other) throw new UsageError(`Option --${other} cannot be changed by --resume: a run goes on as it began`);
  await checkModelPath(path, "resume");
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
  if (progressOf(settings.budget, { ...state, seconds: state.elapsed ?? state.seconds }) >= 1) {
    throw new RangeError(
      `"${path}" is finished: it has trained on ${grouped(state.tokens)} tokens; ` +
        `to train its model longer, begin a run with train --init ${folder}`,
    );
  }
  return {
    opened,
    tokenizer,
    config,
    settings,
    state,
    path: folder,
    base: runConfig.init === undefined ? undefined : { name: runConfig.init, opened: undefined, added: [] },
    before: runConfig.device,
    notices: [],
    async folder(device) {
      const isSame = sameSettings(runConfig.device.settings, device.settings);
      const reopened = await reopenRun(folder, state.step);
      if (!isSame) await changeDevice(folder, noteOf(device), state.step);
      return reopened;
    },
  };
}

const noteOf = ({ description, settings }: Device): RunDevice => ({ description, settings });

/** The model that a run begins or goes on with; its saved state is written by the loop. */
export async function modelOf({ config, settings, state, base }: Run, device: Device): Promise<Model> {
  if (state) return new Model(device, config);
  if (!base?.opened) return createModel(device, config, { seed: settings.seed });
  const model = await toDevice({ ...base.opened, config }, device, { headSeed: settings.seed });
  await initialiseTokens(model, base.added);
  return model;
}
