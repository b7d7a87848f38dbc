/**
 * How long a run will still take, by the speed of now and what is still to come.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import { parameterCount } from "../model/parameters.ts";
import type { Phase, PhaseRecord, TrainEvent, TrainRecord } from "../train/events.ts";
import { maskRateAt, planStages, progressOf, type Span } from "../train/schedule.ts";
import { plannedEvaluateTokens, type TrainingSettings } from "../train/settings.ts";
import { FORWARD_SHARE, tokenFlop } from "../train/step_cost.ts";
import { recentSpeed } from "./recent_speed.ts";
import { checkpointSeconds } from "./run_time.ts";

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
  const { budget } = settings;
  const speed = recentSpeed({ workOf: (record) => tokenFlop(config, record), halfLife: HALF_LIFE });
  const [work, pauses] = [workAfter(settings, config), pausesAfter(settings)];
  const secondsEach = () => 1 / (speed.perSecond() || Infinity);
  const pause = pauseWatch(started, {
    validating: () => validationFlop(settings, config) * secondsEach(),
    saving: () => checkpointSeconds(parameterCount(config)),
  });
  let last: { record: TrainRecord; now: number } | undefined;
  const elapsed = (now: number) => before + now - started;
  return {
    elapsed,
    event(event, now) {
      if (event.kind === "phase") pause.event(event, now);
      if (event.kind !== "train") return;
      speed.add(event);
      last = { record: event, now };
    },
    left(now) {
      if ("minutes" in budget) return Math.max(0, 60 * budget.minutes - elapsed(now));
      if (!last) return undefined;
      const training = secondsEach() * work(progressOf(budget, { ...last.record, seconds: 0 }));
      // steps that are under way have not been heard of
      const since = pause.training === undefined ? 0 : now - Math.max(last.now, pause.training);
      const pausing = Object.entries(pauses(last.record)).reduce(
        (sum, [name, count]) => sum + count * pause.typical(name as Pause),
        pause.left(now),
      );
      return Math.max(0, training - since) + pausing;
    },
  };
}

/** Operations of a validation. */
function validationFlop(settings: TrainingSettings, config: ModelConfig): number {
  const { length } = settings.curriculum.at(-1)!;
  const tokens = plannedEvaluateTokens(settings) ?? 0;
  return FORWARD_SHARE * tokens * tokenFlop(config, { length, maskRate: 0.15 });
}

/** What interrupts the steps: how long each takes, as it did last or by a guess, and what of the one of now is still to come. */
function pauseWatch(started: number, guesses: Partial<Record<Pause, () => number>>) {
  const durations = new Map<Pause, number>();
  let phase: { name: Phase; since: number; share: number | undefined } = {
    name: "preparing",
    since: started,
    share: 0,
  };
  const pauseOf = (name: Phase): Pause | undefined => name === "training" || name === "preparing" ? undefined : name;
  const typical = (pause: Pause) => durations.get(pause) ?? guesses[pause]?.() ?? 0;
  return {
    typical,
    /** Since when steps are under way, if they are. */
    get training(): number | undefined {
      return phase.name === "training" ? phase.since : undefined;
    },
    event({ phase: name, share }: PhaseRecord, now: number): void {
      const pause = pauseOf(phase.name);
      if (name === phase.name) phase = { ...phase, share };
      else {
        if (pause) durations.set(pause, now - phase.since);
        phase = { name, since: now, share };
      }
    },
    left(now: number): number {
      const { name, since, share } = phase;
      const pause = pauseOf(name);
      if (!pause) return 0;
      const spent = now - since;
      return share !== undefined && share > 0.05 ? spent * (1 - share) / share : Math.max(0, typical(pause) - spent);
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
  const begins = curriculum.map((_, i) => curriculum.slice(0, i).reduce((sum, { share }) => sum + share, 0));
  const times = (every: Span, { step, progress }: { step: number; progress: number }, atEnd: boolean) => {
    const [done, all] = "share" in every
      ? [progress / every.share + 1e-9, 1 / every.share + 1e-9]
      : [step / every.steps, whole / every.steps];
    const count = Math.max(0, Math.floor(all) - Math.floor(done));
    return atEnd && all - Math.floor(all) > 1e-6 ? count + 1 : count;
  };
  return (at) => {
    const now = { step: at.step, progress: Math.min(1, progressOf(budget, { ...at, seconds: 0 })) };
    const begun = begins.filter((begin) => begin <= now.progress).length;
    return {
      validating: times(evaluateEvery, now, true),
      saving: times(saveEvery, now, true),
      sampling: times(sampleEvery, now, false),
      compiling: curriculum.length - begun,
    };
  };
}
