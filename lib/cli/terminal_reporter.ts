/**
 * A run on the terminal: a progress line, validations, samples, and where the time went.
 *
 * @module
 */

import type { SampleToken } from "../evaluate/evaluator.ts";
import type { SkippedRecord, SpikeRecord, TimeRecord, TrainRecord, ValidationRecord } from "../train/events.ts";
import { progressOf } from "../train/schedule.ts";
import type { TrainingSettings } from "../train/settings.ts";
import { duration, formatSample, grouped, percent, rate } from "./figures.ts";
import type { Reporter } from "./reporter.ts";
import { paint, type Terminal } from "./terminal.ts";

/**
 * Shows what happens.
 *
 * @param before Seconds of a budget by the clock that are behind.
 */
export function terminalReporter(
  terminal: Terminal,
  { settings, before }: { settings: TrainingSettings; before: number },
): Reporter {
  const started = performance.now();
  let skipped = 0;
  return {
    event(event) {
      switch (event.kind) {
        case "train": {
          const elapsed = before + (performance.now() - started) / 1000;
          return terminal.progress(progressLine(event, { settings, elapsed, skipped }));
        }
        case "skipped":
          skipped = event.total;
          // one line for those in a row
          return event.inARow === 1 ? terminal.print(skippedLine(event)) : undefined;
        case "spike":
          return terminal.print(spikeLine(event));
        case "validation":
          return terminal.print(validationLine(event, terminal), { painted: true });
        case "samples":
          for (const sample of event.samples) {
            terminal.print(`  ${formatSample(terminal, fitting(sample, terminal.columns - 3))}`, { painted: true });
          }
          return;
        case "time":
          terminal.clear();
          terminal.print(timeLine(event));
      }
    },
  };
}

function progressLine(
  event: TrainRecord,
  { settings: { budget }, elapsed, skipped }: { settings: TrainingSettings; elapsed: number; skipped: number },
): string {
  const progress = Math.min(1, progressOf(budget, { ...event, seconds: elapsed }));
  const total = "minutes" in budget ? 60 * budget.minutes : elapsed / Math.max(progress, 1e-9);
  return [
    `step ${grouped(event.step)}`,
    percent(progress, 0),
    `loss ${event.loss.toFixed(3)}`,
    `accuracy ${percent(event.accuracy)}`,
    ...pairs(event),
    `rate ${rate(event.learningRate)}`,
    `length ${event.length}`,
    `${grouped(event.tokensPerSecond)} tokens/s`,
    `${duration(Math.max(0, total - elapsed))} left`,
    ...(skipped > 0 ? [`${grouped(skipped)} skipped`] : []),
  ].join("  ");
}

function skippedLine({ step, loss, gradientNorm }: SkippedRecord): string {
  return `note: step ${grouped(step)} is skipped, for its loss is ${figure(loss)} and its gradient norm ` +
    `${figure(gradientNorm)}; the weights stay as they were`;
}

const figure = (value: number) => Number.isFinite(value) ? value.toPrecision(3) : String(value);

function spikeLine({ step, loss, usual, learningRate }: SpikeRecord): string {
  return `note: at step ${grouped(step)} the loss leaps from about ${usual.toFixed(2)} to ${loss.toFixed(2)} ` +
    `(learning rate ${rate(learningRate)})`;
}

function validationLine(event: ValidationRecord, terminal: Terminal): string {
  return [
    paint(terminal, "bold", `step ${grouped(event.step)}`),
    `${grouped(event.tokens)} tokens`,
    duration(event.seconds),
    `validation loss ${event.loss.toFixed(4)}`,
    `accuracy ${percent(event.accuracy)}`,
    `perplexity ${event.perplexity.toFixed(2)}`,
    ...pairs(event),
    ...(event.paddingShare > 0 ? [`padding ${percent(event.paddingShare)}`] : []),
  ].join("  ");
}

/** How well it was told which text follows which. */
function pairs({ nextSentence }: TrainRecord | ValidationRecord): string[] {
  return nextSentence ? [`next sentence ${percent(nextSentence.accuracy)}`] : [];
}

function timeLine({ elapsed, training, validation, saving }: TimeRecord): string {
  const parts = [`${duration(training)} training`, `${duration(validation)} validation`, `${duration(saving)} saving`];
  return `time    ${duration(elapsed)}: ${parts.join(", ")}`;
}

/** As many tokens of a sample as a line holds. */
function fitting(sample: readonly SampleToken[], columns: number): SampleToken[] {
  let left = columns;
  return sample.filter(({ token, predicted = "" }) => (left -= Math.max(token.length, predicted.length)) >= 0);
}
