/**
 * The folder of a run: config.json, checkpoints/ and metrics.jsonl.
 *
 * @module
 */

import type { FilePrint } from "./file_print.ts";
import type { FormerRate } from "./learning_rates.ts";
import type { CorpusChoice } from "./open_corpus.ts";
import type { DeviceSettings } from "../device/device.ts";
import type { ModelConfig } from "../model/config.ts";
import { type CheckpointStorage, folderStorage } from "../files/checkpoint_folder.ts";
import { exists } from "../files/paths.ts";
import { makeFolder, writeFile } from "../files/write_files.ts";

import type { TrainingSettings } from "../train/settings.ts";

/** Content of a run's config.json: all that --resume needs. */
export interface RunConfig {
  /** Version of this format. */
  readonly format: 2;
  /** The model. */
  readonly model: ModelConfig;
  /** How it is trained. */
  readonly training: TrainingSettings;
  /** The text; without data it came from standard input and cannot be read again. */
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

/** A free name: the wanted one, or with a number behind it. */
export async function freeName(out: string, wanted: string): Promise<string> {
  for (let i = 1;; i++) {
    const name = i === 1 ? wanted : `${wanted}-${i}`;
    if (!await exists(`${out}/${name}`)) return name;
  }
}

/**
 * Checks that a new run's folder can be made.
 *
 * @throws {RangeError} if it exists.
 */
export async function checkFree(path: string): Promise<void> {
  if (await exists(path)) {
    throw new RangeError(`"${path}" exists already: choose another --name, or go on with --resume ${path}`);
  }
}

/** Makes the folder of a new run. */
export async function createRun(path: string, config: RunConfig): Promise<void> {
  await makeFolder(path, { what: "the run" });
  await writeConfig(path, config);
}

async function writeConfig(path: string, config: RunConfig): Promise<void> {
  await writeFile(`${path}/config.json`, JSON.stringify(config, null, 2) + "\n", { what: "the run's settings" });
}

/**
 * Reads what a run to resume was started with, and the name of its latest checkpoint.
 *
 * @throws {RangeError} if it is no run, or has no checkpoint.
 */
export async function readRun(path: string): Promise<{ config: RunConfig; checkpoint: string }> {
  let config: RunConfig;
  try {
    config = withDevice(JSON.parse(await Deno.readTextFile(`${path}/config.json`)));
  } catch (error) {
    const what = error instanceof Deno.errors.NotFound
      ? "there is no config.json in it"
      : "its config.json cannot be read";
    throw new RangeError(`Cannot resume "${path}": ${what}`);
  }
  const isKnown = config.device?.settings?.kind === "cpu" || config.device?.settings?.kind === "webgpu";
  if (config.format !== 2 || !config.training || !config.model || !config.text || !isKnown) {
    throw new RangeError(`Cannot resume "${path}": its config.json is not that of a run`);
  }
  const checkpoint = (await checkpointsIn(path).list()).at(-1);
  if (!checkpoint) throw new RangeError(`Cannot resume "${path}": it has no checkpoint yet`);
  return { config, checkpoint };
}

/** Earlier versions noted a device's description and its BLAS, each by itself. */
function withDevice(config: RunConfig & { blas?: string }): RunConfig {
  const { blas = "off", ...rest } = config;
  const old: unknown = config.device;
  if (typeof old !== "string") return config;
  const [, threads] = /^CPU, (\d+) thread/.exec(old) ?? [];
  const settings = threads === undefined
    ? { kind: "webgpu", adapter: old }
    : { kind: "cpu", blas, ...(blas === "off" ? {} : { threads: Number(threads) }) };
  return { ...rest, device: { description: old, settings: settings as DeviceSettings } };
}

/** Notes in a run's config.json that it goes on on another device. */
export async function changeDevice(path: string, device: RunDevice, step: number): Promise<void> {
  const { config } = await readRun(path);
  const devicesBefore = [...config.devicesBefore ?? [], { ...config.device, until: step }];
  await writeConfig(path, { ...config, device, devicesBefore });
}
