import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { modelConfig } from "../../lib/model/config.ts";
import { runCli, runMains } from "../helpers/run_cli.ts";
import { writeModel } from "../helpers/model_files.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

const tokenizer = (await vocabularies())["framed wordpiece"]!;
const cpu = ["--device", "cpu", "--threads", "1"];

/** A model, and labelled texts and words, good and bad. */
async function workplace(cwd: string): Promise<void> {
  const sizes = { layers: 1, width: 32, heads: 2, hidden: 48, maxLength: 64 };
  await writeModel(`${cwd}/base`, modelConfig({ ...sizes, vocab: tokenizer.size }), tokenizer);
  // no two alike
  const row = (i: number) => {
    const [text, label] = i % 2 === 0 ? ["the red ball", "thing"] : ["where is the garden", "question"];
    const [n, last] = [i >> 1, text!.split(" ").at(-1)!];
    return `${text} ${"the ".repeat(Math.floor(n / 2))}${`${last} `.repeat(n % 2)},${label}`;
  };
  const csv = (rows: readonly string[]) => ["text,label", ...rows].join("\n") + "\n";
  const rows = Array.from({ length: 48 }, (_, i) => row(i));
  const files = {
    "good.csv": csv(rows),
    "test.csv": csv([...rows.slice(0, 2), row(50), row(51), "the hat,odd"]),
    "one.csv": csv(rows.filter((_, i) => i % 2 === 0)),
    "missing.csv": csv([...rows, "the hat,", "a ball,"]),
    "long.csv": csv([...rows, `${"the ball ".repeat(40)},thing`]),
    "words.txt": "the/DET ball/NOUN\nwhere/ADV is/VERB the/DET garden/NOUN\n".repeat(6),
    "bad.jsonl": '{"tokens": ["a", "b"], "tags": ["X"]}\n',
    "texts.txt": "the red ball\nwhere is it\n",
  };
  for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${cwd}/${name}`, text);
}

const train = (
  data: string,
  out: string,
  ...more: string[]
) => ["classify", "train", "base", "--data", data, "--out", out, "--steps", "16", "--lr", "0.003", ...cpu, ...more];

Deno.test("classify trains, predicts and measures, of texts and of words", () =>
  inTemporaryFolder(async (cwd) => {
    await workplace(cwd);
    const [trained, predicted, topped, measured, json, tagger, tagged, scored, info, long, windows, empty, cut, short] =
      await runMains([
        train("good.csv", "out", "--test", "test.csv", "--class-weights", "balanced"),
        ["classify", "predict", "out", "the red ball", "where is the garden", ...cpu],
        ["classify", "predict", "out", "--file", "texts.txt", "--top", "1", ...cpu],
        ["classify", "eval", "out", "--data", "test.csv", ...cpu],
        ["classify", "eval", "out", "--data", "test.csv", "--json", ...cpu],
        train("words.txt", "tagger", "--tokens"),
        ["classify", "predict", "tagger", "--tokens", "the garden", ...cpu],
        ["classify", "eval", "tagger", "--tokens", "--data", "words.txt", ...cpu],
        ["info", "out"],
        train("long.csv", "long"),
        ["classify", "predict", "out", "--windows", "the ball ".repeat(40), ...cpu],
        ["classify", "predict", "out", " ", "the ball", ...cpu],
        ["classify", "eval", "out", "--data", "long.csv", ...cpu],
        train("good.csv", "short", "--length", "8", "--test", "test.csv"),
      ], { cwd });
    for (
      const one of [
        trained,
        predicted,
        topped,
        measured,
        json,
        tagger,
        tagged,
        scored,
        info,
        long,
        windows,
        empty,
        cut,
        short,
      ]
    ) {
      assertEquals(one!.code, 0, one!.err);
    }
    assertMatch(trained!.out, /classes {2}2: question 23, thing 23\nlearns {3}37 texts; 9 are held out/);
    assertMatch(trained!.out, /held out {2}9 texts: accuracy \d+\.\d% ± \d+\.\d%, macro F1/);
    const unknown = 'note: 1 class of the data is unknown to the model, "odd": 1 text of it counts as a mistake';
    for (const one of [trained, measured]) assertStringIncludes(one!.err, unknown);
    const lines = predicted!.out.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines.map(({ label }) => label), ["thing", "question"]);
    assertEquals(lines.map(({ probability, label, probabilities }) => probability === probabilities[label]), [
      true,
      true,
    ]);
    const top = topped!.out.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(top.map(({ probabilities }) => Object.keys(probabilities).length), [1, 1]);
    const { count, accuracy, classes } = JSON.parse(json!.out);
    assertEquals([count, accuracy, classes.length], [5, 0.8, 3]);
    assertStringIncludes(trained!.err, "2 texts of good.csv are in the test too and are left out of what is learned");
    for (const one of [trained, measured, json]) {
      assertStringIncludes(one!.err, "note: too few to tell anything: 5 different texts are tested");
    }
    const { words } = JSON.parse(tagged!.out);
    assertEquals(words.map(({ word }: { word: string }) => word), ["the", "garden"]);
    assertStringIncludes(scored!.out, "words.txt  36 words (6 different ones): accuracy");
    assertStringIncludes(info!.out, "tells 2 classes of texts: question, thing");
    assertMatch(
      long!.err,
      /note: 1 text is longer than 64 tokens, by up to \d+, and cut off; --windows reads all of them/,
    );
    assertEquals(JSON.parse(windows!.out).label, "thing");
    assertStringIncludes(cut!.err, "note: 1 text was longer than 64 tokens and cut off; --windows reads all of them");
    assertEquals(empty!.out.trim().split("\n").length, 2);
    assertStringIncludes(empty!.err, "note: 1 text was empty, so the class told of it means nothing");
    assertMatch(short!.err, /note: \d texts? (was|were) longer than 8 tokens and cut off; --windows reads all of them/);
    const card = await Deno.readTextFile(`${cwd}/out/README.md`);
    assertStringIncludes(card, "pipeline_tag: text-classification");
    assertStringIncludes(await Deno.readTextFile(`${cwd}/tagger/config.json`), '"ModernBertForTokenClassification"');
  }));

Deno.test("classify says in a sentence what is wrong, and writes nothing", () =>
  inTemporaryFolder(async (cwd) => {
    await workplace(cwd);
    const cases: readonly (readonly [number, readonly string[], string])[] = [
      [1, train("one.csv", "o"), 'the only label is "thing", on 24 texts'],
      [1, train("missing.csv", "o"), '2 texts have no label in "label" (lines 50 and 51)'],
      [1, train("good.csv", "o", "--test", "missing.csv"), "2 texts have no label"],
      [1, train("bad.jsonl", "o", "--tokens"), "1 tags stand for 2 words"],
      [1, train("good.csv", "base"), 'Cannot write to "base": it exists already'],
      [1, train("good.csv", "base/config.json/x"), 'Cannot write the classifier to "base/config.json/x"'],
      [1, train("good.csv", "/proc/x"), 'Cannot write the classifier to "/proc/x"'],
      [1, train("good.csv", "o", "--test", "good.csv"), "Cannot learn from good.csv: all of it is in the test too"],
      [1, train("good.csv", "o", "--length", "65"), "from 3 to the model's longest, 64"],
      [2, train("good.csv", "o", "--epochs", "2"), "Give --epochs or --steps, not both"],
      [2, train("words.txt", "o", "--tokens", "--windows"), "--windows has no effect with --tokens"],
      [2, ["classify", "predict", "base", "--lr", "1", "x"], "Option --lr has no effect with classify predict"],
      [2, train("words.txt", "o", "--tokens", "--pool", "cls"), "Option --pool has no effect with --tokens"],
      [2, train("good.csv", "o", "--validation", "0", "--patience", "2"), "no effect with --validation 0"],
      [2, ["classify", "tran"], "did you mean classify train?"],
      [2, ["classify"], "Usage: classify train DIR --data LABELLED --out FOLDER"],
      [2, ["classify", "train", "base", "--data", "good.csv"], "Usage: classify train"],
      [2, train("-", "x", "--test", "-"), "Standard input can be read only once: give --data or --test as a file"],
      [2, ["classify", "eval", "base"], "Usage: classify eval FOLDER --data LABELLED"],
      [1, ["classify", "predict", "base", "x", ...cpu], "Cannot tell classes with base: it is a ModernBertForMaskedLM"],
    ];
    const results = await runMains(cases.map(([, args]) => args), { cwd });
    for (const [i, [code, , words]] of cases.entries()) {
      assertEquals([results[i]!.code, results[i]!.err.includes(words)], [code, true], results[i]!.err);
      // nothing was trained before
      assert(!results[i]!.out.includes("learns"), results[i]!.out);
    }
    assert(!await Deno.stat(`${cwd}/o`).then(() => true, () => false));
  }));

Deno.test("classify predict streams the lines of standard input", () =>
  inTemporaryFolder(async (cwd) => {
    await workplace(cwd);
    assertEquals((await runMains([train("good.csv", "out")], { cwd }))[0]!.code, 0);
    const { code, out } = await runCli(["classify", "predict", "out", ...cpu], {
      cwd,
      input: "the red ball\n\nthe hat\n",
    });
    assertEquals([code, out.trim().split("\n").map((line) => JSON.parse(line).text)], [0, [
      "the red ball",
      "",
      "the hat",
    ]]);
  }));

Deno.test("classify train goes on after a crash, and comes to the same classifier", () =>
  inTemporaryFolder(async (cwd) => {
    await workplace(cwd);
    const preload = [new URL("../helpers/cut_short.ts", import.meta.url).pathname];
    const killed = await runCli(train("good.csv", "out", "--test", "test.csv"), { cwd, preload });
    assert(killed.code !== 0 && !killed.err.includes("error"), killed.err);
    assertEquals([...Deno.readDirSync(`${cwd}/out`)].map(({ name }) => name), [".training"]);
    const resume = ["classify", "train", "--resume"];
    // what lies there besides is in nobody's way
    await Deno.writeTextFile(`${cwd}/out/log.txt`, "mine");
    const [anew, other, extra, resumed, again, gone, whole] = await runMains([
      train("good.csv", "out"),
      [...resume, "out", "--lr", "1"],
      [...resume, "out", "base"],
      [...resume, "out"],
      [...resume, "out"],
      [...resume, "nothing"],
      train("good.csv", "whole", "--test", "test.csv"),
    ], { cwd });
    assertEquals([anew, other, extra, resumed, again, gone, whole].map((one) => one!.code), [1, 2, 2, 0, 1, 1, 0]);
    assertMatch(anew!.err, /one that was cut short was kept there at step 1 of 16; to go on with it: .* --resume out;/);
    assertStringIncludes(other!.err, "Leave out --lr: with --resume a training goes on as it began");
    assertStringIncludes(extra!.err, 'Leave out "base"');
    assertStringIncludes(again!.err, 'Cannot go on in "out": there is no training that was cut short');
    assertStringIncludes(gone!.err, 'Cannot go on in "nothing": there is no training that was cut short');
    assertStringIncludes(resumed!.out, "goes on  after step 1");
    const ends = (out: string) => out.slice(out.indexOf("step 2 ")).replaceAll("whole", "out");
    assertEquals(ends(resumed!.out), ends(whole!.out));
    const [one, two] = ["out", "whole"].map((name) => Deno.readFileSync(`${cwd}/${name}/model.safetensors`));
    assertEquals(one, two);
    assert(!await Deno.stat(`${cwd}/out/.training`).then(() => true, () => false));
    assertEquals(await Deno.readTextFile(`${cwd}/out/log.txt`), "mine");
  }));

Deno.test("classify train goes on with nothing but what it began with", () =>
  inTemporaryFolder(async (cwd) => {
    await workplace(cwd);
    const preload = [new URL("../helpers/cut_short.ts", import.meta.url).pathname];
    await runCli(train("good.csv", "out"), { cwd, preload });
    const rows = await Deno.readTextFile(`${cwd}/good.csv`);
    await Deno.writeTextFile(`${cwd}/good.csv`, rows.replace("the red ball", "the blue hat"));
    const resume = ["classify", "train", "--resume", "out"];
    await Deno.mkdir(`${cwd}/elsewhere`);
    const [far] = await runMains([[...resume.slice(0, 3), "../out"]], { cwd: `${cwd}/elsewhere` });
    assertStringIncludes(far!.err, 'Cannot go on in "../out" from here: it began in "');
    const [changed, told, measured] = await runMains([
      resume,
      ["classify", "predict", "out", "the red ball"],
      ["classify", "eval", "out", "--data", "good.csv"],
    ], { cwd });
    for (const { code, err } of [told!, measured!]) {
      assertEquals(code, 1);
      assertMatch(err, /^error: Cannot use "out": its training goes on, or was cut short; .* --resume out\n$/);
    }
    assertEquals(changed!.code, 1);
    assertStringIncludes(
      changed!.err,
      "Cannot go on with the training: its examples",
    );
    // what is damaged is never taken for what it was
    await Deno.writeTextFile(`${cwd}/good.csv`, rows);
    const [folder] = [...Deno.readDirSync(`${cwd}/out/.training`)].map(({ name }) => `${cwd}/out/.training/${name}`);
    const bytes = await Deno.readFile(`${folder}/training.safetensors`);
    bytes[bytes.length - 7]! ^= 1;
    await Deno.writeFile(`${folder}/training.safetensors`, bytes);
    const [damaged] = await runMains([resume], { cwd });
    assertEquals(damaged!.code, 1);
    assertStringIncludes(damaged!.err, "training.safetensors");
    assertEquals([...Deno.readDirSync(`${cwd}/out`)].map(({ name }) => name), [".training"]);
  }));

Deno.test("probe, index and classify take the BLAS that they are told", () =>
  inTemporaryFolder(async (cwd) => {
    await workplace(cwd);
    const commands = [
      ["probe", "base", "--data", "good.csv"],
      ["index", "texts.txt", "--model", "base", "--out", "i"],
      train("good.csv", "o").slice(0, -cpu.length),
    ];
    const results = await runMains(commands.map((args) => [...args, "--blas", "no.so", "--device", "cpu"]), { cwd });
    for (const { code, err } of results) {
      assertEquals(code, 1);
      assertStringIncludes(err, 'Cannot use "no.so" as a BLAS');
    }
  }));
