import { assertEquals, assertThrows } from "@std/assert";
import { checkMuonFlags, deviceBatch } from "../../lib/cli/device_batch.ts";
import { parseFlags, UsageError } from "../../lib/cli/flags.ts";
import { trainFlagGroups } from "../../lib/cli/train_flags.ts";
import { planFromFlags } from "../../lib/cli/train_plan.ts";
import { muonSettings } from "../../lib/train/settings.ts";
import type { Device } from "../../lib/device/device.ts";

const card = { kind: "webgpu", software: false } as const;

function filled(flags: readonly string[], device: Pick<Device, "kind" | "software"> = card, tokens = 5_000_000) {
  const parsed = parseFlags(trainFlagGroups, flags);
  const { settings, model } = planFromFlags(parsed);
  return deviceBatch(settings, { budget: { tokens }, config: { ...model, vocab: 70 }, parsed, device });
}

Deno.test("deviceBatch() fills graphics cards alone, and says so", () => {
  const { settings, notice } = filled([])!;
  assertEquals([settings.batchTokens, settings.learningRate.peak], [4096, 5.7e-3]);
  assertEquals(
    notice,
    "4,096 tokens a step, at a learning rate of 0.00570, fill a graphics card; --batch-tokens 1024 has the usual 0.00200",
  );
});

Deno.test("deviceBatch() takes small batches and Muon on a CPU and in software that stands for a card, but for what was chosen", () => {
  const devices = [{ kind: "cpu", software: false }, { kind: "webgpu", software: true }] as const;
  const recipeOf = (
    flags: readonly string[],
    device: Pick<Device, "kind" | "software"> = devices[0],
    tokens = 500_000,
  ) => {
    const { settings, notice } = filled(flags, device, tokens)!;
    const { batchTokens, learningRate: { peak }, optimizer: { muon } } = settings;
    assertEquals(notice, undefined);
    return [batchTokens, peak, muon && Number((muon.relativeRate * peak).toPrecision(3)), muon?.every];
  };
  for (const device of devices) assertEquals(recipeOf([], device), [256, 2e-3, 7.07e-3, 4]);
  assertEquals(recipeOf([], devices[0], 3_000_000), [512, 2e-3, 0.01, 2]);
  assertEquals(recipeOf(["--batch-tokens", "512"]), [512, 2e-3, 0.01, 2]);
  assertEquals(recipeOf(["--lr", "1e-3"]), [256, 1e-3, 7.07e-3, 4]);
  assertEquals(recipeOf(["--optimizer", "adamw"]), [256, 2e-3, undefined, undefined]);
  const own = ["--optimizer", "muon", "--muon-lr", "0.02", "--muon-every", "2"];
  assertEquals(recipeOf(own), [256, 2e-3, 0.02, 2]);
  const begin = (...flags: string[]) => {
    const { settings: { curriculum, maskRate } } = filled(flags, devices[0])!;
    return [curriculum[0]!.length, maskRate.start];
  };
  assertEquals(begin(), [16, 0.5]);
  assertEquals(begin("--curriculum", "32:20%,64:20%,128", "--mask-rate", "40%:15%"), [32, 0.4]);
  assertEquals(begin("--attention", "16:40%"), [32, 0.4]);
  assertEquals(begin("--mask-rate", "40%:15%"), [32, 0.4]);
  assertEquals(begin("--length", "256"), [16, 0.4]);
  for (const flags of [["--preset", "bert"], ["--width", "512"], ["--objective", "contrastive"]]) {
    assertEquals(filled(flags, devices[0]), undefined, flags.join(" "));
  }
});

Deno.test("deviceBatch() leaves alone what was chosen, and presets that were not measured", () => {
  const chosen = [["--batch-tokens", "2k"], ["--accumulate", "2"], ["--lr", "1e-3"], ["--schedule", "cosine"]];
  for (const flags of [...chosen, ["--preset", "bert"], ["--preset", "labml"]]) {
    assertEquals(filled(flags), undefined, flags.join(" "));
  }
});

Deno.test("checkMuonFlags() refuses what is said of Muon where AdamW is taken", () => {
  const { optimizer } = planFromFlags(parseFlags(trainFlagGroups, [])).settings;
  const given = ["data", "muon-lr"];
  assertThrows(() => checkMuonFlags({ optimizer }, { given }), UsageError, "Option --muon-lr is for --optimizer muon");
  checkMuonFlags({ optimizer: { ...optimizer, muon: muonSettings({ width: 128 }) } }, { given });
  checkMuonFlags({ optimizer }, { given: ["data"] });
  assertEquals(filled(["--muon-every", "2"], { kind: "cpu", software: false })!.settings.optimizer.muon?.every, 2);
});
