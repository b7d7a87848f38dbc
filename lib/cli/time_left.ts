/**
 * How long a run will still take, by the speed of now and what is still to come.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import type { Phase, TrainEvent, TrainRecord } from "../train/events.ts";
import { maskRateAt, planStages, progressOf, type Span } from "../train/schedule.ts";
import { plannedEvaluateTokens, type TrainingSettings } from "../train/settings.ts";
import { FORWARD_SHARE, tokenFlop } from "../train/step_cost.ts";
import { recentSpeed } from "./recent_speed.ts";

/** Seconds after which half of a speed is forgotten: other work on a machine comes and goes. */
const HALF_LIFE = 15;

/** Tells how long a run will take. */
export interface TimeLeft {
  /** Hears what happens, at a second of the wall. */
  event(event: TrainEvent, now: number): void;
  /** Seconds until the end; undefined while no step is done. */
  left(now: number): number | undefined;
  /** Seconds that are behind, those before a run was resumed included. */
  elapsed(now: number): number;
}

/** Options of {@linkcode timeLeft}. */
export interface TimeLeftOptions {
  /** How the run trains. */
  readonly settings: TrainingSettings;
  /** Its model, which tells what other lengths cost. */
  readonly config: ModelConfig;
  /** Seconds that were behind when it began or was resumed. */
  readonly before: number;
  /** The second of the wall at which that was. */
  readonly started: number;
}

/** What interrupts the steps, each as often as the settings say. */
type Pause = "validating" | "sampling" | "saving" | "compiling";

/** Nothing known yet. */
export function timeLeft({ settings, config, before, started }: TimeLeftOptions): TimeLeft {
  const speed = recentSpeed({ workOf: (record) => tokenFlop(config, record), halfLife: HALF_LIFE });
  const [work, pauses] = [workAfter(settings, config), pausesAfter(settings)];
  const durations = new Map<Pause, number>();
  let phase: { name: Phase; since: number; share: number | undefined } = {
    name: "preparing",
    since: started,
    share: 0,
  };
  let last: { record: TrainRecord; now: number } | undefined;
  const elapsed = (now: number) => before + now - started;
  const secondsEach = () => 1 / (speed.perSecond() || Infinity);
  const typical = (pause: Pause) => durations.get(pause) ?? (pause === "validating" ? validationGuess() : 0);
  const validationGuess = () => {
    const { length } = settings.curriculum.at(-1)!;
    const tokens = plannedEvaluateTokens(settings) ?? 0;
    return FORWARD_SHARE * tokens * tokenFlop(config, { length, maskRate: 0.15 }) * secondsEach();
  };
  const pauseLeft = (now: number) => {
    const { name, since, share } = phase;
    if (name === "training" || name === "preparing") return 0;
    const spent = now - since;
    return share !== undefined && share > 0.05 ? spent * (1 - share) / share : Math.max(0, typical(name) - spent);
  };
  return {
    elapsed,
    event(event, now) {
      if (event.kind === "train") {
        speed.add(event);
        last = { record: event, now };
      }
      if (event.kind !== "phase") return;
      const { phase: name, share } = event;
      if (name === phase.name) phase = { ...phase, share };
      else {
        if (phase.name !== "training" && phase.name !== "preparing") durations.set(phase.name, now - phase.since);
        phase = { name, since: now, share };
      }
    },
    left(now) {
      const { budget } = settings;
      if ("minutes" in budget) return Math.max(0, 60 * budget.minutes - elapsed(now));
      if (!last) return undefined;
      const training = secondsEach() * work(progressOf(budget, { ...last.record, seconds: 0 }));
      // steps that are under way have not been heard of
      const since = phase.name === "training" ? now - Math.max(last.now, phase.since) : 0;
      const pausing = Object.entries(pauses(last.record)).reduce(
        (sum, [pause, count]) => sum + count * typical(pause as Pause),
        pauseLeft(now),
      );
      return Math.max(0, training - since) + pausing;
    },
  };
}

/** Operations of training from a share of the budget on. */
function workAfter(settings: TrainingSettings, config: ModelConfig): (progress: number) => number {
  const { budget, maskRate } = settings;
  let begin = 0;
  const stages = planStages(settings).map(({ share, length, tokens }) => {
    const all = "tokens" in budget ? budget.tokens : "steps" in budget ? budget.steps * tokens : 0;
    const stage = { begin, end: begin + share, length, all };
    begin += share;
    return stage;
  });
  return (progress) =>
    stages.reduce((sum, { begin, end, length, all }) => {
      const from = Math.max(begin, progress);
      if (from >= end) return sum;
      const rate = (maskRateAt(maskRate, from) + maskRateAt(maskRate, end)) / 2;
      return sum + (end - from) * all * tokenFlop(config, { length, maskRate: rate });
    }, 0);
}

/** How often each pause is still to come after a step. */
function pausesAfter(settings: TrainingSettings): (at: { step: number; tokens: number }) => Record<Pause, number> {
  const { budget, evaluateEvery, saveEvery, sampleEvery, curriculum } = settings;
  const whole = planStages(settings).reduce((sum, { steps }) => sum + (steps ?? 0), 0);
  const times = (every: Span, { step, progress }: { step: number; progress: number }, atEnd: boolean) => {
    const [done, all] = "share" in every
      ? [progress / every.share + 1e-9, 1 / every.share + 1e-9]
      : [step / every.steps, whole / every.steps];
    const count = Math.max(0, Math.floor(all) - Math.floor(done));
    return atEnd && all - Math.floor(all) > 1e-6 ? count + 1 : count;
  };
  return (at) => {
    const now = { step: at.step, progress: Math.min(1, progressOf(budget, { ...at, seconds: 0 })) };
    let begin = 0;
    const begun = curriculum.filter(({ share }) => (begin += share) - share <= now.progress).length;
    return {
      validating: times(evaluateEvery, now, true),
      saving: times(saveEvery, now, true),
      sampling: times(sampleEvery, now, false),
      compiling: curriculum.length - begun,
    };
  };
}
