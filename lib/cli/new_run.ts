/**
 * A new run: text, vocabulary, model and settings, from the flags.
 *
 * @module
 */

import type { PackMode } from "../batch/block.ts";
import { addTokens, type ExtendedTokenizer } from "../format/add_tokens.ts";
import type { OpenedDevice } from "../device/open_device.ts";
import type { OpenedModel } from "../format/open_model.ts";
import { type Corpus, textsOf, trainingTexts } from "../text/corpus.ts";
import { characterTokenizer, scanCharacters } from "../tokenizer/character.ts";
import { bertFrame } from "../tokenizer/special_tokens.ts";
import { type Tokenizer, tokenizerTypes } from "../tokenizer/tokenizer.ts";
import { trainTokenizer } from "../tokenizer/train_tokenizer.ts";
import type { Budget } from "../train/schedule.ts";
import { countTokens, type OpenedCorpus, STORIES } from "./open_corpus.ts";
import { openRunCorpus } from "./open_pairs.ts";

import { checkMuonFlags, deviceBatch } from "./device_batch.ts";
import { corpusChoice } from "./corpus_flags.ts";
import { type ParsedFlags, UsageError } from "./flags.ts";
import { grouped } from "./figures.ts";
import { longWork, watchedTexts, watchedVocabulary } from "./long_work.ts";
import { fitMemory } from "./memory_check.ts";
import { openNamed } from "./opened_model.ts";
import { openRunDevice } from "./run_device.ts";
import type { Run } from "./run.ts";
import { checkShared } from "../train/rank_steps.ts";
import { inTiles } from "../train/tiles.ts";
import type { RankTeam } from "./rank_team.ts";
import { claimFreeName, claimName, firstClaim, type RunClaim } from "./run_claim.ts";
import { runNameFrom } from "./run_name.ts";
import { INPUT, isInput } from "../text/standard_input_name.ts";
import type { Terminal } from "./terminal.ts";
import { textNotices } from "./text_notices.ts";
import { CASED_ELSEWHERE, readTokenizer } from "./vocabulary_folder.ts";
import { DEFAULT_VOCABULARY, defaultSize } from "./train_defaults.ts";
import { trainFlags as flags } from "./train_flags.ts";
import { tuneTeller } from "./tuned_products.ts";
import { planFromFlags, type TrainPlan } from "./train_plan.ts";

/** A new run, as the flags say. */
export async function newRun(parsed: ParsedFlags, { terminal, team }: RunSite): Promise<Run> {
  if (team) checkReadable(parsed);
  checkValidation(parsed);
  const init = parsed.get(flags.init);
  const model = init === undefined ? undefined : await openNamed(init);
  let opened: OpenedCorpus | undefined;
  let claim: RunClaim | undefined;
  let device: OpenedDevice | undefined;
  try {
    const plan = tiledPlan(planFromFlags(parsed, model?.config), { parsed, team });
    device = await openRunDevice({ path: "", before: undefined, team }, parsed, tuneTeller(terminal));
    // what is known of the vocabulary before any text is read
    const config = { ...plan.model, vocab: parsed.get(flags.vocab) ?? plan.model.vocab };
    await fitMemory({ config, settings: plan.settings, device: device.device }, microBatchOf(parsed, plan));
    opened = await openRunCorpus(corpusChoice(parsed), { seed: plan.seed, keep: parsed.get(flags.out) });
    const { label } = opened;
    claim = await firstClaim(team, () => claimFor({ label }, parsed, plan));
    return await newRunOn(opened, { parsed, plan, model, device, claim, terminal, team });
  } catch (error) {
    claim?.release();
    device?.device.destroy();
    await model?.weights.close();
    await opened?.close();
    throw error;
  }
}

/** Where a run is made: what it is told on, and who trains it. */
export interface RunSite {
  /** For people. */
  readonly terminal: Terminal;
  /** The processes that train together; undefined: this one alone. */
  readonly team: RankTeam | undefined;
}

/** Text that would not be read. */
function checkValidation(parsed: ParsedFlags): void {
  const { data, validation } = corpusChoice(parsed);
  if (!data.includes(STORIES) || typeof validation !== "string") return;
  throw new UsageError(
    `Option --validation has no effect with --data ${STORIES}, which validate on others of their own`,
  );
}

/** What several processes cannot all read. */
function checkReadable(parsed: ParsedFlags): void {
  const { validation } = corpusChoice(parsed, flags.data);
  const name = parsed.all(flags.data).some(isInput) ? "data" : validation === INPUT ? "validation" : undefined;
  if (name === undefined) return;
  throw new UsageError(
    `Several ranks cannot read standard input, which only the first of them gets: give --${name} a path`,
  );
}

/** A plan whose steps ranks share, or whose sums do not depend on how many share them. */
function tiledPlan(plan: TrainPlan, { parsed, team }: { parsed: ParsedFlags; team: RankTeam | undefined }): TrainPlan {
  const [tiles, syncEvery = 1] = [parsed.get(flags.tiles), parsed.get(flags["sync-every"])];
  if (team || tiles !== undefined || syncEvery > 1) {
    checkShared(plan.settings, { precision: parsed.get(flags.precision) });
  }
  if (!team && tiles === undefined) return plan;
  const settings = inTiles(plan.settings, { ranks: team?.ranks.size ?? 1, tiles });
  return { ...plan, settings };
}

/** The run's folder, before anything that takes time: nobody else can take its name meanwhile. */
async function claimFor(
  { label }: Pick<OpenedCorpus, "label">,
  parsed: ParsedFlags,
  { model }: TrainPlan,
): Promise<RunClaim> {
  const [out, name, init] = [parsed.get(flags.out), parsed.get(flags.name), parsed.get(flags.init)];
  if (name !== undefined) return await claimName(out, name);
  const kind = init === undefined
    ? [model.preset, parsed.get(flags.size) ?? defaultSize(model.preset)]
    : [nameOf(init)];
  return await claimFreeName(out, runNameFrom([...kind, label].join("-")));
}

async function newRunOn(
  opened: OpenedCorpus,
  { parsed, plan, model, device, claim, terminal, team }: {
    parsed: ParsedFlags;
    plan: TrainPlan;
    model: OpenedModel | undefined;
    device: OpenedDevice;
    claim: RunClaim;
    terminal: Terminal;
    team: RankTeam | undefined;
  },
): Promise<Run> {
  if (opened.notice) terminal.print(opened.notice);
  const init = parsed.get(flags.init);
  if (model && !model.weights.head && !plan.settings.contrastive) {
    terminal.print(
      `head    ${init} has none for masked tokens: a new one begins with random weights (seed ${plan.seed})`,
      { routine: true },
    );
  }
  if (model?.weights.head && plan.model.nextSentence && !model.weights.nextSentence) {
    terminal.print(
      `head    ${init} has none for next sentences: a new one begins with random weights (seed ${plan.seed})`,
      { routine: true },
    );
  }
  if (model?.weights.nextSentence && !plan.model.nextSentence) {
    terminal.print(`head    that of ${init} for next sentences is left out; --nsp trains it on`, { routine: true });
  }
  const extended = model && await moreTokens(model.tokenizer, parsed.get(flags["add-tokens"]), terminal);
  const unframed = extended?.tokenizer ?? await tokenizerFor(opened.corpus, parsed, { plan, terminal });
  const tokenizer = framedFor(plan.settings.pack, unframed);
  const base = model && extended && init !== undefined
    ? { name: init, opened: model, added: extended.added }
    : undefined;
  const config = { ...plan.model, vocab: Math.max(plan.model.vocab, tokenizer.size) };
  const budget = await budgetOn(opened.corpus, plan.budget, { tokenizer, terminal });
  const suited = deviceBatch(plan.settings, { budget, config, parsed, device: device.device });
  const choice = { config, settings: suited?.settings ?? plan.settings, device: device.device };
  checkMuonFlags(choice.settings, parsed);
  const fitted = await fitMemory(choice, microBatchOf(parsed, plan));
  const settings = { ...fitted.settings, budget };
  const notices = [
    ...await textNotices(opened, { tokenizer, settings, isReady: base !== undefined }),
    ...(suited?.notice === undefined ? [] : [suited.notice]),
    ...(fitted.notice === undefined ? [] : [fitted.notice]),
  ];
  const [keep, { path }] = [parsed.get(flags.keep), claim];
  const parts = { opened, device, tokenizer, base, config, settings, notices, path, claim, keep, team };
  return { ...parts, before: undefined, state: undefined };
}

/** How batches are divided; those whose texts are compared are whole. */
const microBatchOf = (parsed: ParsedFlags, { settings }: TrainPlan) =>
  settings.contrastive ? "off" : parsed.get(flags["micro-batch"]);

/** A budget that passes over the text are counted in tokens for. */
async function budgetOn(
  corpus: Corpus,
  budget: TrainPlan["budget"],
  { tokenizer, terminal }: { tokenizer: Tokenizer; terminal: Terminal },
): Promise<Budget> {
  if (!("epochs" in budget)) return budget;
  const count = () => {
    const work = longWork(terminal, "counting tokens");
    return countTokens(watchedTexts(textsOf(corpus, "training"), { work, total: corpus.trainingBytes }), tokenizer);
  };
  const tokens = corpus.endless ? Infinity : await count();
  if (!Number.isFinite(tokens)) {
    throw new UsageError("The text never ends, so --epochs has no effect: give --tokens, --steps or --minutes");
  }
  return { tokens: Math.ceil(budget.epochs * tokens) };
}

/** Last part of a path, or of a run's or checkpoint's the name of the run. */
function nameOf(path: string): string {
  const parts = path.split(/[\\/]+/).filter((part) => part !== "" && part !== "." && part !== "..");
  const at = parts.indexOf("checkpoints");
  return (at > 0 ? parts[at - 1] : parts.at(-1)) ?? "model";
}

/** In packed windows every document stands between [CLS] and [SEP], so texts are to do so ever after. */
function framedFor(pack: PackMode, tokenizer: Tokenizer): Tokenizer {
  if (pack === "none" || tokenizer.frame) return tokenizer;
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
  terminal.print(`added   ${grouped(extended.added.length)} tokens from ${path}${known}`, { routine: true });
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
  const kind = parsed.get(flags.tokenizer);
  const type = tokenizerTypes.find((type) => type === kind);
  const [size, cased] = [parsed.get(flags.vocab), parsed.get(flags.cased)];
  if (type === undefined) {
    const other = size !== undefined ? "vocab" : cased ? "cased" : undefined;
    if (other) throw new UsageError(`Option --${other} has no effect with the ready vocabulary of ${kind}`);
    return await readTokenizer(kind);
  }
  if (cased && type !== "wordpiece") throw new UsageError(CASED_ELSEWHERE);
  if (type === "char" && size === undefined) {
    const specials = plan.labmlVocabulary ? { specials: ["[PAD]", "[MASK]"] as const } : {};
    const work = longWork(terminal, "looking for characters");
    const texts = watchedTexts(trainingTexts(corpus, { most: ENDLESS_LINES }), { work, total: corpus.trainingBytes });
    return characterTokenizer(await scanCharacters(texts), specials);
  }
  const wanted = size ?? DEFAULT_VOCABULARY;
  const watched = watchedVocabulary(terminal, { total: corpus.trainingBytes, size: wanted });
  const tokenizer = await trainTokenizer(watched.texts(trainingTexts(corpus)), {
    type,
    size: wanted,
    lowercase: !cased,
    progress: watched.progress,
  }).finally(watched.end);
  if (tokenizer.size < wanted) {
    terminal.print(`note: the text supports only ${grouped(tokenizer.size)} tokens, not the ${grouped(wanted)} wanted`);
  }
  return tokenizer;
}
