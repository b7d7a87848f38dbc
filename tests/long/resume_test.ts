import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hasBlas, withoutGpu } from "../helpers/devices.ts";
import { canReadEvents, readEvents } from "../helpers/read_events.ts";
import { runCli, spawnCli } from "../helpers/run_cli.ts";
import { runLosses } from "../helpers/run_losses.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const run = [
  ["train", "--data", "stories", "--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "64"],
  ["--curriculum", "8:50%,16", "--eval-tokens", "64", "--sample-every", "100%"],
].flat();

/** The arguments of the command that a run printed for going on. */
function advised(out: string): string[] {
  const [, args] = /^ {2}deno run -A \S*cli\.ts (train --resume \S+)$/m.exec(out) ?? [];
  assert(args !== undefined, `no advice in ${out}`);
  return args.split(" ");
}

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!await condition()) {
    assert(Date.now() < deadline, "waited for two minutes");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

for (const [device, steps] of [["cpu", 2000], ["webgpu", 16]] as const) {
  Deno.test({
    name: `train is resumed as it says, with no flag more, with the same losses to the bit (${device})`,
    ignore: device === "webgpu" && withoutGpu,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        const flags = [...run, "--device", device, "--steps", String(steps), "--save-every", String(steps / 8)];
        const whole = await runCli([...flags, "--name", "whole"], { cwd });
        assertEquals(whole.code, 0, whole.err);
        const child = spawnCli([...flags, "--name", "stopped", "--tensorboard"], { cwd }).spawn();
        await waitFor(() => Deno.stat(`${cwd}/runs/stopped/checkpoints`).then(() => true, () => false));
        child.kill("SIGINT");
        const { code, stdout } = await child.output();
        assertEquals(code, 130, "the run was over before it could be interrupted");
        const resumed = await runCli(advised(new TextDecoder().decode(stdout)), { cwd });
        assertEquals(resumed.code, 0, resumed.err);
        assertEquals(
          await runLosses(`${cwd}/runs/stopped`),
          await runLosses(`${cwd}/runs/whole`),
        );
        if (!canReadEvents) return;
        // a file for each time that it was begun or resumed, and each step once
        const { versions, series } = readEvents(`${cwd}/runs/stopped`);
        assertEquals(versions.length, 2);
        assertEquals(series["train/loss"]!.map(([step]) => step), Array.from({ length: steps }, (_, i) => i + 1));
      }),
  });
}

/** A run that has a step to go, as if it had begun on another device. */
async function runOf(cwd: string, device: Record<string, unknown>, flags: string[] = []): Promise<string> {
  const usual = [...run, "--device", "cpu", "--steps", "4", "--save-every", "2", "--name", "x"];
  const trained = await runCli([...usual, ...flags], { cwd });
  assertEquals(trained.code, 0, trained.err);
  await Deno.remove(`${cwd}/runs/x/checkpoints/step-00000004`, { recursive: true });
  const path = `${cwd}/runs/x/config.json`;
  const config = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify({ ...config, ...device }));
  return path;
}

const elsewhere = {
  "a BLAS that is not here": { kind: "cpu", blas: "libnowhere.so", threads: 2 },
  "a BLAS for another processor": { kind: "cpu", blas: "off", processor: "z80", fusedMultiplyAdd: "never" },
  "another graphics card": { kind: "webgpu", adapter: "Voodoo 2", matmul: "tiled" },
};
for (const [what, settings] of Object.entries(elsewhere)) {
  Deno.test(`train does not go on on another device than a run began on unless it is told to: ${what}`, () =>
    inTemporaryFolder(async (cwd) => {
      const device = { description: "a computer from elsewhere", settings };
      const path = await runOf(cwd, { device });
      const before = await Deno.readTextFile(path);
      const refused = await runCli(["train", "--resume", "runs/x"], { cwd });
      assertEquals(refused.code, 1);
      assertMatch(
        refused.err,
        /^error: Cannot go on with "runs\/x" on the device that it began on, a computer from elsewhere: .*--device.*\n$/,
      );
      assertEquals(await Deno.readTextFile(path), before);
      const resumed = await runCli(["train", "--resume", "runs/x", "--device", "cpu", "--blas", "off"], { cwd });
      assertEquals(resumed.code, 0, resumed.err);
      assertStringIncludes(resumed.out, "note: this run went on a computer from elsewhere so far");
      const config = JSON.parse(await Deno.readTextFile(path));
      assertEquals([config.device.settings.kind, config.device.settings.blas], ["cpu", "off"]);
      assertEquals(config.devicesBefore, [{ ...device, until: 2 }]);
    }));
}

Deno.test("train resumes runs whose config.json notes the device in words alone", () =>
  inTemporaryFolder(async (cwd) => {
    await runOf(cwd, { device: "CPU, 2 threads of WebAssembly SIMD", blas: "off" });
    const resumed = await runCli(["train", "--resume", "runs/x"], { cwd });
    assertEquals(resumed.code, 0, resumed.err);
    assertMatch(resumed.out, /^device {2}CPU, \d+ threads? of WebAssembly SIMD$/m);
  }));

Deno.test({
  name: "train goes on with a BLAS that the host calls in runs of versions where it always did",
  ignore: !hasBlas,
  fn: () =>
    inTemporaryFolder(async (cwd) => {
      const path = await runOf(cwd, {});
      const config = JSON.parse(await Deno.readTextFile(path));
      const { blasCaller, ...settings } = config.device.settings;
      assertEquals(blasCaller, "threads");
      await Deno.writeTextFile(path, JSON.stringify({ ...config, device: { ...config.device, settings } }));
      const resumed = await runCli(["train", "--resume", "runs/x"], { cwd });
      assertEquals([resumed.code, resumed.err], [0, ""]);
      // nothing is told of other last digits
      assert(!resumed.out.includes("note:"), resumed.out);
      assertEquals(JSON.parse(await Deno.readTextFile(path)).device.settings, settings);
    }),
});

/** Losses of a run that went on after its settings were changed. */
async function lossesAfter(change: (training: Record<string, unknown>) => Record<string, unknown>): Promise<unknown> {
  let losses: unknown;
  await inTemporaryFolder(async (cwd) => {
    // what is dropped depends on the rows that there are
    const path = await runOf(cwd, {}, ["--dropout", "20%"]);
    // without the sum that would tell the change
    const { sha256: _, training, ...config } = JSON.parse(await Deno.readTextFile(path));
    await Deno.writeTextFile(path, JSON.stringify({ ...config, training: change(training) }));
    const resumed = await runCli(["train", "--resume", "runs/x"], { cwd });
    assertEquals([resumed.code, resumed.err], [0, ""]);
    losses = await runLosses(`${cwd}/runs/x`);
  });
  return losses;
}

Deno.test("train goes on with a whole last layer in runs of versions that computed it for all rows", async () => {
  const former = await lossesAfter(({ lastLayer, ...others }) => {
    assertEquals(lastLayer, "masked");
    return others;
  });
  assertEquals(former, await lossesAfter((training) => ({ ...training, lastLayer: "whole" })));
  assert(JSON.stringify(former) !== JSON.stringify(await lossesAfter((training) => training)), "nothing differs");
});

Deno.test("train takes the same BLAS at every start, and has the same losses", () =>
  inTemporaryFolder(async (cwd) => {
    const told = new Set<string>();
    for (const name of ["a", "b", "c"]) {
      const flags = ["--device", "cpu", "--steps", "6", "--length", "48", "--name", name];
      const { out } = await runCli([...run.toSpliced(run.indexOf("--curriculum"), 2), ...flags], { cwd });
      told.add(`${/^device .*$/m.exec(out)![0]} ${await runLosses(`${cwd}/runs/${name}`)}`);
    }
    assertEquals(told.size, 1);
  }));

Deno.test("train trains a vocabulary, packs, mixes by weight, skips bad records, and resumes with the same losses", () =>
  inTemporaryFolder(async (cwd) => {
    const lines = Array.from({ length: 400 }, (_, i) => `line ${i % 37} of the text has ${i % 5} words or more`);
    const records = lines.map((body) => JSON.stringify({ body }));
    await Deno.writeTextFile(`${cwd}/a.txt`, lines.join("\n"));
    await Deno.writeTextFile(`${cwd}/b.jsonl`, [...records.slice(0, 9), "{", ...records.slice(9)].join("\n"));
    const flags = [
      ["--data", "a.txt=3", "--data", "b.jsonl=1", "--field", "body", "--skip-bad", "50"],
      [
        "--tokenizer",
        "wordpiece",
        "--vocab",
        "60",
        "--pack",
        "document",
        "--mask-mode",
        "word",
        "--never-mask",
        "line",
      ],
      ["--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "128", "--curriculum", "16:50%,32"],
      ["--eval-tokens", "256", "--save-every", "10", "--steps", "40"],
    ].flat();
    const whole = await runCli(["train", ...flags, "--name", "whole"], { cwd });
    assertEquals([whole.code, whole.err], [0, ""]);
    assertMatch(whole.out, /skipped: Cannot use b.jsonl, line 10: it is no JSON/);
    assertMatch(whole.out, /corpus {2}mixture of 2, 75 % a.txt, 25 % b.jsonl; 60 different tokens \(WordPiece\)/);
    assertMatch(whole.out, /padding \d+\.\d%/);
    const child = spawnCli(["train", ...flags, "--name", "stopped"], { cwd }).spawn();
    const hasCheckpoint = () =>
      Deno.stat(`${cwd}/runs/stopped/checkpoints/step-00000010`).then(() => true, () => false);
    for (let i = 0; i < 5000 && !await hasCheckpoint(); i++) await new Promise((resolve) => setTimeout(resolve, 2));
    child.kill("SIGKILL");
    await child.output();
    // a checkpoint in the middle, whether or not the run was quick enough to end
    for await (const { name } of Deno.readDir(`${cwd}/runs/stopped/checkpoints`)) {
      if (name > "step-00000030") await Deno.remove(`${cwd}/runs/stopped/checkpoints/${name}`, { recursive: true });
    }
    const resumed = await runCli(["train", "--resume", "runs/stopped"], { cwd });
    assertEquals([resumed.code, resumed.err], [0, ""]);
    assertEquals(
      await runLosses(`${cwd}/runs/stopped`),
      await runLosses(`${cwd}/runs/whole`),
    );
  }));
