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

Deno.test("planFromFlags() does what help calls the default", () => {
  // what decides more than its own value, or is no value
  const others = [
    "data",
    "field",
    "format",
    "vocab",
    "name",
    "threads",
    "curriculum",
    "mask-rule",
    "muon-lr",
    "eval-tokens",
    "skip-bad",
  ];
  const shown = flagHelp(trainFlagGroups).matchAll(/^ {2}--([\w-]+) .*\(default: (.*)\)$/gm);
  const flags = [...shown].filter(([, name]) => !others.includes(name!));
  assert(flags.length > 20);
  for (const [, name, text] of flags) {
    const [usual, ...rest] = text!.replace(/, at width.*/, "").split("; ");
    assertEquals(planOf(`--${name}`, usual!), planOf(), name);
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
  assertThrows(() => planOf("--muon-lr", "0.03"), UsageError, "Option --muon-lr is for --optimizer muon");
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
