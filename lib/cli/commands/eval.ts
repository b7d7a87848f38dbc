/**
 * The command `eval`.
 *
 * @module
 */

import { textWindows } from "../../batch/text_windows.ts";
import type { PackMode } from "../../batch/packing.ts";
import type { MaskRule } from "../../batch/masking.ts";
import { toTokenizerJson } from "../../format/tokenizer_writer.ts";
import { EVALUATION_LENGTH, type MaskedLanguageModel } from "../../inference/load.ts";
import {
  type Difference,
  DifferenceTotal,
  type Score,
  scoreEachToken,
  scoreMasked,
  ScoreTotal,
  type WindowScore,
} from "../../evaluate/score.ts";
import type { Corpus } from "../../text/corpus.ts";
import { openCorpus, type OpenedCorpus, skippedLines } from "../open_corpus.ts";
import { corpusChoice, textFlags } from "../corpus_flags.ts";
import { flagHelp, flagSwitch, type ParsedFlags, parseFlags, UsageError } from "../flags.ts";
import { grouped, percent } from "../figures.ts";
import { checkModelPath } from "../model_path.ts";
import { deviceFlags, folderHelp, json, withModel } from "../opened_model.ts";
import { readAbout } from "../../train/checkpoint.ts";
import { fileFolder } from "../../files/file_folder.ts";
import { exists } from "../../files/paths.ts";
import { readRun } from "../run_folder.ts";
import { openTerminal, table, type Terminal } from "../terminal.ts";
import { evaluationNotice, withLengthAdvice } from "../text_notices.ts";
import { trainFlags } from "../train_flags.ts";

const { length, pack } = trainFlags;
const flags = {
  ...textFlags,
  data: { ...textFlags.data, help: "text: file, folder, glob, URL, - or stories (default: what a run validates on)" },
  length: { ...length, help: `tokens of a window (default: ${EVALUATION_LENGTH}, of a run its final length)` },
  tokens: { ...trainFlags.tokens, help: "most tokens to read (default: all; of a run as in training; --pseudo: 4096)" },
  pack: { ...pack, help: "none, document or line (default: none, of a run its own)" },
  "mask-rule": {
    ...trainFlags["mask-rule"],
    help: "bert (80/10/10) or labml (81/10/9) (default: bert, of a run its own)",
  },
  pseudo: flagSwitch("also mask each token in turn: pseudo-perplexity"),
  "pseudo-words": flagSwitch("the same with the rest of the token's word masked too, for unlike vocabularies"),
  compare: flagSwitch("two models on the same text, and the difference with its standard error"),
  json,
};
const groups = { Options: flags, Device: deviceFlags };

/** Tokens for the pseudo-perplexity where nothing else is said: each is a run of its own. */
const PSEUDO_TOKENS = 4096;

/** Help of the command. */
export const evalHelp = `Measures how well a model predicts masked tokens of a text.

Usage: deno run -A cli.ts eval DIR --data TEXT [options]
       deno run -A cli.ts eval --compare DIR DIR --data TEXT [options]

${folderHelp}
Masks are fixed: 15 % of the tokens, the same ones every time, so results repeat to the bit on the same device. Without --data,
a run is measured on the text that it validates on, as in training.

${flagHelp(groups)}

Examples:
  deno run -A cli.ts eval runs/modernbert-small-shakespeare
  deno run -A cli.ts eval --compare bert-base-uncased runs/bert-law --data law.txt`;

/** What is measured, and how. */
interface Plan {
  readonly corpus: Corpus;
  readonly length: number | undefined;
  readonly tokens: number | undefined;
  /** Most tokens that are masked in turn. */
  readonly tokensInTurn: number;
  readonly pack: PackMode;
  readonly rule: MaskRule;
  readonly kinds: readonly Kind[];
}

/** Ways to mask: a fixed share of the tokens, each token in turn, each in turn with the rest of its word. */
type Kind = "masked" | "pseudo" | "pseudoWords";

const kindNames: Readonly<Record<Kind, string>> = {
  masked: "15 % masked",
  pseudo: "each token in turn",
  pseudoWords: "each in turn, with its word",
};

/** A model's results. */
interface Result extends Partial<Record<Kind, Score>> {
  readonly model: string;
  readonly masked: Score;
}

/** Runs the command; returns the exit code. */
export async function evalCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    console.log(evalHelp);
    return 0;
  }
  const paths = parsed.positional;
  const count = parsed.get(flags.compare) ? 2 : 1;
  if (paths.length !== count) {
    throw new UsageError(count === 2 ? "Wanted: eval --compare DIR DIR --data TEXT" : "Wanted: eval DIR --data TEXT");
  }
  const { opened, plan } = await planOf(paths[0]!, parsed);
  const terminal = openTerminal();
  try {
    if (opened.notice) console.error(opened.notice);
    const quiet = parsed.get(flags.json) ?? false;
    if (count === 1) {
      const result = await withModel(paths[0]!, parsed, async (model, { reason }) => {
        if (!quiet) terminal.print(`device ${reason}`);
        await noteUnknown(model, plan);
        return await measure(model, plan, quiet ? undefined : terminal);
      });
      if (quiet) console.log(JSON.stringify({ data: textOf(plan.corpus), ...result }));
      else print(terminal, [result], plan);
      return 0;
    }
    return await withModel(paths[0]!, parsed, (first) =>
      withModel(paths[1]!, parsed, async (second, { reason }) => {
        if (!quiet) terminal.print(`device ${reason}`);
        for (const model of [first, second]) await noteUnknown(model, plan);
        const { results, difference, note } = await compare([first, second], plan, quiet ? undefined : terminal);
        if (quiet) console.log(JSON.stringify({ data: textOf(plan.corpus), models: results, difference, note }));
        else {
          print(terminal, results, plan);
          if (difference) terminal.print(said(difference));
          if (note) terminal.print(`note: ${note}`);
        }
        return 0;
      }));
  } catch (error) {
    throw withLengthAdvice(error, plan.corpus);
  } finally {
    for (const line of skippedLines(opened.bad)) console.error(line);
    await opened.close();
  }
}

/** Says how much of the text is unknown to a model, if that is much. */
async function noteUnknown({ tokenizer }: MaskedLanguageModel, { corpus }: Plan): Promise<void> {
  const notice = await evaluationNotice(corpus, tokenizer);
  if (notice) console.error(`note: ${notice}`);
}

/** What the flags say; where they say nothing of the text, what the run at a path validates on. */
async function planOf(path: string, parsed: ParsedFlags): Promise<{ opened: OpenedCorpus; plan: Plan }> {
  const { get } = parsed;
  const { data, ...options } = corpusChoice(parsed, flags.data);
  const kinds: Kind[] = ["masked"];
  if (get(flags.pseudo)) kinds.push("pseudo");
  if (get(flags["pseudo-words"])) kinds.push("pseudoWords");
  const tokens = get(flags.tokens);
  const chosen = { length: get(flags.length), tokens, tokensInTurn: tokens ?? PSEUDO_TOKENS, kinds };
  if (data.length > 0) {
    const opened = await openCorpus({ data, ...options }, { seed: 1 });
    const plan = { ...chosen, corpus: whole(opened.corpus), pack: get(flags.pack) ?? "none" };
    return { opened, plan: { ...plan, rule: get(flags["mask-rule"]) ?? "bert" } };
  }
  if (!await exists(`${path}/checkpoints`)) {
    if (!/^https?:/i.test(path)) await checkModelPath(path);
    throw new UsageError("Give the text to measure on by --data: only a run's folder knows one itself");
  }
  const { config: { text, training }, checkpoint } = await readRun(path);
  const about = await readAbout(fileFolder(`${path}/checkpoints/${checkpoint}`));
  const opened = await openCorpus({ ...text, ...options }, { seed: training.seed });
  return {
    opened,
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

/** The scores of a model's windows, one by one. */
function scores(model: MaskedLanguageModel, plan: Plan, kind: Kind): AsyncGenerator<WindowScore> {
  const length = plan.length ?? Math.min(EVALUATION_LENGTH, model.config.maxLength);
  const limit = kind === "masked" ? plan.tokens : plan.tokensInTurn;
  const windows = textWindows({
    corpus: plan.corpus,
    part: "validation",
    tokenizer: model.tokenizer,
    length,
    pack: plan.pack,
    words: kind === "pseudoWords",
    ...(limit === undefined ? {} : { tokens: limit }),
  });
  if (kind === "masked") return scoreMasked(model, windows, { rule: plan.rule });
  return scoreEachToken(model, windows, { restOfWord: kind === "pseudoWords" });
}

async function measure(model: MaskedLanguageModel, plan: Plan, terminal: Terminal | undefined): Promise<Result> {
  const results: Partial<Record<Kind, Score>> = {};
  for (const kind of plan.kinds) {
    const total = new ScoreTotal();
    for await (const score of scores(model, plan, kind)) {
      total.add(score);
      terminal?.progress(progress(kind, total.score));
    }
    terminal?.clear();
    results[kind] = total.score;
  }
  return { model: model.place, ...results } as Result;
}

const progress = (kind: Kind, { windows, loss }: Score) =>
  `${kindNames[kind]}: ${grouped(windows)} windows, loss ${loss.toFixed(4)}`;

/** Both models, window by window where they read the same tokens. */
async function compare(
  models: readonly [MaskedLanguageModel, MaskedLanguageModel],
  plan: Plan,
  terminal: Terminal | undefined,
): Promise<{ results: Result[]; difference?: Partial<Record<Kind, Difference>>; note?: string }> {
  const [first, second] = models;
  const length = plan.length ?? Math.min(EVALUATION_LENGTH, first.config.maxLength, second.config.maxLength);
  const same = { ...plan, length };
  if (!sameTokens(first, second)) {
    const results = [];
    for (const model of models) results.push(await measure(model, same, terminal));
    const note = "the models cut text into different tokens, so losses of a token cannot be compared; " +
      "bits a character can (--pseudo-words)";
    return { results, note };
  }
  const results: Partial<Record<Kind, Score>>[] = [{}, {}];
  const difference: Partial<Record<Kind, Difference>> = {};
  for (const kind of plan.kinds) {
    const totals = [new ScoreTotal(), new ScoreTotal()] as const;
    const between = new DifferenceTotal();
    const others = scores(second, same, kind);
    for await (const a of scores(first, same, kind)) {
      const { value: b } = await others.next() as { value: WindowScore };
      totals[0].add(a);
      totals[1].add(b);
      between.add(a, b);
      terminal?.progress(progress(kind, totals[1].score));
    }
    terminal?.clear();
    await others.return(undefined);
    for (const [i, total] of totals.entries()) results[i]![kind] = total.score;
    difference[kind] = between.difference;
  }
  return { results: results.map((result, i) => ({ model: models[i]!.place, ...result }) as Result), difference };
}

function sameTokens(a: MaskedLanguageModel, b: MaskedLanguageModel): boolean {
  const told = ({ tokenizer }: MaskedLanguageModel) => JSON.stringify(toTokenizerJson(tokenizer));
  return a.tokenizer.size === b.tokenizer.size && told(a) === told(b);
}

/** The text that is measured on. */
const textOf = ({ name, validates }: Corpus) => validates ?? name;

function print(terminal: Terminal, results: readonly Result[], { corpus }: Plan): void {
  terminal.print(`text   ${textOf(corpus)}: ${grouped(results[0]!.masked.windows)} windows`);
  const rows = results.flatMap((result) =>
    (Object.keys(kindNames) as Kind[]).flatMap((kind) => {
      const score = result[kind];
      return score ? [row(result.model, kind, score)] : [];
    })
  );
  const head = ["model", "masking", "predicted", "loss", "accuracy", "perplexity", "bits a character"];
  terminal.print(table([head, ...rows]));
}

function row(model: string, kind: Kind, { loss, accuracy, perplexity, predicted, characters }: Score): string[] {
  const cells = [model, kindNames[kind], grouped(predicted), loss.toFixed(4), percent(accuracy), perplexity.toFixed(3)];
  // where only a share of the tokens is predicted, characters mean nothing
  return [...cells, kind === "masked" ? "" : (loss * predicted / characters / Math.LN2).toFixed(4)];
}

function said(difference: Partial<Record<Kind, Difference>>): string {
  return Object.entries(difference).map(([kind, { loss, error }]) => {
    const which = Math.abs(loss) < 2 * error ? "no clear difference" : `the ${loss < 0 ? "second" : "first"} is better`;
    const sign = loss < 0 ? "−" : "+";
    const size = `${sign}${Math.abs(loss).toFixed(4)} ± ${error.toFixed(4)} nats`;
    return `second less first, ${kindNames[kind as Kind]}: ${size}: ${which}`;
  }).join("\n");
}
