/**
 * The command `train`.
 *
 * @module
 */

import type { Device } from "../../device/device.ts";
import { parameterCount } from "../../model/parameters.ts";
import type { Corpus } from "../../text/corpus.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { train } from "../../train/trainer.ts";
import { unfinishedRemoved } from "../../files/checkpoint_folder.ts";
import { checkpointKeeper } from "../checkpoint_keeper.ts";
import { grouped } from "../figures.ts";
import { flagHelp, parseFlags, UsageError } from "../flags.ts";
import { INTERRUPTED, listenForInterrupts } from "../interrupt.ts";
import { metricsFile, readValidations } from "../metrics_file.ts";
import { newRun } from "../new_run.ts";
import { skippedLines } from "../open_corpus.ts";
import { type Outcome, watchOutcome } from "../outcome.ts";
import { profileTable } from "../profile_table.ts";
import { program } from "../program.ts";
import type { Reporter } from "../reporter.ts";
import { resumedRun } from "../resumed_run.ts";
import { enterFolder, modelOf, type Run } from "../run.ts";
import { openRunDevice } from "../run_device.ts";
import { checkpointsIn } from "../run_folder.ts";
import { runSummary } from "../run_summary.ts";
import { openTerminal, type Terminal } from "../terminal.ts";
import { terminalReporter } from "../terminal_reporter.ts";
import { withAdvice } from "../text_notices.ts";
import { trainFlagGroups, trainFlags as flags } from "../train_flags.ts";

/** Help of the command. */
export const trainHelp = `Trains a masked language model and keeps it in a run folder.

Usage: ${program} train [options]

${flagHelp(trainFlagGroups)}

Examples:
  ${program} train
  ${program} train --data book.txt --size tiny --tokens 300k
  ${program} train --data 'corpus/*.txt' --curriculum 32:20%,64:20%,128 --minutes 10
  ${program} train --preset labml --epochs 10
  ${program} train --init bert-base-uncased --data law.txt --add-tokens law_words.txt
  ${program} train --resume runs/modernbert-small-shakespeare`;

/** Runs the command; returns the exit code. */
export async function trainCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(trainFlagGroups, args);
  if (parsed.help) {
    console.log(trainHelp);
    return 0;
  }
  if (parsed.positional.length > 0) {
    throw new UsageError(`Unexpected argument "${parsed.positional[0]}"; text to train on is given by --data`);
  }
  const terminal = openTerminal();
  const resumed = parsed.get(flags.resume);
  const run = resumed === undefined ? await newRun(parsed, terminal) : await resumedRun(parsed, resumed, terminal);
  try {
    const { device, reason, notice } = await openRunDevice(run, parsed);
    try {
      if (run.state) terminal.print(`resume  ${run.path} at step ${grouped(run.state.step)}`);
      terminal.print(runSummary(run, { reason, notice }));
      return await trainOn(device, run, terminal);
    } finally {
      device.destroy();
    }
  } finally {
    await run.base?.opened?.weights.close();
    await run.opened.close();
  }
}

async function trainOn(device: Device, run: Run, terminal: Terminal): Promise<number> {
  const { opened: { corpus }, tokenizer, config, settings, state } = run;
  // takes seconds for large models
  terminal.progress(`${run.base?.opened ? "reading" : "making"} ${grouped(parameterCount(config))} parameters`);
  const model = await modelOf(run, device);
  terminal.clear();
  const { signal, remove } = listenForInterrupts({
    stopping: () => terminal.print("finishing the step and saving; again to stop at once"),
    leaving: () => leaveAtOnce(terminal, run.path),
  });
  const shown = terminalReporter(terminal, { settings, before: state?.elapsed ?? 0 });
  const outcome = watchOutcome();
  let reporters: readonly Reporter[] | undefined;
  try {
    for await (const event of train({ model, corpus, tokenizer, ...settings, resume: state, signal })) {
      // only now: text that turns out too short leaves no folder behind
      reporters ??= [...await keepersOf(run, device), shown, outcome];
      for (const reporter of reporters) await reporter.event(event);
    }
    terminal.clear();
    for (const line of skippedLines(run.opened.bad)) terminal.print(line);
    const profile = await device.takeProfile();
    if (profile) terminal.print(profileTable(profile));
    return reporters ? ended(run, { signal, outcome, terminal }) : 1;
  } catch (error) {
    terminal.clear();
    if (reporters && (await checkpointsIn(run.path).list()).length > 0) {
      terminal.print(`the latest checkpoint is intact; go on from it with:\n  ${resumeCommand(run.path)}`);
    }
    throw withAdvice(error, run.opened.choice);
  } finally {
    remove();
    for (const reporter of reporters ?? []) reporter.close?.();
    model.destroy();
  }
}

/** What keeps a run in its folder, which is made or entered for it. */
async function keepersOf(run: Run, device: Device): Promise<Reporter[]> {
  await enterFolder(run, device);
  const metrics = metricsFile(run.path);
  const validations = await readValidations(run.path);
  return [metrics, checkpointKeeper(run, { device: device.description, validations })];
}

/** Says what came of a run, and what to do next; returns the exit code. */
function ended(
  { opened: { corpus }, tokenizer, path }: Run,
  { signal, outcome, terminal }: { signal: AbortSignal; outcome: Outcome; terminal: Terminal },
): number {
  if (signal.aborted) {
    terminal.print(`\nsaved; go on with:\n  ${resumeCommand(path)}`);
    return INTERRUPTED;
  }
  const problem = outcome.problem();
  if (problem !== undefined) {
    terminal.print(`\nnothing was learned: ${problem}; the model in ${path} is of no use`);
    return 1;
  }
  terminal.print(`\nthe model is in ${path}; fill in masked text with:`);
  terminal.print(`  ${program} fill ${path} ${example(corpus, tokenizer)}`);
  return 0;
}

const resumeCommand = (path: string) => `${program} train --resume ${path}`;

function example(corpus: Corpus, tokenizer: Tokenizer): string {
  if (tokenizer.type !== "char") return '"the beginning of the [MASK]"';
  return corpus.name === "stories"
    ? '"Ben has a red b[MASK]ll. Where is the ba[MASK]l?"'
    : '"home [MASK]s where i want to be"';
}

/** Takes back what is unfinished, and says how to go on. */
function leaveAtOnce(terminal: Terminal, path: string): void {
  const names = unfinishedRemoved(`${path}/checkpoints`);
  if (names.length > 0) {
    terminal.print(`go on from the latest checkpoint with:\n  ${resumeCommand(path)}`);
  }
}
