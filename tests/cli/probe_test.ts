// The command probe: what it prints, and what it says to bad input.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { modelConfig } from "../../lib/model/config.ts";
import { probeDifferences, probeTable } from "../../lib/cli/probe_table.ts";
import { textWidth } from "../../lib/cli/text_width.ts";
import type { Probed } from "../../lib/probe/probed.ts";
import { bertFrame } from "../../lib/tokenizer/special_tokens.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { writeModel } from "../helpers/model_files.ts";
import { runMains } from "../helpers/run_cli.ts";

const measure = (value: number, error = 0.01) => ({ value, error });
const score = (value: number) => ({ accuracy: measure(value), macroF1: measure(value - 0.02) });
const probed: Probed = {
  classes: ["ham", "spam"],
  what: "texts",
  learned: 8000,
  tested: 2000,
  different: 2000,
  rounds: 1,
  results: [
    { kind: "regression", model: 0, layer: 4, pool: "mean", score: score(0.9), loss: 0.3, l2: 0.1 },
    { kind: "neighbours", model: 0, layer: 4, pool: "mean", score: score(0.8), neighbours: 9 },
    { kind: "random", model: 0, layer: 4, pool: "mean", score: score(0.7), loss: 0.5, l2: 0.1 },
    { kind: "regression", model: 1, layer: 4, pool: "mean", score: score(0.93), loss: 0.2, l2: 0.1 },
    { kind: "ngrams", score: score(0.905), loss: 0.3, l2: 1 },
    { kind: "majority", score: score(0.6) },
  ],
  best: [0, 3],
  differences: [
    { less: 2, from: 0, accuracy: measure(0.2), macroF1: measure(0.2) },
    { less: 4, from: 0, accuracy: measure(-0.005), macroF1: measure(0) },
    { less: 4, from: 3, accuracy: measure(-0.05), macroF1: measure(0) },
    { less: 0, from: 3, accuracy: measure(0.03), macroF1: measure(0.03) },
  ],
  notes: [],
};

Deno.test("probeTable() fits a terminal of 80 columns, and marks what is best", () => {
  const lines = probeTable(probed, 80).split("\n");
  assert(lines.every((line) => textWidth(line) <= 80), lines.join("\n"));
  assertEquals(lines.length, 7);
  assertStringIncludes(lines[1]!, "* first: mean of the tokens");
  assertStringIncludes(lines[1]!, "90.0 ± 1.0   88.0 ± 1.0");
  assertStringIncludes(lines[2]!, "  first: mean of the tokens, 9 neighbours");
  assertStringIncludes(lines[4]!, "* second: mean of the tokens");
  assertStringIncludes(
    probeTable({ ...probed, results: probed.results.slice(0, 3), best: [0] }),
    "* mean of the tokens ",
  );
});

Deno.test("probeDifferences() tells what is better only where twice the error says so", () => {
  assertEquals(probeDifferences(probed), [
    "first model less random weights: accuracy +20.0 ± 1.0 points: the first model is better",
    "first model less character n-grams: accuracy −0.5 ± 1.0 points: no clear difference",
    "second model less character n-grams: accuracy −5.0 ± 1.0 points: the second model is worse",
    "second less first, mean of the tokens, layer 4: accuracy +3.0 ± 1.0 points: the second is better",
  ]);
  const [few] = probeDifferences({ ...probed, tested: 19, different: 19 });
  assertEquals(few, "first model less random weights: accuracy +20.0 ± 1.0 points, which so few do not tell");
});

const wrong: readonly (readonly [args: readonly string[], code: number, sentence: string])[] = [
  [["probe"], 2, "Usage: probe DIR --data LABELLED"],
  [["probe", "a"], 2, "Usage: probe DIR --data LABELLED"],
  [["probe", "a", "a", "--data", "good.csv"], 2, "Usage: probe DIR --data LABELLED"],
  [["probe", "--compare", "a", "--data", "good.csv"], 2, "Usage: probe --compare DIR DIR --data LABELLED"],
  [["probe", "a", "--data", "-", "--test", "-"], 2, "Standard input can be read only once"],
  [["probe", "a", "--data", "w", "--tokens", "--pool", "cls"], 2, "Option --pool has no effect with --tokens"],
  [["probe", "a", "--data", "w", "--tokens", "--windows"], 2, "Option --windows has no effect with --tokens"],
  [["probe", "a", "--data", "no.csv"], 1, 'Cannot read "no.csv": there is no such file'],
  [["probe", "a", "--data", "good.csv", "--field", "body"], 1, 'it has no column "body" (--field)'],
  [["probe", "a", "--data", "good.csv", "--label", "stars"], 1, 'it has no column "stars" (--label)'],
  [
    ["probe", "a", "--data", "missing.csv"],
    1,
    '1 text has no label in "label" (line 3); label them, or leave them out',
  ],
  [["probe", "a", "--data", "one.csv"], 1, 'the only label is "x", on 3 texts; at least two are needed'],
  [["probe", "a", "--data", "amounts.csv"], 1, "so they look like amounts; cut these into ranges first"],
  [["probe", "a", "--data", "plain.txt"], 1, "it is plain text; wanted CSV, TSV, JSON or JSON lines"],
  [["probe", "a", "--data", "good.csv", "--layers", "9"], 1, "Cannot probe layer 9: this model's layers are 1 to 1"],
  [["probe", "a", "--data", "good.csv", "--layers", "x"], 2, "wanted last, all, or numbers such as 0,2,4"],
  [
    ["probe", "a", "--data", "good.csv", "--format", "conll"],
    2,
    "Option --format cannot be conll here: without --tokens",
  ],
  [
    ["probe", "a", "--data", "words.conll", "--tokens", "--format", "xml"],
    2,
    "choose one of csv, tsv, json, jsonl, conll",
  ],
  [["probe", "a", "--data", "torn.conll", "--tokens"], 1, 'of the first, the word "b" has no tag; --skip-bad 1 leaves'],
];

Deno.test("probe tells what vectors know, and says in one sentence what is wrong", async () => {
  const cwd = await Deno.makeTempDir();
  try {
    const plain = characterTokenizer("abc ", { specials: ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] });
    const tokenizer = { ...plain, frame: bertFrame(plain.special) };
    const shape = { vocab: plain.size, layers: 1, width: 8, heads: 2, hidden: 8, maxLength: 16 };
    const config = modelConfig({ ...shape, preset: "bert" });
    for (const [i, name] of ["a", "b"].entries()) await writeModel(`${cwd}/${name}`, config, tokenizer, i + 1);
    const rows = Array.from(
      { length: 40 },
      (_, i) => `${"abcabcabc".slice(i % 3, i % 3 + 3 + i % 4)},${i % 3 ? "x" : "y"}\n`,
    );
    const files = {
      "good.csv": `text,label\n${rows.join("")}`,
      "missing.csv": "text,label\na,x\nb,\nc,y\n",
      "one.csv": "text,label\na,x\nb,x\nc,x\n",
      "amounts.csv": `text,label\n${rows.map((_, i) => `a b ${i},${i / 7}\n`).join("")}`,
      "plain.txt": "a line\n",
      "words.conll": Array.from({ length: 20 }, (_, i) => `a X\n${i % 2 ? "b" : "c"} ${i % 2 ? "Y" : "X"}\n\n`).join(
        "",
      ),
      "torn.conll": "a X\n\nb\n",
    };
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${cwd}/${name}`, text);
    const right = [
      ["probe", "a", "--data", "good.csv", "--threads", "1", "--device", "cpu"],
      [
        "probe",
        "--compare",
        "a",
        "b",
        "--data",
        "good.csv",
        "--json",
        "--no-baselines",
        "--pool",
        "mean",
        "--device",
        "cpu",
      ],
      ["probe", "a", "--data", "words.conll", "--tokens", "--layers", "all", "--no-baselines", "--device", "cpu"],
      [
        "probe",
        "a",
        "--data",
        "missing.csv",
        "--test",
        "good.csv",
        "--skip-bad",
        "1",
        "--no-baselines",
        "--device",
        "cpu",
      ],
    ];
    const results = await runMains([...right, ...wrong.map(([args]) => args)], { cwd });
    const [table, json, words, tested] = results as [typeof results[number], ...typeof results];
    for (const { code, err } of results.slice(0, right.length)) {
      assertEquals([code, err.includes("error")], [0, false], err);
    }
    assertStringIncludes(table.out, "good.csv: 2 classes; 5 rounds, each learns from");
    for (const part of ["* ", "[CLS]", "neighbour", "random weights", "character n-grams", "most frequent class"]) {
      assertStringIncludes(table.out, part);
    }
    const { models, data, results: found, differences } = JSON.parse(json!.out);
    assertEquals([models, data, found.length, differences.length], [["a", "b"], "good.csv", 4, 2]);
    assertStringIncludes(words!.out, "2 tags");
    assertEquals(words!.out.match(/vectors of the words/g)?.length, 4);
    assertStringIncludes(tested!.out, "learned from 2 texts, tested on 40 others");
    assertStringIncludes(tested!.err, "1 record was skipped");
    for (const [i, [args, code, sentence]] of wrong.entries()) {
      const result = results[right.length + i]!;
      assertStringIncludes(result.err, sentence, args.join(" "));
      assertEquals(result.code, code, args.join(" "));
    }
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
});
