/**
 * The command `fill`.
 *
 * @module
 */

import { deviceChoices, openDevice } from "../device/open.ts";
import { fill } from "../model/fill.ts";
import { Model } from "../model/model.ts";
import { loadModel, type SavedModel } from "../train/checkpoint.ts";
import { type Flag, flagHelp, parseChoice, parseCount, parseFlags, UsageError } from "./flags.ts";
import { percent } from "./format.ts";
import { findCheckpoints } from "./run_folder.ts";
import { openTerminal, paint } from "./terminal.ts";
import { trainFlags } from "./train_flags.ts";

const topK: Flag<number> = { value: "N", help: "candidates shown for each mask (default: 5)", parse: parseCount };
const device = { value: "KIND", help: "auto, webgpu or cpu (default: auto)", parse: parseChoice(deviceChoices) };
const { threads, blas } = trainFlags;
const groups = {
  Options: {
    "top-k": topK,
    device,
    threads,
    blas: { ...blas, help: "system BLAS for the CPU device: auto, off or a path (default: off)" },
  },
};

/** Help of the command. */
export const fillHelp = `Fills in the [MASK]s of a text with what a trained model finds most probable.

Usage: deno run -A cli.ts fill RUN TEXT [options]

RUN is a run folder, whose latest checkpoint is taken, or a checkpoint folder.

${flagHelp(groups)}

Example:
  deno run -A cli.ts fill runs/modernbert-small-shakespeare "home [MASK]s where i want to be"`;

/** Runs the command; returns the exit code. */
export async function fillCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    console.log(fillHelp);
    return 0;
  }
  const [path, text, ...rest] = parsed.positional;
  if (path === undefined || text === undefined || rest.length > 0) {
    throw new UsageError('Wanted: fill RUN "text with a [MASK]"');
  }
  if (!text.includes("[MASK]")) throw new UsageError(`The text "${text}" has no [MASK] to fill`);
  const saved = await latestModel(path);
  const opened = await openDevice(parsed.get(device), {
    threads: parsed.get(threads),
    blas: parsed.get(groups.Options.blas),
  });
  try {
    const model = new Model(opened.device, saved.config);
    model.writeParameters(saved.parameters);
    const result = await fill({ model, tokenizer: saved.tokenizer }, text, { topK: parsed.get(topK) ?? 5 });
    model.destroy();
    const terminal = openTerminal();
    terminal.print(paint(terminal, "bold", result.filled));
    for (const [i, { candidates }] of result.masks.entries()) {
      const list = candidates.map(({ token, probability }) => `${JSON.stringify(token)} ${percent(probability)}`);
      terminal.print(`  mask ${i + 1}: ${list.join("  ")}`);
    }
    return 0;
  } finally {
    opened.device.destroy();
  }
}

/** The newest checkpoint that can be read; one that cannot is named, never skipped in silence. */
async function latestModel(path: string): Promise<SavedModel> {
  const { storage, names } = await findCheckpoints(path);
  let failure: unknown;
  for (const name of names.reverse()) {
    try {
      const model = await loadModel(storage, name);
      if (failure) console.error(`${(failure as Error).message}; using the checkpoint before, ${name}`);
      return model;
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}
