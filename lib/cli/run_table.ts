/**
 * Runs as a table for people that fits a terminal, and as plain data for programs.
 *
 * @module
 */

import { shortened } from "../sentences/safe_text.ts";
import { duration, percent, shortCount } from "./figures.ts";
import { fittedTable } from "./fitted_table.ts";
import { bestOf } from "./best_loss.ts";
import { budgetOf, type RunRecord, sizeOf, type Validated } from "./run_record.ts";

/** Columns from left to right. */
const columns: Readonly<Record<string, (run: RunRecord) => string>> = {
  run: ({ path }) => path,
  state: stateCell,
  best: ({ validations }) => lossCell(bestOf(validations)),
  last: ({ validations }) => lossCell(validations.at(-1)),
  training: ({ seconds }) => duration(seconds),
  corpus: ({ corpus }) => corpus ?? "",
  size: ({ config }) => config ? sizeOf(config) : "",
  budget: ({ config }) => config ? budgetCell(config) : "",
};

/** Columns that go where there is no room, the least needed first. */
const leaving = ["budget", "size", "corpus", "training", "last"];

/** Letters of a cell that are shown at most. */
const LONGEST_CELL = 28;

/** A row for each run in lines of at most so many columns; of cells that are too long the middle is left out. */
export function runTable(runs: readonly RunRecord[], width: number): string {
  const shared = sharedFolder(runs.map(({ path }) => path));
  const cells = Object.entries(columns).map(([name, cell]): [string, string[]] => {
    if (name === "run") return [name, runs.map(({ path }) => path.slice(shared.length))];
    return [name, runs.map((run) => shortened(cell(run), LONGEST_CELL))];
  });
  return fittedTable(cells, { width, leaving });
}

/** The folder with its slash that all paths lie in, where they lie in one. */
function sharedFolder(paths: readonly string[]): string {
  const folders = new Set(paths.map((path) => /^.*[\\/]/.exec(path)?.[0] ?? ""));
  return folders.size === 1 ? [...folders][0]! : "";
}

function stateCell({ state, done }: RunRecord): string {
  return state === "finished" || done === undefined ? state : `${state} ${percent(Math.min(1, done), 0)}`;
}

const lossCell = (validation: Validated | undefined) => validation ? validation.loss.toFixed(4) : "";

function budgetCell(config: NonNullable<RunRecord["config"]>): string {
  const { budget } = config.training;
  const count = "tokens" in budget ? budget.tokens : "steps" in budget ? budget.steps : undefined;
  if (count === undefined || count < 10_000) return budgetOf(config);
  return `${shortCount(count)} ${"tokens" in budget ? "tokens" : "steps"}`;
}

/** A run as plain data. */
export function runJson(run: RunRecord): Record<string, unknown> {
  const { path, name, state, done, config, corpus, step, tokens, seconds, validations, incidents } = run;
  const { checkpoints, changed, problems } = run;
  return {
    path,
    name,
    state,
    done: done ?? null,
    corpus: corpus ?? null,
    size: config ? sizeOf(config) : null,
    model: config?.model ?? null,
    budget: config?.training.budget ?? null,
    best: bestOf(validations) ?? null,
    last: validations.at(-1) ?? null,
    step,
    tokens,
    seconds,
    ...incidents,
    checkpoints,
    changed: new Date(changed).toISOString(),
    problems,
  };
}
