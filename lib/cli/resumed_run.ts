/**
 * A run that goes on.
 *
 * @module
 */

import { progressOf } from "../train/schedule.ts";
import { grouped } from "./figures.ts";
import { checkUnchanged } from "./file_print.ts";
import { type ParsedFlags, UsageError } from "./flags.ts";
import { checkModelPath } from "./model_path.ts";
import { changedRate, type Rates } from "./learning_rates.ts";
import { openRunCorpus } from "./open_pairs.ts";
import { program } from "./program.ts";
import type { Run } from "./run.ts";
import { claimRun, type RunClaim } from "./run_claim.ts";
import { deviceFlags } from "./run_device.ts";
import { checkpointsIn, readRun, type RunConfig } from "./run_folder.ts";
import { soundCheckpoint } from "./sound_checkpoint.ts";
import type { Terminal } from "./terminal.ts";
import { trainFlags as flags } from "./train_flags.ts";

/** Who looks at a run. */
const watched: readonly string[] = ["dashboard", "tensorboard", "profile", "quiet", "json"];

/** Flags that may be given beside --resume. */
const changeable: readonly string[] = ["resume", ...deviceFlags, ...watched, "keep", "lr"];

/** A run that goes on where its latest checkpoint left it. */
export async function resumedRun(parsed: ParsedFlags, path: string, terminal: Terminal): Promise<Run> {
  const other = parsed.given.find((name) => !changeable.includes(name));
  if (other) throw new UsageError(`Option --${other} cannot be changed by --resume: a run goes on as it began`);
  await checkModelPath(path, "resume");
  const runConfig = await readRun(path);
  if (runConfig.text.data.length === 0 && runConfig.text.pairs === undefined) {
    throw new RangeError(`Cannot resume "${path}": its text came from standard input`);
  }
  const claim = claimRun(path);
  try {
    if (claim.notice) terminal.print(`note: ${claim.notice}`);
    return await resumedFrom(runConfig, { parsed, claim, terminal });
  } catch (error) {
    claim.release();
    throw error;
  }
}

async function resumedFrom(
  runConfig: RunConfig,
  { parsed, claim, terminal }: { parsed: ParsedFlags; claim: RunClaim; terminal: Terminal },
): Promise<Run> {
  const { path } = claim;
  const opened = await openRunCorpus(runConfig.text, { seed: runConfig.training.seed });
  try {
    const note = checkUnchanged(runConfig.files, opened.files);
    if (note) terminal.print(`note: ${note}`);
  } catch (error) {
    throw new RangeError(`Cannot resume "${path}": ${(error as Error).message}`);
  }
  const tell = (line: string) => terminal.print(line);
  const { checkpoint, damaged, failure } = await soundCheckpoint(checkpointsIn(path), { tell });
  if (!checkpoint) throw failure ?? new RangeError(nothingToResume(path));
  const { config, tokenizer, state } = checkpoint;
  const rates = ratesFor(runConfig, { asked: parsed.get(flags.lr), step: state.step });
  const settings = { ...runConfig.training, learningRate: rates.learningRate };
  if (progressOf(settings.budget, { ...state, seconds: state.elapsed ?? state.seconds }) >= 1) {
    throw new RangeError(
      `"${path}" is finished: it has trained on ${grouped(state.tokens)} tokens; ` +
        `to train its model longer, begin a run with train --init ${path}`,
    );
  }
  const base = runConfig.init === undefined ? undefined : { name: runConfig.init, opened: undefined, added: [] };
  const run = { opened, tokenizer, base, config, settings, state, path, claim, damaged };
  const keep = parsed.get(flags.keep) ?? runConfig.keep;
  return { ...run, before: runConfig.device, notices: rates.notices, ratesBefore: rates.ratesBefore, keep };
}

/** A run that ended before its first checkpoint, and what there is to do. */
function nothingToResume(path: string): string {
  return `Cannot resume "${path}": it has no checkpoint yet, so there is nothing to go on from; begin it once more, by ` +
    `${program} train with the same options, under another --name or when this folder is removed`;
}

/** The learning rate that a run goes on with, those before it, and what is said of a change. */
function ratesFor(
  { training: { learningRate }, ratesBefore }: RunConfig,
  { asked, step }: { asked: number | undefined; step: number },
): Rates & { notices: readonly string[] } {
  const before = learningRate.peak;
  if (asked === undefined || asked === before) return { learningRate, ratesBefore, notices: [] };
  const changed = changedRate({ learningRate, ratesBefore }, { peak: asked, step, why: "asked" });
  return { ...changed, notices: [`the learning rate is ${asked} from step ${grouped(step)} on; it was ${before}`] };
}
