import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { load } from "../../lib/inference/load.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { bertFrame } from "../../lib/tokenizer/special_tokens.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { textsOf } from "../../lib/text/corpus.ts";
import { trainTokenizer } from "../../lib/tokenizer/train_tokenizer.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { writeModel } from "../helpers/model_files.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";
import { pythonWith, runPython } from "../helpers/python.ts";
import { runCli } from "../helpers/run_cli.ts";

const device = ["--device", "cpu", "--blas", "off"];

async function stories(): Promise<string[]> {
  const texts: string[] = [];
  for await (const text of textsOf(storiesCorpus({ seed: 4 }), "training")) {
    texts.push(text);
    if (texts.length === 300) break;
  }
  return texts;
}

/** A folder with a model of BERT's kind and a text. */
async function withModel(run: (cwd: string) => Promise<void>): Promise<void> {
  await inTemporaryFolder(async (cwd) => {
    const texts = await stories();
    const plain = await trainTokenizer(texts, { type: "wordpiece", size: 150 });
    const tokenizer = { ...plain, frame: bertFrame(plain.special) };
    const shape = { vocab: tokenizer.size, layers: 2, width: 32, heads: 2, hidden: 48, maxLength: 256 };
    await writeModel(`${cwd}/bert`, modelConfig({ ...shape, preset: "bert" }), tokenizer);
    await Deno.writeTextFile(`${cwd}/text.txt`, texts.join("\n"));
    await run(cwd);
  });
}

async function ok(args: readonly string[], cwd: string): Promise<string> {
  const { code, out, err } = await runCli([...args], { cwd });
  assertEquals([code, err], [0, ""], `${args.join(" ")}: ${out}`);
  return out;
}

Deno.test("train --init goes on from a model, keeps what it is, and evaluates as eval does", () =>
  withModel(async (cwd) => {
    const data = ["--data", "text.txt", "--length", "32", "--batch-tokens", "256"];
    const out = await ok(["train", "--init", "bert", ...data, "--steps", "30", "--lr", "3e-3", ...device], cwd);
    assertStringIncludes(out, "from bert");
    const [first, last] = [...out.matchAll(/validation loss ([\d.]+)/g)].map(([, loss]) => Number(loss))
      .filter((_, i, all) => i === 0 || i === all.length - 1);
    assert(last! < first!, `${first} to ${last}`);

    const run = "runs/bert-text";
    const [checkpoint] = (await Array.fromAsync(Deno.readDir(`${cwd}/${run}/checkpoints`))).map(({ name }) => name)
      .sort().reverse();
    const folder = `${cwd}/${run}/checkpoints/${checkpoint}`;
    for (const file of ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"]) {
      assertEquals(await Deno.readTextFile(`${folder}/${file}`), await Deno.readTextFile(`${cwd}/bert/${file}`), file);
    }
    assertEquals(
      JSON.parse(await Deno.readTextFile(`${folder}/config.json`)),
      JSON.parse(await Deno.readTextFile(`${cwd}/bert/config.json`)),
    );

    const score = JSON.parse(await ok(["eval", run, "--json", ...device], cwd));
    assertEquals(score.masked.loss.toFixed(4), last!.toFixed(4));
    assertEquals(JSON.parse(await ok(["eval", run, "--json", ...device], cwd)), score);
    const compared = await ok(
      ["eval", "--compare", "bert", run, "--data", "text.txt", "--length", "32", ...device],
      cwd,
    );
    assertMatch(compared, /second less first, 15 % masked: −[\d.]+ ± [\d.]+ nats: the second is better/);

    const info = await ok(["info", run], cwd);
    assertStringIncludes(info, "BertForMaskedLM");
    assertStringIncludes(info, "between [CLS] and [SEP]");
    assertMatch(info, /30 steps, 7,\d\d\d tokens in \d+s, on text.txt, .* by CPU.* from bert/);

    const card = await Deno.readTextFile(`${folder}/README.md`);
    for (const part of ["library_name: transformers", "trained on from bert", "| data | text.txt", last!.toFixed(4)]) {
      assertStringIncludes(card, part);
    }
  }));

Deno.test("train --init --add-tokens gives new tokens the mean of their pieces, and resumes", () =>
  withModel(async (cwd) => {
    await Deno.writeTextFile(`${cwd}/words.txt`, "estoppel\ntortfeasor\n\nthe\n");
    const args = ["--data", "text.txt", "--length", "32", "--batch-tokens", "256", "--save-every", "2", ...device];
    // a rate of next to nothing: the weights stay as they were given
    const still = ["--lr", "1e-12", "--weight-decay", "0"];
    const out = await ok(
      ["train", "--init", "bert", "--add-tokens", "words.txt", ...args, ...still, "--steps", "4", "--name", "law"],
      cwd,
    );
    assertStringIncludes(out, "added   2 tokens from words.txt; 1 were there already");
    const cpu = await openCpuDevice({ threads: 1 });
    using before = await load(`${cwd}/bert`, { device: cpu });
    using after = await load(`${cwd}/runs/law`, { device: cpu });
    assertEquals(after.config.vocab, before.config.vocab + 2);
    const id = after.tokenizer.encode("estoppel");
    assertEquals([...id], [before.config.vocab]);
    const old = (await before.model.readParameters()).get("embeddings.token")!;
    const now = (await after.model.readParameters()).get("embeddings.token")!;
    assertClose(now.subarray(0, old.length), old, { atol: 1e-6, rtol: 0 });
    const pieces = [...before.tokenizer.encode("estoppel")];
    assert(pieces.length > 1);
    const mean = Array.from(
      { length: 32 },
      (_, i) => pieces.reduce((sum, p) => sum + old[p * 32 + i]!, 0) / pieces.length,
    );
    assertClose(now.subarray(old.length, old.length + 32), mean, { atol: 1e-6, rtol: 0 });
    cpu.destroy();

    await Deno.remove(`${cwd}/runs/law/checkpoints/step-00000004`, { recursive: true });
    assertStringIncludes(await ok(["train", "--resume", "runs/law", ...device], cwd), "resume  runs/law at step 2");
    assertMatch(await ok(["info", "runs/law"], cwd), /4 steps.* from bert/);
  }));

Deno.test("train --pack document makes models whose texts stand between [CLS] and [SEP]", () =>
  withModel(async (cwd) => {
    const args = [
      "--data",
      "text.txt",
      "--length",
      "32",
      "--pack",
      "document",
      "--tokenizer",
      "wordpiece",
      "--vocab",
      "150",
    ];
    await ok(["train", ...args, "--size", "tiny", "--steps", "2", "--name", "framed", ...device], cwd);
    assertStringIncludes(await ok(["info", "runs/framed"], cwd), "between [CLS] and [SEP]");
    const json = JSON.parse(await ok(["embed", "runs/framed", "the ball", "--pool", "cls", ...device], cwd));
    assertEquals(json.embedding.length, 64);
  }));

Deno.test("fill, embed and eval read files and write what programs read", () =>
  withModel(async (cwd) => {
    await Deno.writeTextFile(`${cwd}/masks.jsonl`, '{"text": "the [MASK] is red"}\n{"text": "no mask"}\n');
    const filled = (await ok(["fill", "bert", "--file", "masks.jsonl", "--json", "--top-k", "2", ...device], cwd))
      .trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(filled.map(({ text, masks }) => [text, masks.length]), [["the [MASK] is red", 1], ["no mask", 0]]);
    const { position, candidates } = filled[0].masks[0];
    assertEquals([position, candidates.length, Object.keys(candidates[0])], [2, 2, ["token", "id", "probability"]]);

    await ok(["embed", "bert", "--file", "text.txt", "--out", "v.npy", "--normalize", ...device], cwd);
    await ok(["embed", "bert", "--file", "text.txt", "--out", "v.jsonl", "--normalize", ...device], cwd);
    const lines = (await Deno.readTextFile(`${cwd}/v.jsonl`)).trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(lines.length, 300);
    const bytes = await Deno.readFile(`${cwd}/v.npy`);
    assertStringIncludes(new TextDecoder("latin1").decode(bytes.subarray(0, 128)), "'shape': (300, 32)");
    const values = new Float32Array(bytes.buffer, 128);
    assertClose(values.subarray(0, 64), [...lines[0].embedding, ...lines[1].embedding], { atol: 1e-8, rtol: 0 });
    assertClose([Math.hypot(...values.subarray(0, 32))], [1], { atol: 1e-6, rtol: 0 });
    const python = pythonWith("numpy");
    if (python) {
      const script = "import numpy, sys; a = numpy.load(sys.argv[1]); print(a.shape, a.dtype, (a ** 2).sum().round(3))";
      assertEquals(runPython(python, ["-c", script, `${cwd}/v.npy`]).trim(), "(300, 32) float32 300.0");
    }

    const args = [
      "eval",
      "bert",
      "--data",
      "text.txt",
      "--length",
      "16",
      "--tokens",
      "64",
      "--pseudo",
      "--json",
      ...device,
    ];
    const { masked, pseudo } = JSON.parse(await ok(args, cwd));
    assertEquals([masked.windows, pseudo.windows, pseudo.predicted], [4, 4, 56]);
  }));

Deno.test("export writes a folder in each type that loads again", () =>
  withModel(async (cwd) => {
    const cpu = await openCpuDevice({ threads: 1 });
    using original = await load(`${cwd}/bert`, { device: cpu });
    const expected = await original.embed(["the ball"]);
    for (const [type, atol] of [["f32", 0], ["f16", 0.01], ["bf16", 0.1]] as const) {
      await ok(["export", "bert", "--dtype", type, "--out", type], cwd);
      using again = await load(`${cwd}/${type}`, { device: cpu });
      assertClose((await again.embed(["the ball"]))[0]!, expected[0]!, { atol, rtol: 0, label: type });
      assertStringIncludes(await ok(["info", type], cwd), `bytes, ${type.toUpperCase()}`);
    }
    cpu.destroy();
  }));
