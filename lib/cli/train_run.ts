/**
 * A run from beginning to end: a device, a model on it, and what hears of its training; once more where one of them fails.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import type { OpenedDevice } from "../device/open_device.ts";
import { unfinishedRemoved } from "../files/checkpoint_folder.ts";
import type { Model } from "../model/model.ts";
import { parameterCount } from "../model/parameters.ts";
import type { Corpus } from "../text/corpus.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { ValidationRecord } from "../train/events.ts";
import { train } from "../train/trainer.ts";
import { measurePeaks } from "../speed/measure_peaks.ts";
import { bestCheckpoint, checkpointKeeper } from "./checkpoint_keeper.ts";
import { grouped } from "./figures.ts";
import type { ParsedFlags } from "./flags.ts";
import { INTERRUPTED, listenForInterrupts } from "./interrupt.ts";
import { metricsFile, readValidations } from "./metrics_file.ts";
import { skippedLines } from "./open_corpus.ts";
import { type Outcome, watchOutcome } from "./outcome.ts";
import { profileTable } from "./profile_table.ts";
import { program } from "./program.ts";
import { createRecovery, type Failure, resumeCommand } from "./recovery.ts";
import type { Reporter } from "./reporter.ts";
import { enterFolder, modelOf, type Run } from "./run.ts";
import { claimWatch } from "./run_claim.ts";
import { openRunDevice } from "./run_device.ts";
import { checkpointsIn } from "./run_folder.ts";
import { runSummary } from "./run_summary.ts";
import { samplesFile } from "./samples_file.ts";
import type { Terminal } from "./terminal.ts";
import { claimTrace, writeTrace } from "./trace_file.ts";
import { trainFlags as flags } from "./train_flags.ts";
import { terminalReporter } from "./terminal_reporter.ts";
import { withAdvice } from "./text_notices.ts";

/** What a run goes on with. */
interface Site {
  readonly parsed: ParsedFlags;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** Trains to the end, with other devices or lower rates where that helps; returns the exit code. */
export async function trainRun(first: Run, { parsed, terminal }: Omit<Site, "signal">): Promise<number> {
  const recovery = createRecovery((line) => terminal.print(line));
  const { signal, remove } = listenForInterrupts({
    stopping: () => terminal.print("finishing the step and saving; again to stop at once"),
    leaving: () => leaveAtOnce(terminal, first),
  });
  first.claim.begin();
  let [run, failure]: [Run, Failure | undefined] = [first, undefined];
  try {
    while (true) {
      try {
        return await attempt(run, { parsed, terminal, signal, isFirst: run === first, failed: (now) => failure = now });
      } catch (error) {
        terminal.clear();
        const next = failure && !signal.aborted ? await recovery.next(error, failure) : undefined;
        if (!next) {
          const advice = failure && await recovery.advice(error, failure);
          if (advice !== undefined) terminal.print(advice);
          throw withAdvice(error, run.opened.choice);
        }
        terminal.print(`note: ${next.note}`);
        run = next.run;
      }
    }
  } finally {
    remove();
  }
}

/** One go at a run, on a device of its own. */
interface Attempt extends Site {
  readonly isFirst: boolean;
  /** Hears how far it came before it fails, if the run has a folder by then. */
  readonly failed: (failure: Failure) => void;
}

/** Trains until the end; returns the exit code. */
async function attempt(run: Run, site: Attempt): Promise<number> {
  const { parsed, terminal, isFirst, failed } = site;
  const path = parsed.get(flags.trace);
  if (path !== undefined) await claimTrace(path);
  const opened = run.device ??
    await openRunDevice({ ...run, isRecovered: !isFirst }, parsed, (line) => terminal.print(line));
  const { device, reason, notice } = opened;
  const began = performance.now();
  let progress: Progress | undefined;
  try {
    if (isFirst) {
      if (run.state) terminal.print(`resume  ${run.path} at step ${grouped(run.state.step)}`);
      terminal.print(runSummary(run, { reason, notice }));
    }
    return await trainOn(opened, run, { ...site, entered: (now) => progress = now });
  } catch (error) {
    const { description, settings } = device;
    const nothing = isFirst ? undefined : { hasSteps: false, soundUntil: (step: number) => step };
    const known = progress ?? nothing;
    const elapsed = (run.state?.elapsed ?? 0) + (performance.now() - began) / 1000;
    if (known) failed({ run, device: { description, settings }, elapsed, ...known });
    throw error;
  } finally {
    device.destroy();
  }
}

/** How far an attempt came: undefined until the run has a folder. */
type Progress = Pick<Failure, "hasSteps" | "soundUntil">;

async function trainOn(
  { device, trace }: OpenedDevice,
  run: Run,
  { parsed, terminal, signal, isFirst, entered }: Omit<Attempt, "failed"> & { entered: (progress: Progress) => void },
): Promise<number> {
  const { opened: { corpus }, tokenizer, settings, state } = run;
  const model = await newModel(device, run, terminal);
  const shown = terminalReporter(terminal, { settings, before: state?.elapsed ?? 0 });
  let [reporters, outcome]: [readonly Reporter[], Outcome | undefined] = [[], undefined];
  const during = trace && (<T>(name: string, work: () => Promise<T>) => trace.during(name, work));
  try {
    for await (const event of train({ model, corpus, tokenizer, ...settings, resume: state, signal, during })) {
      if (!outcome) {
        // only now: text that turns out too short leaves no folder behind
        if (isFirst) await enterFolder(run, device);
        const validations = await readValidations(run.path);
        outcome = watchOutcome({ vocab: tokenizer.size, validations });
        reporters = keepersOf(run, { device, outcome, validations, shown });
        entered({ hasSteps: true, soundUntil: outcome.soundUntil });
      }
      for (const reporter of reporters) await reporter.event(event);
    }
    terminal.clear();
    for (const line of skippedLines(run.opened.bad)) terminal.print(line);
    const profile = await device.takeProfile();
    trace?.end();
    if (profile && parsed.get(flags.profile)) terminal.print(profileTable(profile, await measurePeaks(device)));
    return outcome ? await ended(run, { signal, outcome, terminal }) : 1;
  } finally {
    for (const reporter of reporters) reporter.close?.();
    const path = parsed.get(flags.trace);
    if (trace && path !== undefined) terminal.print(await writeTrace(path, trace, { device: device.description }));
    model.destroy();
  }
}

/** The model, which takes seconds where it is large. */
async function newModel(device: Device, run: Run, terminal: Terminal): Promise<Model> {
  const { base, config } = run;
  terminal.progress(`${base?.opened ? "reading" : "making"} ${grouped(parameterCount(config))} parameters`);
  const model = await modelOf(run, device);
  terminal.clear();
  return model;
}

/** What hears of a run, in order: what is said of an event is noted first, and judged before it is kept. */
function keepersOf(
  run: Run,
  { device, outcome, validations, shown }: {
    device: Device;
    outcome: Outcome;
    validations: readonly ValidationRecord[];
    shown: Reporter;
  },
): Reporter[] {
  const keeper = checkpointKeeper(run, { device: device.description, validations });
  const guarded: Reporter = {
    // a state of no use must not replace a good one
    event: (event) => event.kind === "checkpoint" && outcome.isLost ? undefined : keeper.event(event),
  };
  return [claimWatch(run.claim), metricsFile(run.path), samplesFile(run.path), shown, outcome, guarded];
}

/** Says what came of a run, and what to do next; returns the exit code. */
async function ended(
  { opened: { corpus }, tokenizer, path }: Run,
  { signal, outcome, terminal }: { signal: AbortSignal; outcome: Outcome; terminal: Terminal },
): Promise<number> {
  if (outcome.skipped > 0) {
    terminal.print(`skipped ${grouped(outcome.skipped)} steps, whose loss or gradient was not finite`);
  }
  if (signal.aborted) {
    const saved = outcome.isLost ? "not saved, for the losses are of no use; the checkpoint before is kept" : "saved";
    terminal.print(`\n${saved}; go on with:\n  ${resumeCommand(path)}`);
    return INTERRUPTED;
  }
  const problem = outcome.problem();
  if (problem !== undefined) {
    terminal.print(`\nnothing was learned: ${problem}; the model in ${path} is of no use`);
    return 1;
  }
  terminal.print(`\nthe model is in ${path}; fill in masked text with:`);
  terminal.print(`  ${program} fill ${path} ${example(corpus, tokenizer)}`);
  await tellBest(path, terminal);
  return 0;
}

/** Says which checkpoint is the best by validation, where that is not the last. */
async function tellBest(path: string, terminal: Terminal): Promise<void> {
  const names = await checkpointsIn(path).list();
  const best = bestCheckpoint(names, await readValidations(path));
  if (!best || best.name === names.at(-1)) return;
  const { loss, step } = best.validation;
  terminal.print(`the best by validation, with loss ${loss.toFixed(4)} at step ${grouped(step)}, is in`);
  terminal.print(`  ${path}/checkpoints/${best.name}`);
}

function example(corpus: Corpus, tokenizer: Tokenizer): string {
  if (tokenizer.type !== "char") return '"the beginning of the [MASK]"';
  return corpus.name === "stories"
    ? '"Ben has a red b[MASK]ll. Where is the ba[MASK]l?"'
    : '"home [MASK]s where i want to be"';
}

/** Takes back what is unfinished, and says how to go on. */
function leaveAtOnce(terminal: Terminal, { path, claim }: Run): void {
  claim.release();
  const names = unfinishedRemoved(`${path}/checkpoints`);
  if (names.length > 0) {
    terminal.print(`go on from the latest checkpoint with:\n  ${resumeCommand(path)}`);
  }
}
