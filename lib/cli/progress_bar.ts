/**
 * A bar over a budget with the curriculum's stages on it, and a small curve.
 *
 * @module
 */

import type { Stage } from "../batch/curriculum.ts";
import type { Painter } from "./terminal.ts";

/** A bar of so many characters; where a stage begins it says its length, if there is room. */
export function stageBar(
  stages: readonly Stage[],
  { progress, columns, paint }: { progress: number; columns: number; paint: Painter },
): string {
  const filled = progress >= 1 ? columns : Math.min(columns - 1, Math.floor(progress * columns));
  let [begin, bar] = [0, ""];
  for (const [i, { share, length }] of stages.entries()) {
    const [from, to] = [begin, i === stages.length - 1 ? 1 : begin + share].map((at) => Math.round(at * columns));
    begin += share;
    bar += stagePart(`${i === 0 ? "" : "│"}${stages.length > 1 ? length : ""}`, { room: to! - from! });
  }
  const drawn = [...bar].map((character, i) => character !== " " ? character : i < filled ? "█" : "░").join("");
  return paint("green", drawn.slice(0, filled)) + paint("dim", drawn.slice(filled));
}

/** The beginning of a stage on a bar of which spaces are still to be drawn. */
function stagePart(label: string, { room }: { room: number }): string {
  const sign = label.startsWith("│") ? "│" : "";
  return (label.length + 2 <= room ? label : sign.slice(0, room)).padEnd(room);
}

const HEIGHTS = "▁▂▃▄▅▆▇█";

/** Values as a row of small columns, from the least to the greatest; one that is not finite leaves a gap. */
export function sparkline(values: readonly number[]): string {
  const finite = values.filter(Number.isFinite);
  const [least, greatest] = [Math.min(...finite), Math.max(...finite)];
  const top = HEIGHTS.length - 1;
  return values.map((value) => {
    if (!Number.isFinite(value)) return " ";
    return HEIGHTS[greatest > least ? Math.round(top * (value - least) / (greatest - least)) : 0];
  }).join("");
}

/** A curve of a run of any length in few points. */
export interface Curve {
  /** Takes the next value. */
  add(value: number): void;
  /** So many points at most, each the mean of a part as long as the others. */
  points(most: number): number[];
}

/** Points that a curve keeps: more than are drawn. */
const MOST_POINTS = 128;

/** A curve without points. */
export function emptyCurve(): Curve {
  let [means, each]: [number[], number] = [[], 1];
  let [sum, count] = [0, 0];
  return {
    add(value) {
      sum += value;
      if (++count < each) return;
      means.push(sum / count);
      [sum, count] = [0, 0];
      if (means.length < MOST_POINTS) return;
      means = joined(means, 2);
      each *= 2;
    },
    points: (most) => {
      // what waits counts too: a curve ends where the run is
      const all = count > 0 ? [...means, sum / count] : means;
      return joined(all, Math.max(1, Math.ceil(all.length / most)));
    },
  };
}

/** Means of so many values each, as far as they go. */
function joined(values: readonly number[], each: number): number[] {
  return Array.from({ length: Math.ceil(values.length / each) }, (_, i) => {
    const part = values.slice(i * each, (i + 1) * each);
    return part.reduce((sum, value) => sum + value, 0) / part.length;
  });
}
