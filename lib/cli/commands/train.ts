/**
 * The command `train`.
 *
 * @module
 */

import type { Device } from "../../device/device.ts";
import { parameterCount } from "../../model/parameters.ts";
import type { Corpus } from "../../text/corpus.ts";
import { type Tokenizer, tokenizerNames } from "../../tokenizer/tokenizer.ts";
import { type RunOrigin, saveCheckpoint } from "../../train/checkpoint.ts";
import type { SampleToken } from "../../evaluate/evaluator.ts";
import { modelCard } from "../../train/model_card.ts";
import { describeBudget, planStages, progressOf } from "../../train/schedule.ts";
import { plannedEvaluateTokens, type TrainingSettings } from "../../train/settings.ts";
import type { TimeRecord, TrainingState, TrainRecord, ValidationRecord } from "../../train/events.ts";
import { train } from "../../train/trainer.ts";
import { skippedLines } from "../open_corpus.ts";
import { flagHelp, parseFlags, UsageError } from "../flags.ts";
import { duration, formatSample, grouped, percent, rate } from "../figures.ts";
import { unfinishedRemoved } from "../../files/checkpoint_folder.ts";
import { baseName } from "../../files/paths.ts";
import { profileTable } from "../profile_table.ts";
import { program } from "../program.ts";
import { openRunDevice } from "../run_device.ts";
import type { RunFolder } from "../run_folder.ts";
import { openTerminal, paint, table, type Terminal } from "../terminal.ts";
import { withAdvice } from "../text_notices.ts";
import { trainFlagGroups, trainFlags as flags } from "../train_flags.ts";
import { modelOf, newRun, resumedRun, type Run } from "../train_run.ts";

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
      return await trainOn(device, run, { terminal, reason, notice });
    } finally {
      device.destroy();
    }
  } finally {
    await run.base?.opened?.weights.close();
    await run.opened.close();
  }
}

async function trainOn(
  device: Device,
  run: Run,
  { terminal, reason, notice }: { terminal: Terminal; reason: string; notice: string | undefined },
): Promise<number> {
  const { opened: { corpus }, tokenizer, config, settings, state } = run;
  if (state) terminal.print(`resume  ${run.path} at step ${grouped(state.step)}`);
  printPlan(terminal, run, { reason, notice });
  // takes seconds for large models
  terminal.progress(`${run.base?.opened ? "reading" : "making"} ${grouped(parameterCount(config))} parameters`);
  const model = await modelOf(run, device);
  terminal.clear();
  const interrupt = interruptible(terminal, () => leaveAtOnce(terminal, run.path));
  let folder: RunFolder | undefined;
  const curve: ValidationRecord[] = [];
  const started = performance.now();
  const elapsed = () => (state?.elapsed ?? 0) + (performance.now() - started) / 1000;
  let loss = NaN;
  let hasLearned = false;
  let time: TimeRecord | undefined;
  try {
    const { signal } = interrupt;
    for await (const event of train({ model, corpus, tokenizer, ...settings, resume: state, signal })) {
      // only now: text that turns out too short leaves no folder behind
      if (!folder) {
        folder = await run.folder(device);
        curve.push(...await folder.validations());
      }
      switch (event.kind) {
        case "train":
          loss = event.loss;
          hasLearned ||= loss > 0;
          folder.log(event);
          terminal.progress(progressLine(event, settings, elapsed()));
          break;
        case "validation":
          loss = event.loss;
          folder.log(event);
          curve.push(event);
          terminal.print(
            `${paint(terminal, "bold", `step ${grouped(event.step)}`)}  ${grouped(event.tokens)} tokens  ` +
              `${duration(event.seconds)}  validation loss ${event.loss.toFixed(4)}  accuracy ${
                percent(event.accuracy)
              }  ` +
              `perplexity ${event.perplexity.toFixed(2)}` +
              (event.paddingShare > 0 ? `  padding ${percent(event.paddingShare)}` : ""),
          );
          break;
        case "samples":
          for (const sample of event.samples) {
            terminal.print(`  ${formatSample(terminal, fitting(sample, terminal.columns - 3))}`);
          }
          break;
        case "time":
          time = event;
          break;
        case "checkpoint":
          await saveCheckpoint(folder.checkpoints, {
            config,
            tokenizer,
            state: event.state,
            origin: originOf(run, { device, curve, state: event.state }),
          });
      }
    }
    terminal.clear();
    if (time) {
      const { elapsed, training, validation, saving } = time;
      terminal.print(
        `time    ${duration(elapsed)}: ${duration(training)} training, ${duration(validation)} validation, ` +
          `${duration(saving)} saving`,
      );
    }
    for (const line of skippedLines(run.opened.bad)) terminal.print(line);
    const profile = await device.takeProfile();
    if (profile) terminal.print(profileTable(profile));
    if (!folder) return 1;
    if (!signal.aborted && (!hasLearned || loss === 0 || !Number.isFinite(loss))) {
      const why = hasLearned ? `the loss is ${loss}` : "the loss of every step is 0, for nothing was masked";
      terminal.print(`\nnothing was learned: ${why}; the model in ${folder.path} is of no use`);
      return 1;
    }
    if (signal.aborted) {
      terminal.print(`\nsaved; go on with:\n  ${program} train --resume ${folder.path}`);
      return 130;
    }
    terminal.print(`\nthe model is in ${folder.path}; fill in masked text with:`);
    terminal.print(`  ${program} fill ${folder.path} ${example(corpus, tokenizer)}`);
    return 0;
  } catch (error) {
    terminal.clear();
    if (folder && (await folder.checkpoints.list()).length > 0) {
      terminal.print(
        `the latest checkpoint is intact; go on from it with:\n  ${program} train --resume ${folder.path}`,
      );
    }
    throw withAdvice(error, run.opened);
  } finally {
    interrupt.remove();
    folder?.close();
    model.destroy();
  }
}

/** What a checkpoint tells of its run. */
function originOf(
  { opened: { corpus }, config, tokenizer, settings, base, path }: Run,
  { device, curve, state }: { device: Device; curve: readonly ValidationRecord[]; state: TrainingState },
): RunOrigin {
  const about = { corpus: `${corpus.name}, ${corpus.description}`, device: device.description, base: base?.name };
  const name = baseName(path);
  return { ...about, card: modelCard({ name, config, tokenizer, settings, ...about, curve, state }) };
}

function example(corpus: Corpus, tokenizer: Tokenizer): string {
  if (tokenizer.type !== "char") return '"the beginning of the [MASK]"';
  return corpus.name === "stories"
    ? '"Ben has a red b[MASK]ll. Where is the ba[MASK]l?"'
    : '"home [MASK]s where i want to be"';
}

function printPlan(
  terminal: Terminal,
  { opened: { corpus }, tokenizer, config, settings, base, notices }: Run,
  { reason, notice }: { reason: string; notice: string | undefined },
): void {
  const { preset, layers, width, heads, hidden, vocab } = config;
  terminal.print(`device  ${reason}`);
  if (notice) terminal.print(`        note: ${notice}`);
  terminal.print(
    `corpus  ${corpus.name}, ${corpus.description}; ${grouped(tokenizer.size)} different tokens (${
      tokenizerNames[tokenizer.type]
    })`,
  );
  terminal.print(
    `model   ${preset}: ${layers} layers × ${width}, ${heads} heads, hidden ${hidden}, vocabulary ${vocab}: ` +
      `${grouped(parameterCount(config))} parameters` + (base === undefined ? "" : `, from ${base.name}`),
  );
  const { learningRate: { peak, schedule, warmup }, maskRule, budget } = settings;
  const rise = "share" in warmup ? percent(warmup.share, 0) : `${warmup.steps} steps`;
  terminal.print(
    `plan    ${describeBudget(budget)}; learning rate ${
      peak.toPrecision(3)
    } ${schedule}, warm-up ${rise}; masking rule ${maskRule}`,
  );
  const tokens = plannedEvaluateTokens(settings);
  const [often, saved] = [settings.evaluateEvery, settings.saveEvery].map((every) =>
    "share" in every ? percent(every.share, 0) : `${grouped(every.steps)} steps`
  );
  terminal.print(
    `checks  validation every ${often} on at most ${
      tokens === undefined ? "a tenth of the time" : `${grouped(tokens)} tokens`
    }, checkpoints every ${saved}${"minutes" in budget ? "; both count as part of the time" : ""}`,
  );
  const stages = planStages(settings);
  const rows = stages.map((stage, i) => [
    String(i + 1),
    String(stage.length),
    percent(stage.share, 0),
    stage.steps === undefined ? "by the clock" : grouped(stage.steps),
    String(stage.windows),
    grouped(stage.tokens),
    stage.maskRate.map((share) => percent(share, 0)).join(" → "),
  ]);
  terminal.print(table([["stage", "length", "share", "steps", "windows", "tokens a step", "mask rate"], ...rows]));
  const skipped = stages.flatMap(({ steps }, i) => steps === 0 ? [i + 1] : []);
  const short = skipped.length > 0
    ? [`the budget ends before stage ${skipped.join(" and ")} gets a step: --curriculum none has only one stage`]
    : [];
  for (const text of [...short, ...notices]) terminal.print(`note: ${text}`);
  terminal.print("");
}

function progressLine(event: TrainRecord, { budget }: TrainingSettings, elapsed: number): string {
  const progress = Math.min(1, progressOf(budget, { ...event, seconds: elapsed }));
  const total = "minutes" in budget ? 60 * budget.minutes : elapsed / Math.max(progress, 1e-9);
  return [
    `step ${grouped(event.step)}`,
    percent(progress, 0),
    `loss ${event.loss.toFixed(3)}`,
    `accuracy ${percent(event.accuracy)}`,
    `rate ${rate(event.learningRate)}`,
    `length ${event.length}`,
    `${grouped(event.tokensPerSecond)} tokens/s`,
    `${duration(Math.max(0, total - elapsed))} left`,
  ].join("  ");
}

/** As many tokens of a sample as a line holds. */
function fitting(sample: readonly SampleToken[], columns: number): SampleToken[] {
  let left = columns;
  return sample.filter(({ token, predicted = "" }) => (left -= Math.max(token.length, predicted.length)) >= 0);
}

/** Takes back what is unfinished, and says how to go on. */
function leaveAtOnce(terminal: Terminal, path: string): void {
  const names = unfinishedRemoved(`${path}/checkpoints`);
  if (names.length > 0) {
    terminal.print(`go on from the latest checkpoint with:\n  ${program} train --resume ${path}`);
  }
}

/** Ctrl-C once: stop after the step under way. Twice: stop at once, after `leave`. */
function interruptible(terminal: Terminal, leave: () => void): { signal: AbortSignal; remove(): void } {
  const controller = new AbortController();
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  const stop = () => {
    if (controller.signal.aborted) {
      leave();
      Deno.exit(130);
    }
    controller.abort();
    terminal.print("finishing the step and saving; again to stop at once");
  };
  for (const name of signals) Deno.addSignalListener(name, stop);
  return {
    signal: controller.signal,
    remove: () => {
      for (const name of signals) Deno.removeSignalListener(name, stop);
    },
  };
}
