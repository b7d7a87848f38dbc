import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { modelConfig } from "../../lib/model/config.ts";
import { trainingMemory } from "../../lib/model/memory.ts";
import { Model } from "../../lib/model/model.ts";
import { contrastiveDefaults } from "../../lib/train/contrastive_settings.ts";
import { defaultSettings, muonSettings } from "../../lib/train/settings.ts";
import { UsageError } from "../../lib/cli/flags.ts";
import { fitMemory } from "../../lib/cli/memory_check.ts";
import type { Device } from "../../lib/device/device.ts";
import { fuseCalls } from "../../lib/device/webgpu/fuse_calls.ts";
import { lower } from "../../lib/device/webgpu/lower.ts";
import { plannedMemory } from "../../lib/cli/planned_memory.ts";
import { kindTest, withoutGpu } from "../helpers/devices.ts";
import { runCli } from "../helpers/run_cli.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const shape = { windows: 3, length: 32, capacity: 40, documents: true, pairs: false };

kindTest("trainingMemory() is what a model and its program take", async (device) => {
  for (const preset of ["modernbert", "bert", "labml"] as const) {
    const config = modelConfig({ preset, vocab: 50, layers: 2, width: 32, heads: 2 });
    const { optimizer } = defaultSettings({ preset, width: 32 });
    const needs = await trainingMemory(device, config, { shape, optimizer });
    const model = new Model(device, config);
    const program = await model.compileTraining(shape, optimizer);
    const { values, gradients, firstMoment, secondMoment } = model.store;
    assertEquals(needs.largestPiece, 4 * values.size);
    const flat = [values, gradients, firstMoment, secondMoment].reduce((sum, { size }) => sum + 4 * size, 0);
    // beside parameters and program there are only the ring and a step's few numbers
    const rest = needs.parameters + needs.batch - flat - program.bytes;
    assert(rest > 0 && rest < 32 * 1024, `${rest}`);
    program.destroy();
    model.destroy();
  }
});

kindTest("trainingMemory() counts one moment of what Muon updates, and its products", async (device) => {
  const config = modelConfig({ vocab: 50, layers: 2, width: 32, heads: 2 });
  const { optimizer } = defaultSettings({ preset: "modernbert", width: 32 });
  const withMuon = { ...optimizer, muon: muonSettings(config) };
  const [before, needs] = [
    await trainingMemory(device, config, { shape, optimizer }),
    await trainingMemory(device, config, { shape, optimizer: withMuon }),
  ];
  const model = new Model(device, config);
  const program = await model.compileTraining(shape, withMuon);
  const { values, gradients, firstMoment, outerSecondMoment } = model.store;
  const flat = [values, gradients, firstMoment, outerSecondMoment].reduce((sum, { size }) => sum + 4 * size, 0);
  const rest = needs.parameters + needs.batch - flat - program.bytes;
  assert(rest > 0 && rest < 32 * 1024, `${rest}`);
  const hidden = values.size - outerSecondMoment.size;
  // of the second moments' memory, where each matrix lies takes eight bytes
  assertEquals(before.parameters - needs.parameters, 4 * hidden - 8 * 2 * 4);
  program.destroy();
  model.destroy();
});

kindTest("fitMemory() names a size of batches that passes", async (device) => {
  const config = modelConfig({ vocab: 50, layers: 2, width: 32, heads: 2 });
  const settings = defaultSettings({ preset: "modernbert", width: 32 });
  const small = { ...withLimits(device), maxTensorBytes: 2 ** 20, memoryBytes: 2 ** 24 };
  await fitMemory({ config, settings, device: small });
  for (const batchTokens of [100_000, 10_000_000]) {
    const message = await fitMemory({ config, settings: { ...settings, batchTokens }, device: small })
      .then(() => "", (error: Error) => error.message);
    const [, fitting] =
      /a step takes at least \S+ MiB, and it has 16 MiB; --micro-batch auto or --batch-tokens (\d+) would fit$/.exec(
        message,
      ) ?? [];
    assert(Number(fitting) >= 1024, message);
    await fitMemory({ config, settings: { ...settings, batchTokens: Number(fitting) }, device: small });
  }
});

kindTest("fitMemory() names a size of batches of whole pairs where texts are compared", async (device) => {
  const config = modelConfig({ vocab: 50, layers: 2, width: 32, heads: 2, dropout: 0.1 });
  const settings = contrastiveDefaults({ preset: "modernbert", width: 32 });
  const small = { ...withLimits(device), maxTensorBytes: 2 ** 20, memoryBytes: 2 ** 23 };
  for (const batchTokens of [12_800, 12_800_000]) {
    const message = await fitMemory({ config, settings: { ...settings, batchTokens }, device: small })
      .then(() => "", (error: Error) => error.message);
    const [, fitting] = /and it has 8\.0 MiB; --batch-tokens (\d+) would fit$/.exec(message) ?? [];
    assert(Number(fitting) >= 128 && Number(fitting) % 128 === 0, message);
    await fitMemory({ config, settings: { ...settings, batchTokens: Number(fitting) }, device: small });
  }
});

kindTest("fitMemory() divides batches that do not fit, and says so", async (device) => {
  const config = modelConfig({ vocab: 50, layers: 2, width: 32, heads: 2 });
  const settings = { ...defaultSettings({ preset: "modernbert", width: 32 }), batchTokens: 65_536 };
  const small = { ...withLimits(device), maxTensorBytes: 2 ** 22, memoryBytes: 2 ** 24 };
  const fitted = await fitMemory({ config, settings, device: small }, "auto");
  const { batchTokens, accumulate } = fitted.settings;
  assert(accumulate > 1 && accumulate < 64, `${accumulate}`);
  assertEquals(batchTokens * accumulate, 65_536);
  assertEquals(
    fitted.notice,
    `batches of 65,536 tokens do not fit into memory: each is computed in ${accumulate} parts of ` +
      `${batchTokens.toLocaleString("en")} (--micro-batch)`,
  );
  await fitMemory({ config, settings: fitted.settings, device: small });
  // one part fewer would not do
  const half = { ...settings, batchTokens: 2 * batchTokens };
  await assertRejects(() => fitMemory({ config, settings: half, device: small }), RangeError, "would fit");
  const anew = await fitMemory({ config, settings: { ...settings, recompute: true }, device: small }, "auto");
  assert(anew.settings.accumulate < accumulate);
  const asked = await fitMemory({ config, settings, device: small }, 1000);
  assertEquals([asked.settings.batchTokens, asked.settings.accumulate, asked.notice], [512, 128, undefined]);
  await assertRejects(
    () => fitMemory({ config, settings, device: small }, 100),
    UsageError,
    "Option --micro-batch cannot be 100: one window of this run has 128 tokens",
  );
  const odd = { ...settings, batchTokens: 700 };
  await assertRejects(
    () => fitMemory({ config, settings: odd, device: small }, 400),
    UsageError,
    "Option --micro-batch cannot divide batches of 700 tokens into parts of at most 400: a stage's windows do not divide",
  );
});

/** A card that runs nothing, with so much memory and as large tensors. */
function paperCard({ memoryBytes, maxTensorBytes }: { memoryBytes: number; maxTensorBytes: number }): Device {
  const target = {
    variant: "tiled",
    table: {},
    attention: "by length",
    workgroupBytes: 32_768,
    parallelism: 512,
    maxTensorBytes,
  } as const;
  return {
    kind: "webgpu",
    description: "a card",
    settings: { kind: "webgpu", adapter: "paper", matmul: "tiled" },
    software: false,
    maxTensorBytes,
    memoryBytes,
    allocate: (bytes) => ({ bytes, destroy() {} }),
    write() {},
    read: () => Promise.resolve([]),
    lower: (call) => lower(call, target),
    fuse: (calls) => fuseCalls(calls, target),
    build: () => Promise.resolve({ run() {}, bytes: 0, destroy() {} }),
    takeProfile: () => Promise.resolve(undefined),
    destroy() {},
  };
}

const GIB = 2 ** 30;

Deno.test("fitMemory() has base train at length 512 on a card of 8 GiB, every stage of it, in parts of its own choice", async () => {
  const config = modelConfig({ size: "base", vocab: 30_522, maxLength: 512 });
  const settings = { ...defaultSettings({ preset: "modernbert", width: 768, length: 512 }), batchTokens: 16_384 };
  const device = paperCard({ memoryBytes: 8 * GIB, maxTensorBytes: 2 * GIB - 4 });
  const fitted = await fitMemory({ config, settings, device }, "auto");
  assertEquals(fitted.settings.batchTokens * fitted.settings.accumulate, 16_384);
  assert(fitted.settings.accumulate > 1 && fitted.settings.batchTokens >= 4096, fitted.notice);
  const { parameters, batch } = await plannedMemory({ device, config, settings: fitted.settings });
  assert(parameters + batch <= 8 * GIB && parameters + batch > 5 * GIB, `${parameters + batch}`);
  // the first stages mask more, and take more memory where a vocabulary is large
  const large = modelConfig({ size: "base", vocab: 120_000, maxLength: 512 });
  const other = await fitMemory({ config: large, settings, device }, "auto");
  const needed = await plannedMemory({ device, config: large, settings: other.settings });
  assert(needed.parameters + needed.batch <= 8 * GIB, `${needed.parameters + needed.batch}`);
});

Deno.test("fitMemory() trains models whose parameters do not fit into one binding, and names what alone is too large for one", async () => {
  const device = paperCard({ memoryBytes: 8 * GIB, maxTensorBytes: 128 << 20 });
  const settings = defaultSettings({ preset: "modernbert", width: 768, length: 512 });
  const base = (vocab: number) => modelConfig({ size: "base", vocab, maxLength: 512 });
  await fitMemory({ config: base(30_522), settings, device }, "auto");
  await assertRejects(
    () => fitMemory({ config: base(250_000), settings, device }, "auto"),
    RangeError,
    "its vocabulary takes 732 MiB, and it computes with 128 MiB at once; smaller --vocab or --width would fit, fewer tokens a step would not",
  );
});

Deno.test("fitMemory() compares a tensor with what a tensor may have, and tells parts of whole windows", async () => {
  const settings = { ...defaultSettings({ preset: "modernbert", width: 768, length: 512 }), batchTokens: 16_000 };
  const config = modelConfig({ size: "base", vocab: 30_522, maxLength: 512 });
  const device = paperCard({ memoryBytes: 80 * GIB, maxTensorBytes: 96 << 20 });
  for (const [mode, wish] of [["off", "--micro-batch auto or --batch-tokens"], [8192, "--micro-batch"]] as const) {
    const even = { ...settings, batchTokens: 16_384 };
    const message = await fitMemory({ config, settings: even, device }, mode).catch((error: Error) => error.message);
    const pattern = new RegExp(
      `: its largest tensor takes at least (\\d+) MiB, and one may have 96 MiB; ${wish} \\d+ would`,
    );
    assert(Number(pattern.exec(String(message))?.[1]) > 96, String(message));
  }
  const odd = { ...settings, curriculum: settings.curriculum.slice(-1) };
  const fitted = await fitMemory({ config, settings: odd, device: { ...device, memoryBytes: 3 * GIB } }, "auto");
  const [, whole, parts, tokens] = /batches of ([\d,]+) .* in (\d+) parts of ([\d,]+) /.exec(fitted.notice!)!;
  assertEquals(whole, "15,872");
  assertEquals(Number(parts) * Number(tokens!.replace(",", "")), 15_872);
});

/** A device whose limits can be set. */
function withLimits(device: Parameters<typeof fitMemory>[0]["device"]) {
  const { kind, description, settings, software } = device;
  const { allocate, write, read, build, takeProfile, destroy } = device;
  const lower: typeof device.lower = (call) => device.lower(call);
  return { kind, description, settings, software, allocate, write, read, build, takeProfile, destroy, lower };
}

const model =
  /^error: Cannot train a model of [\d,]+ parameters on [^\n]*; smaller --layers, --width, [^\n]* would fit\n$/;
const steps = /^error: Cannot train with steps of [\d,]+ tokens: their text alone takes [^\n]*would fit\n$/;
const batches =
  /^error: Cannot train with batches of [\d,]+ tokens on [^\n]*; --micro-batch auto or --batch-tokens \d+ would fit\n$/;
const windows =
  /^error: Cannot train with batches of [\d,]+ tokens on [^\n]*; shorter windows \(--length, [^\n]* would fit\n$/;
const absurd: readonly [flags: string, sentence: RegExp][] = [
  ["--width 1G --heads 4M", model],
  ["--width 8192 --heads 64 --layers 1000", model],
  ["--hidden 1G", model],
  ["--vocab 100G", model],
  ["--vocab 1G --tokenizer bpe", model],
  ["--max-length 1G --preset bert", model],
  ["--accumulate 1G", steps],
  ["--length 100G", steps],
  ["--batch-tokens 100G", steps],
  ["--batch-tokens 100M --micro-batch off", batches],
  ["--batch-tokens 1M --micro-batch off", batches],
  ["--length 1M", windows],
];

for (const device of ["cpu", "webgpu"]) {
  Deno.test({
    name: `train says at once what does not fit, before it reads any text (${device})`,
    ignore: device === "webgpu" && withoutGpu,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        for (const [flags, sentence] of device === "cpu" ? absurd : absurd.filter((_, i) => i % 4 === 0)) {
          // a text that is not there would be said first if it were looked for
          const args = ["train", "--data", "missing.txt", "--device", device, ...flags.split(" ")];
          const { code, err } = await runCli(args, { cwd });
          assertEquals(code, 1);
          assertMatch(err, sentence, flags);
        }
        const { err } = await runCli(["train", "--data", "missing.txt", "--device", device], { cwd });
        assertStringIncludes(err, "missing.txt");
      }),
  });
}
