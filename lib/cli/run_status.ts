/**
 * How a run is doing, in a few lines of any width or in one.
 *
 * @module
 */

import type { Stage } from "../batch/curriculum.ts";
import type { Phase, TrainRecord } from "../train/events.ts";
import type { Size } from "./console_size.ts";
import { duration, grouped, percent, rate } from "./figures.ts";
import { sparkline, stageBar } from "./progress_bar.ts";
import { cutTo, textWidth } from "./text_width.ts";
import type { Painter } from "./terminal.ts";

/** All that is shown of a run. */
export interface RunStatus {
  /** Seconds that it will still take, where that is known. */
  readonly left: number | undefined;
  /** Seconds that it took so far. */
  readonly elapsed: number;
  /** Share of the budget that is behind. */
  readonly progress: number;
  /** What it is at. */
  readonly phase: Phase;
  /** Share of that which is done, where it is known. */
  readonly share: number | undefined;
  /** Stages of the curriculum. */
  readonly stages: readonly Stage[];
  /** Steps of the whole run, where the budget tells. */
  readonly steps: number | undefined;
  /** The latest step; undefined before the first. */
  readonly record: TrainRecord | undefined;
  /** Loss without the noise of single steps. */
  readonly loss: number;
  /** Masked accuracy in the same way. */
  readonly accuracy: number;
  /** Tokens a second, in the latest seconds. */
  readonly tokensPerSecond: number;
  /** The losses so far, in so many points at most. */
  curve(most: number): readonly number[];
  /** Share of the most that the device was measured to do, where that is known. */
  readonly peakShare: number | undefined;
  /** Steps that were skipped. */
  readonly skipped: number;
}

/** A figure, and what it is worth where room is short: what has the lowest need goes first. */
interface Field {
  readonly text: string;
  readonly need: number;
  /** Whether it stays behind the field before it. */
  readonly isGlued?: boolean;
}

/** Rows of figures below the bar. */
const ROWS = 2;

/** Characters below which a bar says nothing. */
const LEAST_BAR = 10;

/** Lines for a terminal: time left and a bar, then figures. */
export function statusLines(status: RunStatus, { room: { columns, rows }, paint }: {
  room: Size;
  paint: Painter;
}): string[] {
  const lines = [headLine(status, { columns, paint })];
  const fields = fieldsOf(status, columns >= 120 ? 24 : 12);
  const most = Math.min(ROWS, rows - 1);
  return most < 1 ? lines : [...lines, ...packed(fields, { columns, rows: most })];
}

/** One line with everything, for a log. */
export function statusLine(status: RunStatus): string {
  const { phase, progress } = status;
  const fields = fieldsOf(status, 0).map(({ text }) => text);
  return [leftText(status), percent(progress, 0), ...(phase === "training" ? [] : [phaseText(status)]), ...fields]
    .join("  ");
}

const leftText = ({ left }: RunStatus) => left === undefined ? "estimating" : `${duration(left)} left`;

const phaseText = ({ phase, share }: RunStatus) => share === undefined ? phase : `${phase} ${percent(share, 0)}`;

/** Room for the longest phase with its share, so that the bar stays as long as it is. */
const PHASE_WIDTH = "validating 100%".length;

function headLine(status: RunStatus, { columns, paint }: { columns: number; paint: Painter }): string {
  const { progress, stages, phase } = status;
  const left = leftText(status).padEnd(10);
  const head = `${left}  ${percent(progress, 0).padStart(4)}`;
  const paintedHead = `${paint("bold", left)}  ${percent(progress, 0).padStart(4)}`;
  const room = columns - head.length - PHASE_WIDTH - 4;
  const now = phaseText(status);
  const painted = paint(phase === "training" ? "dim" : "yellow", now);
  if (room >= LEAST_BAR) return `${paintedHead}  ${stageBar(stages, { progress, columns: room, paint })}  ${painted}`;
  if (head.length + 2 + now.length <= columns) return `${paintedHead}  ${painted}`;
  return head.length <= columns ? paintedHead : cutTo(leftText(status), columns);
}

function fieldsOf(
  { record, steps, loss, accuracy, tokensPerSecond, curve, peakShare, elapsed, skipped }: RunStatus,
  points: number,
): Field[] {
  const spent: Field = { text: `${duration(elapsed)} so far`, need: 5 };
  if (!record) return [spent];
  const { step, learningRate, length, maskRate, nextSentence } = record;
  const fields: (Field | undefined)[] = [
    { text: `step ${grouped(step)}${steps === undefined ? "" : ` of ${grouped(steps)}`}`, need: 8 },
    { text: `loss ${loss.toFixed(3)}`, need: 10 },
    points > 0 ? { text: sparkline(curve(points)), need: 6, isGlued: true } : undefined,
    { text: `accuracy ${percent(accuracy)}`, need: 7 },
    nextSentence && { text: `next sentence ${percent(nextSentence.accuracy)}`, need: 4 },
    { text: `${grouped(tokensPerSecond)} tokens/s`, need: 9 },
    peakShare === undefined ? undefined : { text: `${percent(peakShare, 0)} of peak`, need: 2 },
    { text: `length ${length}`, need: 3 },
    ...(maskRate > 0 ? [{ text: `masked ${percent(maskRate, 0)}`, need: 2.5 }] : []),
    { text: `learning rate ${rate(learningRate)}`, need: 1 },
    spent,
    skipped > 0 ? { text: `${grouped(skipped)} skipped`, need: 7.5 } : undefined,
  ];
  return fields.filter((field) => field !== undefined);
}

/** Fields in rows: as many as they hold, without those that are needed least. */
function packed(fields: readonly Field[], { columns, rows }: { columns: number; rows: number }): string[] {
  let kept = fields;
  while (kept.length > 0) {
    const lines = rowsOf(kept, columns);
    if (lines.length <= rows && lines.every((line) => textWidth(line) <= columns)) return lines;
    const least = Math.min(...kept.map(({ need }) => need));
    kept = kept.filter(({ need }) => need > least);
  }
  return [];
}

/** Fields in as many rows as they take. */
function rowsOf(fields: readonly Field[], columns: number): string[] {
  const lines: string[] = [];
  for (const [i, { text, isGlued }] of fields.entries()) {
    if (isGlued && i > 0) continue;
    const next = fields[i + 1];
    const whole = next?.isGlued ? `${text} ${next.text}` : text;
    const longer = `${lines.at(-1)}  ${whole}`;
    if (lines.length > 0 && textWidth(longer) <= columns) lines[lines.length - 1] = longer;
    else lines.push(whole);
  }
  return lines;
}
