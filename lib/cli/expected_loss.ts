/**
 * What validation loss to expect, from runs that were measured.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TrainingSettings } from "../train/settings.ts";

/** Runs of one size on one kind of vocabulary, all of English text. */
interface Measured {
  readonly layers: number;
  readonly width: number;
  /** Whether tokens are characters, or pieces of words of a vocabulary of about 8,192. */
  readonly unit: "characters" | "pieces";
  /** Least and highest loss in nats by tokens of training, rising. */
  readonly losses: readonly (readonly [tokens: number, least: number, highest: number])[];
}

/** Runs of bench/RESULTS.md: modernbert with its default settings, plays and Wikipedia, validated on the last tenth. */
const measured: readonly Measured[] = [];

/** How far beyond what was measured a budget may lie. */
const BEYOND = 1.25;

/** Vocabularies whose losses are like those of 8,192 pieces. */
const PIECES = [6000, 12_000] as const;

/** A range of losses. */
export interface ExpectedLoss {
  /** Nats. */
  readonly least: number;
  /** Nats. */
  readonly highest: number;
  /** What the runs read. */
  readonly text: string;
}

/** The range that runs of this size ended in after so many tokens; undefined where nothing like it was measured. */
export function expectedLoss(
  { config, tokenizer, settings, tokens }: {
    readonly config: ModelConfig;
    readonly tokenizer: Pick<Tokenizer, "type" | "size">;
    readonly settings: Pick<TrainingSettings, "pack">;
    readonly tokens: number;
  },
): ExpectedLoss | undefined {
  const unit = unitOf(tokenizer);
  if (config.preset !== "modernbert" || settings.pack === "pairs") return undefined;
  const entry = measured.find((entry) =>
    entry.unit === unit && entry.layers === config.layers && entry.width === config.width
  );
  const losses = entry?.losses ?? [];
  const [first, last] = [losses[0], losses.at(-1)];
  if (!first || !last || tokens < first[0] / BEYOND || tokens > last[0] * BEYOND) return undefined;
  const text = unit === "characters" ? "English text by characters" : "English text in pieces of words";
  return { least: between(losses, tokens, 1), highest: between(losses, tokens, 2), text };
}

function unitOf({ type, size }: Pick<Tokenizer, "type" | "size">): Measured["unit"] | undefined {
  if (type === "char") return "characters";
  return size >= PIECES[0] && size <= PIECES[1] ? "pieces" : undefined;
}

/** A loss between two measured ones, on a line over the logarithm of the tokens. */
function between(losses: Measured["losses"], tokens: number, column: 1 | 2): number {
  const after = losses.findIndex(([measured]) => measured >= tokens);
  if (after <= 0) return losses.at(after)![column];
  const [low, high] = [losses[after - 1]!, losses[after]!];
  const share = Math.log(tokens / low[0]) / Math.log(high[0] / low[0]);
  return low[column] + share * (high[column] - low[column]);
}
