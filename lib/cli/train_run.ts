/**
 * A run from beginning to end: a device, a model on it, and what hears of its training; once more where one of them fails.
 *
 * @module
 */

import { type Device, DeviceMemoryError } from "../device/device.ts";
import type { OpenedDevice } from "../device/open_device.ts";
import { unfinishedRemoved } from "../files/checkpoint_folder.ts";
import type { Model } from "../model/model.ts";
import { parameterCount } from "../model/parameters.ts";
import type { Corpus } from "../text/corpus.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TrainingState, ValidationRecord } from "../train/events.ts";
import { DivergedError } from "../train/diverged.ts";
import { fewestParts, largestStage } from "../train/micro_batch.ts";
import { stageSize } from "../train/schedule.ts";
import { stageShape } from "../train/step_queue.ts";
import { train } from "../train/trainer.ts";
import { measurePeaks } from "../speed/measure_peaks.ts";
import { bestCheckpoint, type CheckpointKeeper, checkpointKeeper } from "./checkpoint_keeper.ts";
import { counted } from "../sentences/counted.ts";
import { grouped } from "./figures.ts";
import type { ParsedFlags } from "./flags.ts";
import { type Interrupt, INTERRUPTED, listenForInterrupts, slowStepWatch } from "./interrupt.ts";
import { elapsedLine } from "./long_work.ts";
import { type MicroBatch, partsNotice } from "./memory_check.ts";
import type { JsonEvents } from "./json_events.ts";
import { isStep, metricsFile, readValidations } from "./metrics_file.ts";
import { skippedLines } from "./open_corpus.ts";
import { type Outcome, watchOutcome } from "./outcome.ts";
import { profileTable } from "./profile_table.ts";
import { program } from "./program.ts";
import { lookAhead, type Outlook, outlookLines } from "./outlook.ts";
import { type EndNote, endNote } from "./run_end.ts";
import { createRecovery, type Failure } from "./recovery.ts";
import { goingOn } from "./going_on.ts";
import type { Reporter } from "./reporter.ts";
import { agreeOnRun, printOfRun } from "./rank_agreement.ts";
import { sharedCardNote } from "./rank_team.ts";
import { recoveredTogether } from "./rank_recovery.ts";
import { enterFolder, isFirst, modelOf, type Run } from "./run.ts";
import { claimWatch } from "./run_claim.ts";
import { openRunDevice } from "./run_device.ts";
import { nextStep, type RunTotals, runTotals, tellEnding } from "./run_ending.ts";
import { runNotices } from "./run_notices.ts";
import { checkpointsIn } from "./run_folder.ts";
import { runSummary } from "./run_summary.ts";
import { samplesFile } from "./samples_file.ts";
import { shellWord } from "./shell_word.ts";
import type { Terminal } from "./terminal.ts";
import { eventFilesIn, tensorboardFile } from "./tensorboard.ts";
import { claimTrace, writeTrace } from "./trace_file.ts";
import { tuneTeller } from "./tuned_products.ts";
import { terminalReporter } from "./terminal_reporter.ts";
import { trainFlags } from "./train_flags.ts";
import { withAdvice } from "./text_notices.ts";

/** What a run goes on with. */
interface Site {
  readonly parsed: ParsedFlags;
  readonly terminal: Terminal;
  /** What other programs are told, if they are. */
  readonly json?: JsonEvents | undefined;
  readonly signal: AbortSignal;
  /** Hears of steps that take long. */
  readonly slow: Reporter;
  readonly interrupt: Pick<Interrupt, "whileBusy">;
  /** What was found out before the first step. */
  readonly known: { outlook?: Outlook };
}

/** Trains to the end, with other devices or lower rates where that helps; returns the exit code. */
export async function trainRun(
  first: Run,
  { parsed, terminal, json }: Omit<Site, "signal" | "slow" | "interrupt" | "known">,
): Promise<number> {
  const recovery = createRecovery((line) => terminal.print(line));
  const { team } = first;
  let hasStepped = false;
  const interrupt = listenForInterrupts({
    stopping: (signal) => {
      const next = timeLeft(first, signal) ?? "again to stop at once";
      terminal.print(`${hasStepped ? "finishing the step and saving" : "stopping"}; ${next}`);
    },
    leaving: () => leaveAtOnce(terminal, first),
    continued: team?.ending && (() => team.isWhole()),
  });
  const { signal, remove } = interrupt;
  first.claim.begin();
  const end = endNote(first);
  let [run, failure]: [Run, Failure | undefined] = [first, undefined];
  // the run as it begins: with smaller parts of batches once a GPU turned out too small
  let beginning = first;
  const watch = slowStepWatch(interrupt);
  const slow: Reporter = {
    event(event) {
      hasStepped ||= event.kind === "train";
      return watch.event(event);
    },
  };
  const site = { parsed, terminal, json, signal, end, slow, interrupt, known: {} };
  try {
    while (true) {
      try {
        const code = await attempt(run, { ...site, isFirst: run === beginning, failed: (now) => failure = now });
        end.note(code === 0 ? "finished" : code === INTERRUPTED ? "stopped" : "diverged");
        return code;
      } catch (error) {
        terminal.clear();
        const recovered = async () =>
          signal.aborted
            ? undefined
            : failure
            ? await recovery.next(error, failure)
            : inSmallerParts(error, run, parsed.get(trainFlags["micro-batch"]));
        const next = run.team ? await recoveredTogether(error, { run, failure, recovered }) : await recovered();
        if (!next) {
          end.note(error instanceof DivergedError ? "diverged" : "stopped");
          const advice = failure && isFirst(run) ? await recovery.advice(error, failure) : undefined;
          if (advice !== undefined) terminal.print(advice);
          throw withAdvice(error, run.opened.choice);
        }
        terminal.print(`note: ${next.note}`);
        run = next.run;
        if (!failure) beginning = run;
      }
    }
  } finally {
    remove();
  }
}

/** How long a launcher lets its processes go on from a signal on, as it ends them; undefined where that is not known. */
function timeLeft({ team }: Run, signal: Deno.Signal | undefined): string | undefined {
  const pauses = { SIGCONT: 2, SIGTERM: 1 }[signal as string];
  if (!team?.ending || pauses === undefined) return undefined;
  const { pause, option } = team.ending;
  return `mpirun leaves ${counted(pauses * pause, "second")} for that, with ${option} N twice N`;
}

/** A new run that a GPU has no memory for, with batches in more parts: WebGPU tells how much there is only when it is used up. */
function inSmallerParts(error: unknown, run: Run, microBatch: MicroBatch): { run: Run; note: string } | undefined {
  const { settings } = run;
  // of a part of a batch a text would be compared with fewer
  const isWhole = microBatch !== "auto" || settings.contrastive !== undefined;
  if (!(error instanceof DeviceMemoryError) || isWhole || run.state) return undefined;
  const { tokens } = stageSize(settings.curriculum[largestStage(settings)]!, { ...settings, accumulate: 1 });
  const divided = fewestParts(settings, { most: tokens / 2, above: 1 });
  if (!divided) return undefined;
  const notice = partsNotice(settings, divided)!;
  return { run: { ...run, device: undefined, settings: divided.settings }, note: `${error.message}; ${notice}` };
}
const silent: Reporter = { event: () => {} };

/** One go at a run, on a device of its own. */
interface Attempt extends Site {
  readonly end: EndNote;
  readonly isFirst: boolean;
  /** Hears how far it came before it fails, if the run has a folder by then. */
  readonly failed: (failure: Failure) => void;
}

/** Trains until the end; returns the exit code. */
async function attempt(run: Run, site: Attempt): Promise<number> {
  const { parsed, terminal, signal, isFirst: isBeginning, failed } = site;
  const path = parsed.get(trainFlags.trace);
  if (path !== undefined && isFirst(run)) await claimTrace(path);
  const opened = run.device ??
    await openRunDevice({ ...run, isRecovered: !isBeginning }, parsed, tuneTeller(terminal));
  const { device, reason, notice } = opened;
  device.whileBusy = site.interrupt.whileBusy;
  const began = performance.now();
  let progress: Progress | undefined;
  try {
    if (isBeginning && run.team) await agreeOnRun(run.team.ranks, await printOfRun(run, device.settings));
    if (isBeginning && isFirst(run)) {
      if (run.state) terminal.print(`resume  ${run.path} at step ${grouped(run.state.step)}`, { routine: true });
      terminal.print(runSummary(run, { reason, notice, columns: terminal.columns }), { routine: true });
      const shared = run.team && sharedCardNote(run.team.ranks.hosts, device);
      if (shared) terminal.print(shared);
      site.known.outlook = await lookAhead(run, { device, terminal, signal });
      // what was not found out to the end would be wrong
      if (signal.aborted && !run.team) return tellNothingDone(run, terminal);
      terminal.print(`${outlookLines(run, site.known.outlook).join("\n")}\n`, { routine: true });
    }
    return await trainOn(opened, run, { ...site, entered: (now) => progress = now });
  } catch (error) {
    const { description, settings } = device;
    const nothing = isBeginning ? undefined : { hasSteps: false, soundUntil: (step: number) => step };
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
  { parsed, terminal, json, signal, end, slow, known, isFirst: isBeginning, entered }: Omit<Attempt, "failed"> & {
    entered: (progress: Progress) => void;
  },
): Promise<number> {
  const { opened: { corpus }, tokenizer, settings, state } = run;
  const model = await newModel(device, run, terminal);
  const { config } = run;
  const shown = terminalReporter(terminal, { settings, config, tokenizer, from: state, before: state?.elapsed ?? 0 });
  const [told, saved] = [json?.events ?? silent, json?.saved ?? silent];
  json?.started({ path: run.path, step: state?.step ?? 0, learningRate: settings.learningRate.peak });
  const totals = runTotals(state);
  let [reporters, outcome]: [readonly Reporter[], Outcome | undefined] = [[], undefined];
  let [keeper, early]: [Keeper | undefined, TrainingState | undefined] = [undefined, undefined];
  const keep = async (state: TrainingState) => {
    if (keeper) await keeper.save(state);
    else early = state;
  };
  const during = trace && (<T>(name: string, work: () => Promise<T>) => trace.during(name, work));
  try {
    const ranks = run.team?.ranks;
    const options = { model, corpus, tokenizer, ...settings, resume: state, keep, signal, during, ranks };
    for await (const event of train(options)) {
      if (!outcome && event.kind === "phase") {
        for (const reporter of [shown, told]) await reporter.event(event);
        continue;
      }
      // interrupted before a step: what would be saved is what there is already, or nothing
      if (!outcome && signal.aborted && !isStep(event)) break;
      if (!outcome) {
        // only now: text that turns out too short leaves no folder behind
        if (isBeginning) await enterFolder(run, device);
        const validations = isFirst(run) ? await readValidations(run.path) : [];
        outcome = watchOutcome({ ...guessOf(run), validations });
        const notices = runNotices(run, { outlook: known.outlook, validations, terminal });
        const isAsked = parsed.get(trainFlags.tensorboard) ?? false;
        const said = [...isFirst(run) ? await eventsOf(run, isAsked) : [], end, slow, shown, told];
        keeper = guardedKeeper(run, { device, outcome, validations });
        reporters = isFirst(run)
          ? [...keepersOf(run, { keeper, outcome, said, saved }), notices, totals]
          : [slow, outcome];
        entered({ hasSteps: true, soundUntil: outcome.soundUntil });
        // of a run of which nothing is left to do, or whose first step fails, states are kept before there is any event
        if (early) await keeper.save(early);
      }
      for (const reporter of reporters) await reporter.event(event);
    }
    terminal.clear();
    for (const line of skippedLines(run.opened.bad)) terminal.print(line);
    const profile = await device.takeProfile();
    trace?.end();
    if (profile && parsed.get(trainFlags.profile)) {
      terminal.print(profileTable(profile, { peaks: await measurePeaks(device), width: terminal.columns }));
    }
    if (!outcome) return signal.aborted || run.team ? tellNothingDone(run, terminal) : 1;
    if (!isFirst(run)) return signal.aborted ? INTERRUPTED : outcome.problem() === undefined ? 0 : 1;
    return await ended(run, { signal, outcome, totals, terminal });
  } finally {
    for (const reporter of reporters) reporter.close?.();
    const path = parsed.get(trainFlags.trace);
    if (trace && path !== undefined && isFirst(run)) {
      terminal.print(await writeTrace(path, trace, { device: device.description }));
    }
    model.destroy();
  }
}

/** Among how many who knows nothing guesses, and what they are. */
function guessOf({ settings, tokenizer }: Run): { vocab: number; choices: "tokens" | "texts" } {
  const { contrastive, curriculum } = settings;
  if (!contrastive) return { vocab: tokenizer.size, choices: "tokens" };
  return { vocab: stageShape(settings, curriculum.length - 1).capacity, choices: "texts" };
}

/** The model, which takes seconds where it is large. */
async function newModel(device: Device, run: Run, terminal: Terminal): Promise<Model> {
  const { base, config } = run;
  terminal.progress(
    elapsedLine(`${base?.opened ? "reading" : "making"} ${grouped(parameterCount(config))} parameters`),
  );
  const model = await modelOf(run, device);
  terminal.clear();
  return model;
}

/** What hears of a run, in order: what is said of an event is noted first, and judged before it is kept. */
function keepersOf(
  run: Run,
  { keeper, outcome, said, saved }: {
    keeper: Keeper;
    outcome: Outcome;
    said: readonly Reporter[];
    saved: Reporter;
  },
): Reporter[] {
  const told: Reporter = {
    event: async (event) => {
      if (event.kind === "checkpoint" && keeper.kept.has(event.state.step)) await saved.event(event);
    },
  };
  return [claimWatch(run.claim), metricsFile(run.path), samplesFile(run.path), ...said, outcome, keeper, told];
}

/** Keeps checkpoints, and knows of which steps. */
interface Keeper extends CheckpointKeeper {
  readonly kept: ReadonlySet<number>;
}

/** Keeps states that are of use: others must not replace a good one. */
function guardedKeeper(
  run: Run,
  { device, outcome, validations }: {
    device: Device;
    outcome: Outcome;
    validations: readonly ValidationRecord[];
  },
): Keeper {
  const keeper = checkpointKeeper(run, { device: device.description, validations });
  const kept = new Set<number>();
  return {
    ...keeper,
    kept,
    async save(state) {
      if (outcome.isLost) return;
      run.claim.check();
      await keeper.save(state);
      kept.add(state.step);
    },
  };
}

/** What writes event files of TensorBoard, where that is asked for or the run has some. */
async function eventsOf({ path, state }: Run, isAsked: boolean): Promise<Reporter[]> {
  if (!isAsked && (await eventFilesIn(path)).length === 0) return [];
  return [await tensorboardFile(path, { step: state?.step ?? 0 })];
}

/** Says what came of a run, and what to do next; returns the exit code. */
async function ended(
  run: Run,
  { signal, outcome, totals, terminal }: {
    signal: AbortSignal;
    outcome: Outcome;
    totals: RunTotals;
    terminal: Terminal;
  },
): Promise<number> {
  const { opened: { corpus }, tokenizer, path } = run;
  if (outcome.skipped > 0) {
    terminal.print(`skipped ${grouped(outcome.skipped)} steps, whose loss or gradient was not finite`);
  }
  if (outcome.overflowed > 0) {
    const steps = counted(outcome.overflowed, "step");
    terminal.print(`f16: ${steps} changed no weight while the loss scale was found, as is usual`, { routine: true });
  }
  await tellEnding(run, { totals, terminal, isInterrupted: signal.aborted });
  if (signal.aborted) {
    const saved = outcome.isLost ? "not saved, for the losses are of no use; the checkpoint before is kept" : "saved";
    terminal.print(`\n${saved}; ${goingOn(run)}`);
    return INTERRUPTED;
  }
  const problem = outcome.problem();
  if (problem !== undefined) {
    terminal.print(`\nnothing was learned: ${problem}; the model in ${path} is of no use`);
    return 1;
  }
  if (run.settings.contrastive) {
    terminal.print(`\nthe model is in ${path}; search your documents with:`);
    terminal.print(`  ${program} index FOLDER --model ${shellWord(path)} --out index`);
    terminal.print(`  ${program} search "words" --index index`);
  } else {
    terminal.print(`\nthe model is in ${path}; fill in masked text with:`);
    terminal.print(`  ${program} fill ${shellWord(path)} ${example(corpus, tokenizer)}`);
  }
  await tellBest(path, terminal);
  const next = nextStep(await readValidations(path), run.settings.budget);
  if (next !== undefined) terminal.print(next);
  return 0;
}

/** Says that a run was interrupted before its first step here; returns the exit code. */
function tellNothingDone(run: Run, terminal: Terminal): number {
  terminal.clear();
  const rest = run.state ? `there is nothing new to save; ${goingOn(run)}` : "nothing is saved";
  terminal.print(`stopped before the first step: ${rest}`);
  return INTERRUPTED;
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
function leaveAtOnce(terminal: Terminal, run: Run): void {
  if (!isFirst(run)) return;
  const { path, claim } = run;
  terminal.clear();
  claim.release();
  const names = unfinishedRemoved(`${path}/checkpoints`);
  if (names.length > 0) {
    terminal.print(goingOn(run, { from: " from the latest checkpoint" }));
  }
}
