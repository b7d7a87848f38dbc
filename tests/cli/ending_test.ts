import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { curvePlot, type CurvePoint } from "../../lib/cli/curve_plot.ts";
import { keyedRecord } from "../../lib/cli/evaluation_key.ts";
import { comparedLines, formerRun } from "../../lib/cli/former_run.ts";
import { readCurves } from "../../lib/cli/run_curve.ts";
import { hasUnicode, nextStep, runTotals, totalLines } from "../../lib/cli/run_ending.ts";
import { createRun, type RunConfig } from "../../lib/cli/run_folder.ts";
import { readRecord, type RunRecord } from "../../lib/cli/run_record.ts";
import { modelConfig } from "../../lib/model/config.ts";
import type { TrainRecord, ValidationRecord } from "../../lib/train/events.ts";
import type { Budget } from "../../lib/train/schedule.ts";
import { defaultSettings, type TrainingSettings } from "../../lib/train/settings.ts";
import { stepLines } from "../helpers/run_folders.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

/** A curve that falls evenly from 4 to 1. */
const training = Array.from({ length: 100 }, (_, i): CurvePoint => [1000 * (i + 1), 4 - 3 * i / 99]);
const validation: CurvePoint[] = [[50_000, 2.5], [100_000, 1]];

Deno.test("curvePlot() draws training and validation where they are, in braille and in ASCII", () => {
  const plot = curvePlot({ training, validation }, { columns: 80, isUnicode: false });
  assertEquals(plot.length, 10);
  assert(plot.every((line) => line.length <= 60 && /^[\x20-\x7e]*$/.test(line)), plot.join("\n"));
  assertMatch(plot[0]!, /^ {3}4\.00 \|\.{5,8}$/);
  assertMatch(plot[7]!, /^ {3}1\.00 \| {40,}\.{4,8}o$/);
  assertMatch(plot[8]!, /^ {8}\+-+$/);
  assertMatch(plot[9]!, /^ {9}0 +100k tokens$/);
  // half of the way is in the middle
  const [row, column] = [
    plot.findIndex((line) => line.includes("o")),
    plot.find((line) => line.includes("o"))!.indexOf("o"),
  ];
  assertEquals([row, column], [4, 9 + Math.floor(51 / 2)]);
  const braille = curvePlot({ training, validation }, { columns: 80, isUnicode: true });
  assertEquals(braille.slice(0, 8).map((line) => line.indexOf("●")), plot.slice(0, 8).map((line) => line.indexOf("o")));
  assert(braille.slice(0, 8).every((line) => /[\u2801-\u28ff]/.test(line)));
});

Deno.test("curvePlot() is as wide as the terminal, 60 at most, and nothing where nothing can be drawn", () => {
  for (const columns of [30, 60, 61, 80, 200, Infinity]) {
    for (const isUnicode of [true, false]) {
      const widest = Math.max(
        ...curvePlot({ training, validation }, { columns, isUnicode }).map((line) => line.length),
      );
      assertEquals(widest, Math.min(60, columns - 1));
    }
  }
  assertEquals(curvePlot({ training, validation }, { columns: 20, isUnicode: true }), []);
  assertEquals(curvePlot({ training: [], validation }, { columns: 80, isUnicode: true }), []);
  assertEquals(curvePlot({ training: [[1, 2], [2, 2]], validation: [] }, { columns: 80, isUnicode: true }), []);
  const odd = curvePlot({ training: [[1, 2], [2, NaN], [3, 1]], validation: [[3, Infinity]] }, {
    columns: 80,
    isUnicode: false,
  });
  assertEquals(odd.length, 10);
  assert(!odd.slice(0, 8).join().includes("o"));
});

Deno.test("hasUnicode() asks the locale, as the system does", () => {
  const of = (variables: Record<string, string>) => hasUnicode((name) => variables[name]);
  if (Deno.build.os === "windows") return;
  assert(of({ LANG: "C.UTF-8" }));
  assert(of({ LC_ALL: "de_DE.utf8", LANG: "C" }));
  assert(!of({ LC_ALL: "C", LANG: "C.UTF-8" }));
  assert(of({ LC_ALL: "", LANG: "C.UTF-8" }));
  assert(!of({}));
});

const validated = (step: number, loss: number): ValidationRecord => ({
  kind: "validation",
  step,
  tokens: 10 * step,
  seconds: step,
  length: 16,
  loss,
  accuracy: 0.5,
  perplexity: Math.exp(loss),
  paddingShare: 0,
});

Deno.test("runTotals() and totalLines() tell what was read how quickly, and the best validation", () => {
  const totals = runTotals({ step: 10, tokens: 1000 });
  totals.event({ kind: "train", step: 20, tokens: 3000 } as TrainRecord);
  assertEquals(totals.speed, undefined);
  totals.event({ kind: "time", elapsed: 9, training: 4, validation: 3, saving: 2 });
  assertEquals([totals.at, totals.speed], [{ step: 20, tokens: 3000 }, 500]);
  assertEquals(totalLines(totals, validated(10, 1.5)), [
    "best    validation loss 1.5000, accuracy 50.0%, at step 10",
    "total   3,000 tokens in 20 steps, 500 tokens/s",
  ]);
  assertStringIncludes(totalLines(totals, validated(20, 1.5))[0]!, "at the end");
  assertEquals(totalLines(runTotals(undefined), undefined), ["total   0 tokens in 0 steps"]);
  assertEquals(totalLines({ at: { step: 1, tokens: 1 }, speed: undefined }, undefined), [
    "total   1 token in 1 step",
  ]);
});

Deno.test("nextStep() says what to do by how validation went", () => {
  const of = (losses: number[], budget: Budget, every = 100) =>
    nextStep(losses.map((loss, i) => validated(every * (i + 1), loss)), budget);
  const after = (...losses: number[]) => of(losses, { tokens: 3_000_000 });
  assertMatch(after(3, 2, 1.5)!, /still falling.*--tokens 6M/);
  // one validation, and the first few steps, are no ground for advice
  assertEquals(after(3, 2, 2.4), undefined);
  assertEquals(of([3, 4, 4.5, 5], { steps: 4 }, 1), undefined);
  assertMatch(after(3, 2, 2.4, 2.5)!, /best at step 200 and is worse now: more text/);
  assertStringIncludes(of([3, 2], { minutes: 1.5 })!, "(--minutes 3)");
  assertStringIncludes(of([3, 2], { steps: 100 })!, "(--steps 200)");
  assertEquals(after(3, 2, 1.999), undefined);
  assertEquals(after(3), undefined);
});

const runOf = (
  data: string,
  { layers = 2, vocab = 70, ...training }: { layers?: number; vocab?: number } & Partial<TrainingSettings> = {},
): RunConfig => ({
  format: 2,
  model: modelConfig({ layers, width: 16, heads: 2, vocab }),
  training: { ...defaultSettings({ preset: "modernbert", width: 16 }), budget: { steps: 10 }, ...training },
  text: { data: [data] },
  files: [{ name: data, size: 9, head: data, modified: null }],
  device: { description: "CPU", settings: { kind: "cpu", blas: "off", fusedMultiplyAdd: true } },
});

/** Writes a run with validations and a checkpoint. */
async function writeRun(
  path: string,
  config: RunConfig,
  { losses, vocabulary = "{}", evaluateTokens = 1024 }: {
    losses: readonly number[];
    vocabulary?: string;
    evaluateTokens?: number;
  },
): Promise<RunRecord> {
  await createRun(path, config);
  const lines = losses.map((loss, i) => `${JSON.stringify(validated(i + 1, loss))}\n`);
  await Deno.writeTextFile(`${path}/metrics.jsonl`, lines.join(""));
  const folder = `${path}/checkpoints/step-00000001`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(
    `${folder}/training.json`,
    JSON.stringify({ step: 1, tokens: 10, seconds: 1, evaluateTokens }),
  );
  await Deno.writeTextFile(`${folder}/tokenizer.json`, vocabulary);
  // times of birth have a grain
  await new Promise((done) => setTimeout(done, 20));
  return await readRecord(path);
}

Deno.test("formerRun() finds the run before on the same text, wherever that lies", () =>
  inTemporaryFolder(async (cwd) => {
    const write = (name: string, config: RunConfig, losses: readonly number[]) =>
      writeRun(`${cwd}/${name}`, config, { losses });
    const older = await write("older", runOf("/a.txt"), [1]);
    const text = {
      text: { data: ["elsewhere/a.txt"] },
      files: [{ ...runOf("/a.txt").files[0]!, name: "elsewhere/a.txt" }],
    };
    await write("before", { ...runOf("/a.txt", { layers: 1 }), ...text }, [3, 1.8, 1.9]);
    await write("other", runOf("/b.txt"), [0.5]);
    await write("unvalidated", runOf("/a.txt"), []);
    await Deno.mkdir(`${cwd}/empty`);
    const now = await write("now", runOf("/a.txt"), [1.5]);
    const input = await write("input", { ...runOf("/a.txt"), text: { data: [] } }, [1.5]);
    await write("later", runOf("/a.txt"), [0.1]);
    assertEquals((await formerRun(now))?.path, `${cwd}/before`);
    assertEquals([await formerRun(older), await formerRun(input)], [undefined, undefined]);
  }));

Deno.test("comparedLines() says who is ahead and what differs, and claims nothing of other tokens or of a seed", () =>
  inTemporaryFolder(async (cwd) => {
    const former = await keyedRecord(
      await writeRun(`${cwd}/before`, runOf("/a.txt", { layers: 1 }), { losses: [3, 1.8, 1.9] }),
    );
    const written = async (
      losses: readonly number[],
      more: { vocabulary?: string; evaluateTokens?: number } = {},
      config = {},
    ) => await keyedRecord(await writeRun(`${cwd}/now`, runOf("/a.txt", config), { losses, ...more }));
    const lines = comparedLines(await written([1.5]), former);
    assertStringIncludes(lines[0]!, "came to 1.8000 with 20 tokens");
    assertEquals(lines.slice(1, 3), [
      "        this one is ahead by 0.30, with one seed each (loss in nats: lower is better)",
      "        changed: layers 2 (was 1)",
    ]);
    assertEquals(lines[3], "        the difference with an error bar:");
    assertStringIncludes(lines[4]!, `eval --compare ${cwd}/before ${cwd}/now`);
    assertStringIncludes((comparedLines(await written([2.8]), former))[1]!, "behind by 1.00, with");
    assertStringIncludes((comparedLines(await written([1.81]), former))[1]!, "about the same");
    const unlike = comparedLines(await written([1.5], { vocabulary: "[]" }), former);
    assertStringIncludes(unlike[1]!, "the losses cannot be compared: ");
    assertStringIncludes(unlike[1]!, "has another vocabulary");
    const curriculum = [{ length: 16, share: 1 }];
    const length = comparedLines(await written([1.5], {}, { curriculum }), former);
    assertStringIncludes(length[1]!, "validates on windows of 16 tokens");
    assertEquals([unlike, length].filter((told) => told.some((line) => /ahead|behind|eval/.test(line))), []);
    const shorter = comparedLines(await written([1.5], { evaluateTokens: 512 }), former);
    assertStringIncludes(shorter[2]!, `approximate: ${cwd}/now validates on the first 512 of the 1,024 tokens`);
    assertStringIncludes(shorter.join("\n"), "--eval-tokens 512 (was 1,024)");
    const seed = comparedLines(await written([1.2], {}, { layers: 1, seed: 7 }), former);
    assertEquals(seed.slice(1, 3), [
      "        only the seed is another: the difference is what chance makes of it",
      "        changed: seed 7 (was 1)",
    ]);
    const same = comparedLines(await written([1.8], {}, { layers: 1 }), former);
    assertEquals(same[1], "        this one came to about the same");
  }));

Deno.test("readCurves() reads the curves of a run, thinned where it is long", () =>
  inTemporaryFolder(async (cwd) => {
    assertEquals(await readCurves(cwd), { training: [], validation: [] });
    await Deno.writeTextFile(`${cwd}/metrics.jsonl`, `${stepLines(1, 5000)}nonsense\n{"kind":"train","st`);
    const { training, validation } = await readCurves(cwd);
    assert(training.length > 200 && training.length <= 400, String(training.length));
    assertEquals(training.at(-1)![0], 5_000_000);
    assertEquals(validation.map(([tokens]) => tokens / 500_000), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  }));
