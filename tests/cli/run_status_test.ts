import { assert, assertAlmostEquals, assertEquals, assertLess } from "@std/assert";
import { defaultCurriculum } from "../../lib/batch/curriculum.ts";
import { emptyCurve, sparkline, stageBar } from "../../lib/cli/progress_bar.ts";
import { type RunStatus, statusLine, statusLines } from "../../lib/cli/run_status.ts";
import { checkpointSeconds } from "../../lib/cli/run_time.ts";
import { tokenFlop } from "../../lib/train/step_cost.ts";
import { terminalReporter } from "../../lib/cli/terminal_reporter.ts";
import { textWidth } from "../../lib/cli/text_width.ts";
import { recentSpeed } from "../../lib/cli/recent_speed.ts";
import { timeLeft } from "../../lib/cli/time_left.ts";
import { openTerminal } from "../../lib/cli/terminal.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { parameterCount } from "../../lib/model/parameters.ts";
import type { Phase, TrainRecord } from "../../lib/train/events.ts";
import { defaultSettings, type TrainingSettings } from "../../lib/train/settings.ts";
import { fakeScreen } from "../helpers/screen.ts";

const plain = (_: string, text: string) => text;
const config = modelConfig({ vocab: 70, size: "small" });

const record: TrainRecord = {
  kind: "train",
  step: 1234,
  tokens: 1_263_616,
  seconds: 170,
  length: 128,
  maskRate: 0.3,
  loss: 2.5,
  accuracy: 0.4,
  learningRate: 0.0019,
  gradientNorm: 1,
  tokensPerSecond: 8123,
};

const status: RunStatus = {
  left: 7620,
  elapsed: 185,
  progress: 0.42,
  phase: "training",
  share: undefined,
  stages: defaultCurriculum(128),
  steps: 2930,
  record,
  loss: 2.1456,
  accuracy: 0.399,
  tokensPerSecond: 8123,
  curve: (most) => Array.from({ length: most }, (_, i) => most - i),
  peakShare: 0.31,
  skipped: 0,
};

const room = (columns: number, rows = 23) => ({ room: { columns, rows }, paint: plain });

Deno.test("statusLines() fit any width, and time left is the last to go", () => {
  for (let columns = 8; columns <= 220; columns++) {
    const lines = statusLines(status, room(columns));
    assert(lines.length <= 3);
    assertEquals(lines.filter((line) => textWidth(line) > columns), []);
    assert(lines[0]!.startsWith("2h07m"), String(columns));
  }
  // the most needed first: what is missing is needed less than all that is there
  const needs = [
    "loss",
    "tokens/s",
    "step",
    "accuracy",
    "█▇",
    "so far",
    "length",
    "masked",
    "of peak",
    "learning rate",
  ];
  for (let columns = 14; columns <= 200; columns++) {
    const text = statusLines(status, room(columns)).slice(1).join("\n");
    const shown = needs.map((name) => text.includes(name));
    assertEquals(shown, [...shown].sort((one, other) => Number(other) - Number(one)), `${columns} columns: ${text}`);
  }
  // an 80 columns wide terminal has room for all of it
  assertEquals(statusLines(status, room(76)).join("\n").match(new RegExp(needs.join("|"), "g"))!.length, needs.length);
  assertEquals(statusLines(status, room(80, 1)).length, 1);
});

Deno.test("statusLines() keep their bar while what the run is at changes, and say what it is at", () => {
  const bar = (phase: Phase, share?: number) =>
    /32.*[█░]/.exec(statusLines({ ...status, phase, share }, room(76))[0]!)![0];
  for (const phase of ["compiling", "validating", "sampling", "saving"] as const) {
    const [line] = statusLines({ ...status, phase }, room(56));
    assert(line!.endsWith(`  ${phase}`));
    assertEquals(bar(phase), bar("training"));
  }
  assertEquals(bar("validating", 1), bar("training"));
  assert(statusLines({ ...status, phase: "validating", share: 0.25 }, room(56))[0]!.endsWith("validating 25%"));
});

Deno.test("statusLine() has everything, time left first", () => {
  assertEquals(
    statusLine({ ...status, phase: "saving", skipped: 2 }),
    "2h07m left  42%  saving  step 1,234 of 2,930  loss 2.146  accuracy 39.9%  8,123 tokens/s  31% of peak  length 128  " +
      "masked 30%  learning rate 1.90e-3  3m05s so far  2 skipped",
  );
  const first = { ...status, record: undefined, left: undefined, progress: 0 };
  assertEquals(statusLine(first), "estimating  0%  3m05s so far");
});

Deno.test("stageBar() marks where stages begin, and is full only at the end", () => {
  const bar = (progress: number, columns = 20) => stageBar(defaultCurriculum(128), { progress, columns, paint: plain });
  assertEquals(bar(0), "32░░│░░░│128░░░░░░░░");
  assertEquals(bar(0.999), "32██│███│128███████░");
  assertEquals(bar(1), "32██│███│128████████");
  assertEquals(stageBar([{ length: 32, share: 1 }], { progress: 0.5, columns: 10, paint: plain }), "█████░░░░░");
  for (let columns = 1; columns < 60; columns++) assertEquals([...bar(0.3, columns)].length, columns);
});

Deno.test("sparkline() and emptyCurve() show a run of any length in a few points", () => {
  assertEquals(sparkline([3, 2, 1, NaN, 8]), "▃▂▁ █");
  assertEquals(sparkline([1, 1]), "▁▁");
  const curve = emptyCurve();
  for (let i = 0; i < 10_000; i++) curve.add(i);
  const points = curve.points(12);
  assert(points.length <= 12 && points.length >= 6);
  // all values count the same but for what waits
  assertAlmostEquals(points[0]!, 500, 300);
  assert(points.every((point, i) => i === 0 || point > points[i - 1]!));
});

/** A run that is made up: seconds of a step by its length, and of the pauses. */
function* pretended(budget: number) {
  const settings = { ...defaultSettings({ preset: "modernbert", width: 128 }), budget: { steps: budget } };
  const secondsOf = (length: number) => 1024 * tokenFlop(config, { length, maskRate: 0.3 }) / 1e10;
  const pauses = { compiling: 1, validating: 3, saving: 0.5 } as const;
  const time = timeLeft({ settings, config, before: 0, started: 0 });
  let [now, training, length] = [0, 0, 0];
  const pause = (phase: keyof typeof pauses, step: number) => {
    time.event({ kind: "phase", phase, step }, now);
    now += pauses[phase];
  };
  for (let step = 1; step <= budget; step++) {
    const stage = step <= 0.2 * budget ? 32 : step <= 0.4 * budget ? 64 : 128;
    if (stage !== length) pause("compiling", step - 1);
    time.event({ kind: "phase", phase: "training", step: step - 1 }, now);
    length = stage;
    const seconds = secondsOf(length);
    [now, training] = [now + seconds, training + seconds];
    const event = { ...record, step, tokens: 1024 * step, seconds: training, length, tokensPerSecond: 1024 / seconds };
    time.event({ ...event, maskRate: 0.3 }, now);
    yield { step, now, left: time.left(now)! };
    if (step % (budget / 10) !== 0) continue;
    pause("validating", step);
    pause("saving", step);
  }
}

Deno.test("timeLeft() knows of other stages, of validations and of checkpoints to come", () => {
  const points = [...pretended(500)];
  const end = points.at(-1)!.now + 3.5;
  // once each pause was seen, the end is known to a few percent although later stages are slower
  for (const { step, now, left } of points) {
    if (step > 50) assertLess(Math.abs(now + left - end), 0.05 * end, `step ${step}`);
  }
});

Deno.test("recentSpeed() is that of the latest seconds, and of a new length at once", () => {
  const speed = recentSpeed({ halfLife: 5 });
  assertEquals(speed.perSecond(), undefined);
  const add = (second: number, tokens: number, length = 32) => {
    const { tokensPerSecond } = record;
    speed.add({
      ...record,
      step: second,
      seconds: second,
      tokens,
      length,
      tokensPerSecond: length === 32 ? 1000 : tokensPerSecond,
    });
    return speed.perSecond()!;
  };
  for (let second = 0; second <= 50; second++) add(second, 1000 * second);
  assertAlmostEquals(speed.perSecond()!, 1000, 1e-6);
  // half as fast: after one half-life half of the way, after ten all of it
  for (let second = 51; second <= 55; second++) add(second, 50_000 + 500 * (second - 50));
  assertAlmostEquals(speed.perSecond()!, 750, 30);
  assertAlmostEquals(add(56, 60_000, 128), record.tokensPerSecond, 1e-6);
});

Deno.test("timeLeft() of a budget in minutes is what is left of them, and goes on in pauses", () => {
  const settings = { ...defaultSettings({ preset: "modernbert", width: 128 }), budget: { minutes: 2 } };
  const time = timeLeft({ settings, config, before: 30, started: 1000 });
  assertEquals([time.left(1000), time.left(1060), time.left(2000)], [90, 30, 0]);
  const other = timeLeft({ settings: { ...settings, budget: { steps: 100 } }, config, before: 0, started: 0 });
  assertEquals(other.left(5), undefined);
  other.event({ ...record, step: 10, tokens: 10_240, seconds: 10, length: 32, tokensPerSecond: 1024 }, 10);
  other.event({ kind: "phase", phase: "saving", step: 10 }, 10);
  other.event({ kind: "phase", phase: "validating", step: 10 }, 14);
  other.event({ kind: "phase", phase: "validating", step: 10, share: 0.5 }, 24);
  const [half, later] = [other.left(24)!, other.left(25)!];
  other.event({ kind: "phase", phase: "validating", step: 10, share: 0.9 }, 32);
  // ten seconds are left of it at first, then about one
  assertAlmostEquals(half - other.left(32)!, 10 - 2, 1.1);
  assertLess(later, half + 1.1);
});

Deno.test("timeLeft() counts checkpoints before the first was saved", () => {
  const of = (size: "tiny" | "base") => {
    const settings = { ...defaultSettings({ preset: "modernbert", width: 128 }), budget: { steps: 2930 } };
    const config = modelConfig({ size, vocab: 70 });
    const left = (saveEvery: TrainingSettings["saveEvery"]) => {
      const time = timeLeft({ settings: { ...settings, saveEvery }, config, before: 0, started: 0 });
      time.event({ ...record, step: 1, tokens: 1024 }, 1);
      return time.left(1)!;
    };
    return left({ share: 0.1 }) - left({ share: 0.5 });
  };
  // eight checkpoints more
  assertAlmostEquals(of("base"), 8 * checkpointSeconds(parameterCount(modelConfig({ size: "base", vocab: 70 }))), 1e-6);
  assert(of("base") > 20 && of("tiny") < 0.1);
});

Deno.test("terminalReporter() draws validations above what goes on, and says when it validates and saves", () => {
  const screen = fakeScreen({ columns: 80 });
  const terminal = openTerminal({ screen });
  const settings = { ...defaultSettings({ preset: "modernbert", width: 128 }), budget: { steps: 2930 } };
  let now = 0;
  const reporter = terminalReporter(terminal, { settings, config, before: 0, clock: () => now });
  const { performance: { now: real } } = globalThis;
  performance.now = () => 1000 * now;
  try {
    for (const phase of ["training", "validating", "saving"] as const) {
      now++;
      reporter.event(record);
      now++;
      reporter.event({ kind: "phase", phase, step: 1234 });
      assert(screen.lines()[0]!.includes(`  ${phase}`), screen.lines()[0]);
    }
    reporter.event({
      kind: "validation",
      ...{ step: 1234, tokens: 5, seconds: 6, length: 128, loss: 2, accuracy: 0.5, perplexity: 7.39, paddingShare: 0 },
    });
    assertEquals(screen.lines()[0], "step 1,234  5 tokens  6s  validation loss 2.0000  accuracy 50.0%");
    assert(screen.lines()[2]!.includes("loss 2.500"));
    assertEquals(screen.lines().length, 4);
  } finally {
    performance.now = real;
    terminal.clear();
  }
});
