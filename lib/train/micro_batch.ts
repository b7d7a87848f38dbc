/**
 * Steps whose batches are computed in parts, so that they fit into less memory.
 *
 * @module
 */

import { stageSize, stepSize } from "./schedule.ts";
import type { TrainingSettings } from "./settings.ts";

type Batches = Pick<TrainingSettings, "batchTokens" | "accumulate" | "curriculum">;

/**
 * Settings of the same steps with every batch in so many parts, whose gradients are added up; undefined where the windows of
 * a stage cannot be so divided. Losses differ in their last digits only, dropout falls on other places.
 */
export function inParts<Settings extends Batches>(settings: Settings, parts: number): Settings | undefined {
  const { batchTokens, accumulate, curriculum } = settings;
  const part = (tokens: number) => Math.floor(tokens / parts);
  const windows = (length: number, tokens: number) => stepSize({ length, batchTokens: tokens, accumulate: 1 }).windows;
  const divides = curriculum.every(({ length, batchTokens: own = batchTokens }) =>
    windows(length, part(own)) * parts === windows(length, own)
  );
  if (!divides) return undefined;
  const stages = curriculum.map((stage) =>
    stage.batchTokens === undefined ? stage : { ...stage, batchTokens: part(stage.batchTokens) }
  );
  return { ...settings, batchTokens: part(batchTokens), accumulate: parts * accumulate, curriculum: stages };
}

/** Number of the stage whose batches have the most tokens; of several with as many the last, which has the longest windows. */
export function largestStage(settings: Pick<Batches, "batchTokens" | "curriculum">): number {
  // as asked for: whole windows of a shorter length may come nearer to it
  const tokens = settings.curriculum.map((stage) => stage.batchTokens ?? settings.batchTokens);
  return tokens.lastIndexOf(Math.max(...tokens));
}

/** The fewest parts, more than `above`, in which no part of the longest windows has more than `most` tokens. */
export function fewestParts<Settings extends Batches>(
  settings: Settings,
  { most, above = 0 }: { most: number; above?: number },
): { parts: number; settings: Settings } | undefined {
  const stage = settings.curriculum[largestStage(settings)]!;
  const { length } = stage;
  const { windows } = stageSize(stage, { ...settings, accumulate: 1 });
  for (let parts = above + 1; parts <= windows; parts++) {
    const divided = windows / parts * length <= most ? inParts(settings, parts) : undefined;
    if (divided) return { parts, settings: divided };
  }
  return undefined;
}
