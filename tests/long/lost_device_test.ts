import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { withoutGpu } from "../helpers/devices.ts";
import { runCli } from "../helpers/run_cli.ts";
import { runLosses } from "../helpers/run_losses.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const run = [
  ["train", "--data", "stories", "--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "64"],
  ["--length", "16", "--curriculum", "none", "--eval-tokens", "64", "--eval-every", "10", "--sample-every", "100%"],
  ["--save-every", "10", "--steps", "24"],
].flat();

interface Fault {
  how?: string;
  section?: string;
  at: number;
  times: number;
  after?: "checkpoint";
}

const preloads = { webgpu: "fail_gpu", cpu: "fail_cpu" };

const failing = (device: "webgpu" | "cpu", fault: Fault) => ({
  preload: [new URL(`../helpers/${preloads[device]}.ts`, import.meta.url).pathname],
  env: { [device === "cpu" ? "CLOZE_TEST_CPU" : "CLOZE_TEST_GPU"]: JSON.stringify(fault) },
});

const cases: readonly [what: string, device: "webgpu" | "cpu", fault: Omit<Fault, "times">, sentence: string][] = [
  [
    "is destroyed",
    "webgpu",
    { how: "destroy", at: 2, after: "checkpoint" },
    "The GPU was lost: it was destroyed while it was in use",
  ],
  [
    "has no memory left",
    "webgpu",
    { how: "memory", at: 2, after: "checkpoint" },
    "The GPU has no memory left: fewer tokens a step",
  ],
  [
    "refuses its work",
    "webgpu",
    { how: "validation", at: 2, after: "checkpoint" },
    "The GPU refused its work: Buffer size ",
  ],
  ["does not answer", "webgpu", { how: "hang", at: 2, after: "checkpoint" }, "The GPU has not answered for 60 minutes"],
  ["loses a thread", "cpu", { section: "gradients", at: 15 }, "a thread is gone"],
  ["loses a thread in an update", "cpu", { section: "update", at: 15 }, "a thread is gone"],
];

for (const [what, device, fault, sentence] of cases) {
  Deno.test({
    name:
      `train opens a device anew that ${what}, and gives the losses of a run that was never interrupted (${device})`,
    ignore: device === "webgpu" && withoutGpu,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        const flags = [...run, "--device", device];
        const whole = await runCli([...flags, "--name", "whole", "--out", "others"], { cwd });
        assertEquals([whole.code, whole.err], [0, ""]);
        const failed = await runCli([...flags, "--name", "failed"], {
          cwd,
          ...failing(device, { ...fault, times: 1 }),
        });
        assertEquals([failed.code, failed.err], [0, ""], failed.out);
        const [, note] =
          /^note: (.*; it is opened anew, to go on from the checkpoint of step \d\d)$/m.exec(failed.out) ?? [];
        assert(note?.includes(sentence), failed.out);
        assertEquals(await runLosses(`${cwd}/runs/failed`), await runLosses(`${cwd}/others/whole`));
      }),
  });
}

Deno.test("train tells what fails in the first step of a run, and goes on from its beginning", () =>
  inTemporaryFolder(async (cwd) => {
    // so short that nothing is measured ahead
    const flags = [...run.with(-1, "4"), "--device", "cpu", "--name", "x"];
    for (const [times, code] of [[99, 1], [1, 0]] as const) {
      const fault = { section: "gradients", at: 1, times };
      const failed = await runCli([...flags, "--out", `runs-${times}`], { cwd, ...failing("cpu", fault) });
      assertEquals([failed.code, failed.err], [code, code === 0 ? "" : "error: a thread is gone\n"], failed.out);
      assertStringIncludes(
        failed.out,
        "note: a thread is gone; it is opened anew, to go on from the checkpoint of step 0\n",
      );
    }
    const whole = await runCli(flags, { cwd });
    assertEquals([whole.code, whole.err], [0, ""]);
    assertEquals(await runLosses(`${cwd}/runs-1/x`), await runLosses(`${cwd}/runs/x`));
  }));

for (
  const [device, fault] of [["webgpu", { how: "destroy", at: 30, after: "checkpoint" }], ["cpu", {
    section: "update",
    at: 15,
  }]] as const
) {
  Deno.test({
    name: `train stops when a device was opened anew three times, and goes on as it says (${device})`,
    ignore: device === "webgpu" && withoutGpu,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        const flags = [...run.with(-1, "100"), "--device", device, "--name", "x"];
        const { code, out, err } = await runCli(flags, { cwd, ...failing(device, { ...fault, times: 99 }) });
        assertEquals(code, 1);
        assertMatch(err, /^error: (The GPU was lost: [^\n]*|a thread is gone)\n$/);
        assertEquals(out.match(/it is opened anew/g)?.length, 3);
        assertMatch(
          out,
          /\nthe device was opened anew 3 times; the checkpoint of step \d+ is intact; go on from it with:\n/,
        );
        const resumed = await runCli(["train", "--resume", "runs/x"], { cwd });
        assertEquals([resumed.code, resumed.err], [0, ""]);
        assertEquals((await runLosses(`${cwd}/runs/x`)).length >= 100, true);
      }),
  });
}

for (
  const [how, sentence] of [["destroy", "The GPU was lost"], [
    "adapter",
    "Cannot open a GPU: its driver has not answered for 60 seconds",
  ]]
) {
  Deno.test({
    name: `train stops at once, with a sentence and no folder, where a GPU fails before the first step (${how})`,
    ignore: withoutGpu,
    fn: () =>
      inTemporaryFolder(async (cwd) => {
        const fault = { how: how!, at: 1, times: 99 };
        const { code, out, err } = await runCli([...run, "--device", "webgpu"], { cwd, ...failing("webgpu", fault) });
        assertEquals(code, 1);
        assertMatch(err, /^error: [^\n]*\n$/);
        assertStringIncludes(err, sentence!);
        assert(!out.includes("anew"));
        assertEquals(await Deno.stat(`${cwd}/runs`).then(() => true, () => false), false);
      }),
  });
}

Deno.test({
  name: "train computes batches in more parts where a GPU has no memory left, and resumes so (webgpu)",
  ignore: withoutGpu,
  fn: () =>
    inTemporaryFolder(async (cwd) => {
      const args = [...run, "--device", "webgpu"];
      const fault = { how: "memory", at: 1, times: 1 };
      const { code, out, err } = await runCli(args, { cwd, ...failing("webgpu", fault) });
      assertEquals([code, err], [0, ""]);
      assertStringIncludes(out, "batches of 64 tokens do not fit into memory: each is computed in 2 parts of 32");
      const [name] = await Array.fromAsync(Deno.readDir(`${cwd}/runs`));
      const { training } = JSON.parse(await Deno.readTextFile(`${cwd}/runs/${name!.name}/config.json`));
      assertEquals([training.batchTokens, training.accumulate], [32, 2]);
      const off = await runCli([...args, "--micro-batch", "off"], { cwd, ...failing("webgpu", fault) });
      assertEquals(off.code, 1);
      assertStringIncludes(off.err, "The GPU has no memory left");
    }),
});
