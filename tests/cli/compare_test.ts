import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { assertClose } from "../helpers/assert_close.ts";
import { compareRuns, groupsOf, lossAt, meanCurve, reachedAt } from "../../lib/cli/compare_runs.ts";
import { comparisonJson } from "../../lib/cli/compare_json.ts";
import { comparisonText } from "../../lib/cli/compare_text.ts";
import { compareCommand } from "../../lib/cli/commands/compare.ts";
import {
  type EvaluationKey,
  evaluationKey,
  incomparable,
  keyOf,
  shorterValidations,
} from "../../lib/cli/evaluation_key.ts";
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
    checkpoints: 1,
    changed: 0,
    problems: [],
    ...rest,
  };
}

Deno.test("lossAt(), meanCurve() and reachedAt() read curves between validations, and nothing beyond them", () => {
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
  const reached = (loss: number, ...curves: Validated[][]) =>
    (["tokens", "seconds"] as const).map((clock) => reachedAt(meanCurve(curves, clock), loss));
  assertEquals(reached(3.25, curve), [175, 1.75]);
  assertEquals(reached(2.75, curve), [350, 3.5]);
  assertEquals([reached(4, curve), reached(1, curve)], [[100, 1], [undefined, undefined]]);
  // from where all have begun, and where one has ended with its last loss
  const at = (tokens: number, loss: number) => ({ step: 1, tokens, seconds: tokens / 100, loss, accuracy: 0.5 });
  const late = [at(150, 2.5), at(250, 1.5)];
  const told = meanCurve([curve, late], "tokens").map(({ at, loss }) => [at, loss]);
  assertEquals(told, [[150, 3], [200, 2.5], [250, 2.375], [300, 2.5], [400, 1.75]]);
  assertEquals([reached(1.75, curve, late), reached(2, curve, [])], [[400, 4], [undefined, undefined]]);
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

Deno.test("groupsOf() keeps of one seed the run that came furthest, and takes no mean over other tokens or threads", () => {
  const device = (threads: number) => ({ ...wholeConfig().device, description: `CPU, ${threads} threads` });
  const more = { ...wholeConfig(), device: device(4) } as unknown as RunRecord["config"];
  const runs = [
    runOf("broken", [], { state: "stopped", step: 0, tokens: 0 }),
    runOf("short", [3, 2]),
    runOf("whole", [3, 2, 1]),
    runOf("again", [3, 2, 1]),
    runOf("half", [3, 2, 1], { seed: 2, evaluateTokens: 1024 }),
    runOf("equal", [3, 2, 1], { seed: 3, evaluateTokens: 2048 + 17 }),
    runOf("threads", [3, 2, 1], { config: more }),
  ];
  const told = groupsOf(runs).map(({ name, repeated, seeds }) => [name, seeds, repeated.map(({ name }) => name)]);
  assertEquals(told, [
    ["whole +1", [1, 3], ["broken", "short", "again"]],
    ["half", [2], []],
    ["threads", [1], []],
  ]);
  const begun = [runOf("a", [2]), runOf("b", [], { seed: 2, state: "running" }), runOf("c", [2.5], { seed: 3 })];
  const text = comparisonText(compareRuns([...begun, runOf("d", [3], { rate: 2e-3 })]), { reasons: [], width: 80 });
  assertStringIncludes(text, "2.2500 ± 0.3536");
  assertStringIncludes(text, "without a loss, and so left out: b");
  // a text that is not known is not that of another seed
  const input = (seed: number) =>
    wholeConfig({ training: { seed }, text: { data: [] } }) as unknown as RunRecord["config"];
  assertEquals(groupsOf([1, 2].map((seed) => runOf(`${seed}`, [1], { config: input(seed) }))).length, 2);
  const words = [1, 2].map((seed) => runOf(`${seed}`, [1], { seed }));
  const keys = new Map(words.map((run) => [run, { ...keyOf(run), vocabulary: run.name }]));
  assertEquals([groupsOf(words).length, groupsOf(words, keys).length], [1, 2]);
});

Deno.test("shorterValidations() has runs compared with care whose tokens are the beginning of another's", () => {
  const runs = [runOf("a", [3, 2]), runOf("b", [3, 2.5], { rate: 2e-3, evaluateTokens: 1024 })];
  const keyed = runs.map((run) => ({ path: run.path, key: { ...keyOf(run), vocabulary: "" } }));
  assertEquals(incomparable(keyed), []);
  const shorter = shorterValidations(keyed);
  const sentence = "runs/b validates on the first 1,024 of the 2,048 tokens that runs/a validates on";
  assertEquals(shorter.map(({ text }) => text), [sentence]);
  assertEquals(shorterValidations(keyed.toReversed()).map(({ text }) => text), [sentence]);
  assertEquals(shorterValidations([keyed[0]!, keyed[0]!]), []);
  const comparison = compareRuns(runs);
  assertEquals(comparison.different["evaluate tokens"], ["2,048", "1,024"]);
  const text = comparisonText(comparison, { reasons: [], shorter, width: 80 });
  assertStringIncludes(text, "a is ahead of b by 0.5000 nats");
  assertStringIncludes(text, `approximate: a small difference may be that of the texts`);
  assertStringIncludes(text, sentence);
  const seeds = [
    ...runs,
    runOf("c", [3, 2.01], { seed: 2 }),
    runOf("d", [3, 2.51], { seed: 2, rate: 2e-3, evaluateTokens: 1024 }),
  ];
  const careful = comparisonText(compareRuns(seeds), { reasons: [], shorter, width: 80 });
  assertStringIncludes(careful, "a +1 is ahead of b +1 by 0.5000 nats,\n  ± ");
  assert(!careful.includes("better than"));
  const unclear = [...seeds.slice(0, 3), runOf("d", [3, 1], { seed: 2, rate: 2e-3, evaluateTokens: 1024 })];
  assertStringIncludes(comparisonText(compareRuns(unclear), { reasons: [], shorter, width: 80 }), "no clear winner");
  const unknown = compareRuns([runs[0]!, { ...runs[1]!, evaluateTokens: undefined }]);
  assertEquals(unknown.different["evaluate tokens"], ["2,048", "not known"]);
  const json = comparisonJson(compareRuns(seeds), { reasons: [], shorter });
  assertEquals([json.cautions, (json.winner as { end: { isClear: unknown } }).end.isClear], [[sentence], null]);
});

Deno.test("compareRuns() reads what seeds need to a loss from their mean, and says of settings once that they are unknown", () => {
  const seeds = [runOf("a", [4, 2, 2]), runOf("b", [4, 4, 3], { seed: 2 })];
  const other = runOf("c", [4, 3, 2.75], { rate: 2e-3 });
  const damaged = runOf("d", [4, 3, 2.5], { config: undefined });
  const comparison = compareRuns([...seeds, other, damaged]);
  // the mean is 4, 3, 2.5; one of the two never comes to 2.75
  assertEquals(comparison.target!.loss, 2.75);
  assertEquals(comparison.target!.needs[0], { reached: 1, tokens: 250, seconds: 2.5 });
  assertEquals(comparison.different.settings, ["known", "known", "unknown"]);
  const [first] = comparisonText(comparison, { reasons: [], width: 80 }).split("\n\n");
  assertEquals(first!.match(/unknown/g)?.length, 1);
  assert(!first!.includes("none") && first!.includes("settings            unknown (d)"), first);
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
  // seeds that all gave the same say nothing of the spread
  assertEquals(verdictOf([spreadOf([1.1, 1.1, 1.1]), spreadOf([2, 2])])!.uncertainty, undefined);
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
      "at equal time of training (4.0s): quick is ahead of slow by 2.0000 nats",
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
  assertStringIncludes(clear, "one seed alone: b; its spread is a guess");
  assertStringIncludes(clear, "a1 +2 stands for runs/a1, runs/a2, runs/a3 (seeds 1, 2, 3)\n  last is mean ± standard");
  const twice = [1, 2].map((seed) => runOf(`e${seed}`, [5, 4.9], { seed, rate: 2e-3 }));
  const both = comparisonText(compareRuns([...wide, ...twice]), { reasons: [], width: 80 });
  assert(!both.includes("one seed") && both.match(/curves are means/g)?.length === 1, both);
  const flat = [1, 2].map((seed) => runOf(`f${seed}`, [3, 2], { seed }));
  const unknown = comparisonText(compareRuns([...flat, ...twice]), { reasons: [], width: 80 });
  assertStringIncludes(unknown, "at the end: f1 +1 is ahead of e1 +1 by 2.9000 nats\n");
  assertStringIncludes(unknown, "the spread over seeds is unknown, so that may be chance: give more seeds");
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
      ["frame", { vocabulary: '{"post_processor": {}}' }, "puts other tokens around texts than"],
      [
        "compared",
        {
          config: wholeConfig({ training: { contrastive: { temperature: 0.05, views: "dropout" } } }),
          vocabulary: '{"post_processor": {}}',
        },
        "validates otherwise (texts compared in batches of",
      ],
      ["words", { vocabulary: "[]" }, "has another vocabulary, so its losses are of other tokens than those of"],
      ["length", { config: wholeConfig({ training: { curriculum } }) }, "on windows of 16 tokens, not of 128 as"],
      ["tokens", { evaluateTokens: 512 }, undefined],
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
    const uncounted = { path: "x", key: { ...first.key, tokens: undefined } };
    assertStringIncludes(incomparable([first, uncounted])[0]!.text, "on an unknown number of tokens, not on 2,048 as");
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
    assertEquals(comparisonJson(comparison, { reasons: [reason!] }).winner, null);
    assertEquals((comparisonJson(comparison, { reasons: [] }).winner as { end: { best: string } }).end.best, "a");
    await assertRejects(() => compareCommand([`${folder}/first`]), Error, "first is the only run there");
    const twice = [`${folder}/first`, `${folder}/first/`];
    await assertRejects(() => compareCommand(twice), Error, "first is given twice");
    await assertRejects(() => compareCommand([`${folder}/first`, `${folder}/none`]), Error, "there is no such run");
    // a run that has no loss yet stands in nobody's way
    await writeWholeRun(`${folder}/begun`, { metrics: "" });
    const runs = await Promise.all(["begun", "first", "same"].map((name) => readRecord(`${folder}/${name}`)));
    const keys = new Map(await Promise.all(runs.map(async (run) => [run, await evaluationKey(run)] as const)));
    assertEquals(keys.get(runs[0]!)!.vocabulary, undefined);
    const grouped = groupsOf(runs, keys).map(({ name, repeated }) => [name, repeated.map(({ name }) => name)]);
    assertEquals(grouped, [["first +1", ["begun"]]]);
    await assertRejects(() => compareCommand([]), Error, "Usage: compare RUN RUN...");
  });
});
