import { assertEquals, assertStringIncludes } from "@std/assert";
import type { TrainEvent, TrainRecord, ValidationRecord } from "../../lib/train/events.ts";
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

Deno.test("terminalReporter() shows every kind of event", () => {
  const shown: string[] = [];
  const terminal = {
    isInteractive: false,
    hasColour: false,
    columns: 80,
    print: (text: string) => void shown.push(text),
    progress: (text: string) => void shown.push(text),
    clear: () => {},
  };
  const settings = { ...defaultsOf("modernbert"), budget: { steps: 4 } };
  const reporter = terminalReporter(terminal, { settings, before: 0 });
  for (const event of [trained(1), validated(2), samples, time]) reporter.event(event);
  assertEquals(shown.length, 4);
  assertStringIncludes(shown[0]!, "step 1  25%  loss 2.000  accuracy 50.0%");
  assertEquals(
    shown[1],
    "step 2  20 tokens  2s  validation loss 2.0000  accuracy 50.0%  perplexity 7.39  padding 25.0%",
  );
  assertEquals(shown[2], "  {b|a}");
  assertEquals(shown[3], "time    1m05s: 1m00s training, 4s validation, 1s saving");
});

Deno.test("watchOutcome() tells why nothing was learned", () => {
  const cases: [events: TrainEvent[], problem: string | undefined][] = [
    [[trained(1), validated(1), time], undefined],
    [[trained(1, 0), validated(1)], "the loss of every step is 0, for nothing was masked"],
    [[trained(1), trained(2, NaN)], "the loss is NaN"],
    [[trained(1), validated(1, 0)], "the loss is 0"],
  ];
  for (const [events, problem] of cases) {
    const outcome = watchOutcome();
    for (const event of events) outcome.event(event);
    assertEquals(outcome.problem(), problem);
  }
});
