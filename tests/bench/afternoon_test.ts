import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { main } from "../../bench/afternoon/afternoon.ts";
import type { Dataset } from "../../bench/afternoon/datasets.ts";
import { fineTuned } from "../../bench/afternoon/fine_tuned.ts";
import { addFigure, type Figure, figureOf, readFigures } from "../../bench/afternoon/log.ts";
import { budgetOf } from "../../bench/afternoon/models.ts";
import { missingOf, tryFineTuning } from "../../bench/afternoon/sitting.ts";
import { figuresTable } from "../../bench/afternoon/table.ts";
import { cpuTest } from "../helpers/devices.ts";
import { smallBase } from "../helpers/small_base.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

/** A figure of a share of right answers. */
function figure(setting: string, way: Figure["way"], value: number, more: Partial<Figure> = {}): Figure {
  const measure = { value, error: 0.01 };
  return { setting, way, accuracy: measure, macroF1: measure, seconds: 1, commit: "abc", date: "", ...more };
}

Deno.test("budgetOf() reads tokens, minutes and nothing at all", () => {
  assertEquals(budgetOf("1.5M"), { name: "1.5M", unit: "tokens", amount: 1_500_000 });
  assertEquals(budgetOf("5min"), { name: "5min", unit: "minutes", amount: 5 });
  assertEquals(budgetOf("0"), { name: "0", unit: "tokens", amount: 0 });
  assertThrows(() => budgetOf("much"), RangeError, "whole number");
});

Deno.test("the afternoon's log gives the latest figure of a key, and passes over a line that was cut off", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/log.jsonl`;
    assertEquals(await readFigures(path), []);
    const key = { text: "brown", budget: "0" } as const;
    for (const value of [0.1, 0.2]) await addFigure(path, figure("tags", "probed", value, key));
    await Deno.writeTextFile(path, '{"setting": "ta', { append: true });
    assertEquals((await readFigures(path)).length, 2);
    await assertRejects(
      async () => {
        await addFigure(path, figure("tags", "fine-tuned", 0.3, key));
        await readFigures(path);
      },
      SyntaxError,
      "line 3",
    );
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace('{"setting": "ta\n', ""));
    const figures = await readFigures(path);
    assertEquals(figureOf(figures, { setting: "tags", way: "probed", ...key })?.accuracy.value, 0.2);
    assertEquals(figureOf(figures, { setting: "tags", way: "probed", text: "brown", budget: "1M" }), undefined);
  }));

Deno.test("figuresTable() has baselines first, then by way and by how much was read", () => {
  const of = (text: "brown" | "languages", budget: string) => ({ text, budget });
  const figures = [
    figure("b", "fine-tuned", 0.9, of("brown", "6M")),
    figure("a", "probed", 0.8, of("brown", "6M")),
    figure("a", "probed", 0.7, of("brown", "300k")),
    figure("a", "probed", 0.6, of("brown", "0")),
    figure("b", "probed", 0.5, of("languages", "0")),
    figure("a", "character n-grams", 0.4),
  ];
  const lines = figuresTable(figures, ["a", "b"]).split("\n");
  assertEquals(lines[0], "| accuracy, % | a | b |");
  assertEquals(lines.slice(2).map((line) => line.split(" | ")[0]!.slice(2)), [
    "character n-grams",
    "random weights, probed",
    "brown, 300k tokens, probed",
    "brown, 6M tokens, probed",
    "brown, 6M tokens, fine-tuned",
  ]);
  assertEquals(lines[3], "| random weights, probed | 60.0 ± 1.0 | 50.0 ± 1.0 |");
});

/** Texts, or sentences, of two classes that a letter tells; the last fourth is tested. */
function dataset(ofWords: boolean): Dataset {
  const items = Array.from({ length: 32 }, (_, i) => ofWords ? ["xa", "yb", i % 2 ? "xc" : "yd"] : `${"xy"[i % 2]}abc`);
  const rows = items.flatMap((item, i) =>
    typeof item === "string" ? [{ i, is: i % 2 }] : item.map((word) => ({ i, is: word[0] === "x" ? 0 : 1 }))
  );
  const places = [...rows.keys()];
  const round = { train: places.filter((row) => rows[row]!.i < 24), test: places.filter((row) => rows[row]!.i >= 24) };
  return {
    name: "letters",
    items,
    itemOf: Uint32Array.from(rows, ({ i }) => i),
    labels: Uint32Array.from(rows, ({ is }) => is),
    classes: 2,
    grams: () => {
      throw new Error("unused");
    },
    settings: new Map([["letters", [round, round]]]),
    encoders: ["brown"],
  };
}

for (const ofWords of [false, true]) {
  cpuTest(
    `fineTuned() tells the rows that are tested, of ${ofWords ? "words" : "texts"}, in their order`,
    async (device) => {
      const base = smallBase(device);
      const data = dataset(ofWords);
      const [round] = data.settings.get("letters")!;
      const found = await fineTuned(base, data, {
        round: round!,
        options: { steps: 30, learningRate: 4e-3, dropout: 0 },
      });
      assertEquals([...found], round!.test.map((row) => data.labels[row]!));
      base.model.destroy();
    },
  );
}

cpuTest(
  "a sitting fine-tunes what the log does not have, and no draw twice",
  (device) =>
    inTemporaryFolder(async (folder) => {
      const base = smallBase(device);
      const data = dataset(false);
      const said: string[] = [];
      const sitting = {
        folder,
        log: `${folder}/log.jsonl`,
        commit: "abc",
        device,
        tell: (line: string) => said.push(line),
      };
      const tried = { model: base, text: "brown", budget: "0" } as const;
      const kept = `${folder}/fine-tuned/letters-brown-0-0.json`;
      await Deno.mkdir(`${folder}/fine-tuned`);
      // what an interrupted sitting left: all of them wrong
      const truth = data.settings.get("letters")![0]!.test.map((row) => data.labels[row]!);
      await Deno.writeTextFile(kept, JSON.stringify(truth.map((label) => 1 - label)));
      await tryFineTuning(sitting, data, tried);
      const [found] = await readFigures(sitting.log);
      assert(found!.accuracy.value <= 0.5, "the draw that was there was made again");
      assertStringIncludes(said.at(-1)!, "brown, random weights, fine-tuned, letters:");
      assertEquals(await missingOf(sitting, data, { way: "fine-tuned", text: "brown", budget: "0" }), []);
      said.length = 0;
      await tryFineTuning(sitting, data, tried);
      assertEquals(said, []);
      base.model.destroy();
    }),
);

Deno.test("deno task afternoon prints what the log has, and says what is wrong", () =>
  inTemporaryFolder(async (folder) => {
    const said: string[] = [];
    const log = `${folder}/log.jsonl`;
    await addFigure(log, figure("tags", "character n-grams", 0.5));
    await main(["--summary", "--log", log], (line) => said.push(line));
    assertStringIncludes(said[0]!, "| character n-grams | 50.0 ± 1.0 |");
    await main(["--help"], (line) => said.push(line));
    assertStringIncludes(said[1]!, "(default: 0,0.3M,1.5M,6M)");
    await assertRejects(
      () => main(["--only", "tags"], () => {}),
      Error,
      '"tags" is none of tag, genre, spam, language',
    );
    await assertRejects(() => main(["--budgets", "x"], () => {}), Error, "whole number");
  }));
