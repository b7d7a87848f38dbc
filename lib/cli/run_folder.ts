/**
 * The folder of a run: config.json, checkpoints/, metrics.jsonl and, while it is being trained, its lock.
 *
 * @module
 */

import { type FilePrint, sha256 } from "./file_print.ts";
import { definedOnly } from "./flags.ts";
import type { CorpusChoice } from "./open_corpus.ts";
import type { DeviceSettings } from "../device/device.ts";
import type { ModelConfig } from "../model/config.ts";
import { type CheckpointStorage, folderStorage } from "../files/checkpoint_folder.ts";
import { fileFolder } from "../files/file_folder.ts";
import { readJson } from "../format/model_folder.ts";
import { makeFolder, writeFile } from "../files/write_files.ts";
import { checked } from "../sentences/fields.ts";
import { runFields } from "../train/run_fields.ts";
import type { TrainingSettings } from "../train/settings.ts";

/** Content of a run's config.json: all that --resume needs. */
export interface RunConfig {
  /** Version of this format. */
  readonly format: 2;
  /** The model. */
  readonly model: ModelConfig;
  /** How it is trained. */
  readonly training: TrainingSettings;
  /** The text; what came from standard input cannot be read again. */
  readonly text: CorpusChoice;
  /** Its files, by which a change is noticed. */
  readonly files: readonly FilePrint[];
  /** Device that it runs on; another one gives other last digits. */
  readonly device: RunDevice;
  /** Devices that it ran on before, each with the steps that were done when it was left. */
  readonly devicesBefore?: readonly (RunDevice & { readonly until: number })[];
  /** Learning rates that it had before, each with the steps that were done when it was left. */
  readonly ratesBefore?: readonly FormerRate[] | undefined;
  /** Model whose weights it began with; undefined: random ones. */
  readonly init?: string | undefined;
  /** Checkpoints that are kept; undefined: as many as usual. */
  readonly keep?: number | undefined;
  /** SHA-256 of what decides its losses, by which a change is noticed; earlier versions noted none. */
  readonly sha256?: string | undefined;
}

/** A learning rate that a run had before. */
export interface FormerRate {
  /** Its peak. */
  readonly peak: number;
  /** Steps that were done when it was left. */
  readonly until: number;
  /** Whether training diverged with it, or another one was asked for. */
  readonly why: "diverged" | "asked";
}

/** A device as a run's config.json notes it. */
export interface RunDevice {
  /** For people: what it is. */
  readonly description: string;
  /** What decides its results. */
  readonly settings: DeviceSettings;
}

/** The checkpoints of a run. */
export function checkpointsIn(path: string): CheckpointStorage {
  return folderStorage(`${path}/checkpoints`);
}

/** Writes the settings of a new run into its folder. */
export async function createRun(path: string, config: RunConfig): Promise<void> {
  await makeFolder(path, { what: "the run" });
  await writeConfig(path, config);
}

async function writeConfig(path: string, config: RunConfig): Promise<void> {
  const noted = { ...config, sha256: await digestOf(config) };
  await writeFile(`${path}/config.json`, JSON.stringify(noted, null, 2) + "\n", { what: "the run's settings" });
}

/** SHA-256 of what decides a run's losses; the device, which does too, is compared with the one that is there. */
async function digestOf({ model, training, text, files, init, keep }: RunConfig): Promise<string> {
  return await sha256(new TextEncoder().encode(JSON.stringify([{ model, training, text, files, init, keep }])));
}

/**
 * Reads what a run was started with.
 *
 * @throws {RangeError} if it is no run, or was changed since.
 */
export async function readRun(path: string, purpose: "resume" | "evaluate" | "show" = "resume"): Promise<RunConfig> {
  const cannot = `Cannot ${purpose} "${path}"`;
  let config: RunConfig;
  try {
    // never a pipe, a device, or more than is believed of such a file
    config = await readJson(fileFolder(path), "config.json") as RunConfig;
  } catch (error) {
    throw new RangeError(`${cannot}: ${(error as Error).message}`);
  }
  if (config === undefined) throw new RangeError(`${cannot}: there is no config.json in it`);
  config = checked(withDevice(config), runFields, `${cannot}: its config.json is not that of a run`);
  if (config.sha256 !== undefined && config.sha256 !== await digestOf(config)) {
    throw new RangeError(
      `${cannot}: its config.json is not what was written${
        purpose === "resume" ? ", so the run would go on as another" : ""
      }; ` +
        'if it was changed on purpose, delete "sha256" in it',
    );
  }
  return { ...config, training: { ...FORMER_SETTINGS, ...config.training } };
}

/** What versions did that did not note it, with which their runs go on: last digits depend on it, and what dropout draws. */
const FORMER_SETTINGS = { lastLayer: "whole" } as const;

/** Earlier versions noted a device's description and its BLAS, each by itself. */
function withDevice(config: unknown): unknown {
  if (typeof (config as RunConfig | null)?.device !== "string") return config;
  const { blas = "off", device: old, ...rest } = config as { blas?: string; device: string };
  const [, threads] = /^CPU, (\d+) thread/.exec(old) ?? [];
  const settings = threads === undefined
    ? { kind: "webgpu", adapter: old }
    : { kind: "cpu", blas, ...(blas === "off" ? {} : { threads: Number(threads) }) };
  return { ...rest, device: { description: old, settings: settings as DeviceSettings } };
}

/** Notes in a run's config.json that it goes on on another device. */
export async function changeDevice(path: string, device: RunDevice, step: number): Promise<void> {
  const config = await readRun(path);
  const devicesBefore = [...config.devicesBefore ?? [], { ...config.device, until: step }];
  await writeConfig(path, { ...config, device, devicesBefore });
}

/** Notes in a run's config.json what it goes on with otherwise; what is undefined stays. */
export async function changeRun(
  path: string,
  changes: Partial<Pick<RunConfig, "keep" | "training" | "ratesBefore">>,
): Promise<void> {
  const config = await readRun(path);
  const changed = { ...config, ...definedOnly(changes) };
  if (JSON.stringify(changed) !== JSON.stringify(config)) await writeConfig(path, changed);
}
