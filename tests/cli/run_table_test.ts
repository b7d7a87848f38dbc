import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { lockFolder } from "../../lib/cli/run_lock.ts";
import { bestOf } from "../../lib/cli/best_loss.ts";
import { readRecord, type RunRecord, sizeOf } from "../../lib/cli/run_record.ts";
import type { RunConfig } from "../../lib/cli/run_folder.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { runJson, runTable } from "../../lib/cli/run_table.ts";
import { runCli } from "../helpers/run_cli.ts";
import { stepLine, stepLines, wholeConfig, writeWholeRun } from "../helpers/run_folders.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

Deno.test("readRecord() tells what a run was given, how far it came and how it ended", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/a`;
    const metrics = stepLines(1, 60, { of: 100 }) + stepLine(60, { kind: "validation", loss: 9 }) +
      '{"kind":"skipped","step":61,"tokens":61000,"seconds":6.1,"loss":"NaN"}\n{"kind":"spike","step":61}\n{"kind":"tr';
    await writeWholeRun(path, { metrics, checkpoint: 60 });
    const run = await readRecord(path);
    assertEquals([run.name, run.state, run.done, run.corpus], ["a", "stopped", 0.61, "stories"]);
    assertEquals([run.step, run.tokens, run.seconds, run.evaluateTokens], [61, 61_000, 6.1, 2048]);
    assertEquals([bestOf(run.validations)!.step, run.validations.at(-1)!.loss], [60, 9]);
    assertEquals([run.incidents, run.problems], [{ skipped: 1, spikes: 1 }, []]);
    await writeWholeRun(path, {
      metrics: stepLines(1, 60, { of: 100 }) + '{"kind":"overflow","step":61,"tokens":61000,"seconds":6.1,"loss":3}\n',
      checkpoint: 60,
    });
    const { step, incidents } = await readRecord(path);
    assertEquals([step, incidents], [61, { skipped: 0, spikes: 0 }]);
    const lock = lockFolder(path);
    assertEquals((await readRecord(path)).state, "running");
    lock.release();
  }));

Deno.test("readRecord() tells the end of runs by the clock, and what is damaged", () =>
  inTemporaryFolder(async (folder) => {
    const config = wholeConfig({ training: { budget: { minutes: 5 } } });
    const states: (readonly [string, string])[] = [];
    for (const end of ["finished", "stopped", "diverged", undefined] as const) {
      await writeWholeRun(`${folder}/${end}`, { config, checkpoint: 100, ...(end ? { end } : {}) });
      states.push([String(end), (await readRecord(`${folder}/${end}`)).state]);
    }
    const wanted = [["finished", "finished"], ["stopped", "stopped"], ["diverged", "diverged"], [
      "undefined",
      "stopped",
    ]];
    assertEquals(states.map(([...both]) => both), wanted);
    const damages: [string, (path: string) => Promise<void>, RegExp][] = [
      ["config", (path) => Deno.writeTextFile(`${path}/config.json`, "{"), /^config\.json: it is no JSON/],
      [
        "other",
        (path) => Deno.writeTextFile(`${path}/config.json`, "{}"),
        /^its config\.json is not that of a run: "f/,
      ],
      ["metrics", (path) => Deno.remove(`${path}/metrics.jsonl`), /^metrics\.jsonl: there is no such file$/],
      [
        "lines",
        (path) =>
          Deno.writeTextFile(`${path}/metrics.jsonl`, `${stepLine(1).slice(0, 40)}\n\0\0\n${stepLine(2)}{"kind`),
        /^metrics\.jsonl: 2 lines of it cannot be read$/,
      ],
    ];
    for (const [name, damage, problem] of damages) {
      const path = `${folder}/${name}`;
      await writeWholeRun(path, { config, checkpoint: 100 });
      await damage(path);
      const run = await readRecord(path);
      assertMatch(run.problems[0] ?? "none", problem);
      assert(runTable([run], 80).includes(name));
    }
  }));

const record = (run: Partial<RunRecord>): RunRecord => ({
  path: "runs/modernbert-small-shakespeare",
  name: "modernbert-small-shakespeare",
  state: "finished",
  done: 1,
  config: wholeConfig({ training: { budget: { tokens: 3_000_000 } } }) as unknown as RunRecord["config"],
  corpus: "Tiny Shakespeare",
  evaluateTokens: 1,
  step: 2930,
  tokens: 3_000_320,
  seconds: 309,
  validations: [{ step: 1, tokens: 1, seconds: 1, loss: 1.1559, accuracy: 0.6 }],
  incidents: { skipped: 0, spikes: 0 },
  checkpoints: 1,
  changed: 0,
  problems: [],
  ...run,
});

Deno.test("readRecord() calls a text the same before the first checkpoint and after, and cuts no name of several", () =>
  inTemporaryFolder(async (folder) => {
    const named = async (data: string[], checkpoint?: number) => {
      const path = `${folder}/${data.length}${checkpoint}`;
      await writeWholeRun(path, { config: wholeConfig({ text: { data } }), ...(checkpoint ? { checkpoint } : {}) });
      return (await readRecord(path)).corpus;
    };
    for (const checkpoint of [undefined, 100]) {
      assertEquals(await named(["/texts/law.txt"], checkpoint), "law.txt");
      assertEquals(await named(["a/one.txt", "b/two.txt"], checkpoint), "one.txt, two.txt");
      const long = ["law.txt", "constitutions.txt", "treaties-of-all-countries.txt"];
      assertEquals(await named(long, checkpoint), "law.txt and 2 more");
      assertEquals(await named([], checkpoint), "standard input");
      assertEquals(await named(["-", "b.txt"], checkpoint), "standard input, b.txt");
    }
  }));

Deno.test("readRecord() names the pairs that a run compares", () =>
  inTemporaryFolder(async (folder) => {
    await writeWholeRun(`${folder}/a`, { config: wholeConfig({ text: { data: [], pairs: "/texts/faq.csv" } }) });
    assertEquals((await readRecord(`${folder}/a`)).corpus, "faq.csv");
  }));

Deno.test("runTable() fits a terminal, and leaves out what is least needed first", () => {
  const runs = [record({}), record({ path: "runs/b", state: "stopped", done: 0.452, validations: [] })];
  assertEquals(runTable(runs, Infinity).split("\n").map((line) => line.trim().split(/ {2,}/)), [
    ["run", "state", "best", "last", "training", "corpus", "size", "budget"],
    [
      "modernbert-small-shakespeare",
      "finished",
      "1.1559",
      "1.1559",
      "5m09s",
      "Tiny Shakespeare",
      "modernbert small",
      "3M tokens",
    ],
    ["b", "stopped 45%", "5m09s", "Tiny Shakespeare", "modernbert small", "3M tokens"],
  ]);
  const heads: string[][] = [];
  for (let width = 120; width >= 36; width--) {
    const lines = runTable(runs, width).split("\n");
    assert(lines.every((line) => line.length <= width), `${width}`);
    heads.push(lines[0]!.trim().split(/ +/));
  }
  // at 80 columns
  assertEquals(heads[40], ["run", "state", "best", "last", "training"]);
  assertEquals(heads.at(-1), ["run", "state", "best"]);
  assertEquals(runJson(runs[1]!).best, null);
});

Deno.test("runs lists the newest first, leaves out other folders, says what is damaged and how to begin", () =>
  inTemporaryFolder(async (cwd) => {
    const none = await runCli(["runs"], { cwd });
    assertEquals([none.code, none.err], [0, ""]);
    assertStringIncludes(none.out, "there are no runs in runs yet; begin one with:\n  deno run -A ");
    assertStringIncludes(none.out, "/cli.ts train");
    for (const [i, name] of ["old", "new", "bad"].entries()) {
      await writeWholeRun(`${cwd}/runs/${name}`, { checkpoint: 100 });
      const time = new Date(1.7e12 + 1000 * (name === "bad" ? 0 : i + 1));
      await Deno.utime(`${cwd}/runs/${name}/metrics.jsonl`, time, time);
    }
    await Deno.writeTextFile(`${cwd}/runs/bad/config.json`, "{");
    await Deno.mkdir(`${cwd}/runs/notes`);
    for (
      const args of [["report", "runs/bad"], ["report", "runs", "runs/new", "--out", "all.html"], ["compare", "runs"]]
    ) {
      const { code, err } = await runCli(args, { cwd });
      assertEquals([code, err], [0, "note: runs/bad is damaged: config.json: it is no JSON\n"], args.join(" "));
    }
    const { code, out, err } = await runCli(["runs", "runs", "--json"], { cwd });
    assertEquals([code, err], [0, ""]);
    const runs = JSON.parse(out) as { name: string; state: string; problems: string[]; checkpoints: number }[];
    assertEquals(runs.map(({ name, state }) => [name, state]), [
      ["new", "finished"],
      ["old", "finished"],
      ["bad", "stopped"],
    ]);
    assertEquals(runs.map(({ problems }) => problems.length), [0, 0, 1]);
    assertEquals(runs.map(({ checkpoints }) => checkpoints), [1, 1, 1]);
    await writeWholeRun(`${cwd}/runs/killed`, { metrics: stepLines(1, 5, { of: 100 }) });
    const { err: notes } = await runCli(["runs"], { cwd });
    assertStringIncludes(notes, "note: runs/killed ended before its first checkpoint, so it cannot go on: remove it");
    assertEquals(notes.match(/^note: /gm)?.length, 2, "one for what is damaged");
    const wrong = await runCli(["runs", "nowhere"], { cwd });
    assertEquals([wrong.code, wrong.err], [1, 'error: Cannot list the runs in "nowhere": there is no such folder\n']);
  }));

Deno.test("sizeOf() knows the sizes of now and those of earlier versions, and no others", () => {
  const named = (hidden: number) => {
    const model = { ...modelConfig({ vocab: 8, size: "small" }), hidden };
    return sizeOf({ model } as unknown as RunConfig);
  };
  assertEquals([320, 340, 344].map(named), ["modernbert small", "modernbert small", "modernbert 4×128"]);
});
