/**
 * What a run is going to do, said before it begins.
 *
 * @module
 */

import type { MuonOptions } from "../optimizer/muon.ts";
import { parameterCount } from "../model/parameters.ts";
import { tokenizerNames } from "../tokenizer/tokenizer.ts";
import type { Corpus } from "../text/corpus.ts";
import { describeBudget, type LearningRate, type PlannedStage, planStages, type Span } from "../train/schedule.ts";
import { plannedEvaluateTokens, type TrainingSettings } from "../train/settings.ts";
import { counted } from "../sentences/counted.ts";
import { grouped, percent } from "./figures.ts";
import { fittedTable } from "./fitted_table.ts";
import type { Run } from "./run.ts";

/** A run in lines: device, text, model, plan and stages, and what the user should know of them. */
export function runSummary(
  { opened: { corpus }, tokenizer, config, settings, base, notices, team }: Run,
  { reason, notice, columns }: { reason: string; notice: string | undefined; columns: number },
): string {
  const { preset, layers, width, heads, hidden, vocab } = config;
  const stages = planStages(settings);
  const skipped = stages.flatMap(({ steps }, i) => steps === 0 ? [i + 1] : []);
  const short = skipped.length > 0 ? [shortBudget(skipped)] : [];
  const few = settings.contrastive ? [] : fewMasks(stages);
  const late = longWarmUp(settings.learningRate, stages.reduce((sum, { steps = Infinity }) => sum + steps, 0));
  return [
    `device  ${reason}`,
    ...(notice ? [`        note: ${notice}`] : []),
    `corpus  ${corpus.name}, ${corpus.description}; ` +
    `${grouped(tokenizer.size)} different tokens (${tokenizerNames[tokenizer.type]})`,
    `model   ${preset}: ${layers} layers × ${width}, ${heads} heads, hidden ${hidden}, vocabulary ${vocab}: ` +
    `${grouped(parameterCount(config))} parameters` + (base === undefined ? "" : `, from ${base.name}`),
    ...ranksLine(team, settings),
    ...settingsLines(settings),
    ...(settings.contrastive ? [viewsLine(settings, { corpus, dropout: config.dropout })] : []),
    stageTable(settings.contrastive ? stages.map((stage) => ({ ...stage, maskRate: [] })) : stages, columns),
    ...[...short, ...few, ...late, ...notices].map((text) => `note: ${text}`),
  ].join("\n");
}

/** Who trains, and how they go together; none where one process trains as it would alone. */
function ranksLine(
  team: Run["team"],
  { syncEvery = 1, accumulate }: Pick<TrainingSettings, "syncEvery" | "accumulate">,
): string[] {
  if (syncEvery > 1) {
    const share = team ? "each makes" : "one process that makes";
    return [
      `ranks   ${team ? `${team.description}; ` : ""}${share} ${
        counted(syncEvery, "step")
      } on its share of the tokens before all ` +
      "bring their weights together; what comes out depends on how many they are",
    ];
  }
  return team ? [`ranks   ${team.description}; each step is the sum of ${accumulate} tiles`] : [];
}

/** What is said of stages that the budget does not reach. */
export function shortBudget(skipped: readonly number[]): string {
  const who = skipped.length === 1 ? `stage ${skipped[0]} gets` : `stages ${listedAnd(skipped)} get`;
  return `the budget ends before ${who} a step: --curriculum none has only one stage`;
}

/** Masked share of windows, by their mask rate, from which on it is said. */
const MANY_MORE = 1.5;

/** What is said where far more is masked than the mask rate says, because one token of each window always is. */
function fewMasks(stages: readonly PlannedStage[]): string[] {
  const cases = stages.flatMap(({ length, maskRate }) =>
    maskRate.map((rate) => ({ length, rate, share: rate + (1 - rate) ** length / length }))
  );
  const { length, rate, share } = cases.reduce((a, b) => b.share / b.rate > a.share / a.rate ? b : a);
  if (share < MANY_MORE * rate) return [];
  const of = `in windows of ${length} that is ${percent(share, 0)} of the tokens, not ${percent(rate, 0)}`;
  return [`at least one token of each window is masked: ${of}`];
}

/** What is said where the learning rate rises to the end. */
function longWarmUp({ warmup }: LearningRate, steps: number): string[] {
  if (!("steps" in warmup) || warmup.steps < steps) return [];
  const rising = `the warm-up of ${counted(warmup.steps, "step")} does not end in a run of ${grouped(steps)}`;
  return [`${rising}, whose learning rate stays low: --warmup 5% rises in a part of any run`];
}

const listedAnd = (names: readonly number[]) => `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;

const spelled = (span: Span) => "share" in span ? percent(span.share, 0) : `${grouped(span.steps)} steps`;

const everyText = ({ every = 1 }: MuonOptions) => every === 1 ? "" : ` every ${every} steps`;

function settingsLines(settings: TrainingSettings): string[] {
  const {
    learningRate: { peak, schedule, warmup },
    optimizer: { muon, embeddingRate },
    maskRule,
    budget,
    contrastive,
    evaluateEvery,
    saveEvery,
    attention,
  } = settings;
  const others = [
    ...(muon ? [`of muon ${(peak * muon.relativeRate).toPrecision(3)}${everyText(muon)}`] : []),
    ...(embeddingRate === undefined ? [] : [`of embeddings ${(peak * embeddingRate).toPrecision(3)}`]),
  ];
  const rise = "share" in warmup ? percent(warmup.share, 0) : `${warmup.steps} steps`;
  const tokens = plannedEvaluateTokens(settings);
  const most = tokens === undefined ? "a tenth of the time" : `${grouped(tokens)} tokens`;
  const both = "minutes" in budget ? "; both count as part of the time" : "";
  const grows = attention &&
    `attention from ${attention.start} tokens to whole windows in the first ${percent(attention.share, 0)}`;
  return [
    `plan    ${describeBudget(budget)}; learning rate ${[peak.toPrecision(3), ...others].join(", ")}${
      others.length > 0 ? "," : ""
    } ${schedule}, ` +
    `warm-up ${rise}; ${
      contrastive ? `comparing texts at temperature ${contrastive.temperature}` : `masking rule ${maskRule}`
    }`,
    ...(grows ? [`        ${grows}`] : []),
    `checks  validation every ${spelled(evaluateEvery)} on at most ${most}, checkpoints every ${
      spelled(saveEvery)
    }${both}`,
  ];
}

/** What the views of a text are. */
function viewsLine(
  { contrastive }: TrainingSettings,
  { corpus, dropout }: { corpus: Corpus; dropout: number },
): string {
  const views = corpus.pairs
    ? "the two texts of a pair"
    : contrastive!.views === "halves"
    ? "the two halves of a text"
    : "a text twice";
  return `views   ${views}, ${percent(dropout, 0)} dropped; each is compared with those of all texts of the batch`;
}

/** A list without those that are as the one before. */
const unlike = (words: readonly string[]) => words.filter((word, i) => word !== words[i - 1]);

/** Columns that go where there is no room, the least needed first. */
const leaving = ["tokens a step", "windows", "share", "mask rate"];

/** A stage without a mask rate where nothing is masked. */
type ShownStage = Omit<PlannedStage, "maskRate"> & { readonly maskRate: readonly number[] };

function stageTable(stages: readonly ShownStage[], width: number): string {
  const masks = stages.some(({ maskRate }) => maskRate.length > 0);
  const cells: Readonly<Record<string, (stage: ShownStage, index: number) => string>> = {
    stage: (_, index) => String(index + 1),
    length: ({ length }) => String(length),
    share: ({ share }) => percent(share, 0),
    steps: ({ steps }) => steps === undefined ? "by the clock" : grouped(steps),
    windows: ({ windows }) => String(windows),
    "tokens a step": ({ tokens }) => grouped(tokens),
    ...(masks ? { "mask rate": ({ maskRate }) => unlike(maskRate.map((share) => percent(share, 0))).join(" → ") } : {}),
  };
  return fittedTable(Object.entries(cells).map(([name, cell]) => [name, stages.map(cell)]), { width, leaving });
}
