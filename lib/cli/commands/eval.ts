/**
 * The command `eval`.
 *
 * @module
 */

import { type PackMode, packModes } from "../../batch/block.ts";
import { EVALUATION_LENGTH, type MaskedLanguageModel } from "../../inference/load.ts";
import type { Corpus } from "../../text/corpus.ts";
import { safeJson } from "../../sentences/safe_text.ts";
import { checkpoint, checkpointPaths } from "../checkpoint_choice.ts";
import { corpusChoice, textFlags } from "../corpus_flags.ts";
import { counted } from "../../sentences/counted.ts";
import { grouped } from "../figures.ts";
import { parseChoice } from "../flag_values.ts";
import { flag, flagHelp, flagSwitch, type ParsedFlags, parseFlags, UsageError } from "../flags.ts";
import {
  type Masking,
  maskings,
  type Measured,
  measureModels,
  type MeasurePlan,
  type ModelScores,
} from "../measure_models.ts";
import { checkModelPath } from "../model_path.ts";
import { cameFromInput, openCorpus, type OpenedCorpus, skippedLines } from "../open_corpus.ts";
import { deviceFlags, devicePermissions, folderHelp, json, modelPermissions, withModels } from "../opened_model.ts";
import { exists, trimmed } from "../../files/paths.ts";
import { checkPermissions, permissionsHelp, readingOf } from "../permissions.ts";
import { program } from "../program.ts";
import { filesOf, say, sayAside, sayHelp } from "../standard_streams.ts";
import { readRun } from "../run_folder.ts";
import { latestAbout } from "../run_record.ts";
import { evaluatePairs, type EvaluatePairsOptions, readPairs } from "../eval_pairs.ts";
import { openRunCorpus } from "../open_pairs.ts";
import { differenceLines, nextSentenceLine, scoreTable, watchedMeasure } from "../score_table.ts";
import { openTerminal, type Terminal } from "../terminal.ts";
import { evaluationNotice, withAdvice } from "../text_notices.ts";

import { trainFlags } from "../train_flags.ts";

const { length } = trainFlags;
const evaluationPacks: readonly PackMode[] = [...packModes, "pairs"];
const flags = {
  ...textFlags,
  data: { ...textFlags.data, help: "text: file, folder, glob, URL, - or stories (default: the run's validation text)" },
  length: { ...length, help: `tokens per window (default: ${EVALUATION_LENGTH}; for a run: its final length)` },
  tokens: {
    ...trainFlags.tokens,
    help: "how many tokens to read at most (default: all; of a run as in training; --pseudo: 4096)",
  },
  pack: flag("MODE", "none, document, line or pairs (default: none; for a run: its own)", parseChoice(evaluationPacks)),
  "mask-rule": {
    ...trainFlags["mask-rule"],
    help: "bert (80/10/10) or labml (81/10/9) (default: bert; for a run: its own)",
  },
  pseudo: flagSwitch("also mask each token in turn: pseudo-perplexity"),
  "pseudo-words": flagSwitch("the same with the rest of the token's word masked too, to compare vocabularies"),
  pairs: flag(
    "FILE",
    "instead of text, pairs of a good and a bad one: how often the good one is the more probable",
    trimmed,
  ),
  compare: flagSwitch("two models on the same text, and the difference with its standard error"),
  checkpoint: { ...checkpoint, help: "of runs: best (by validation), last or step-N (default: last)" },
  json,
};
const groups = { Options: flags, Device: deviceFlags };

/** Tokens for the pseudo-perplexity where nothing else is said: each is a run of its own. */
const PSEUDO_TOKENS = 4096;

/** Help of the command. */
const evalHelp = `Measures how well a model predicts masked tokens of a text.

Usage: ${program} eval DIR [--data TEXT] [options]
       ${program} eval --compare DIR DIR [--data TEXT] [options]
       ${program} eval DIR --pairs FILE [options]

${folderHelp}
Masks are fixed: 15 % of the tokens, the same ones every time, so results repeat to the bit on the same device. Without --data,
a run is measured on the text that it validates on, as in training.

--pairs reads columns or fields "good" and "bad" (BLiMP's "sentence_good" and "sentence_bad"; others by --field GOOD,BAD) from CSV, TSV
or JSON lines, and tells accuracy by "group" where there is one. A text's score is the sum of the log-probabilities of its tokens, each
masked in turn; with --pseudo-words the rest of its word too.

${flagHelp(groups)}

${permissionsHelp({ ...modelPermissions, ...devicePermissions })}

Examples:
  ${program} eval runs/modernbert-small-shakespeare
  ${program} eval --compare bert-base-uncased runs/bert-law --data law.txt
  ${program} eval runs/modernbert-small-shakespeare --checkpoint best
  ${program} eval runs/law --pairs agreement.csv`;

/** Runs the command; returns the exit code. */
export async function evalCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(evalHelp);
    return 0;
  }
  const paths = parsed.positional;
  const count = parsed.get(flags.compare) ? 2 : 1;
  if (paths.length !== count) {
    const two = paths.length === 2 ? "; two models are compared by eval --compare DIR DIR" : "";
    throw new UsageError(
      count === 2 ? "Usage: eval --compare DIR DIR [--data TEXT]" : `Usage: eval DIR [--data TEXT]${two}`,
    );
  }
  checkPermissions(readingOf([...paths, ...filesOf([...parsed.all(flags.data), parsed.get(flags.pairs)])]));
  const isJson = parsed.get(flags.json) ?? false;
  const terminal = openTerminal();
  const places = await checkpointPaths(paths, parsed.get(flags.checkpoint));
  const pairs = pairsOf(parsed);
  if (pairs) return await measurePairs(places, pairs, { parsed, terminal: isJson ? undefined : terminal });
  const { opened, plan, note } = await planOf(paths[0]!, parsed);
  try {
    if (opened.notice) sayAside(opened.notice);
    if (note) sayAside(`note: ${note}`);
    return await withModels(places, parsed, async (models, { reason }) => {
      if (!isJson) terminal.print(`device ${reason}`);
      for (const model of models) await noteUnknown(model, plan);
      const watched = watchedMeasure(plan, opened);
      const measured = await measureModels(models, watched.plan, watched.progress).finally(watched.end);
      if (isJson) printJson(measured, plan);
      else printMeasured(measured, { plan, terminal });
      return 0;
    });
  } catch (error) {
    throw withAdvice(error);
  } finally {
    for (const line of skippedLines(opened.bad)) sayAside(line);
    await opened.close();
  }
}

/** Flags that say which text; pairs come from a file of their own, and are scored in one way. */
const ofText = ["data", "document", "length", "tokens", "pack", "mask-rule", "pseudo"];

/** Which pairs are asked for, if some are. */
function pairsOf({ get, given }: ParsedFlags): EvaluatePairsOptions | undefined {
  const path = get(flags.pairs);
  if (path === undefined) return undefined;
  const other = given.find((name) => ofText.includes(name));
  if (other) throw new UsageError(`Option --${other} has no effect with --pairs`);
  return {
    path,
    field: get(flags.field),
    format: get(flags.format),
    skipBad: get(flags["skip-bad"]),
    restOfWord: get(flags["pseudo-words"]) ?? false,
  };
}

/** Reads pairs before any model, and scores them. */
async function measurePairs(
  places: readonly string[],
  options: EvaluatePairsOptions,
  { parsed, terminal }: { parsed: ParsedFlags; terminal: Terminal | undefined },
): Promise<number> {
  const pairs = await readPairs(options);
  return await withModels(places, parsed, async (models, { reason }) => {
    terminal?.print(`device ${reason}`);
    await evaluatePairs(models, pairs, { ...options, terminal });
    return 0;
  });
}

/** The text that is measured on. */
const textOf = ({ corpus: { name, validates } }: MeasurePlan) => validates ?? name;

function printJson({ models, ...rest }: Measured, plan: MeasurePlan): void {
  const results = models.length === 1 ? models[0] : { models, ...rest };
  say(safeJson({ data: textOf(plan), ...results }));
}

function printMeasured(
  { models, difference, note }: Measured,
  { plan, terminal }: { plan: MeasurePlan; terminal: Terminal },
): void {
  terminal.print(`text   ${textOf(plan)}: ${windowsRead(models[0]!)}`);
  terminal.print(scoreTable(models, terminal.columns));
  for (const { model, masked: { nextSentence } } of models) {
    if (nextSentence) terminal.print(nextSentenceLine(model, nextSentence));
  }
  if (difference) terminal.print(differenceLines(difference));
  if (note) terminal.print(`note: ${note}`);
}

/** How much was read; masking in turn is a run for each token, and is done to less. */
function windowsRead(scores: ModelScores): string {
  const [most, ...others] = maskings.flatMap((masking) => scores[masking] ?? []).map(({ windows }) => windows);
  const turned = others.find((windows) => windows !== most);
  return counted(most!, "window") + (turned === undefined ? "" : `, ${grouped(turned)} with each token in turn`);
}

/** Says how much of the text is unknown to a model, if that is much. */
async function noteUnknown({ tokenizer }: MaskedLanguageModel, { corpus }: MeasurePlan): Promise<void> {
  const notice = await evaluationNotice(corpus, tokenizer);
  if (notice) sayAside(`note: ${notice}`);
}

/** What the flags say; where they say nothing of the text, what the run at a path validates on. */
async function planOf(
  path: string,
  parsed: ParsedFlags,
): Promise<{ opened: OpenedCorpus; plan: MeasurePlan; note?: string | undefined }> {
  const { get } = parsed;
  const { data, ...options } = corpusChoice(parsed, flags.data);
  const asked: Masking[] = ["masked"];
  if (get(flags.pseudo)) asked.push("pseudo");
  if (get(flags["pseudo-words"])) asked.push("pseudoWords");
  const tokens = get(flags.tokens);
  const chosen = { length: get(flags.length), tokens, tokensInTurn: tokens ?? PSEUDO_TOKENS, maskings: asked };
  if (data.length > 0) {
    const opened = await openCorpus({ data, ...options }, { seed: 1 });
    const plan = { ...chosen, corpus: whole(opened.corpus), pack: get(flags.pack) ?? "none" };
    return { opened, plan: { ...plan, rule: get(flags["mask-rule"]) ?? "bert" } };
  }
  if (!await exists(`${path}/checkpoints`)) {
    if (!/^https?:/i.test(path)) await checkModelPath(path);
    throw new UsageError("Give the text to measure on by --data: only a run's folder knows one itself");
  }
  const { text, training } = await readRun(path, "evaluate");
  if (cameFromInput(text)) {
    throw new UsageError(`Give the text to measure on by --data: that of "${path}" came from standard input`);
  }
  const about = await latestAbout(path);
  const opened = await openRunCorpus({ ...text, ...options }, { seed: training.seed });
  return {
    opened,
    note: training.contrastive &&
      "this run compared texts and did not train what fills in masks: measured is how well that still does, " +
        "not what the run validated",
    plan: {
      ...chosen,
      corpus: opened.corpus,
      length: chosen.length ?? training.curriculum.at(-1)!.length,
      tokens: tokens ?? training.evaluateTokens ?? about?.evaluateTokens,
      pack: get(flags.pack) ?? training.pack,
      rule: get(flags["mask-rule"]) ?? training.maskRule,
    },
  };
}

/** A corpus all of whose text is in the validation part; of one that never ends, its validation part. */
function whole(corpus: Corpus): Corpus {
  if (corpus.endless) return corpus;
  return {
    ...corpus,
    validates: corpus.name,
    async *passages() {
      yield* corpus.passages("training");
      yield* corpus.passages("validation");
    },
  };
}
