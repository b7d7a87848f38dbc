import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { modelConfig } from "../../lib/model/config.ts";
import { load } from "../../lib/inference/load.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { trainTokenizer } from "../../lib/tokenizer/train_tokenizer.ts";
import { bertFrame } from "../../lib/tokenizer/special_tokens.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { writeModel } from "../helpers/model_files.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";
import { runCli } from "../helpers/run_cli.ts";

const device = ["--device", "cpu", "--blas", "off"];
const fixture = (name: string) => new URL(`../fixtures/models/${name}`, import.meta.url).pathname;

async function ok(args: readonly string[], cwd: string): Promise<string> {
  const { code, out, err } = await runCli([...args], { cwd });
  assertEquals([code, err], [0, ""], `${args.join(" ")}: ${out}`);
  return out;
}

const text = "the king sees a moon\na moon sees the kings\n".repeat(60);

Deno.test("every command names the tensor that is not finite, and leaves nothing behind", () =>
  inTemporaryFolder(async (cwd) => {
    await Deno.writeTextFile(`${cwd}/text.txt`, text);
    const model = fixture("not_a_number");
    const commands = [
      ["fill", model, "the king sees a [MASK]", ...device],
      ["embed", model, "the king", ...device],
      ["embed", model, "--file", "text.txt", "--out", "v.npy", ...device],
      ["eval", model, "--data", "text.txt", "--length", "8", ...device],
      ["export", model, "--out", "f32"],
      ["export", model, "--out", "f16", "--dtype", "f16"],
      ["export", model, "--onnx", "--out", "onnx"],
      ["train", "--init", model, "--data", "text.txt", "--length", "8", "--steps", "2", ...device],
    ];
    for (const command of commands) {
      const { code, out, err } = await runCli(command, { cwd });
      const said = `${command[0]}: ${out}${err}`;
      assertEquals(code, 1, said);
      assertStringIncludes(
        err,
        'tensor "bert.encoder.layer.0.output.dense.weight" holds numbers that are not finite',
        said,
      );
      assert(!/learning rate than|NaN|null/.test(out + err), said);
    }
    const left = (await Array.fromAsync(Deno.readDir(cwd))).map(({ name }) => name);
    assertEquals(left, ["text.txt"]);
  }));

Deno.test("an encoder alone: embed and info work, fill and eval say why not, train --init makes a head", () =>
  inTemporaryFolder(async (cwd) => {
    await Deno.writeTextFile(`${cwd}/text.txt`, text);
    const model = fixture("encoder_only");
    const info = await ok(["info", model], cwd);
    assertMatch(info, /class +BertModel\n/);
    assertMatch(
      info,
      /head +none for masked tokens: embed works, fill and eval do not; train --init makes a new one\n/,
    );
    assertEquals(JSON.parse(await ok(["info", model, "--json"], cwd)).head, false);
    assertEquals(JSON.parse(await ok(["embed", model, "the king sees", ...device], cwd)).embedding.length, 8);

    for (const command of [["fill", model, "the [MASK]"], ["eval", model, "--data", "text.txt", "--length", "8"]]) {
      const { code, err } = await runCli([...command, ...device], { cwd });
      assertEquals(code, 1);
      assertStringIncludes(err, "this model has no head for them, only an encoder; train --init makes it a new head");
    }

    const args = [
      "--data",
      "text.txt",
      "--length",
      "8",
      "--batch-tokens",
      "64",
      "--steps",
      "3",
      "--name",
      "king",
      ...device,
    ];
    const out = await ok(["train", "--init", model, ...args], cwd);
    assertMatch(
      out,
      /head +.*encoder_only has none for masked tokens: a new one begins with random weights \(seed \d+\)/,
    );
    assertMatch(await ok(["info", "runs/king"], cwd), /class +BertForMaskedLM\nhead +predicts masked tokens/);
    assertStringIncludes(await ok(["fill", "runs/king", "the king sees a [MASK]", ...device], cwd), "mask 1:");
  }));

Deno.test("export of an encoder alone: the same class, or a graph of vectors only", () =>
  inTemporaryFolder(async (cwd) => {
    const model = fixture("encoder_only");
    await ok(["export", model, "--out", "out"], cwd);
    const json = JSON.parse(await Deno.readTextFile(`${cwd}/out/config.json`));
    assertEquals([json.architectures, json.model_type], [["BertModel"], "bert"]);
    const cpu = await openCpuDevice({ threads: 1 });
    using before = await load(model, { device: cpu });
    using after = await load(`${cwd}/out`, { device: cpu });
    assertEquals(after.model.hasHead, false);
    assertEquals(await after.embed(["a moon"]), await before.embed(["a moon"]));
    cpu.destroy();

    const { code, err } = await runCli(["export", model, "--onnx", "--out", "graph"], { cwd });
    assertEquals(code, 1);
    assertStringIncludes(err, "with logits: it has no head for masked tokens; add --embeddings-only");
    await ok(["export", model, "--onnx", "--embeddings-only", "--out", "graph"], cwd);
    const graph = JSON.parse(await Deno.readTextFile(`${cwd}/graph/config.json`));
    assertEquals(graph.architectures, ["BertModel"]);
    const wrong = await runCli(["export", model, "--embeddings-only", "--out", "x"], { cwd });
    assertEquals([wrong.code, /Option --embeddings-only is for --onnx/.test(wrong.err)], [2, true]);
  }));

Deno.test("train makes models whose heads have any width, and resumes them to the bit", () =>
  inTemporaryFolder(async (cwd) => {
    await Deno.writeTextFile(`${cwd}/text.txt`, text);
    const shape = ["--preset", "bert", "--layers", "2", "--width", "36", "--heads", "6", "--hidden", "20"];
    const data = [
      "--data",
      "text.txt",
      "--length",
      "16",
      "--batch-tokens",
      "64",
      "--curriculum",
      "none",
      "--dropout",
      "0.1",
    ];
    const common = ["--save-every", "3", "--seed", "4", ...device];
    const losses = async (run: string) =>
      (await Deno.readTextFile(`${cwd}/runs/${run}/metrics.jsonl`)).trim().split("\n")
        .map((line) => JSON.parse(line)).filter(({ kind }) => kind === "train").map(({ step, loss }) => [step, loss]);
    await ok(["train", ...shape, ...data, "--steps", "6", "--name", "whole", ...common], cwd);
    assertStringIncludes(await ok(["info", "runs/whole"], cwd), "2 layers × 36, 6 heads, hidden 20");

    // back to the checkpoint of step 3, and on
    const before = await losses("whole");
    await Deno.remove(`${cwd}/runs/whole/checkpoints/step-00000006`, { recursive: true });
    await ok(["train", "--resume", "runs/whole", ...device], cwd);
    assertEquals(await losses("whole"), before);

    // what is written has no padding: the shapes are those of the configuration
    const cpu = await openCpuDevice({ threads: 1 });
    using model = await load(`${cwd}/runs/whole`, { device: cpu });
    const { masks } = await model.fill("king [MASK]");
    assert(masks[0]!.candidates.every(({ probability }) => Number.isFinite(probability)));
    assertEquals(model.model.store.get("layers.0.attention.qkv.weight").shape, [108, 36]);
    cpu.destroy();
  }));

Deno.test("embed makes vectors of lines, chunks and files of a folder, with names, and takes their mean out", () =>
  inTemporaryFolder(async (cwd) => {
    const plain = await trainTokenizer(["the king sees a moon", "kings see moons"], { type: "wordpiece", size: 60 });
    const tokenizer = { ...plain, frame: bertFrame(plain.special) };
    await writeModel(
      `${cwd}/bert`,
      modelConfig({ preset: "bert", vocab: tokenizer.size, layers: 1, width: 12, heads: 2, hidden: 8, maxLength: 16 }),
      tokenizer,
    );
    await Deno.mkdir(`${cwd}/notes/deep`, { recursive: true });
    await Deno.writeTextFile(`${cwd}/notes/a.txt`, "the king sees\n\na moon\n");
    await Deno.writeTextFile(`${cwd}/notes/b.jsonl`, '{"text": "kings\\nsee"}\n{"text": "moons"}\n');
    await Deno.writeTextFile(`${cwd}/notes/deep/c.txt`, "the king sees a moon ".repeat(30));
    const json = async (...args: string[]) =>
      (await ok(["embed", "bert", ...args, ...device], cwd)).trim().split("\n").map((line) => JSON.parse(line));

    const lines = (await runCli(["embed", "bert", "--file", "notes", ...device], { cwd })).out.trim().split("\n")
      .map((line) => JSON.parse(line));
    assertEquals(
      lines.map(({ name, text }) => [name, text.slice(0, 13)]),
      [
        ["notes/a.txt:1", "the king sees"],
        ["notes/a.txt:2", ""],
        ["notes/a.txt:3", "a moon"],
        ["notes/b.jsonl:1", "kings\nsee"],
        ["notes/b.jsonl:2", "moons"],
        ["notes/deep/c.txt:1", "the king sees"],
      ],
    );

    const chunks = await json("--file", "notes", "--by", "chunk");
    assertEquals(chunks.slice(0, 2).map(({ name, text }) => [name, text]), [
      ["notes/a.txt#1", "the king sees\n\na moon"],
      ["notes/b.jsonl#1", "kings\nsee\nmoons"],
    ]);
    assert(chunks.length > 5 && chunks.at(-1).name === `notes/deep/c.txt#${chunks.length - 2}`);

    const files = await json("--file", "notes/*.txt", "--file", "notes/a.txt", "--file", "notes/deep", "--by", "file");
    assertEquals(files.map((file) => Object.keys(file)), [["name", "embedding"], ["name", "embedding"]]);
    assertEquals(files.map(({ name }) => name), ["notes/a.txt", "notes/deep/c.txt"]);
    const [first] = chunks;
    assertClose(files[0].embedding, first.embedding, { atol: 1e-6, rtol: 0 });

    // the mean of what is left is nothing, in every form of output
    await ok(["embed", "bert", "--file", "notes", "--by", "chunk", "--remove-mean", "--out", "v.npy", ...device], cwd);
    const names = (await Deno.readTextFile(`${cwd}/v.names.txt`)).trim().split("\n");
    assertEquals(names, chunks.map(({ name }) => name));
    const values = new Float32Array((await Deno.readFile(`${cwd}/v.npy`)).buffer, 128);
    assertEquals(values.length, 12 * chunks.length);
    for (let column = 0; column < 12; column++) {
      const mean = chunks.reduce((sum, { embedding }) => sum + embedding[column], 0) / chunks.length;
      const expected = chunks.map(({ embedding }) => embedding[column] - mean);
      assertClose(chunks.map((_, row) => values[12 * row + column]!), expected, { atol: 1e-6, rtol: 0 });
    }
    const scaled = await json("--file", "notes", "--by", "chunk", "--remove-mean", "--normalize");
    for (const [row, { name, text, embedding }] of scaled.entries()) {
      assertEquals([name, text], [chunks[row].name, chunks[row].text]);
      const own = values.subarray(12 * row, 12 * row + 12);
      assertClose(embedding, own.map((value) => value / Math.hypot(...own)), { atol: 1e-6, rtol: 0 });
    }

    const { code, err } = await runCli(["embed", "bert", "a text", "--by", "file"], { cwd });
    assertEquals([code, /Option --by file is for files/.test(err)], [2, true]);
  }));

Deno.test("embed --help says what such vectors are good for, and what not", async () => {
  const { code, out } = await runCli(["embed", "--help"], { cwd: "." });
  assertEquals(code, 0);
  for (
    const part of [
      "near duplicates",
      "features of a classifier",
      "not made for search by meaning",
      "--by PART",
      "--remove-mean",
    ]
  ) {
    assertStringIncludes(out, part);
  }
});
