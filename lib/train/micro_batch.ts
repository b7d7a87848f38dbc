/**
 * Steps whose batches are computed in parts, so that they fit into less memory.
 *
 * @module
 */

import { stepSize } from "./schedule.ts";
import type { TrainingSettings } from "./settings.ts";

type Batches = Pick<TrainingSettings, "batchTokens" | "accumulate" | "curriculum">;

/**
 * Settings of the same steps with every batch in so many parts, whose gradients are added up; undefined where the windows of
 * a stage cannot be so divided. Losses differ in their last digits only, dropout falls on other places.
 */
export function inParts<Settings extends Batches>(settings: Settings, parts: number): Settings | undefined {
  const { batchTokens, accumulate, curriculum } = settings;
  const part = Math.floor(batchTokens / parts);
  const windows = (length: number, tokens: number) => stepSize({ length, batchTokens: tokens, accumulate: 1 }).windows;
  const divides = curriculum.every(({ length }) => windows(length, part) * parts === windows(length, batchTokens));
  return divides ? { ...settings, batchTokens: part, accumulate: parts * accumulate } : undefined;
}

/** The fewest parts, more than `above`, in which no part of the longest windows has more than `most` tokens. */
export function fewestParts<Settings extends Batches>(
  settings: Settings,
  { most, above = 0 }: { most: number; above?: number },
): { parts: number; settings: Settings } | undefined {
  const { length } = settings.curriculum.at(-1)!;
  const { windows } = stepSize({ length, batchTokens: settings.batchTokens, accumulate: 1 });
  for (let parts = above + 1; parts <= windows; parts++) {
    const divided = windows / parts * length <= most ? inParts(settings, parts) : undefined;
    if (divided) return { parts, settings: divided };
  }
  return undefined;
}
