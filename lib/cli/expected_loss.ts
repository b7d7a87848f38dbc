/**
 * What validation loss to expect, from runs that were measured.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TrainingSettings } from "../train/settings.ts";

/** Runs of one size on one text. */
interface Measured {
  readonly layers: number;
  readonly width: number;
  /** Whether by Muon, or by AdamW for all. */
  readonly muon: boolean;
  /** Tokens of a step. */
  readonly stepTokens: number;
  /** Whether tokens are characters, or pieces of words of a vocabulary of about 8,192. */
  readonly unit: "characters" | "pieces";
  /** For people: what was read. */
  readonly text: string;
  /** Least and highest loss in nats by tokens of training, rising. */
  readonly losses: readonly (readonly [tokens: number, least: number, highest: number])[];
}

const tiny = { layers: 2, width: 64 } as const;
const small = { layers: 4, width: 128 } as const;
/** The defaults of a CPU, in short runs and in long ones or of pieces, and those of a graphics card in short runs. */
const [cpu, cpuLong, usual] = [
  { muon: true, stepTokens: 256 },
  { muon: true, stepTokens: 512 },
  { muon: false, stepTokens: 1024 },
] as const;
const [plays, wikipedia] = ["Shakespeare's plays", "English Wikipedia"];

/** Runs of modernbert with its default settings, validated on the last tenth ("What loss to expect" in bench/RESULTS.md). */
const measured: readonly Measured[] = [
  { ...cpu, ...tiny, unit: "characters", text: plays, losses: [[3e5, 1.831, 1.831], [1e6, 1.467, 1.467]] },
  { ...cpu, ...tiny, unit: "characters", text: wikipedia, losses: [[3e5, 1.622, 1.622], [1e6, 1.306, 1.306]] },
  { ...cpuLong, ...tiny, unit: "pieces", text: plays, losses: [[3e5, 5.473, 5.473]] },
  { ...cpuLong, ...tiny, unit: "pieces", text: wikipedia, losses: [[3e5, 5.282, 5.282]] },
  { ...cpu, ...small, unit: "characters", text: wikipedia, losses: [[3e5, 1.407, 1.407]] },
  {
    ...cpu,
    ...small,
    unit: "characters",
    text: plays,
    losses: [[3e5, 1.572, 1.572], [1e6, 1.28, 1.28]],
  },
  { ...cpuLong, ...small, unit: "characters", text: plays, losses: [[1e6, 1.264, 1.264], [3e6, 1.077, 1.077]] },
  { ...usual, ...tiny, unit: "characters", text: plays, losses: [[3e5, 2.33, 2.33], [1e6, 1.709, 1.709]] },
  { ...usual, ...tiny, unit: "characters", text: wikipedia, losses: [[3e5, 1.965, 1.965], [1e6, 1.493, 1.493]] },
  { ...usual, ...tiny, unit: "pieces", text: plays, losses: [[3e5, 5.905, 5.905]] },
  { ...usual, ...tiny, unit: "pieces", text: wikipedia, losses: [[3e5, 5.503, 5.503]] },
  { ...usual, ...small, unit: "characters", text: wikipedia, losses: [[3e5, 1.6, 1.6]] },
  {
    ...usual,
    ...small,
    unit: "characters",
    text: plays,
    losses: [[3e5, 1.85, 1.85], [1e6, 1.4, 1.504], [3e6, 1.142, 1.156], [5.8e6, 1.031, 1.031]],
  },
];

/** Nats within which equal runs differ. */
const BETWEEN_RUNS = 0.02;

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
    readonly settings: Pick<TrainingSettings, "pack" | "optimizer" | "batchTokens" | "accumulate">;
    readonly tokens: number;
  },
): ExpectedLoss | undefined {
  const unit = unitOf(tokenizer);
  if (config.preset !== "modernbert" || settings.pack === "pairs") return undefined;
  const covers = ({ losses }: Measured) => tokens >= losses[0]![0] / BEYOND && tokens <= losses.at(-1)![0] * BEYOND;
  const like = measured.filter((entry) =>
    entry.muon === (settings.optimizer.muon !== undefined) &&
    entry.stepTokens === settings.batchTokens * settings.accumulate && entry.unit === unit &&
    entry.layers === config.layers &&
    entry.width === config.width && covers(entry)
  );
  if (like.length === 0) return undefined;
  return {
    least: Math.min(...like.map(({ losses }) => between(losses, tokens, 1))) - BETWEEN_RUNS,
    highest: Math.max(...like.map(({ losses }) => between(losses, tokens, 2))) + BETWEEN_RUNS,
    text: `${like.map(({ text }) => text).join(" and ")}, ${
      unit === "characters" ? "by characters" : "in pieces of words"
    }`,
  };
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
