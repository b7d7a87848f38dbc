import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { deviceLines, type DeviceReport } from "../../lib/cli/device_report.ts";
import { fittedTable } from "../../lib/cli/fitted_table.ts";
import type { ModelScores } from "../../lib/cli/measure_models.ts";
import type { Run } from "../../lib/cli/run.ts";
import { runSummary } from "../../lib/cli/run_summary.ts";
import { scoreTable } from "../../lib/cli/score_table.ts";
import { textWidth } from "../../lib/cli/text_width.ts";
import { wrapped } from "../../lib/cli/wrap.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { contrastiveDefaults } from "../../lib/train/contrastive_settings.ts";
import { defaultSettings, type TrainingSettings } from "../../lib/train/settings.ts";

Deno.test("fittedTable() measures in columns of a terminal, and cuts names of any script", () => {
  const names = ["世界".repeat(20), "run", "😀".repeat(30)];
  for (const width of [30, 40, 60, 200]) {
    const lines = fittedTable([["run", names], ["loss", ["1.25", "2", "3"]], ["time", ["1s", "2s", "3s"]]], {
      width,
      leaving: ["time"],
    }).split("\n");
    assertEquals(lines.filter((line) => textWidth(line) > width), []);
    // the losses end below their heading
    const end = (line: string) => textWidth(/^.*?(?:loss|\d[.\d]*(?!\S))/.exec(line)![0]);
    assertEquals(new Set(lines.map(end)).size, 1, lines.join("\n"));
  }
});

Deno.test("fittedTable() puts what does not fit below, with the names again", () => {
  const columns = ["a", "b", "c"].map((name): [string, string[]] => [`column ${name}`, ["0.51 ± 0.02", "0.49 ± 0.01"]]);
  const told = (width: number) => fittedTable([["run", ["first", "second"]], ...columns], { width, leaving: [] });
  assertEquals(told(80).split("\n").length, 3);
  const narrow = told(40);
  assertEquals(
    narrow,
    [
      "  run     column a     column b   ",
      "  first   0.51 ± 0.02  0.51 ± 0.02",
      "  second  0.49 ± 0.01  0.49 ± 0.01",
      "",
      "  run     column c   ",
      "  first   0.51 ± 0.02",
      "  second  0.49 ± 0.01",
    ].map((line) => line.trimEnd()).join("\n"),
  );
  // one column that is wider than the terminal is shown all the same
  assertEquals(told(10).split("\n\n").length, 3);
});

/** Lines that a terminal of so many columns would have to break. */
const broken = (text: string, columns: number) =>
  text.split("\n").filter((line) => wrapped(line, columns).includes("\n"));

/** A run by these settings, as far as it is summed up. */
const runOf = (settings: TrainingSettings) =>
  ({
    opened: { corpus: { name: "a.txt", description: "1 KB" } },
    tokenizer: { size: 70, type: "char" },
    config: modelConfig({ size: "tiny", vocab: 70 }),
    settings,
    base: undefined,
    notices: [],
  }) as unknown as Run;

Deno.test("runSummary() says where windows have more masked tokens than their rate says, and a constant rate once", () => {
  const usual = { ...defaultSettings({ preset: "modernbert", width: 64 }), budget: { steps: 10 } };
  const summary = (rate: number, length: number) => {
    const settings = { ...usual, maskRate: { start: rate, end: rate }, curriculum: [{ length, share: 1 }] };
    return runSummary(runOf(settings), { reason: "CPU", notice: undefined, columns: 80 }).split("\n");
  };
  const said = (rate: number, length: number) =>
    summary(rate, length).filter((line) => line.includes("at least one token"));
  assertEquals(said(0.01, 8), [
    "note: at least one token of each window is masked: in windows of 8 that is 13% of the tokens, not 1%",
  ]);
  assert(said(0.07, 8)[0]!.endsWith("14% of the tokens, not 7%"));
  for (const [rate, length] of [[0.03, 64], [0.15, 8]] as const) assertEquals(said(rate, length), []);
  assertEquals(summary(0.03, 64).at(-1)!.trim().split(/ {2,}/).at(-1), "3%");
});

Deno.test("runSummary() tells how many tokens of texts that are compared validate: a batch at least", () => {
  const settings = { ...contrastiveDefaults({ preset: "modernbert", width: 64 }), budget: { tokens: 40_000 } };
  const lines = runSummary(runOf(settings), { reason: "CPU", notice: undefined, columns: 80 });
  assertStringIncludes(lines, "on at most 8,192 tokens");
  const chosen = runSummary(runOf({ ...settings, evaluateTokens: 1024 }), {
    reason: "",
    notice: undefined,
    columns: 80,
  });
  assertStringIncludes(chosen, "on at most 8,192 tokens");
});

Deno.test("the stages of a run are a table in terminals of any width", () => {
  const settings = { ...defaultSettings({ preset: "modernbert", width: 64 }), budget: { minutes: 10 } };
  const run = runOf(settings);
  const tableAt = (columns: number) => {
    const lines = runSummary(run, { reason: "CPU", notice: undefined, columns }).split("\n");
    return lines.slice(lines.findIndex((line) => line.startsWith("  stage")));
  };
  for (const columns of [30, 40, 50, 60, 61, 80, 200, Infinity]) {
    const lines = tableAt(columns);
    assertEquals(lines.length, 1 + settings.curriculum.length);
    assertEquals(broken(lines.join("\n"), columns), []);
    assert(/^ {2}stage {2}length .*steps/.test(lines[0]!), lines[0]);
  }
  assertEquals(tableAt(80), tableAt(Infinity));
});

Deno.test("scores and estimates are tables in narrow terminals too", () => {
  const score = { loss: 2, accuracy: 0.5, perplexity: 7.389, predicted: 1_234_567, characters: 1e6, windows: 10 };
  const models = [{ model: "runs/a", masked: score, pseudo: score }] as unknown as ModelScores[];
  const estimate = {
    size: "base",
    parameters: 1.1e8,
    length: 512,
    calls: 403,
    flop: 2.5e12,
    bytes: 2.6e10,
    memory: 4e9,
  };
  const report = {
    kind: "cpu",
    description: "CPU",
    speed: { bandwidth: 1e9, products: 1e9, attention: 1e9, call: 1e-6, submit: 0 },
    estimates: [{ ...estimate, tokens: 4096, seconds: 0.1, tokensPerSecond: 1000 }],
  } as unknown as DeviceReport;
  for (const columns of [50, 60, 80]) {
    assertEquals(broken(scoreTable(models, columns), columns), []);
    assertEquals(
      deviceLines(report, columns).flatMap((text) => text.startsWith("  ") ? broken(text, columns) : []),
      [],
    );
  }
  assertEquals(scoreTable(models).split("\n")[0]!.split(/ {2,}/).length, 8);
});
