/**
 * Batches of a new run that fill the graphics card it is trained on.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import type { ModelConfig } from "../model/config.ts";
import { cardBatch } from "../train/card_batch.ts";
import type { Budget } from "../train/schedule.ts";
import type { TrainingSettings } from "../train/settings.ts";
import { grouped } from "./figures.ts";
import type { ParsedFlags } from "./flags.ts";

/** Flags by which somebody has chosen batches, or a rate for them. */
const choosing = ["batch-tokens", "accumulate", "lr", "schedule", "init"];

/**
 * Settings with more tokens a step and a higher rate, and what is said of them; undefined on a CPU and on software that stands for a card,
 * where they were chosen, in short runs, and for presets for which nobody has measured how the rate grows.
 */
export function fillingBatch<Settings extends Omit<TrainingSettings, "budget">>(
  usual: Settings,
  { budget, config, parsed, device }: {
    budget: Budget;
    config: ModelConfig;
    parsed: Pick<ParsedFlags, "given">;
    device: Pick<Device, "kind" | "software">;
  },
): { readonly settings: Settings; readonly notice: string } | undefined {
  const isCard = device.kind === "webgpu" && !device.software;
  // more texts in a batch are more to compare with: that is another task
  if (usual.contrastive) return undefined;
  // batches in tiles are divided already, and ranks fill their cards together
  if (usual.tiles) return undefined;
  if (!isCard || config.preset !== "modernbert" || parsed.given.some((name) => choosing.includes(name))) {
    return undefined;
  }
  const settings = cardBatch(usual, { budget, config });
  if (!settings) return undefined;
  const rate = (of: Settings) => of.learningRate.peak.toPrecision(3);
  const notice =
    `${grouped(settings.batchTokens)} tokens a step, at a learning rate of ${rate(settings)}, fill a graphics card; ` +
    `--batch-tokens ${usual.batchTokens} has the usual ${rate(usual)}`;
  return { settings, notice };
}
