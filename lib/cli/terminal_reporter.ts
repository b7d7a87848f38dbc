/**
 * A run on the terminal: how it is doing now, validations, samples, and where the time went.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type {
  Phase,
  SkippedRecord,
  SpikeRecord,
  TimeRecord,
  TrainEvent,
  TrainRecord,
  ValidationRecord,
} from "../train/events.ts";
import { planStages, progressOf } from "../train/schedule.ts";
import type { TrainingSettings } from "../train/settings.ts";
import { duration, grouped, percent, rate } from "./figures.ts";
import { emptyCurve } from "./progress_bar.ts";
import type { Reporter } from "./reporter.ts";
import { recentSpeed } from "./recent_speed.ts";
import { type RunStatus, statusLine, statusLines } from "./run_status.ts";
import { sampleLines } from "./sample_text.ts";
import { tokenFlop } from "../train/step_cost.ts";
import { type LiveLines, paint, type Terminal } from "./terminal.ts";
import { textWidth } from "./text_width.ts";
import { timeLeft } from "./time_left.ts";

/** Options of {@linkcode terminalReporter}. */
export interface TerminalReporterOptions {
  /** How the run trains. */
  readonly settings: TrainingSettings;
  /** Its model. */
  readonly config: ModelConfig;
  /** Its vocabulary, by which the pieces of samples are joined. Default: they are joined as they are. */
  readonly tokenizer?: Pick<Tokenizer, "decode"> | undefined;
  /** Steps and tokens that are behind, where the run is resumed. */
  readonly from?: { readonly step: number; readonly tokens: number } | undefined;
  /** Seconds of a budget by the clock that are behind. */
  readonly before: number;
  /** Floating-point operations a second that its device was measured to do at most, where that is known. */
  readonly peak?: number | undefined;
  /** The second of the wall that it is. */
  readonly clock?: () => number;
}

/** Shows what happens. */
export function terminalReporter(terminal: Terminal, options: TerminalReporterOptions): Reporter {
  const watch = statusWatch(options);
  const painter = (style: Parameters<typeof paint>[1], text: string) => paint(terminal, style, text);
  const live: LiveLines = {
    lines: (room) => statusLines(watch.status(), { room, paint: painter }),
    line: () => statusLine(watch.status()),
  };
  let hasSamples = false;
  const routine = (text: string) => terminal.print(text, { painted: true, routine: true });
  return {
    event(event) {
      watch.event(event);
      switch (event.kind) {
        case "phase":
        case "train":
          return terminal.progress(live);
        case "skipped":
          // one line for those in a row
          return event.inARow === 1 ? terminal.print(skippedLine(event)) : undefined;
        case "spike":
          return terminal.print(spikeLine(event));
        case "validation":
          return routine(validationLine(event, terminal, options.settings));
        case "samples":
          if (!hasSamples) {
            routine("samples, with [what was predicted right] and [what stands there → what was predicted]:");
          }
          hasSamples = true;
          for (const sample of event.samples) {
            routine(sampleLines(sample, { terminal, tokenizer: options.tokenizer }).join("\n"));
          }
          return;
        case "time":
          terminal.clear();
          terminal.print(timeLine(event));
      }
    },
  };
}

/** Seconds after which half of the speed that is shown is forgotten. */
const SPEED_HALF_LIFE = 5;

/** Share of a loss that is forgotten with every step. */
const FORGOTTEN = 0.02;

/** Follows a run, and says how it is doing now. */
function statusWatch(
  { settings, config, from, before, peak, clock = () => performance.now() / 1000 }: TerminalReporterOptions,
): { event(event: TrainEvent): void; status(): RunStatus } {
  const { budget, curriculum: stages } = settings;
  const time = timeLeft({ settings, config, before, started: clock() });
  const planned = planStages(settings).map(({ steps }) => steps);
  const steps = planned.some((steps) => steps === undefined)
    ? undefined
    : planned.reduce<number>((sum, steps) => sum + steps!, 0);
  const curve = emptyCurve();
  const [loss, accuracy] = [smoothed(), smoothed()];
  const speed = recentSpeed({ halfLife: SPEED_HALF_LIFE });
  let record: TrainRecord | undefined;
  let [phase, share, skipped]: [Phase, number | undefined, number] = ["preparing", undefined, 0];
  return {
    event(event) {
      time.event(event, clock());
      if (event.kind === "phase") ({ phase, share } = event);
      if (event.kind === "skipped") skipped = event.total;
      if (event.kind !== "train") return;
      [record, phase, share] = [event, "training", undefined];
      speed.add(event);
      loss.add(event.loss);
      accuracy.add(event.accuracy);
      curve.add(event.loss);
    },
    status() {
      const elapsed = time.elapsed(clock());
      const at = record ?? from ?? { step: 0, tokens: 0 };
      const tokensPerSecond = speed.perSecond() ?? 0;
      const flop = record && tokensPerSecond * tokenFlop(config, record);
      return {
        left: time.left(clock()),
        elapsed,
        progress: Math.min(1, progressOf(budget, { ...at, seconds: elapsed })),
        ...{ phase, share, stages, steps, record, tokensPerSecond, skipped },
        loss: loss.value(),
        accuracy: accuracy.value(),
        curve: (most) => curve.points(most),
        peakShare: peak === undefined || flop === undefined ? undefined : flop / peak,
      };
    },
  };
}

/** A mean in which the latest values count most. */
function smoothed() {
  let [sum, weight] = [0, 0];
  return {
    add(value: number) {
      [sum, weight] = [(1 - FORGOTTEN) * sum + value, (1 - FORGOTTEN) * weight + 1];
    },
    value: () => sum / weight,
  };
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

/** Columns below which perplexity, which follows from the loss, is not told. */
const WIDE = 100;

/** A validation in one line, if need be without what is needed least. */
function validationLine(
  event: ValidationRecord,
  terminal: Terminal,
  { contrastive }: Pick<TrainingSettings, "contrastive">,
): string {
  const { nextSentence } = event;
  const fields: (readonly [text: string, need: number] | undefined)[] = [
    [paint(terminal, "bold", `step ${grouped(event.step)}`), 9],
    [`${grouped(event.tokens)} tokens`, 4],
    [duration(event.seconds), 3],
    [`validation loss ${event.loss.toFixed(4)}`, 9],
    [`accuracy ${percent(event.accuracy)}`, 6],
    // of texts that are told from one another it means nothing
    terminal.columns < WIDE || contrastive ? undefined : [`perplexity ${event.perplexity.toFixed(2)}`, 2],
    // how well it was told which text follows which
    nextSentence && [`next sentence ${percent(nextSentence.accuracy)}`, 5],
    event.paddingShare > 0 ? [`padding ${percent(event.paddingShare)}`, 1] : undefined,
  ];
  let kept = fields.filter((field) => field !== undefined);
  const line = () => kept.map(([text]) => text).join("  ");
  for (let need = 1; need < 9 && textWidth(line()) > terminal.columns; need++) {
    kept = kept.filter((field) => field[1] !== need);
  }
  return line();
}

function timeLine({ elapsed, training, validation, saving }: TimeRecord): string {
  const parts = [`${duration(training)} training`, `${duration(validation)} validation`, `${duration(saving)} saving`];
  return `time    ${duration(elapsed)}: ${parts.join(", ")}`;
}
