import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { withoutGpu } from "../helpers/devices.ts";
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
  const [, args] = /^ {2}deno run -A cli\.ts (train --resume \S+)$/m.exec(out) ?? [];
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
async function runOf(cwd: string, device: Record<string, unknown>): Promise<string> {
  const trained = await runCli([...run, "--device", "cpu", "--steps", "4", "--save-every", "2", "--name", "x"], {
    cwd,
  });
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

Deno.test("train takes the same BLAS at every start", () =>
  inTemporaryFolder(async (cwd) => {
    const told = new Set<string>();
    for (const name of ["a", "b", "c"]) {
      const { out } = await runCli([...run, "--device", "cpu", "--steps", "1", "--name", name], { cwd });
      told.add(/^device .*$/m.exec(out)![0]);
    }
    assertEquals(told.size, 1);
  }));
