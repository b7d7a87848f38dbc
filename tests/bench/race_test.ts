import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { main } from "../../bench/race/main.ts";
import { addToLog, loggedOf, type RaceLine, readLog } from "../../bench/race/race_log.ts";
import { recipeNames, recipeOf } from "../../bench/race/recipes.ts";
import { reached, standings, standingsTable } from "../../bench/race/standings.ts";
import { textOf } from "../../bench/race/texts.ts";
import { planFromFlags } from "../../lib/cli/train_plan.ts";
import { parseFlags } from "../../lib/cli/flags.ts";
import { trainFlagGroups } from "../../lib/cli/train_flags.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

/** A run whose curve falls evenly from 3 to a last loss over 100 tokens and 10 seconds. */
function line(recipe: string, seed: number, loss: number, more: Partial<RaceLine> = {}): RaceLine {
  const points = [0, 0.5, 1].map((share) => ({
    tokens: 100 * share,
    seconds: 10 * share,
    loss: 3 + share * (loss - 3),
    accuracy: 0.5,
  }));
  const key = { commit: "abc", recipe, flags: [`--${recipe}`], text: "t", length: 16, budget: { tokens: 100 }, seed };
  return { ...key, date: "", points, tokens: 100, seconds: 10, device: {}, vectors: [], ...more };
}

Deno.test("recipeOf() reads names and flags, and refuses what all have in common", () => {
  assertEquals(recipeOf("fast=--lr 3e-3  --clip 2"), { name: "fast", flags: ["--lr", "3e-3", "--clip", "2"] });
  assertEquals(recipeOf("default").flags, []);
  assertThrows(() => recipeOf("fastest"), RangeError, 'There is no recipe "fastest"');
  for (const flag of ["--tokens 5", "--seed=2", "--length 64", "--eval-tokens 10", "--validation 5%"]) {
    assertThrows(() => recipeOf(`x=${flag}`), RangeError, `cannot set ${flag.split(" ")[0]}`);
  }
});

Deno.test("every recipe is made of flags that train knows and can be planned", () => {
  for (const name of recipeNames) {
    planFromFlags(parseFlags(trainFlagGroups, [...recipeOf(name).flags, "--length", "128"]));
  }
});

Deno.test("textOf() says which file is missing and where to get it", async () => {
  const folder = new URL("file:///nowhere/");
  const error = await assertRejects(() => textOf("shakespeare", { folder }), RangeError);
  assert(/\/nowhere\/tinyshakespeare\.txt: get it from https:/.test(error.message), error.message);
  await assertRejects(() => textOf("/nowhere/x.txt"), RangeError, "there is no file /nowhere/x.txt");
});

Deno.test("reached() tells tokens and seconds in proportion between evaluations", () => {
  const { points } = line("a", 1, 1);
  assertEquals(reached(points, 1.5), { tokens: 75, seconds: 7.5 });
  assertEquals(reached(points, 1), { tokens: 100, seconds: 10 });
  assertEquals(reached(points, 3.5), { tokens: 0, seconds: 0 });
  assertEquals(reached(points, 0.9), undefined);
});

Deno.test("standings() compares means with Welch's interval, by the last good run of each seed", () => {
  const lines = [
    ...[line("base", 1, 1.0), line("base", 2, 1.2), line("new", 1, 5), line("new", 1, 0.9), line("new", 2, 0.8)],
    line("new", 3, 9, { failure: "it diverged" }),
    line("worse", 1, 2),
  ];
  const [base, better, worse] = standings(lines, "base");
  assertAlmostEquals(base!.loss!.mean, 1.1, 1e-12);
  assertAlmostEquals(base!.loss!.deviation!, Math.SQRT2 / 10, 1e-12);
  assertEquals(base!.difference, undefined);
  assertEquals(better!.seeds, [1, 2]);
  assertEquals(better!.failed, 1);
  assertAlmostEquals(better!.difference!, -0.25, 1e-12);
  // variances of 0.02 and 0.005 over two seeds each: Welch's freedom is (0.0125)² / (0.01² + 0.0025²) = 1.47, rounded down
  assertAlmostEquals(better!.uncertainty!, 12.706 * Math.sqrt(0.0125), 1e-3);
  // the mean curve falls evenly from 3 to 0.85, so that 1.1 lies at 1.9 / 2.15 of it
  assertAlmostEquals(better!.toTarget!.tokens, 190 / 2.15, 1e-9);
  assertAlmostEquals(better!.toTarget!.seconds, 19 / 2.15, 1e-9);
  assertEquals(base!.toTarget, { tokens: 100, seconds: 10 });
  assertEquals(worse!.toTarget, undefined);
  const table = standingsTable(standings(lines, "base"));
  assert(/\| new +\| 1 2 \(1 failed\) \| 0\.8500 \| 0\.0707 \| −0\.2500 ± 1\.4206 \|/.test(table), table);
  assert(/\| worse .* not reached +\| not reached/.test(table), table);
});

Deno.test("loggedOf() finds a good run of the same sources, flags and seed, by whatever name", () => {
  const lines = [line("a", 1, 1), line("b", 2, 1, { failure: "no" })];
  assertEquals(loggedOf(lines, line("a", 1, 0)), lines[0]);
  assertEquals(loggedOf(lines, line("other", 1, 0, { flags: ["--a"] })), lines[0]);
  assertEquals(loggedOf(lines, line("a", 2, 0)), undefined);
  assertEquals(loggedOf(lines, line("b", 2, 0)), undefined);
  assertEquals(loggedOf(lines, line("a", 1, 0, { budget: { minutes: 100 } })), undefined);
  const changed = { commit: "abc+" };
  assertEquals(loggedOf([line("a", 1, 1, changed)], line("a", 1, 1, changed)), undefined);
});

Deno.test("readLog() passes over a line that was cut off, and addToLog() goes on after it", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/log.jsonl`;
    assertEquals(await readLog(path), []);
    await addToLog(path, line("a", 1, 1));
    await Deno.writeTextFile(path, '{"commit":"ab', { append: true });
    assertEquals((await readLog(path)).length, 1);
    await addToLog(path, line("a", 2, 1));
    await assertRejects(() => readLog(path), SyntaxError, "line 2");
  }));

Deno.test("deno task race trains alternately, logs failures too, and goes on where it was", () =>
  inTemporaryFolder(async (folder) => {
    const [text, log] = [`${folder}/text.txt`, `${folder}/log.jsonl`];
    await Deno.writeTextFile(text, "the cat sat on the mat and the dog on the log\n".repeat(40));
    const tiny = "--size tiny --curriculum none --batch-tokens 32";
    const recipes = [`a=${tiny}`, `b=${tiny} --lr 1e-3`, `c=${tiny} --heads 3`];
    const told: string[] = [];
    const options = ["--tokens", "64", "--seeds", "1", "--length", "16", "--text", text, "--log", log, "--continue"];
    const run = () =>
      main(
        [...recipes, ...options, "--", "--device", "cpu", "--threads", "1", "--blas", "off"],
        (line) => told.push(line),
      );
    await run();
    const lines = await readLog(log);
    const CPU = "CPU, 1 thread of WebAssembly SIMD";
    assertEquals(lines.map(({ recipe, tokens, device }) => [recipe, tokens, device.description]), [
      ["a", 64, CPU],
      ["b", 64, CPU],
      ["c", 0, undefined],
    ]);
    assert(lines[0]!.points.length > 0 && lines[0]!.points.at(-1)!.loss > 0);
    assert(lines[0]!.points.at(-1)!.loss !== lines[1]!.points.at(-1)!.loss);
    assert(/Cannot split width 64 into 3 heads/.test(lines[2]!.failure!), lines[2]!.failure);
    assert(told.at(-1)!.includes("| a"), told.at(-1));
    await run();
    const repeated = (await readLog(log)).slice(3).map(({ recipe }) => recipe);
    // sources under work are never taken for the same
    assertEquals(repeated, lines[0]!.commit.endsWith("+") ? ["a", "b", "c"] : ["c"]);
    const summary: string[] = [];
    await main(["summary", "a", "--log", log], (line) => summary.push(line));
    assert(/64 tokens[\s\S]*\| b /.test(summary.join("")), summary.join(""));
  }));
