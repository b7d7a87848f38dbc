import { shortBudget } from "../../lib/cli/run_summary.ts";
import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { runCli, spawnCli } from "../helpers/run_cli.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const tiny = ["train", "--layers", "1", "--width", "16", "--heads", "2", "--batch-tokens", "128", "--device", "cpu"];
const short = [...tiny, "--curriculum", "none", "--length", "16"];

function test(name: string, files: Record<string, string>, fn: (cwd: string) => Promise<void>): void {
  Deno.test(name, () =>
    inTemporaryFolder(async (cwd) => {
      for (const [file, text] of Object.entries(files)) await Deno.writeTextFile(`${cwd}/${file}`, text);
      await fn(cwd);
    }));
}

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);
/** Words longer than WordPiece cuts, each another. */
const longWords = Array.from({ length: 200 }, (_, i) => `${"acgt"[i % 4]!.repeat(101)}${i}`).join("\n");
const vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat"].join("\n");
const halfKnown = "the cat dog\n".repeat(200);

test("train says beforehand that the warm-up does not end", {}, async (cwd) => {
  const note =
    "note: the warm-up of 2,000 steps does not end in a run of 20, whose learning rate stays low: --warmup 5%";
  for (const [warmup, isSaid] of [["2000", true], ["20", false], ["5%", false]] as const) {
    const flags = ["--data", "stories", "--steps", "20", "--warmup", warmup, "--name", `w${warmup.replace("%", "")}`];
    const { code, out, err } = await runCli([...short, ...flags], { cwd });
    assertEquals([code, err], [0, ""]);
    assertEquals(out.includes(note), isSaid, out);
    assert(!out.includes("validation has stood"));
  }
});

test("train refuses a text of which no token can be masked, before anything is made", {
  "long.txt": longWords,
  "vocab.txt": vocabulary,
  "known.txt": "the cat\n".repeat(200),
}, async (cwd) => {
  for (
    const [args, message] of [
      [
        ["--data", "long.txt", "--tokenizer", "wordpiece", "--vocab", "60"],
        "they are unknown to this vocabulary, such as",
      ],
      [["--data", "long.txt", "--tokenizer", "vocab.txt", "--validation", "known.txt"], "they are unknown"],
      [
        ["--data", "known.txt", "--tokenizer", "vocab.txt", "--never-mask", "the", "--never-mask", "cat"],
        "all are words that are never masked",
      ],
    ] as const
  ) {
    const result = await runCli([...short, "--steps", "2", ...args], { cwd });
    assertEquals(result.code, 1);
    assertMatch(result.err, /^error: Cannot train on \w+\.txt: none of its first [\d,]+ tokens can be masked: .*\n$/);
    assertStringIncludes(result.err, message);
    assert(!await exists(`${cwd}/runs`));
  }
});

test("train says how much of a text is unknown from a fifth on", {
  "half.txt": halfKnown,
  "known.txt": "the cat the cat the cat the cat dog\n".repeat(200),
  "vocab.txt": vocabulary,
}, async (cwd) => {
  const train = (data: string) =>
    runCli([...short, "--steps", "1", "--tokenizer", "vocab.txt", "--data", data, "--name", data], { cwd });
  const much = await train("half.txt");
  assertEquals(much.code, 0, much.err);
  assertMatch(much.out, /note: 33\.3% of the first \d+ tokens are unknown to this vocabulary, such as "dog"/);
  const little = await train("known.txt");
  assert(!little.out.includes("unknown"), little.out);
});

Deno.test("shortBudget() names one stage or several", () => {
  assertStringIncludes(shortBudget([2]), "before stage 2 gets a step");
  assertStringIncludes(shortBudget([2, 3]), "before stages 2 and 3 get a step");
  assertStringIncludes(shortBudget([2, 3, 4]), "before stages 2, 3 and 4 get a step");
});

test("train says when a text repeats itself, is read too often, or is too short for a stage", {
  "same.txt": "the same line over and over\n".repeat(500),
}, async (cwd) => {
  const same = await runCli([...tiny, "--steps", "2", "--data", "same.txt", "--name", "same"], { cwd });
  assertEquals(same.code, 0, same.err);
  assertMatch(same.out, /note: 99% of the first [\d,]+ tokens repeat what came before/);
  assertStringIncludes(same.out, "note: the budget ends before stages 2 and 4 get a step");
  const child = spawnCli([...short, "--data", "same.txt", "--tokens", "3M", "--save-every", "20"], { cwd }).spawn();
  while (!await exists(`${cwd}/runs/modernbert-small-same/metrics.jsonl`)) {
    await new Promise((done) => setTimeout(done, 20));
  }
  child.kill("SIGINT");
  const { stdout } = await child.output();
  assertMatch(new TextDecoder().decode(stdout), /note: 240 passes over a text of 12,6\d\d tokens/);
});

test(
  "train says which length would do for a short text",
  { "a.txt": "to be or not to be, that is it\n".repeat(30) },
  async (cwd) => {
    const result = await runCli([...tiny, "--data", "a.txt", "--steps", "1"], { cwd });
    assertEquals(result.code, 1);
    const advice = /--length (\d+), or a larger share or text of its own to validate on by --validation would do\n$/;
    const [, length] = advice.exec(result.err)!;
    const advised = await runCli([...tiny, "--data", "a.txt", "--steps", "1", "--length", length!], { cwd });
    assertEquals(advised.code, 0, advised.err);
  },
);

test("train does not call a model ready that has learned nothing", {
  "vocab.txt": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "only", "one"].join("\n"),
  // something can be masked, but hardly any batch holds it
  "rare.txt": `only one\n${"x y z\n".repeat(30_000)}`,
  "only.txt": "only one only one\n".repeat(20),
}, async (cwd) => {
  const args = ["--data", "rare.txt", "--validation", "only.txt", "--tokenizer", "vocab.txt", "--steps", "1"];
  const result = await runCli([...short, ...args, "--name", "x"], { cwd });
  assertEquals(result.code, 1);
  assertStringIncludes(result.out, "nothing was learned: the loss of every step is 0");
  assert(!result.out.includes("the model is in"));
});

test("train counts validation and saving among its minutes, and says what took the time", {}, async (cwd) => {
  const started = performance.now();
  const result = await runCli([...short, "--data", "stories", "--minutes", "6s"], { cwd });
  const seconds = (performance.now() - started) / 1000;
  assertEquals(result.code, 0, result.err);
  assertMatch(result.out, /^time {4}\d+s: \d+s training, \d+s validation, \d+s saving$/m);
  // a slow machine starts in seconds
  assertLess(seconds, 16);
  const name = (await Array.fromAsync(Deno.readDir(`${cwd}/runs`)))[0]!.name;
  const evaluated = await runCli(["eval", `runs/${name}`, "--json", "--device", "cpu", "--blas", "auto"], { cwd });
  const lines = (await Deno.readTextFile(`${cwd}/runs/${name}/metrics.jsonl`)).trim().split("\n");
  const { loss } = lines.map((line) => JSON.parse(line)).findLast(({ kind }) => kind === "validation");
  assertEquals(JSON.parse(evaluated.out).masked.loss, loss, "not the same to the bit");
});
