/**
 * Whether a classifier is of the kind that a command was told.
 *
 * @module
 */

import type { MaskedLanguageModel } from "../inference/load.ts";
import { readFlags } from "./classify_flags.ts";
import { type ParsedFlags, UsageError } from "./flags.ts";

/** Throws where `--tokens` does not go with what a model tells. */
export function checkUnit({ place, config }: Pick<MaskedLanguageModel, "place" | "config">, parsed: ParsedFlags): void {
  const isWords = config.classification!.of === "token";
  if (isWords === (parsed.get(readFlags.tokens) ?? false)) return;
  throw new UsageError(
    isWords
      ? `The model in ${place} tells classes of words: add --tokens`
      : `The model in ${place} tells classes of texts, not of words: leave out --tokens`,
  );
}
