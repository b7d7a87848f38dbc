import { assert, assertEquals, assertThrows } from "@std/assert";
import { modelConfig, presets } from "../../lib/model/config.ts";
import { flagHelp, parseFlags, UsageError } from "../../lib/cli/flags.ts";
import { trainFlagGroups } from "../../lib/cli/train_flags.ts";
import { planFromFlags } from "../../lib/cli/train_plan.ts";

const planOf = (...args: string[]) => planFromFlags(parseFlags(trainFlagGroups, args));

Deno.test("planFromFlags() is plain data", () => {
  const plan = planOf("--epochs", "2.5", "--mask-rate", "30%:20%", "--width", "64");
  assertEquals(JSON.parse(JSON.stringify(plan)), plan);
  assertEquals([plan.budget, plan.model.width], [{ epochs: 2.5 }, 64]);
});

Deno.test("planFromFlags() reads mask rates of several points, and how far windows lie apart", () => {
  const { settings } = planOf("--mask-rate", "40%:15%:0.1:5%", "--mask-spread", "50%");
  assertEquals(settings.maskRate, { start: 0.4, by: [0.15, 0.1], end: 0.05 });
  assertEquals(settings.maskSpread, 0.5);
  assertEquals(planOf("--mask-rate", "20%").settings.maskRate, { start: 0.2, end: 0.2 });
  assertEquals("maskSpread" in planOf().settings, false);
  assertEquals(planOf("--output-init", "0").settings.outputInit, 0);
  assertEquals("outputInit" in planOf("--output-init", "1").settings, false);
  assertThrows(() => planOf("--mask-rate", "40%:0:5%"), UsageError, "write a share above 0");
});

Deno.test("planFromFlags() gives the feed-forward layer its activation, and the head where it is the same", () => {
  const { gate, activation } = planOf("--activation", "relu2").model;
  assertEquals([gate, activation], ["relu2", "gelu"]);
  const bert = planOf("--preset", "bert", "--activation", "relu2").model;
  assertEquals([bert.gate, bert.activation], [undefined, "relu2"]);
});

Deno.test("planFromFlags() reads how far attention sees at first, and what means nothing", () => {
  assertEquals(planOf("--attention", "16:40%").settings.attention, { start: 16, share: 0.4 });
  assertEquals("attention" in planOf().settings, false);
  for (
    const [value, what] of [["16", "16:40%"], ["16:0", "above 0"], ["16:20%:3", "16:40%"], [
      "2:20%",
      "no context",
    ]] as const
  ) assertThrows(() => planOf("--attention", value), UsageError, what);
  assertThrows(() => planOf("--preset", "bert", "--nsp", "--attention", "16:40%"), UsageError, "must see the second");
});

Deno.test("planFromFlags() tells the embeddings' rate by that of the others", () => {
  assertEquals(planOf("--lr", "2e-3", "--embedding-lr", "1e-2").settings.optimizer.embeddingRate, 5);
  assertEquals("embeddingRate" in planOf("--embedding-lr", "2e-3").settings.optimizer, false);
});

Deno.test("planFromFlags() does what help calls the default", () => {
  // what decides more than its own value, or is no value
  const others = [
    "activation",
    "embedding-lr",
    "attention",
    "data",
    "field",
    "format",
    "vocab",
    "name",
    "threads",
    "tiles",
    "curriculum",
    "mask-rule",
    "muon-lr",
    "muon-every",
    "eval-tokens",
    "skip-bad",
  ];
  const shown = flagHelp(trainFlagGroups).matchAll(/^ {2}--([\w-]+) .*\(default: (.*)\)$/gm);
  const flags = [...shown].filter(([, name]) => !others.includes(name!));
  assert(flags.length > 20);
  for (const [, name, text] of flags) {
    const [usual, ...rest] = text!.replace(/, at width.*/, "").split("; ");
    const objective = ["views", "temperature"].includes(name!) ? ["--objective", "contrastive"] : [];
    assertEquals(planOf(...objective, `--${name}`, usual!), planOf(...objective), name);
    for (const [preset, value] of rest.map((part) => part.split(": "))) {
      if (!presets.some((known) => known === preset) || value!.includes(" ")) continue;
      const given = ["--preset", preset!];
      assertEquals(planOf(...given, `--${name}`, value!), planOf(...given), `${name} of ${preset}`);
    }
  }
});

Deno.test("planFromFlags() gives Muon a rate of its own, whatever that of the other parameters", () => {
  assertEquals(planOf().settings.optimizer.muon, undefined);
  const rateOf = (...args: string[]) => {
    const { learningRate, optimizer } = planOf("--optimizer", "muon", ...args).settings;
    return Number((learningRate.peak * optimizer.muon!.relativeRate).toPrecision(6));
  };
  assertEquals([rateOf(), rateOf("--lr", "1e-4"), rateOf("--width", "512")], [0.01, 0.01, 0.01]);
  assertEquals([rateOf("--muon-lr", "0.03"), rateOf("--muon-lr", "0.03", "--lr", "1e-4")], [0.03, 0.03]);
  assertEquals([rateOf("--preset", "bert"), rateOf("--preset", "labml")], [0.005, 5]);
  assertThrows(
    () => planOf("--optimizer", "adamw", "--muon-lr", "0.03"),
    UsageError,
    "Option --muon-lr is for --optimizer muon",
  );
  assertThrows(
    () => planOf("--optimizer", "adamw", "--muon-every", "2"),
    UsageError,
    "Option --muon-every is for --optimizer muon",
  );
  assertEquals(planOf("--optimizer", "muon", "--muon-every", "2").settings.optimizer.muon?.every, 2);
});

Deno.test("planFromFlags() goes on with a model more gently, and checks what is changed of it", () => {
  const base = modelConfig({ vocab: 50, width: 256, maxLength: 64 });
  const plan = planFromFlags(parseFlags(trainFlagGroups, ["--dropout", "0.2"]), base);
  assertEquals(plan.model, { ...base, dropout: 0.2 });
  assertEquals(plan.settings.curriculum, [{ length: 64, share: 1 }]);
  assert(plan.settings.learningRate.peak < planOf("--width", "256").settings.learningRate.peak);
  for (const args of [["--dropout", "100%"], ["--width", "8"], ["--length", "65"]]) {
    assertThrows(() => planFromFlags(parseFlags(trainFlagGroups, args), base), UsageError);
  }
});

Deno.test("planFromFlags() compares texts as SimCSE does, with dropout even in a model that has none", () => {
  const base = modelConfig({ vocab: 50, width: 768, heads: 12, maxLength: 512 });
  const of = (...args: string[]) =>
    planFromFlags(parseFlags(trainFlagGroups, ["--objective", "contrastive", ...args]), base);
  const { model, settings } = of();
  assertEquals([model.dropout, settings.curriculum, settings.batchTokens], [0.1, [{ length: 64, share: 1 }], 8192]);
  assertEquals(settings.contrastive, { temperature: 0.05, views: "dropout" });
  assertEquals([settings.learningRate.peak, settings.optimizer.weightDecay], [3e-5, 0]);
  assertEquals(of("--dropout", "0.3").model.dropout, 0.3);
  assertEquals(of("--dropout", "0", "--views", "halves").model.dropout, 0);
  assertEquals(of("--length", "32").settings.batchTokens, 4096);
  const wrong: readonly (readonly [args: readonly string[], message: string])[] = [
    [["--dropout", "0"], "nothing is dropped"],
    [["--batch-tokens", "192"], "that is 3 windows of 64, wanted two for each"],
    [["--mask-rate", "0.2"], "--mask-rate has no effect with --objective contrastive"],
    [["--micro-batch", "64"], "--micro-batch has no effect with --objective contrastive"],
    [["--pairs", "a.csv", "--data", "b.txt"], "--data has no effect with --pairs"],
    [["--pairs", "a.csv", "--views", "halves"], "--views has no effect with --pairs"],
  ];
  for (const [args, message] of wrong) assertThrows(() => of(...args), UsageError, message);
  assertThrows(() => planOf("--pairs", "a.csv"), UsageError, "--pairs is for --objective contrastive");
});
