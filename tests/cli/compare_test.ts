import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { assertClose } from "../helpers/assert_close.ts";
import { compareRuns, groupsOf, lossAt, reachedAt } from "../../lib/cli/compare_runs.ts";
import { comparisonJson, comparisonText } from "../../lib/cli/compare_text.ts";
import { compareCommand } from "../../lib/cli/commands/compare.ts";
import { type EvaluationKey, evaluationKey, incomparable } from "../../lib/cli/evaluation_key.ts";
import { readRecord, type RunRecord, type Validated } from "../../lib/cli/run_record.ts";
import { spreadOf, verdictOf } from "../../lib/cli/seed_spread.ts";
import { wholeConfig, writeWholeRun } from "../helpers/run_folders.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

/** Validations at 100, 200, … tokens, a second each. */
const curveOf = (...losses: number[]): Validated[] =>
  losses.map((loss, i) => ({ step: i + 1, tokens: 100 * (i + 1), seconds: i + 1, loss, accuracy: 0.5 }));

function runOf(
  name: string,
  losses: readonly number[],
  { seed = 1, rate = 1e-3, ...rest }: { seed?: number; rate?: number } & Partial<RunRecord> = {},
): RunRecord {
  const learningRate = { peak: rate, schedule: "linear", warmup: { share: 0.05 } } as const;
  const validations = curveOf(...losses);
  return {
    path: `runs/${name}`,
    name,
    state: "finished",
    done: 1,
    config: wholeConfig({ training: { seed, learningRate } }) as unknown as RunRecord["config"],
    corpus: "stories",
    evaluateTokens: 2048,
    step: losses.length,
    tokens: 100 * losses.length,
    seconds: losses.length,
    validations,
    incidents: { skipped: 0, spikes: 0 },
    changed: 0,
    problems: [],
    ...rest,
  };
}

Deno.test("lossAt() and reachedAt() read curves between validations, and nothing beyond them", () => {
  const curve = curveOf(4, 3, 3.5, 2);
  assertEquals([50, 100, 150, 250, 400, 401].map((at) => lossAt(curve, "tokens", at)), [
    undefined,
    4,
    3.5,
    3.25,
    2,
    undefined,
  ]);
  assertEquals(lossAt(curve, "seconds", 1.5), 3.5);
  assertEquals(reachedAt(curve, 3.25), { tokens: 175, seconds: 1.75 });
  assertEquals(reachedAt(curve, 2.75), { tokens: 350, seconds: 3.5 });
  assertEquals([reachedAt(curve, 4), reachedAt(curve, 1)], [{ tokens: 100, seconds: 1 }, undefined]);
});

Deno.test("groupsOf() takes runs that differ only in their seeds together, and counts a seed once", () => {
  const runs = [
    runOf("a", [2], { seed: 1 }),
    runOf("b", [3], { rate: 2e-3 }),
    runOf("c", [2.5], { seed: 2 }),
    runOf("d", [2], { seed: 1 }),
    runOf("e", [2], { config: undefined }),
    runOf("f", [2], { config: undefined }),
  ];
  const told = groupsOf(runs).map(({ name, runs, repeated }) => [name, runs.length, repeated.map(({ name }) => name)]);
  assertEquals(told, [["a +1", 2, ["d"]], ["b", 1, []], ["e", 1, []], ["f", 1, []]]);
});

Deno.test("verdictOf() claims a difference only beyond the spread of seeds", () => {
  assertEquals(spreadOf([1, 3]), { mean: 2, count: 2, deviation: Math.SQRT2 });
  assertEquals([spreadOf([]), spreadOf([1, undefined])], [undefined, undefined]);
  // Welch's interval: standard errors 0.1 and 0.1, 4 degrees of freedom
  const near = { count: 3, deviation: 0.1 * Math.sqrt(3) };
  const verdict = verdictOf([{ ...near, mean: 2.3 }, undefined, { ...near, mean: 2 }])!;
  assertEquals([verdict.best, verdict.second], [2, 0]);
  assertClose([verdict.margin, verdict.uncertainty!], [0.3, 2.776 * Math.SQRT2 * 0.1], { atol: 1e-9, rtol: 1e-9 });
  // a single seed is taken to be spread like the others: 2 degrees of freedom
  const single = verdictOf([{ ...near, mean: 2 }, { mean: 3, count: 1, deviation: undefined }])!;
  assertClose([single.uncertainty!], [4.303 * Math.sqrt(0.01 + 0.03)], { atol: 1e-9, rtol: 1e-9 });
  assertEquals(verdictOf([spreadOf([1]), spreadOf([2])])!.uncertainty, undefined);
  assertEquals(verdictOf([spreadOf([1]), undefined]), undefined);
});

Deno.test("compareRuns() compares at equal tokens and time, and tells what each needs to the worst of the last losses", () => {
  const quick = runOf("quick", [4, 3, 2, 1.5]);
  // twice as slow, and shorter
  const slow = runOf("slow", [4, 3.5, 3], { rate: 2e-3 });
  const validations = slow.validations.map((point) => ({ ...point, seconds: 2 * point.seconds }));
  const comparison = compareRuns([quick, { ...slow, validations, seconds: 6, state: "stopped", done: 0.75 }]);
  assertEquals(comparison.different, { "learning rate peak": ["0.001", "0.002"] });
  assertEquals(comparison.curves.tokens.map(({ at }) => at), [60, 120, 180, 240, 300]);
  assertEquals(comparison.curves.tokens.at(-1)!.losses.map((spread) => spread?.mean), [2, 3]);
  assertEquals(comparison.curves.seconds.at(-1)!.at, 4);
  assertEquals(comparison.curves.seconds.at(-1)!.losses.map((spread) => spread?.mean), [1.5, 3.5]);
  assertEquals(comparison.target, {
    loss: 3,
    needs: [{ reached: 1, tokens: 200, seconds: 2 }, { reached: 1, tokens: 300, seconds: 6 }],
  });
  const text = comparisonText(comparison, { reasons: [], width: 80 });
  for (
    const part of [
      "learning rate peak  0.001 (quick); 0.002 (slow)",
      "at the end: quick is ahead of slow by 1.5000 nats",
      "at equal tokens (300 tokens): quick is ahead of slow by 1.0000 nats",
      "at equal time (4.0s): quick is ahead of slow by 2.0000 nats",
      "one seed each: repeat with other --seed",
      "not finished, so its last loss is no final one: runs/slow",
    ]
  ) assertStringIncludes(text, part);
});

Deno.test("comparisonText() is honest about seeds, and about runs that have no loss", () => {
  const wide = [1, 2, 3].map((seed) => runOf(`a${seed}`, [3, 2 + seed / 10], { seed }));
  const near = runOf("b", [3, 2.25], { rate: 2e-3 });
  const unclear = comparisonText(compareRuns([...wide, near]), { reasons: [], width: 80 });
  assertStringIncludes(unclear, "at the end: no clear winner\n  a1 +2 is ahead of b by 0.0500 nats, within the spread");
  assertStringIncludes(unclear, "2.2000 ± 0.1000");
  const far = runOf("b", [5, 4.9], { rate: 2e-3 });
  const clear = comparisonText(compareRuns([...wide, far]), { reasons: [], width: 80 });
  assertStringIncludes(clear, "at the end: a1 +2 is better than b\n  by 2.7000 ± 0.4969 (95 % over seeds) nats");
  const none = comparisonText(compareRuns([wide[0]!, runOf("c", [NaN], { rate: 2 })]), { reasons: [], width: 80 });
  assertStringIncludes(none, "no winner: fewer than two of them have a validation loss");
  const same = comparisonText(compareRuns(wide), { reasons: [], width: 80 });
  assert(same.startsWith("the runs differ in their seeds alone") && !same.includes("winner"));
  for (const text of [unclear, clear, none]) {
    assertEquals(text.split("\n").filter((line) => line.length > 80), []);
  }
});

Deno.test("incomparable() says which runs validate on other tokens, and why", async () => {
  await inTemporaryFolder(async (folder) => {
    const training = wholeConfig().training;
    const curriculum = [{ length: 16, share: 1 }];
    const cases: [string, Parameters<typeof writeWholeRun>[1], string | undefined][] = [
      ["same", { config: wholeConfig({ training: { seed: 7 } }) }, undefined],
      ["text", { config: wholeConfig({ text: { data: ["other.txt"] } }) }, "validates on another text than"],
      [
        "file",
        { config: wholeConfig({ files: [{ name: "/a", size: 5, head: "00" }] }) },
        "validates on another text than",
      ],
      ["input", { config: wholeConfig({ text: { data: [] } }) }, "validates on a text that is not known"],
      ["words", { vocabulary: "[]" }, "has another vocabulary, so its losses are of other tokens than those of"],
      ["length", { config: wholeConfig({ training: { curriculum } }) }, "on windows of 16 tokens, not of 128 as"],
      ["tokens", { config: wholeConfig({ training: { evaluateTokens: 512 } }) }, "on 512 tokens, not on 2,048 as"],
      [
        "rule",
        { config: wholeConfig({ training: { maskRule: "labml" } }) },
        "validates otherwise (packed by none, masked by",
      ],
    ];
    const keyOf = async (name: string, files: Parameters<typeof writeWholeRun>[1]) => {
      await writeWholeRun(`${folder}/${name}`, { checkpoint: 100, ...files });
      const run = await readRecord(`${folder}/${name}`);
      return { path: name, key: await evaluationKey(run) };
    };
    assertEquals(training.maskRule, "bert");
    const first = await keyOf("first", {});
    for (const [name, files, wanted] of cases) {
      const [reason, ...more] = incomparable([first, await keyOf(name, files)]);
      assertEquals(more, []);
      if (wanted === undefined) assertEquals(reason, undefined);
      else assertStringIncludes(reason?.text ?? `nothing of ${name}`, wanted);
    }
    const unknown: EvaluationKey = { ...first.key, vocabulary: undefined };
    const [reason] = incomparable([first, { path: "new", key: unknown }]);
    assertEquals(
      reason?.text,
      "new has a vocabulary that is not known, before the first checkpoint, to be that of first",
    );
    const comparison = compareRuns([runOf("a", [2]), runOf("b", [3], { rate: 2 })]);
    const text = comparisonText(comparison, { reasons: [reason!], width: 80 });
    assertStringIncludes(text, "no winner, for these losses cannot be compared:\n  new has a vocabulary");
    assertStringIncludes(text, "eval --compare first new --data TEXT --pseudo-words");
    assert(!text.includes("equal tokens"));
    assertEquals(comparisonJson(comparison, [reason!]).winner, null);
    assertEquals((comparisonJson(comparison, []).winner as { end: { best: string } }).end.best, "a");
    await assertRejects(() => compareCommand([`${folder}/first`]), Error, "found one run alone");
    await assertRejects(() => compareCommand([`${folder}/first`, `${folder}/none`]), Error, "there is no such run");
    await assertRejects(() => compareCommand([]), Error, "Wanted: compare RUN RUN...");
  });
});
