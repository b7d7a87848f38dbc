import { assert, assertEquals } from "@std/assert";
import { UsageError } from "../../lib/cli/flags.ts";
import { jsonEvents } from "../../lib/cli/json_events.ts";
import type { TrainEvent } from "../../lib/train/events.ts";
import { runCli } from "../helpers/run_cli.ts";
import { runMetrics } from "../helpers/run_losses.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const skipped: TrainEvent = {
  kind: "skipped",
  ...{ step: 3, tokens: 30, seconds: 1, length: 16, maskRate: 0.15, loss: NaN, learningRate: 1e-3 },
  ...{ gradientNorm: Infinity, tokensPerSecond: 10, inARow: 1, total: 1 },
};

Deno.test("jsonEvents() say each phase once, and how a run ended", () => {
  const lines: string[] = [];
  const json = jsonEvents((line) => lines.push(line));
  json.started({ path: "runs/x", step: 2, learningRate: 0.001 });
  for (const share of [undefined, 0.5, 1]) json.events.event({ kind: "phase", phase: "validating", step: 2, share });
  json.events.event(skipped);
  json.events.event({
    kind: "samples",
    step: 3,
    samples: [[{ token: "a\x1b", id: 1 }, { token: "b", predicted: "c" }]],
  });
  json.events.event({ kind: "time", elapsed: 4, training: 3, validation: 1, saving: 0 });
  json.ended({ error: new RangeError("Cannot go on") });
  assert(lines.every((line) => line.endsWith("\n") && !line.slice(0, -1).includes("\n")));
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x09\x1b]/.test(lines.join("")), "nothing that a terminal obeys");
  assertEquals(lines.map((line) => JSON.parse(line)), [
    { kind: "start", path: "runs/x", step: 2, learningRate: 0.001 },
    { kind: "phase", step: 2, phase: "validating" },
    { ...skipped, loss: "NaN", gradientNorm: "Infinity" },
    { kind: "samples", step: 3, samples: [["a\x1b", ["b", "c", []]]] },
    {
      kind: "end",
      ...{ state: "failed", code: 1, error: "Cannot go on", path: "runs/x", step: 3, tokens: 30 },
      ...{ elapsed: 4, training: 3, validation: 1, saving: 0 },
    },
  ]);
  const codes = [{ code: 0 }, { code: 130 }, { code: 1 }, { error: new UsageError("no") }].map((how) => {
    json.ended(how);
    const { state, code } = JSON.parse(lines.at(-1)!);
    return [state, code];
  });
  assertEquals(codes, [["finished", 0], ["stopped", 130], ["failed", 1], ["failed", 2]]);
});

const small = [
  "train",
  "--data",
  "stories",
  "--layers",
  "1",
  "--width",
  "16",
  "--heads",
  "2",
  "--batch-tokens",
  "128",
  "--curriculum",
  "16:50%,32",
  "--eval-tokens",
  "256",
  "--device",
  "cpu",
];

Deno.test("train --quiet says how a run ends, and --json nothing but JSON on standard output, resumed or not", () =>
  inTemporaryFolder(async (cwd) => {
    const json = (out: string) => out.trim().split("\n").map((line) => JSON.parse(line));
    const quiet = await runCli([...small, "--steps", "20", "--name", "x", "--quiet"], { cwd });
    assertEquals([quiet.code, quiet.err], [0, ""]);
    assert(/^time .*\n[^]*\n\nthe model is in runs\/x; /.test(quiet.out), quiet.out);
    assert(!quiet.out.includes("loss by tokens"), "no plot");

    await Deno.remove(`${cwd}/runs/x/checkpoints/step-00000020`, { recursive: true });
    const { code, out, err } = await runCli(["train", "--resume", "runs/x", "--json"], { cwd });
    assertEquals(code, 0);
    const events = json(out);
    const kinds = ["train", "validation"];
    const noted = (await runMetrics(`${cwd}/runs/x`)).filter(({ step }) => Number(step) > 18);
    // how a run ended is noted by the same name in both, and is told of otherwise
    const metrics = noted.filter(({ kind }) => kind !== "end");
    assertEquals(metrics.length, 3);
    assertEquals(events.filter(({ kind }) => kinds.includes(kind)), metrics);
    const all = new Set(["start", "phase", ...kinds, "samples", "checkpoint", "end"]);
    assertEquals(new Set(events.map(({ kind }) => kind)), all);
    for (const { path } of events.filter(({ kind }) => kind === "checkpoint")) {
      assert((await Deno.stat(`${cwd}/${path}`)).isDirectory);
    }
    assertEquals([events[0].kind, events[0].step], ["start", 18]);
    assertEquals([events.at(-1).kind, events.at(-1).state, events.at(-1).step], ["end", "finished", 20]);
    // people are told the rest
    for (const part of ["device  ", "validation loss", "the model is in runs/x"]) assert(err.includes(part), part);

    const finished = await runCli(["train", "--resume", "runs/x", "--json"], { cwd });
    assertEquals(finished.code, 1);
    const end = json(finished.out).at(-1);
    assertEquals([end.kind, end.state, end.code], ["end", "failed", 1]);
    assert(finished.err.includes(end.error));
  }));
