/**
 * Batches of a new run that suit the device it is trained on, and what goes with them.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import type { ModelConfig } from "../model/config.ts";
import { cardBatch } from "../train/card_batch.ts";
import { cpuBatch } from "../train/cpu_batch.ts";
import type { Budget } from "../train/schedule.ts";
import type { TrainingSettings } from "../train/settings.ts";
import { grouped } from "./figures.ts";
import { type ParsedFlags, UsageError } from "./flags.ts";
import { trainFlags as flags } from "./train_flags.ts";

/** Flags by which somebody has chosen batches, or a rate for them. */
const choosing = ["batch-tokens", "accumulate", "lr", "schedule", "init"];

/** What decides. */
interface Site {
  readonly budget: Budget;
  readonly config: ModelConfig;
  readonly parsed: Pick<ParsedFlags, "given" | "get">;
  readonly device: Pick<Device, "kind" | "software">;
}

/** Settings, and what is said of them. */
interface Suited<Settings> {
  readonly settings: Settings;
  readonly notice?: string;
}

/** Settings with batches that suit the device; undefined where the usual ones do. */
export function deviceBatch<Settings extends Omit<TrainingSettings, "budget">>(
  usual: Settings,
  site: Site,
): Suited<Settings> | undefined {
  // more texts in a batch are more to compare with: that is another task
  if (usual.contrastive || usual.pack === "pairs") return undefined;
  // batches in tiles are divided already, and ranks fill their cards together
  if (usual.tiles) return undefined;
  const { device: { kind, software } } = site;
  return kind === "webgpu" && !software ? fillingBatch(usual, site) : smallBatch(usual, site);
}

/**
 * Settings by which a CPU learns most, but for what was chosen; undefined where a model is trained on, which has learned by other steps,
 * and for models for which nobody has measured it.
 */
function smallBatch<Settings extends Omit<TrainingSettings, "budget">>(
  usual: Settings,
  { budget, config, parsed: { get, given } }: Site,
): Suited<Settings> | undefined {
  if (given.includes("init")) return undefined;
  const chosen = {
    batch: given.includes("batch-tokens") || given.includes("accumulate"),
    // attention that grows is a curriculum of its own
    curriculum: given.includes("curriculum") || given.includes("attention"),
    maskRate: given.includes("mask-rate"),
    adamw: get(flags.optimizer) === "adamw",
    embeddingRate: given.includes("embedding-lr"),
    muonRate: get(flags["muon-lr"]),
    muonEvery: get(flags["muon-every"]),
  };
  const settings = cpuBatch(usual, { budget, config, chosen });
  return settings && { settings };
}

/**
 * Settings with more tokens a step and a higher rate; undefined where they were chosen, in short runs, and for presets for which nobody has
 * measured how the rate grows.
 */
function fillingBatch<Settings extends Omit<TrainingSettings, "budget">>(
  usual: Settings,
  { budget, config, parsed }: Site,
): Suited<Settings> | undefined {
  if (config.preset !== "modernbert" || parsed.given.some((name) => choosing.includes(name))) return undefined;
  const settings = cardBatch(usual, { budget, config });
  if (!settings) return undefined;
  const rate = (of: Settings) => of.learningRate.peak.toPrecision(3);
  const notice =
    `${grouped(settings.batchTokens)} tokens a step, at a learning rate of ${rate(settings)}, fill a graphics card; ` +
    `--batch-tokens ${usual.batchTokens} has the usual ${rate(usual)}`;
  return { settings, notice };
}

/**
 * Sees that what is said of Muon is said of a run that takes it.
 *
 * @throws {UsageError} otherwise.
 */
export function checkMuonFlags(
  { optimizer }: Pick<TrainingSettings, "optimizer">,
  { given }: Pick<ParsedFlags, "given">,
): void {
  const own = given.find((name) => name.startsWith("muon-"));
  if (own && !optimizer.muon) throw new UsageError(`Option --${own} is for --optimizer muon`);
}
