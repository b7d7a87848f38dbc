/**
 * The log of afternoons: a line of JSON for each figure, so that a later sitting goes on where one ended.
 *
 * @module
 */

import { addLine, readLines } from "../line_log.ts";
import type { Measure } from "../../lib/probe/scores.ts";
import type { PretrainingText } from "./models.ts";

/** Ways to tell classes. */
export const ways = [
  "most frequent class",
  "most frequent tag of each word",
  "character n-grams",
  "probed",
  "fine-tuned",
] as const;
/** One of them. */
export type Way = typeof ways[number];

/** What was measured: two lines with the same of all are the same figure twice. */
export interface FigureKey {
  /** What was told, and from how much, such as "spam, 16 labels". */
  readonly setting: string;
  /** How. */
  readonly way: Way;
  /** Text that the encoder was trained on; none where there is no encoder. */
  readonly text?: PretrainingText | undefined;
  /** How long it was trained, as it is written on the command line; 0: random weights. */
  readonly budget?: string | undefined;
}

/** A figure. */
export interface Figure extends FigureKey {
  /** Share that was told right. */
  readonly accuracy: Measure;
  /** F1 of each class, averaged with equal weights. */
  readonly macroF1: Measure;
  /** Seconds that it took, without pre-training. */
  readonly seconds: number;
  /** Commit of the sources; with a `+` behind it where files were changed. */
  readonly commit: string;
  /** When it was measured, in UTC. */
  readonly date: string;
}

const identity = ({ setting, way, text, budget }: FigureKey) =>
  JSON.stringify([setting, way, text, budget].map((value) => value ?? null));

/** The latest figure of a key. */
export function figureOf(figures: readonly Figure[], key: FigureKey): Figure | undefined {
  return figures.findLast((figure) => identity(figure) === identity(key));
}

/** The figures of an afternoon's log: see {@linkcode readLines}. */
export const readFigures = (path: string | URL): Promise<Figure[]> => readLines(path, "the afternoon");

/** Adds a figure to a log. */
export const addFigure = (path: string | URL, figure: Figure): Promise<void> => addLine(path, figure);
