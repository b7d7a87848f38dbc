import { assertEquals } from "@std/assert";
import { fillingBatch } from "../../lib/cli/card_filling.ts";
import { parseFlags } from "../../lib/cli/flags.ts";
import { trainFlagGroups } from "../../lib/cli/train_flags.ts";
import { planFromFlags } from "../../lib/cli/train_plan.ts";
import type { Device } from "../../lib/device/device.ts";

const card = { kind: "webgpu", software: false } as const;

function filled(flags: readonly string[], device: Pick<Device, "kind" | "software"> = card) {
  const parsed = parseFlags(trainFlagGroups, flags);
  const { settings, model } = planFromFlags(parsed);
  return fillingBatch(settings, { budget: { tokens: 5_000_000 }, config: { ...model, vocab: 70 }, parsed, device });
}

Deno.test("fillingBatch() fills graphics cards alone, and says so", () => {
  const { settings, notice } = filled([])!;
  assertEquals([settings.batchTokens, settings.learningRate.peak], [4096, 5.7e-3]);
  assertEquals(
    notice,
    "4,096 tokens a step, at a learning rate of 0.00570, fill a graphics card; --batch-tokens 1024 has the usual 0.00200",
  );
  assertEquals(filled([], { kind: "webgpu", software: true }), undefined);
  assertEquals(filled([], { kind: "cpu", software: false }), undefined);
});

Deno.test("fillingBatch() leaves alone what was chosen, and presets that were not measured", () => {
  const chosen = [["--batch-tokens", "2k"], ["--accumulate", "2"], ["--lr", "1e-3"], ["--schedule", "cosine"]];
  for (const flags of [...chosen, ["--preset", "bert"], ["--preset", "labml"]]) {
    assertEquals(filled(flags), undefined, flags.join(" "));
  }
});
