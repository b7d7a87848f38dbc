import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { metricsCommand } from "../../lib/cli/commands/metrics.ts";
import { writeCsv, writeJsonLines } from "../../lib/cli/metrics_rows.ts";
import { runCli } from "../helpers/run_cli.ts";
import { stepLine, stepLines, writeWholeRun } from "../helpers/run_folders.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

async function rowsOf(metrics: string, kind: "train" | "validation" = "train") {
  return await inTemporaryFolder(async (path) => {
    await Deno.writeTextFile(`${path}/metrics.jsonl`, metrics);
    const rows: string[] = [];
    const { unreadable } = await writeCsv(path, { kind, write: (line) => rows.push(line) });
    return { rows, unreadable };
  });
}

const head = "step,tokens,seconds,length,maskRate,loss,accuracy,learningRate,gradientNorm,tokensPerSecond";

Deno.test("writeCsv() gives a row for each step, or each validation, and passes over other lines", async () => {
  const metrics = stepLine(1, { loss: 3 }) + stepLine(1, { kind: "validation" }) + "nonsense\n" +
    '{"kind":"spike","step":1}\n' +
    '{"kind":"train","step":2,"tokens":2000,"seconds":0.2,"loss":"NaN","accuracy":null,"gradientNorm":"Infinity"}\n' +
    stepLine(3).slice(0, 30);
  const { rows, unreadable } = await rowsOf(metrics);
  assertEquals(rows, [
    head,
    "1,1000,0.1,32,0.15,3,0.001,0.001,1,10000",
    "2,2000,0.2,,,NaN,NaN,,Infinity,",
  ]);
  assertEquals(unreadable, 1);
  assertEquals((await rowsOf(metrics, "validation")).rows, [
    "step,tokens,seconds,length,loss,accuracy,perplexity,deviceBytes,residentBytes",
    "1,1000,0.1,32,4.997,0.001,,,",
  ]);
  // a table is a table though there is nothing in it
  assertEquals((await rowsOf("")).rows, [head]);
});

Deno.test("writeCsv() has columns for pairs where they are trained, and any number of rows", async () => {
  const line = { ...JSON.parse(stepLine(1)), nextSentence: { loss: 0.7, accuracy: 0.5 } };
  const { rows } = await rowsOf(JSON.stringify(line) + "\n" + stepLine(2));
  assertEquals(rows[0], `${head},nextSentenceLoss,nextSentenceAccuracy`);
  assertEquals(rows.slice(1).map((row) => row.split(",").slice(-2)), [["0.7", "0.5"], ["", ""]]);
  const many = await rowsOf(stepLines(1, 20_000));
  assertEquals([many.rows.length, many.rows.at(-1)!.split(",")[0]], [20_001, "20000"]);
});

Deno.test("writeJsonLines() gives all lines that are whole, or those of a kind", () =>
  inTemporaryFolder(async (path) => {
    await Deno.writeTextFile(`${path}/metrics.jsonl`, stepLines(1, 10) + "{}{\n" + stepLine(11).slice(0, 9));
    const written = async (kind: "validation" | undefined) => {
      const lines: string[] = [];
      const { unreadable } = await writeJsonLines(path, { kind, write: (line) => lines.push(line) });
      return { kinds: lines.map((line) => JSON.parse(line).kind), unreadable };
    };
    assertEquals(await written("validation"), { kinds: Array(10).fill("validation"), unreadable: 1 });
    assertEquals((await written(undefined)).kinds.length, 20);
  }));

Deno.test("metrics says what it wants, and what a path is that is no run", () =>
  inTemporaryFolder(async (cwd) => {
    await writeWholeRun(`${cwd}/runs/a`, { checkpoint: 100 });
    const csv = await runCli(["metrics", "runs/a", "--csv"], { cwd });
    assertEquals([csv.code, csv.err, csv.out.split("\n").length], [0, "", 102]);
    const cases: [string[], string][] = [
      [["runs/a"], "Usage: metrics RUN with one of --csv, --json and --tensorboard OUT"],
      [["--csv"], "Usage: metrics RUN"],
      [[`${cwd}/runs/a`, "--csv", "--json"], "Usage: metrics RUN with one of"],
      [[`${cwd}/runs/a`, "--tensorboard", "out", "--validation"], "Option --validation is for --csv and --json"],
      [
        [`${cwd}/runs`, "--csv"],
        `Cannot read the metrics of "${cwd}/runs": it is a folder of runs; there is ${cwd}/runs/a`,
      ],
      [[`${cwd}/runs/b`, "--csv"], "there is no such run; there is"],
    ];
    for (const [args, part] of cases) await assertRejects(() => metricsCommand(args), Error, part);
    const first = await runCli(["metrics", "runs/a", "--tensorboard", "out"], { cwd });
    assert(/^the event file is out\/events\.out\.tfevents\.\d+\.cloze; look at it with:/.test(first.out), first.out);
    const again = await runCli(["metrics", "runs/a", "--tensorboard", "out"], { cwd });
    assertStringIncludes(again.err, "is there already, and would be drawn together with them");
  }));
