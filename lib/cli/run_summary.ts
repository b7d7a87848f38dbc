/**
 * What a run is going to do, said before it begins.
 *
 * @module
 */

import { parameterCount } from "../model/parameters.ts";
import { tokenizerNames } from "../tokenizer/tokenizer.ts";
import { describeBudget, type PlannedStage, planStages, type Span } from "../train/schedule.ts";
import { plannedEvaluateTokens, type TrainingSettings } from "../train/settings.ts";
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
  const short = skipped.length > 0
    ? [`the budget ends before stage ${skipped.join(" and ")} gets a step: --curriculum none has only one stage`]
    : [];
  return [
    `device  ${reason}`,
    ...(notice ? [`        note: ${notice}`] : []),
    `corpus  ${corpus.name}, ${corpus.description}; ` +
    `${grouped(tokenizer.size)} different tokens (${tokenizerNames[tokenizer.type]})`,
    `model   ${preset}: ${layers} layers × ${width}, ${heads} heads, hidden ${hidden}, vocabulary ${vocab}: ` +
    `${grouped(parameterCount(config))} parameters` + (base === undefined ? "" : `, from ${base.name}`),
    ...(team ? [`ranks   ${team.description}; each step is the sum of ${settings.accumulate} tiles`] : []),
    ...settingsLines(settings),
    stageTable(stages, columns),
    ...[...short, ...notices].map((text) => `note: ${text}`),
  ].join("\n");
}

const spelled = (span: Span) => "share" in span ? percent(span.share, 0) : `${grouped(span.steps)} steps`;

function settingsLines(settings: TrainingSettings): string[] {
  const { learningRate: { peak, schedule, warmup }, maskRule, budget, evaluateEvery, saveEvery } = settings;
  const rise = "share" in warmup ? percent(warmup.share, 0) : `${warmup.steps} steps`;
  const tokens = plannedEvaluateTokens(settings);
  const most = tokens === undefined ? "a tenth of the time" : `${grouped(tokens)} tokens`;
  const both = "minutes" in budget ? "; both count as part of the time" : "";
  return [
    `plan    ${describeBudget(budget)}; learning rate ${peak.toPrecision(3)} ${schedule}, ` +
    `warm-up ${rise}; masking rule ${maskRule}`,
    `checks  validation every ${spelled(evaluateEvery)} on at most ${most}, checkpoints every ${
      spelled(saveEvery)
    }${both}`,
  ];
}

/** Columns that go where there is no room, the least needed first. */
const leaving = ["tokens a step", "windows", "share", "mask rate"];

function stageTable(stages: readonly PlannedStage[], width: number): string {
  const cells: Readonly<Record<string, (stage: PlannedStage, index: number) => string>> = {
    stage: (_, index) => String(index + 1),
    length: ({ length }) => String(length),
    share: ({ share }) => percent(share, 0),
    steps: ({ steps }) => steps === undefined ? "by the clock" : grouped(steps),
    windows: ({ windows }) => String(windows),
    "tokens a step": ({ tokens }) => grouped(tokens),
    "mask rate": ({ maskRate }) => maskRate.map((share) => percent(share, 0)).join(" → "),
  };
  return fittedTable(Object.entries(cells).map(([name, cell]) => [name, stages.map(cell)]), { width, leaving });
}
