/**
 * What came of a run, said at its end: its figures, its curve, how it compares, and what to do next.
 *
 * @module
 */

import { counted } from "../sentences/counted.ts";
import type { ValidationRecord } from "../train/events.ts";
import { curvePlot } from "./curve_plot.ts";
import { grouped, percent, shortCount } from "./figures.ts";
import { bestOf } from "./best_loss.ts";
import { keyedRecord } from "./evaluation_key.ts";
import { comparedLines, formerRun } from "./former_run.ts";
import { isStep, readValidations } from "./metrics_file.ts";
import { environment } from "./permissions.ts";
import type { Budget } from "../train/schedule.ts";
import type { Reporter } from "./reporter.ts";
import type { Run } from "./run.ts";
import { readCurves } from "./run_curve.ts";
import { readRecord } from "./run_record.ts";
import type { Terminal } from "./terminal.ts";

/** Adds up what a run did in this process. */
export interface RunTotals extends Reporter {
  /** Steps and tokens in all. */
  readonly at: { readonly step: number; readonly tokens: number };
  /** Tokens a second of the time that went into steps; undefined: there was none. */
  readonly speed: number | undefined;
}

/** Totals of a run that goes on from a state. */
export function runTotals(from: { readonly step: number; readonly tokens: number } | undefined): RunTotals {
  const { step, tokens } = from ?? { step: 0, tokens: 0 };
  let at = { step, tokens };
  let training = 0;
  return {
    event(event) {
      if (isStep(event)) at = { step: event.step, tokens: event.tokens };
      if (event.kind === "time") ({ training } = event);
    },
    get at() {
      return at;
    },
    get speed() {
      return training > 0 && at.tokens > tokens ? (at.tokens - tokens) / training : undefined;
    },
  };
}

/** Whether the locale has other characters than ASCII's. */
export function hasUnicode(variable: (name: string) => string | undefined = environment): boolean {
  if (Deno.build.os === "windows") return variable("WT_SESSION") !== undefined;
  const locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(variable).find((value) => value !== undefined && value !== "");
  return /utf-?8/i.test(locale ?? "");
}

/** Prints the figures of a run and, unless it was interrupted, its curve and the run before. */
export async function tellEnding(
  { path }: Run,
  { totals, terminal, isInterrupted }: { totals: RunTotals; terminal: Terminal; isInterrupted: boolean },
): Promise<void> {
  const validations = await readValidations(path);
  const best = bestOf(validations);
  for (const line of totalLines(totals, best)) terminal.print(line);
  if (isInterrupted) return;
  const curves = await readCurves(path);
  const plot = curvePlot(curves, { columns: terminal.columns, isUnicode: hasUnicode() });
  if (plot.length > 0) {
    const marks = hasUnicode() ? "line: training, ●: validation" : "dots: training, o: validation";
    terminal.print(`\nloss by tokens (${marks})\n${plot.join("\n")}`, { routine: true });
  }
  if (!best) return;
  const run = await readRecord(path);
  const former = await formerRun(run);
  if (former) terminal.print(`\n${comparedLines(await keyedRecord(run), await keyedRecord(former)).join("\n")}`);
}

/** The best validation, and how much was read how quickly. */
export function totalLines(
  { at: { step, tokens }, speed }: Pick<RunTotals, "at" | "speed">,
  best: ValidationRecord | undefined,
): string[] {
  const read = `total   ${counted(tokens, "token")} in ${counted(step, "step")}` +
    (speed === undefined ? "" : `, ${grouped(speed)} tokens/s`);
  if (!best) return [read];
  const place = best.step >= step ? "at the end" : `at step ${grouped(best.step)}`;
  return [`best    validation loss ${best.loss.toFixed(4)}, accuracy ${percent(best.accuracy)}, ${place}`, read];
}

/** Share by which the last validation must be better than the one before for more training to be worth it. */
const STILL_FALLING = 0.01;

/** Steps before which a loss may rise by chance, and validations in a row that must lie above the best. */
const FIRST_STEPS = 100;
const RISING = 2;

/** The flag of twice a budget. */
function twice(budget: Budget): string {
  const [[unit, value]] = Object.entries(budget) as [[string, number]];
  return `--${unit} ${unit === "minutes" ? Number((2 * value).toPrecision(3)) : shortCount(2 * value)}`;
}

/** What to do next, by how validation went; undefined where nothing is plain. */
export function nextStep(
  validations: readonly ValidationRecord[],
  budget: Budget,
): string | undefined {
  const [before, last] = validations.slice(-2);
  const best = bestOf(validations);
  if (!before || !last || !best) return undefined;
  const since = validations.slice(validations.indexOf(best) + 1);
  const isWorse = ({ loss }: ValidationRecord) => loss > best.loss * (1 + STILL_FALLING);
  if (since.length > 0 && isWorse(last)) {
    // one of them, or the first steps, say nothing
    if (last.step < FIRST_STEPS || since.length < RISING || !since.slice(-RISING).every(isWorse)) return undefined;
    return `validation was best at step ${
      grouped(best.step)
    } and is worse now: more text, a smaller --size or --dropout ` +
      "10% would help, more steps would not";
  }
  if (last.loss < before.loss * (1 - STILL_FALLING)) {
    return `validation was still falling: twice the budget (${twice(budget)}) would bring it further`;
  }
  return undefined;
}
