import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { createRecovery } from "../../lib/cli/recovery.ts";
import type { Run } from "../../lib/cli/run.ts";
import { DeviceError } from "../../lib/device/device.ts";
import type { Budget } from "../../lib/train/schedule.ts";
import { withoutGpu } from "../helpers/devices.ts";
import { runCli } from "../helpers/run_cli.ts";
import { runLosses } from "../helpers/run_losses.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const run = [
  ["train", "--data", "stories", "--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "64"],
  ["--length", "16", "--curriculum", "none", "--eval-tokens", "64", "--eval-every", "10", "--sample-every", "100%"],
  ["--save-every", "10", "--steps", "40", "--lr", "0.002", "--name", "x"],
].flat();

type Line = Record<string, unknown>;

async function metrics(cwd: string): Promise<Line[]> {
  return (await Deno.readTextFile(`${cwd}/runs/x/metrics.jsonl`)).trim().split("\n").map((line) => JSON.parse(line));
}

const configOf = async (cwd: string) => JSON.parse(await Deno.readTextFile(`${cwd}/runs/x/config.json`));

const checkpoints = async (cwd: string) =>
  (await Array.fromAsync(Deno.readDir(`${cwd}/runs/x/checkpoints`))).map(({ name }) => name)
    .filter((name) => name.startsWith("step-")).sort();

/** A weight that is no number from a step on, so many times. */
const spoiled = (faults: Record<number, { value: string; times: number }>) => ({
  preload: [new URL("../helpers/spoil_weights.ts", import.meta.url).pathname],
  env: { CLOZE_TEST_SPOIL: JSON.stringify(faults) },
});

const test = (name: string, fn: (cwd: string) => Promise<void>) => Deno.test(name, () => inTemporaryFolder(fn));

for (const device of ["cpu", "webgpu"]) {
  Deno.test({
    name: `train returns to the last good checkpoint with half the rate after NaN, and ends well (${device})`,
    ignore: device === "webgpu" && withoutGpu,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        const flags = [...run, "--device", device];
        const { code, out, err } = await runCli(flags, { cwd, ...spoiled({ 25: { value: "NaN", times: 1 } }) });
        assertEquals([code, err], [0, ""]);
        assertStringIncludes(out, "note: step 25 is skipped, for its loss is NaN and its gradient norm NaN");
        assertStringIncludes(out, "note: Training diverged at step 25: 5 steps in a row had a loss of NaN");
        assertStringIncludes(out, "; back to the checkpoint of step 20, with half the learning rate: 0.00100");
        const lines = await metrics(cwd);
        const trained = lines.filter(({ kind }) => kind === "train");
        assertEquals(lines.filter(({ kind }) => kind === "end").map(({ state }) => state), ["finished"]);
        assertEquals(trained.map(({ step }) => step), Array.from({ length: 40 }, (_, i) => i + 1));
        assertEquals(lines.filter(({ kind }) => kind === "rate"), [
          { kind: "rate", step: 20, peak: 0.001, before: 0.002, why: "diverged" },
        ]);
        const config = await configOf(cwd);
        assertEquals(config.training.learningRate.peak, 0.001);
        assertEquals(config.ratesBefore, [{ peak: 0.002, until: 20, why: "diverged" }]);
        const card = await Deno.readTextFile(`${cwd}/runs/x/checkpoints/step-00000040/README.md`);
        assertStringIncludes(card, "learning rate 0.00200 until step 20, then 0.00100");
      }),
  });
}

test("train goes back before a checkpoint whose weights were bad already, and removes that", async (cwd) => {
  // the weights behind step 20 are those that step 21 cannot use
  const { code, out } = await runCli([...run, "--device", "cpu"], {
    cwd,
    ...spoiled({ 21: { value: "NaN", times: 1 } }),
  });
  assertEquals(code, 0);
  assertStringIncludes(out, "back to the checkpoint of step 10, with half the learning rate");
  assertEquals(await checkpoints(cwd), ["step-00000030", "step-00000040"]);
  assertEquals((await metrics(cwd)).filter(({ kind }) => kind === "train").length, 40);
});

test("train stops after three returns with advice that can be followed", async (cwd) => {
  const { code, out, err } = await runCli([...run, "--device", "cpu"], {
    cwd,
    ...spoiled({ 25: { value: "NaN", times: 9 } }),
  });
  assertEquals(code, 1);
  const end = (await metrics(cwd)).at(-1)!;
  assertEquals([end.kind, end.state], ["end", "diverged"]);
  assertMatch(err, /^error: Training diverged at step 25: [^\n]*\n$/);
  assertEquals(out.match(/back to the checkpoint of step 20/g)?.length, 3);
  assertStringIncludes(out, "the learning rate was halved 3 times, to 0.000250; the checkpoint of step 20 is good");
  const [, advice] = /^ {2}deno run -A \S*cli\.ts (train --resume runs\/x --lr 0\.00003)$/m.exec(out) ?? [];
  assert(advice, out);
  assertEquals(await checkpoints(cwd), ["step-00000010", "step-00000020"]);
  const resumed = await runCli(advice.split(" "), { cwd });
  assertEquals([resumed.code, resumed.err], [0, ""]);
  assertStringIncludes(resumed.out, "note: the learning rate is 0.00003 from step 20 on; it was 0.00025");
  const { training, ratesBefore } = await configOf(cwd);
  assertEquals(training.learningRate.peak, 0.00003);
  assertEquals(ratesBefore.at(-1), { peak: 0.00025, until: 20, why: "asked" });
  const lines = await metrics(cwd);
  assertEquals(lines.filter(({ kind }) => kind === "train").map(({ step }) => step).length, 40);
  assertEquals(lines.findLast(({ kind }) => kind === "rate")!.why, "asked");
  assert((lines.find(({ kind, step }) => kind === "train" && step === 21)!.learningRate as number) < 0.00003);
});

test("train keeps the checkpoints before losses that explode to finite numbers", async (cwd) => {
  const often = run.with(run.indexOf("--save-every") + 1, "2");
  const { code, out, err } = await runCli([...often, "--device", "cpu"], {
    cwd,
    ...spoiled({ 23: { value: "1e6", times: 9 } }),
  });
  assertEquals(code, 1);
  assertMatch(err, /^error: Training diverged by step 30: the loss is \d+\.\d\d, where guessing among 47 tokens gives/);
  assertStringIncludes(out, "back to the checkpoint of step 20");
  assertEquals((await checkpoints(cwd)).at(-1), "step-00000020");
});

test("train with an absurd learning rate is no success, and says what to do", async (cwd) => {
  for (const rate of ["1e38", "100"]) {
    const { code, out, err } = await runCli([...run.slice(0, -4), "--lr", rate, "--name", `x${rate}`], { cwd });
    assertEquals(code, 1, out);
    assertMatch(err, /^error: Training diverged (at|by) step \d+: [^\n]*\n$/);
    assertMatch(
      out,
      /halved 3 times, to [^;]*; there is no good checkpoint: begin anew, under another --name, with a lower one, such as --lr 0\.006\nruns\/\S+ holds only its curve, and may be removed\n/,
    );
    assert(!out.includes("the model is in"));
  }
});

test("train --resume --lr is noted in configuration and metrics, and stays so when it is resumed again", async (cwd) => {
  assertEquals((await runCli([...run, "--device", "cpu"], { cwd })).code, 0);
  const again = async (...flags: string[]) => {
    await Deno.remove(`${cwd}/runs/x/checkpoints/step-00000040`, { recursive: true });
    const { code, err } = await runCli(["train", "--resume", "runs/x", ...flags], { cwd });
    assertEquals([code, err], [0, ""]);
    return await runLosses(`${cwd}/runs/x`);
  };
  const lines = await again("--lr", "1e-3");
  const change = { kind: "rate", step: 30, peak: 0.001, before: 0.002, why: "asked" };
  assertEquals(lines.filter(({ kind }) => kind === "rate"), [change]);
  // once more with the rate that was asked for
  assertEquals(await again(), lines);
  assertEquals((await configOf(cwd)).ratesBefore, [{ peak: 0.002, until: 30, why: "asked" }]);
  const unchanged = await runCli(["train", "--resume", "runs/x", "--lr", "nothing"], { cwd });
  assertEquals(unchanged.code, 2);
});

test("train --init begins anew from the model's weights where it has no good checkpoint", async (cwd) => {
  assertEquals((await runCli([...run, "--device", "cpu"], { cwd })).code, 0);
  const init = ["train", "--init", "runs/x", "--data", "stories", "--length", "16", "--steps", "20", "--name", "y"];
  const more = [...init, "--eval-tokens", "64", "--batch-tokens", "64", "--device", "cpu", "--lr", "0.001"];
  const plain = await runCli(more.with(more.indexOf("y"), "z").with(-1, "0.0005"), { cwd });
  assertEquals([plain.code, plain.err], [0, ""]);
  const returned = await runCli([...more, "--save-every", "100%"], {
    cwd,
    ...spoiled({ 8: { value: "NaN", times: 1 } }),
  });
  assertEquals([returned.code, returned.err], [0, ""]);
  assertStringIncludes(
    returned.out,
    "back to the beginning, for there is no checkpoint before, with half the learning",
  );
  const losses = async (name: string) =>
    (await Deno.readTextFile(`${cwd}/runs/${name}/metrics.jsonl`)).split("\n").filter((line) =>
      line.includes('"train"')
    )
      .map((line) => JSON.parse(line).loss);
  assertEquals(await losses("y"), await losses("z"));
});

test("createRecovery() counts the minutes that a failed attempt took, and gives only what it has back", async (cwd) => {
  assertEquals((await runCli([...run, "--device", "cpu"], { cwd })).code, 0);
  const path = `${cwd}/runs/x`;
  const learningRate = { peak: 0.002, schedule: "linear", warmup: { steps: 1 } };
  const of = (budget: Budget) => ({ path, settings: { budget, learningRate } }) as unknown as Run;
  const device = { description: "", settings: { kind: "webgpu", adapter: "", matmul: "" } } as const;
  const failure = { device, elapsed: 100, hasSteps: true, soundUntil: (step: number) => step };
  const lost = new DeviceError("lost");
  const next = (run: Run, error: Error = lost) => createRecovery().next(error, { ...failure, run });
  assertEquals((await next(of({ minutes: 3 })))?.run.state?.elapsed, 100);
  const { elapsed = NaN } = (await next(of({ steps: 50 })))!.run.state!;
  assert(elapsed < 100);
  // other errors are not its own, nor is a device that did nothing
  assertEquals(await next(of({ steps: 50 }), new RangeError("other")), undefined);
  assertEquals(await createRecovery().next(lost, { ...failure, run: of({ steps: 50 }), hasSteps: false }), undefined);
});

test("createRecovery() goes on from the checkpoint before one that is damaged, and loses none before that is read", async (cwd) => {
  assertEquals((await runCli([...run, "--device", "cpu"], { cwd })).code, 0);
  const path = `${cwd}/runs/x`;
  const [before, last] = (await checkpoints(cwd)).slice(-2) as [string, string];
  await Deno.truncate(`${path}/checkpoints/${last}/optimizer.safetensors`, 100);
  const told: string[] = [];
  const next = async () =>
    await createRecovery((line) => told.push(line)).next(new DeviceError("lost"), {
      run: { path, settings: { budget: { steps: 50 } } } as unknown as Run,
      device: { description: "", settings: { kind: "webgpu", adapter: "", matmul: "" } },
      elapsed: 1,
      hasSteps: true,
      soundUntil: (step) => step,
    });
  assertEquals((await next())?.run.state?.step, Number(before.slice(5)));
  assertEquals(told.length, 2);
  assertStringIncludes(told[0]!, `${last}/optimizer.safetensors: it is damaged`);
  const all = (await Array.fromAsync(Deno.readDir(`${path}/checkpoints`))).map(({ name }) => name);
  assertEquals(all.sort(), [`damaged-${last}`, before]);
});
