import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { tokenEntropy } from "../../lib/batch/token_entropy.ts";
import { openDevice } from "../../lib/device/open_device.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { alteredDevice } from "../../lib/device/altered_device.ts";
import { parameterCount } from "../../lib/model/parameters.ts";
import { trainingMemory } from "../../lib/model/memory.ts";
import { type Outlook, outlookLines, textTokens } from "../../lib/cli/outlook.ts";
import { cpuBatch } from "../../lib/train/cpu_batch.ts";
import { expectedLoss } from "../../lib/cli/expected_loss.ts";
import { plannedMemory } from "../../lib/cli/planned_memory.ts";
import { stageShape } from "../../lib/train/step_queue.ts";
import type { Run } from "../../lib/cli/run.ts";
import { roughTime, runTime } from "../../lib/cli/run_time.ts";
import { textCorpus } from "../../lib/text/corpus.ts";
import { stringSource } from "../../lib/text/source.ts";
import { runCli } from "../helpers/run_cli.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { defaultSettings, type TrainingSettings } from "../../lib/train/settings.ts";

const validation = [stringSource("b.txt", "ab")];
const settings: TrainingSettings = {
  ...defaultSettings({ preset: "modernbert", width: 128 }),
  curriculum: [{ length: 32, share: 0.25 }, { length: 64, share: 0.75 }],
  budget: { tokens: 1024 * 1000 },
  evaluateTokens: 10_240,
};

Deno.test("tokenEntropy() is the entropy of the tokens, of a long text of its beginning", async () => {
  const tokenizer = characterTokenizer("abcd\n");
  const of = async (text: string, options = {}) =>
    await tokenEntropy({
      corpus: await textCorpus([stringSource("a.txt", text)], { validation }),
      tokenizer,
      ...options,
    });
  // each line is four tokens and a break
  const even = await of("abcd\n".repeat(100));
  assertAlmostEquals(even.entropy, Math.log(5), 1e-12);
  assertEquals([even.tokens, even.bytes, even.isWhole], [500, 500, true]);
  assertAlmostEquals((await of("aaab\n".repeat(50))).entropy, -(0.6 * Math.log(0.6) + 0.4 * Math.log(0.2)), 1e-12);
  // the beginning is another text than the end
  const begun = await of("a\n".repeat(1000) + "bcd\n".repeat(1000), { tokens: 1000 });
  assertAlmostEquals(begun.entropy, Math.log(2), 1e-12);
  assertEquals([begun.tokens, begun.isWhole], [1000, false]);
  const stopped = await of("a\n".repeat(1000), { enough: () => true });
  assertEquals([stopped.tokens, stopped.isWhole, stopped.entropy], [0, false, 0]);
  const endless = await tokenEntropy({ corpus: storiesCorpus({ seed: 1 }), tokenizer, tokens: 1000 });
  assert(!endless.isWhole && endless.tokens >= 1000);
});

Deno.test("textTokens() judges a text by its beginning, where its size is known", async () => {
  const corpus = await textCorpus([stringSource("a.txt", "ab\n".repeat(1000))], { validation });
  const known = { entropy: 1, tokens: 300, bytes: 600 };
  assertEquals(textTokens(corpus, { ...known, isWhole: true }), 300);
  assertEquals(textTokens(corpus, { ...known, isWhole: false }), 1500);
  assertEquals(textTokens({ ...corpus, trainingBytes: undefined }, { ...known, isWhole: false }), undefined);
  assertEquals(textTokens(corpus, { entropy: 0, tokens: 0, bytes: 0, isWhole: false }), undefined);
});

Deno.test("runTime() adds up stages and validations, also of what is left of a run", () => {
  const time = runTime(settings, { stepSeconds: [0.1, 0.2] })!;
  // ten validations of ten steps' tokens at a third of the cost
  assertAlmostEquals(time.seconds, 250 * 0.1 + 750 * 0.2 + 10 * 10 * 0.2 / 3, 1e-9);
  assertEquals([time.tokens, ...time.speed.map(Math.round)], [1_024_000, 5120, 10_240]);
  // a checkpoint every tenth of the budget
  const saved = runTime({ ...settings, saveEvery: { share: 0.1 } }, { stepSeconds: [0.1, 0.2], saving: 3 })!;
  assertAlmostEquals(saved.seconds, time.seconds + 10 * 3, 1e-9);
  const often = runTime({ ...settings, saveEvery: { steps: 300 } }, { stepSeconds: [0.1, 0.2], saving: 3 })!;
  assertAlmostEquals(often.seconds, time.seconds + 4 * 3, 1e-9);
  const half = runTime(settings, { stepSeconds: [undefined, 0.2], from: 0.5 })!;
  assertAlmostEquals(half.tokens, 512_000, 1e-6);
  assertAlmostEquals(half.seconds, 500 * 0.2 + 5 * 10 * 0.2 / 3, 1e-6);
  const clock = runTime({ ...settings, budget: { minutes: 2 } }, { stepSeconds: [0.1, 0.2] })!;
  assertEquals(clock.seconds, 120);
  assert(
    clock.tokens < 120 * (0.25 * 10_240 + 0.75 * 5120) && clock.tokens > 0.9 * 120 * (0.25 * 10_240 + 0.75 * 5120),
  );
  assertEquals(runTime(settings, { stepSeconds: [undefined, undefined] }), undefined);
});

Deno.test("roughTime() says no more than is known", () => {
  const cases: [number, string][] = [
    [2, "a few seconds"],
    [42, "about 40 seconds"],
    [59, "about 1 minute"],
    [95, "about 1.6 minutes"],
    [119, "about 2 minutes"],
    [720, "about 12 minutes"],
    [3599, "about 1 hour"],
    [7800, "about 2 hours 10 minutes"],
    [70_800, "about 20 hours"],
    [86_300, "about 24 hours"],
    [5 * 86_400, "about 5 days"],
  ];
  for (const [seconds, text] of cases) assertEquals(roughTime(seconds), text);
});

Deno.test("plannedMemory() is what the stage that takes most plans", async () => {
  const { device } = await openDevice("cpu", { threads: 1 });
  try {
    const config = modelConfig({ layers: 1, width: 16, heads: 2, vocab: 50 });
    const planned = await plannedMemory({ device, config, settings });
    const each = await Promise.all(
      [0, 1].map((i) =>
        trainingMemory(device, config, { shape: stageShape(settings, i), optimizer: settings.optimizer })
      ),
    );
    assertEquals(planned.batch, Math.max(...each.map(({ batch }) => batch)));
    assertEquals(planned.parameters, Math.max(...each.map(({ parameters }) => parameters)));
    assert(each[0]!.batch !== each[1]!.batch);
    // the CPU device has no other work to do meanwhile
    assertEquals(planned.copies, undefined);
    const busy = alteredDevice(device, { stage: () => Promise.resolve(undefined) });
    const { copies } = await plannedMemory({ device: busy, config, settings });
    assertEquals(copies, 3 * 4 * parameterCount(config));
  } finally {
    device.destroy();
  }
});

Deno.test("outlookLines() say time, memory, passes and the losses to compare with, and nothing that is not known", () => {
  const run = {
    opened: { corpus: {} },
    tokenizer: { size: 70, type: "char" },
    config: modelConfig({ layers: 9, width: 16, heads: 2, vocab: 70 }),
    settings,
    state: undefined,
    base: undefined,
  } as unknown as Run;
  const known: Outlook = {
    memory: { parameters: 3 * 2 ** 20, batch: 12 * 2 ** 20 },
    frequencies: { entropy: 3.314, tokens: 512_000, bytes: 512_000, isWhole: true },
    time: { seconds: 190, tokens: 1_024_000, speed: [5120, 10_240] },
  };
  assertEquals(outlookLines(run, known), [
    "time    about 3 minutes on this device: a few timed steps made 5,120 to 10,200 tokens/s",
    "memory  15 MiB on the device: 3.0 MiB for weights, gradients and moments, 12 MiB for a step",
    "text    512,000 tokens to train on, which the run reads 2 times",
    "loss    lower is better: guessing among 70 tokens gives 4.25, knowing how frequent each is 3.31",
    "        accuracy is the share of hidden tokens that are guessed right",
  ]);
  const copied = outlookLines(run, { ...known, memory: { ...known.memory, copies: 2 * 2 ** 20 } });
  assert(copied[1]!.endsWith("12 MiB for a step; 2.0 MiB more while a checkpoint is written"));
  const little = outlookLines(run, {
    ...known,
    time: undefined,
    frequencies: { ...known.frequencies, isWhole: false },
  });
  assertEquals(little.map((line) => line.slice(0, 4)), ["memo", "loss", "    "]);
  assert(little[1]!.endsWith("(in the first 512,000 tokens)"));
  const small = { ...run, config: modelConfig({ size: "small", vocab: 70 }) };
  assertEquals(
    outlookLines(small, known)[4],
    "        runs of this size and budget on Shakespeare's plays, by characters, ended between 1.37 and 1.52",
  );
  const stories = { ...small, opened: { corpus: { name: "stories" } } } as unknown as Run;
  assertEquals(outlookLines(stories, known).length, 5, "made-up stories are easier than what was measured");
  const repeated = { ...known.frequencies, tokens: 100_000 };
  assertEquals(
    outlookLines(small, { ...known, frequencies: repeated }).length,
    5,
    "measured runs repeated no text so often",
  );
  const clock = {
    ...run,
    settings: { ...settings, budget: { minutes: 3 } },
    state: { tokens: 1, step: 1, seconds: 1 },
  };
  assertEquals(
    outlookLines(clock as unknown as Run, known)[0],
    "time    about 1M tokens in what is left of 3 minutes on this device: a few timed steps made 5,120 to 10,200 tokens/s",
  );
});

Deno.test("expectedLoss() gives a range where runs like it were measured, and nothing elsewhere", () => {
  const tokenizer = { type: "char", size: 70 } as const;
  const settings = defaultSettings({ preset: "modernbert", width: 128 });
  const of = (tokens: number, other: Partial<Parameters<typeof expectedLoss>[0]> = {}) =>
    expectedLoss({
      config: modelConfig({ size: "small", vocab: 70 }),
      tokenizer,
      settings,
      tokens,
      ...other,
    });
  const figures = (expected: ReturnType<typeof of>) =>
    expected && [expected.least, expected.highest].map((x) => x.toFixed(2));
  assertEquals(figures(of(1e6)), ["1.38", "1.52"]);
  assertEquals(figures(of(3e6)), ["1.12", "1.18"]);
  // between two measured budgets, and a little beyond
  const [two, beyond] = [of(2e6)!, of(7e6)!];
  assert(two.least > 1.12 && two.highest < 1.52 && two.least < two.highest);
  assertEquals(figures(beyond), ["1.01", "1.05"]);
  assertEquals(of(1e6)!.text, "Shakespeare's plays, by characters");
  assertEquals(figures(of(3e5)), ["1.58", "1.87"]);
  assertEquals(of(3e5)!.text, "English Wikipedia and Shakespeare's plays, by characters");
  // the small steps and Muon of a CPU learn more
  const cpu = (tokens: number) =>
    cpuBatch(settings, { config: modelConfig({ size: "small", vocab: 70 }), budget: { tokens } })!;
  assertEquals(figures(of(3e5, { settings: cpu(3e5) })), ["1.39", "1.59"]);
  assertEquals(figures(of(3e6, { settings: cpu(3e6) })), ["1.06", "1.10"]);
  assertEquals(figures(of(1e6, { settings: cpu(1e6) })), ["1.24", "1.28"]);
  const unknown: ReturnType<typeof of>[] = [
    of(1e5),
    of(2e7),
    of(1e6, { config: modelConfig({ size: "base", vocab: 70 }) }),
    of(1e6, { config: modelConfig({ size: "small", vocab: 70, preset: "bert" }) }),
    of(1e6, { tokenizer: { type: "bpe", size: 300 } }),
    of(1e6, { settings: { ...settings, pack: "pairs" } }),
    of(1e6, { settings: { ...settings, batchTokens: 512 } }),
  ];
  assertEquals(unknown, unknown.map(() => undefined));
});

Deno.test("train says what is ahead before its first step, and what came of it at its end", () =>
  inTemporaryFolder(async (cwd) => {
    const shape = ["--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "128"];
    const length = ["--curriculum", "none", "--length", "16", "--device", "cpu", "--data", "stories"];
    const train = (name: string) =>
      runCli(["train", ...shape, ...length, "--steps", "30", "--name", name], { cwd, env: { LC_ALL: "C" } });
    const { out, code, err } = await train("one");
    assertEquals(code, 0, err);
    const order = [
      "device",
      "corpus",
      "model",
      "plan",
      "checks",
      "time",
      "memory",
      "loss",
      "step 3 ",
      "time",
      "best",
      "total",
    ];
    const lines = out.split("\n");
    let at = -1;
    for (const begin of order) {
      const next = lines.findIndex((line, i) => i > at && line.startsWith(begin));
      assert(next > at, `${begin} in\n${out}`);
      at = next;
    }
    const after = lines.slice(at).join("\n");
    assert(/\nloss by tokens \(dots: training, o: validation\)\n +\d\.\d\d \| *\./.test(after), after);
    assert(!after.includes("before  "), after);
    const again = await train("two");
    assert(
      /\nbefore {2}runs\/one, .* came to \d\.\d{4} with 3,840 tokens\n {8}this one came to about the same\n/.test(
        again.out,
      ),
      again.out,
    );
  }));
