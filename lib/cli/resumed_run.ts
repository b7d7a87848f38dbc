/**
 * A run that goes on.
 *
 * @module
 */

import { loadCheckpoint } from "../train/checkpoint.ts";
import { progressOf } from "../train/schedule.ts";
import { grouped } from "./figures.ts";
import { checkUnchanged } from "./file_print.ts";
import { type ParsedFlags, UsageError } from "./flags.ts";
import { checkModelPath } from "./model_path.ts";
import { changedRate } from "./learning_rates.ts";
import { openCorpus } from "./open_corpus.ts";
import type { Run } from "./run.ts";
import { deviceFlags } from "./run_device.ts";
import { checkpointsIn, readRun } from "./run_folder.ts";
import type { Terminal } from "./terminal.ts";
import { trainFlags as flags } from "./train_flags.ts";

/** Flags that may be given beside --resume. */
const changeable: readonly string[] = ["resume", ...deviceFlags, "profile", "lr"];

/** A run that goes on where its latest checkpoint left it. */
export async function resumedRun(parsed: ParsedFlags, path: string, terminal: Terminal): Promise<Run> {
  const other = parsed.given.find((name) => !changeable.includes(name));
  if (other) throw new UsageError(`Option --${other} cannot be changed by --resume: a run goes on as it began`);
  await checkModelPath(path, "resume");
  const { config: runConfig, checkpoint } = await readRun(path);
  if (runConfig.text.data.length === 0) {
    throw new RangeError(`Cannot resume "${path}": its text came from standard input`);
  }
  const opened = await openCorpus(runConfig.text, { seed: runConfig.training.seed });
  try {
    const note = checkUnchanged(runConfig.files, opened.files);
    if (note) terminal.print(`note: ${note}`);
  } catch (error) {
    throw new RangeError(`Cannot resume "${path}": ${(error as Error).message}`);
  }
  const { config, tokenizer, state } = await loadCheckpoint(checkpointsIn(path), checkpoint);
  const { step } = state;
  const peak = parsed.get(flags.lr) ?? runConfig.training.learningRate.peak;
  const { training: { learningRate: before }, ratesBefore } = runConfig;
  const rates = peak === before.peak
    ? { learningRate: before, ratesBefore }
    : changedRate({ learningRate: before, ratesBefore }, { peak, step, why: "asked" });
  const settings = { ...runConfig.training, learningRate: rates.learningRate };
  if (progressOf(settings.budget, { ...state, seconds: state.elapsed ?? state.seconds }) >= 1) {
    throw new RangeError(
      `"${path}" is finished: it has trained on ${grouped(state.tokens)} tokens; ` +
        `to train its model longer, begin a run with train --init ${path}`,
    );
  }
  const base = runConfig.init === undefined ? undefined : { name: runConfig.init, opened: undefined, added: [] };
  const notices = peak === before.peak
    ? []
    : [`the learning rate is ${peak} from step ${grouped(step)} on; it was ${before.peak}`];
  const run = { opened, before: runConfig.device, tokenizer, base, config, settings, notices, state, path };
  return { ...run, ratesBefore: rates.ratesBefore };
}
