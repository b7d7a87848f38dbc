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
import { cameFromInput } from "./open_corpus.ts";
import { openRunCorpus } from "./open_pairs.ts";
import { program } from "./program.ts";
import type { Run } from "./run.ts";
import { checkShared } from "../train/rank_steps.ts";
import { inTiles } from "../train/tiles.ts";
import type { TrainingSettings } from "../train/settings.ts";
import type { RunSite } from "./new_run.ts";
import { claimRun, firstClaim, type RunClaim } from "./run_claim.ts";
import { deviceFlags } from "./run_device.ts";
import { checkpointsIn, readRun, type RunConfig } from "./run_folder.ts";
import { shellWord } from "./shell_word.ts";
import { soundCheckpoint } from "./sound_checkpoint.ts";
import { trainFlags as flags } from "./train_flags.ts";

/** Who looks at a run. */
const watched: readonly string[] = ["dashboard", "tensorboard", "profile", "quiet", "json"];

/** Flags that may be given beside --resume. */
const changeable: readonly string[] = ["resume", ...deviceFlags, ...watched, "keep", "lr", "mpi", "rank-timeout"];

/** A run that goes on where its latest checkpoint left it. */
export async function resumedRun(parsed: ParsedFlags, path: string, { terminal, team }: RunSite): Promise<Run> {
  const other = parsed.given.find((name) => !changeable.includes(name));
  if (other) throw new UsageError(`Option --${other} cannot be changed by --resume: a run goes on as it began`);
  await checkModelPath(path, "resume");
  const runConfig = await readRun(path);
  if (cameFromInput(runConfig.text)) {
    throw new RangeError(
      `Cannot resume "${path}": its text came from standard input; ` +
        `to train its model longer, begin a run with train --init ${shellWord(path)}`,
    );
  }
  const claim = await firstClaim(team, () => Promise.resolve().then(() => claimRun(path)));
  try {
    if (claim.notice) terminal.print(`note: ${claim.notice}`);
    return await resumedFrom(runConfig, { parsed, claim, terminal, team });
  } catch (error) {
    claim.release();
    throw error;
  }
}

async function resumedFrom(
  runConfig: RunConfig,
  { parsed, claim, terminal, team }: { parsed: ParsedFlags; claim: RunClaim } & RunSite,
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
  const before = { ...runConfig.training, learningRate: rates.learningRate };
  const settings = team ? tiledAnew(before, { ranks: team.ranks.size, tell }) : before;
  if (progressOf(settings.budget, { ...state, seconds: state.elapsed ?? state.seconds }) >= 1) {
    throw new RangeError(
      `"${path}" is finished: it has trained on ${grouped(state.tokens)} tokens; ` +
        `to train its model longer, begin a run with train --init ${shellWord(path)}`,
    );
  }
  const base = runConfig.init === undefined ? undefined : { name: runConfig.init, opened: undefined, added: [] };
  const run = { opened, tokenizer, base, config, settings, state, path, claim, damaged, team };
  const keep = parsed.get(flags.keep) ?? runConfig.keep;
  return { ...run, before: runConfig.device, notices: rates.notices, ratesBefore: rates.ratesBefore, keep };
}

/** Settings that ranks can share: those that the run has, where it was in tiles already and there are enough. */
function tiledAnew(
  settings: TrainingSettings,
  { ranks, tell }: { ranks: number; tell: (line: string) => void },
): TrainingSettings {
  checkShared(settings);
  if (settings.tiles && settings.accumulate >= ranks) return settings;
  const difference = (settings.syncEvery ?? 1) > 1
    ? "each makes its steps on a smaller share of the tokens, so losses will differ"
    : "losses will differ in their last digits";
  tell(`note: this run's steps were not in tiles for so many ranks so far; ${difference}`);
  return inTiles(settings, { ranks });
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
