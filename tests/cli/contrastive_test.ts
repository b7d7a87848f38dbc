import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runMains } from "../helpers/run_cli.ts";
import { runLosses } from "../helpers/run_losses.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const device = ["--device", "cpu", "--blas", "off"];
const small = [
  "--batch-tokens",
  "192",
  "--length",
  "12",
  "--eval-tokens",
  "192",
  "--eval-every",
  "3",
  "--save-every",
  "3",
];
const compare = ["train", "--objective", "contrastive", ...device, ...small, "--steps", "6"];
const base = ["train", "--data", "stories", "--layers", "1", "--width", "16", "--heads", "2", "--steps", "1"];

Deno.test("train --objective contrastive goes on to the bit, and its folder is one of sentence-transformers", () =>
  inTemporaryFolder(async (cwd) => {
    const words = "one two three four five six seven eight nine ten".split(" ");
    const pairs = words.flatMap((a) => words.map((b) => `${a} ${b},${b} and ${a}`));
    await Deno.writeTextFile(`${cwd}/pairs.csv`, `question,answer\n${pairs.join("\n")}\n`);
    const made = await runMains([
      [...base, ...device, "--batch-tokens", "64", "--curriculum", "16:100%", "--eval-tokens", "64", "--name", "base"],
      [...compare, "--init", "runs/base", "--data", "stories", "--name", "twice"],
      [...compare, "--init", "runs/base", "--pairs", "pairs.csv", "--name", "pairs"],
    ], { cwd });
    for (const { code, err } of made) assertEquals(code, 0, err);
    assertStringIncludes(made[1]!.out, "views   a text twice, 10% dropped; each is compared with those of all texts");
    assertStringIncludes(made[1]!.out, "guessing among 8 texts gives 2.08");
    assertMatch(made[1]!.out, /the model is in runs\/twice; search your documents with:\n.* index FOLDER --model/);
    assertStringIncludes(made[2]!.out, "corpus  pairs.csv, 100 pairs");
    assertStringIncludes(made[2]!.out, "views   the two texts of a pair");

    const rows = (heading: string, last: string) => [heading, ...pairs.map((row) => `${row}${last}`)].join("\n");
    await Deno.writeTextFile(`${cwd}/graded.csv`, rows("sentence1,sentence2,Score", ",0.5"));
    await Deno.writeTextFile(`${cwd}/triples.csv`, rows("anchor,positive,negative", ",something else"));
    await Deno.writeTextFile(`${cwd}/few.csv`, ["question,answer", ...pairs.slice(0, 7)].join("\n"));
    const [graded, named, triples, three, few] = await runMains([
      [...compare, "--init", "runs/base", "--pairs", "graded.csv", "--name", "graded"],
      [...compare, "--init", "runs/base", "--pairs", "graded.csv", "--field", "sentence1,sentence2", "--name", "named"],
      [...compare, "--init", "runs/base", "--pairs", "triples.csv", "--name", "triples"],
      [
        ...compare,
        "--init",
        "runs/base",
        "--pairs",
        "triples.csv",
        "--field",
        "anchor,positive,negative",
        "--name",
        "x",
      ],
      [...compare, "--init", "runs/base", "--pairs", "few.csv", "--name", "few"],
    ], { cwd });
    assertEquals([graded, named, triples, three, few].map((one) => one!.code), [1, 0, 0, 2, 1]);
    assertStringIncludes(
      graded!.err,
      'graded.csv: its column "Score" tells which belong together, and all pairs are taken to',
    );
    assertStringIncludes(triples!.err, 'note: the column "negative" of triples.csv is not read');
    assertStringIncludes(three!.err, "Option --field names 3 columns; wanted two");
    assertStringIncludes(few!.err, "Cannot compare 8 texts in a batch: only 5 of this corpus");
    assertStringIncludes(few!.err, "batches of 96 tokens compare 4");

    const names = ["twice", "pairs"];
    const whole = [];
    for (const name of names) {
      whole.push(await runLosses(`${cwd}/runs/${name}`));
      await Deno.remove(`${cwd}/runs/${name}/checkpoints/step-00000006`, { recursive: true });
    }
    const resumed = await runMains(names.map((name) => ["train", "--resume", `runs/${name}`]), { cwd });
    for (const [i, { code, err }] of resumed.entries()) {
      assertEquals(code, 0, err);
      const losses = await runLosses(`${cwd}/runs/${names[i]}`);
      assertEquals(losses, whole[i]!);
      assert(losses.filter(({ kind }) => kind === "train").every(({ maskRate }) => maskRate === 0));
    }

    const folder = `${cwd}/runs/pairs/checkpoints/step-00000006`;
    const { pooling_mode_mean_tokens: isMean } = JSON.parse(await Deno.readTextFile(`${folder}/1_Pooling/config.json`));
    assertEquals(isMean, true);
    const card = await Deno.readTextFile(`${folder}/README.md`);
    assertStringIncludes(card, "pipeline_tag: sentence-similarity");
    assertStringIncludes(card, 'SentenceTransformer("FOLDER")');
    await Deno.writeTextFile(`${cwd}/notes.txt`, "one two three\n\nfour five six seven\n");
    const used = await runMains([
      ["embed", "runs/pairs", "one two", ...device],
      ["embed", "runs/pairs", "one two", "--pool", "mean", ...device],
      ["export", "runs/pairs", "--out", "exported"],
      ["index", "notes.txt", "--model", "runs/pairs", "--out", "notes.index", "--json", ...device],
      ["search", "four five six seven", "--index", "notes.index", "--json", ...device],
      ["eval", "runs/pairs", "--json", ...device],
      ["info", "runs/pairs"],
    ], { cwd });
    for (const { code, err } of used) assertEquals(code, 0, err);
    assertEquals(used[0]!.out, used[1]!.out);
    assertStringIncludes(used[6]!.out, "the mean of all tokens; made for comparing texts");
    assertEquals(JSON.parse(await Deno.readTextFile(`${cwd}/exported/modules.json`)).length, 2);
    assertEquals(JSON.parse(used[3]!.out), { index: "notes.index", passages: 1, files: 1, unchanged: 0 });
    const { query, results: [{ score, file, line }] } = JSON.parse(used[4]!.out);
    assertEquals([query, file, line], ["four five six seven", "notes.txt", 1]);
    assert(score > 0.5 && score <= 1.000001);
  }));
