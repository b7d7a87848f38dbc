import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { DivergedError } from "../../lib/train/diverged.ts";
import type {
  OverflowRecord,
  SkippedRecord,
  TrainEvent,
  TrainRecord,
  ValidationRecord,
} from "../../lib/train/events.ts";
import type { LiveLines, Terminal } from "../../lib/cli/terminal.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { defaultsOf } from "../../lib/cli/train_defaults.ts";
import { cutMetrics, metricsFile, readValidations } from "../../lib/cli/metrics_file.ts";
import { watchOutcome } from "../../lib/cli/outcome.ts";
import { terminalReporter } from "../../lib/cli/terminal_reporter.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const trained = (step: number, loss = 2): TrainRecord => ({
  kind: "train",
  step,
  tokens: 10 * step,
  seconds: step,
  length: 16,
  maskRate: 0.15,
  loss,
  accuracy: 0.5,
  learningRate: 0.001,
  gradientNorm: 1,
  tokensPerSecond: 10,
});

const validated = (step: number, loss = 2): ValidationRecord => ({
  kind: "validation",
  step,
  tokens: 10 * step,
  seconds: step,
  length: 16,
  loss,
  accuracy: 0.5,
  perplexity: Math.exp(loss),
  paddingShare: 0.25,
});

const config = modelConfig({ vocab: 47, size: "tiny" });
const time: TrainEvent = { kind: "time", elapsed: 65, training: 60, validation: 4, saving: 1 };
const samples: TrainEvent = { kind: "samples", step: 1, samples: [[{ token: "a", predicted: "b" }]] };

Deno.test("metricsFile() keeps steps and validations, and goes on from a step", () =>
  inTemporaryFolder(async (path) => {
    const lines = async () => (await Deno.readTextFile(`${path}/metrics.jsonl`)).trim().split("\n");
    const metrics = metricsFile(path);
    for (const event of [trained(1), validated(1), samples, trained(2), validated(2), time]) metrics.event(event);
    metrics.close!();
    assertEquals((await lines()).map((line) => JSON.parse(line)), [trained(1), validated(1), trained(2), validated(2)]);
    assertEquals(await readValidations(path), [validated(1), validated(2)]);
    await Deno.writeTextFile(`${path}/metrics.jsonl`, '{"kind":"train","st', { append: true });
    await cutMetrics(path, 1);
    const again = metricsFile(path);
    again.event(trained(2, 3));
    again.close!();
    assertEquals((await lines()).map((line) => JSON.parse(line)), [trained(1), validated(1), trained(2, 3)]);
  }));

/** A terminal, and what was shown on it. */
function fakeTerminal(columns = Infinity): [Terminal, string[]] {
  const shown: string[] = [];
  const show = (text: string) => void shown.push(text);
  const progress = (now: string | LiveLines) => show(typeof now === "string" ? now : now.line());
  return [{ isInteractive: false, hasColour: false, columns, print: show, progress, clear: () => {} }, shown];
}

Deno.test("terminalReporter() shows every kind of event", () => {
  const [terminal, shown] = fakeTerminal();
  const settings = { ...defaultsOf("modernbert"), budget: { steps: 4 } };
  const reporter = terminalReporter(terminal, { settings, config, before: 0 });
  for (const event of [trained(1), validated(2), samples, time]) reporter.event(event);
  assertEquals(shown.length, 5);
  assertMatch(
    shown[0]!,
    /^\S+ left {2}25% {2}step 1 of 4 {2}loss 2\.000 {2}accuracy 50\.0% {2}10 tokens\/s {2}length 16/,
  );
  assertEquals(
    shown[1],
    "step 2  20 tokens  2s  validation loss 2.0000  accuracy 50.0%  perplexity 7.39  padding 25.0%",
  );
  assertEquals(shown[3], "  [a → b]");
  assertEquals(shown[4], "time    1m05s: 1m00s training, 4s validation, 1s saving");
});

Deno.test("terminalReporter() tells a validation in one line, without what is needed least where there is no room", () => {
  const settings = { ...defaultsOf("modernbert"), budget: { steps: 4 } };
  const lineAt = (columns: number) => {
    const [terminal, shown] = fakeTerminal(columns);
    terminalReporter(terminal, { settings, config, before: 0 }).event({
      ...validated(12_930, 1.1559),
      tokens: 13_240_320,
      seconds: 3909,
      nextSentence: { loss: 0.5, accuracy: 0.75 },
    });
    return shown[0]!;
  };
  assertMatch(lineAt(Infinity), /perplexity 3\.18 {2}next sentence 75\.0% {2}padding 25\.0%$/);
  const [terminal, shown] = fakeTerminal(Infinity);
  const compared = { ...settings, contrastive: { temperature: 0.05, views: "dropout" } } as const;
  terminalReporter(terminal, { settings: compared, config, before: 0 }).event(validated(2, 1));
  assertEquals(shown[0]!.includes("perplexity"), false, shown[0]);
  for (let columns = 39; columns <= 140; columns++) {
    const line = lineAt(columns);
    assertEquals(line.length > columns, false, `${columns}: ${line}`);
    assertMatch(line, /^step 12,930 .*validation loss 1\.1559/);
    if (columns < 100) assertEquals(line.includes("perplexity"), false, `${columns}: ${line}`);
  }
  assertEquals(lineAt(80), "step 12,930  validation loss 1.1559  accuracy 50.0%  next sentence 75.0%");
});

const skipped = (step: number, inARow = 1): SkippedRecord => {
  const { accuracy: _, ...rest } = trained(step, NaN);
  return { ...rest, kind: "skipped", gradientNorm: Infinity, inARow, total: inARow };
};
const overflow = (step: number): OverflowRecord => {
  const { accuracy: _, gradientNorm: __, ...rest } = trained(step);
  return { ...rest, kind: "overflow", lossScale: 65536 };
};
const spike: TrainEvent = { kind: "spike", step: 3, tokens: 30, loss: 7.5, learningRate: 0.001, usual: 2.25 };

Deno.test("what goes wrong is in the metrics, once on the terminal, and counted in the line of progress", () =>
  inTemporaryFolder(async (path) => {
    const metrics = metricsFile(path);
    const [terminal, shown] = fakeTerminal();
    const settings = { ...defaultsOf("modernbert"), budget: { steps: 4 } };
    const reporter = terminalReporter(terminal, { settings, config, before: 0 });
    for (const event of [skipped(1), skipped(2, 2), trained(3), spike]) {
      await reporter.event(event);
      await metrics.event(event);
    }
    metrics.close!();
    const lines = (await Deno.readTextFile(`${path}/metrics.jsonl`)).trim().split("\n").map((line) => JSON.parse(line));
    // what is no number is no number in JSON either
    const noted = (step: number, inARow: number) => ({
      ...skipped(step, inARow),
      loss: "NaN",
      gradientNorm: "Infinity",
    });
    assertEquals(lines, [noted(1, 1), noted(2, 2), trained(3), spike]);
    assertEquals(shown.length, 3);
    assertEquals(
      shown[0],
      "note: step 1 is skipped, for its loss is NaN and its gradient norm Infinity; the weights stay as they were",
    );
    assertStringIncludes(shown[1]!, "so far  2 skipped");
    assertEquals(shown[2], "note: at step 3 the loss leaps from about 2.25 to 7.50 (learning rate 1.00e-3)");
  }));

Deno.test("a gradient that overflows in f16 is in the metrics, and nothing that goes wrong", () =>
  inTemporaryFolder(async (path) => {
    const metrics = metricsFile(path);
    const [terminal, shown] = fakeTerminal();
    const settings = { ...defaultsOf("modernbert"), budget: { steps: 4 } };
    const reporter = terminalReporter(terminal, { settings, config, before: 0 });
    const outcome = watchOutcome({ vocab: 47, validations: [] });
    for (const event of [trained(1), overflow(2), overflow(3)]) {
      for (const each of [reporter, metrics, outcome]) await each.event(event);
    }
    metrics.close!();
    const lines = (await Deno.readTextFile(`${path}/metrics.jsonl`)).trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines, [trained(1), overflow(2), overflow(3)]);
    assertEquals(shown.filter((line) => line.includes("note")), []);
    assertEquals([outcome.overflowed, outcome.skipped, outcome.problem()], [2, 0, undefined]);
  }));

Deno.test("readValidations() reads a perplexity that is infinite as the number that it was", () =>
  inTemporaryFolder(async (path) => {
    assertEquals(await readValidations(path), []);
    const metrics = metricsFile(path);
    metrics.event(validated(1, 1000));
    metrics.close!();
    assertEquals(await readValidations(path), [validated(1, 1000)]);
    assertEquals(validated(1, 1000).perplexity, Infinity);
  }));

Deno.test("watchOutcome() throws where validation gets far worse than guessing, and says up to where it was sound", () => {
  const fail = (events: TrainEvent[], validations: ValidationRecord[] = []) => {
    const outcome = watchOutcome({ vocab: 47, validations });
    for (const event of events) outcome.event(event);
  };
  // never good: that is for the end to say
  fail([trained(1, 20), validated(1, 20), trained(2, 15), validated(2, 15)]);
  // ln 47 is 3.85
  fail([trained(1), validated(1), trained(2, 6.8), validated(2, 6.8)]);
  const cases: [Parameters<typeof fail>, number][] = [
    [[[trained(1), validated(1, 7)]], 0],
    [[[trained(1), validated(1), trained(2), trained(3, 9), validated(3, 9)]], 1],
    [[[trained(8, 9), validated(8, 1e6)], [validated(3), validated(6, 1e3)]], 3],
  ];
  for (const [given, soundUntil] of cases) {
    const error = assertThrows(() => fail(...given), DivergedError, "where guessing among 47 tokens gives 3.85");
    assertEquals(error.soundUntil, soundUntil);
  }
});

Deno.test("watchOutcome() says that a state is of no use while losses that were good are far from it", () => {
  const outcome = watchOutcome({ vocab: 47, validations: [] });
  const lost = [20, 3, 3, 9, 9, 3].map((loss, i) => {
    outcome.event(trained(i + 1, loss));
    return [outcome.isLost, outcome.soundUntil(100)];
  });
  // the weights behind step 3 are those of the loss at step 4
  assertEquals(lost, [[false, -1], [false, 100], [false, 100], [true, 2], [true, 2], [false, 100]]);
});

Deno.test("watchOutcome() tells why nothing was learned", () => {
  const cases: [events: TrainEvent[], problem: string | undefined][] = [
    [[trained(1), validated(1), time], undefined],
    [[trained(1, 0), validated(1)], "the loss of every step is 0, for nothing was masked"],
    [[trained(1), trained(2, NaN)], "the loss is NaN"],
    [[trained(1), validated(1, 0)], "the loss is 0"],
    [[skipped(1), skipped(2, 2)], "no step had a loss and a gradient that are numbers"],
    [[overflow(1), overflow(2)], "the gradient of every step overflowed in f16, whose loss scale takes a few more"],
    [[trained(1, 900), validated(1, 800)], "the loss is 800.00, where guessing among 47 tokens gives 3.85"],
    [[trained(1, 900), validated(1, 6.8)], undefined],
  ];
  for (const [events, problem] of cases) {
    const outcome = watchOutcome({ vocab: 47, validations: [] });
    for (const event of events) outcome.event(event);
    assertEquals(outcome.problem(), problem);
  }
});

Deno.test("readValidations() and cutMetrics() pass over lines of other kinds, and read what is not finite", () =>
  inTemporaryFolder(async (path) => {
    const lines = [
      JSON.stringify(validated(1)),
      JSON.stringify({ ...validated(2), loss: NaN, perplexity: Infinity }),
      '{"kind":"validation"}',
      '{"kind":"validation","step":3,"loss":"x"}',
      '{"kind":"note","text":"\\"kind\\":\\"validation\\""}',
      "null",
      "5",
      "[]",
      "nonsense",
      '{"kind":"learning rate","step":9}',
      JSON.stringify(trained(3)),
    ];
    await Deno.writeTextFile(`${path}/metrics.jsonl`, lines.join("\n"));
    await cutMetrics(path, 3);
    const kept = (await Deno.readTextFile(`${path}/metrics.jsonl`)).trim().split("\n");
    assertEquals(kept, [...lines.slice(0, 5), lines.at(-1)!]);
    const read = await readValidations(path);
    assertEquals(read.map(({ step, loss, perplexity }) => [step, loss, perplexity]), [
      [1, 2, Math.exp(2)],
      [2, NaN, NaN],
    ]);
  }));
