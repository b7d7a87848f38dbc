import { assert, assertEquals } from "@std/assert";
import * as ort from "npm:onnxruntime-web@1.23.0";
import { main } from "../../cli.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import type { ModelPooling } from "../../lib/model/pooling.ts";
import { sentenceFiles } from "../../lib/format/sentence_folder.ts";
import { load, type MaskedLanguageModel } from "../../lib/inference/load.ts";
import { modelConfig, type ModelOptions } from "../../lib/model/config.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { bertFrame } from "../../lib/tokenizer/special_tokens.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { logitsOf } from "../helpers/logits.ts";
import { writeFiles } from "../../lib/files/write_folder.ts";
import { modelFiles } from "../helpers/model_files.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";
import { pythonWith, runPython } from "../helpers/python.ts";

ort.env.wasm.numThreads = 1;
ort.env.logLevel = "error";

const plain = characterTokenizer("abcdefghijklmnopqrstuvwxyz .,?");
const tokenizer = { ...plain, frame: bertFrame(plain.special) };
const shape = { vocab: tokenizer.size, layers: 3, width: 24, heads: 2, hidden: 36, maxLength: 40 };
const texts = ["where is the [MASK]all?", "a kite.", "the box [MASK]s in the garden, i think"];

const variants: Record<string, Partial<ModelOptions>> = {
  modernbert: { preset: "modernbert" },
  "modernbert with local attention and an untied decoder": {
    preset: "modernbert",
    rotaryBase: 160_000,
    local: { window: 6, rotaryBase: 10_000, layers: [1, 2] },
    tied: false,
    biases: ["norm", "attention", "feedForward", "head", "decoder"],
  },
  bert: { preset: "bert" },
  "bert without token types": { preset: "bert", tokenTypes: 0, activation: "relu" },
  labml: { preset: "labml" },
  "modernbert with heads of 10, SiLU gates and the tanh form of GELU in its head": {
    preset: "modernbert",
    width: 20,
    gate: "silu",
    activation: "gelu_tanh",
  },
  "bert with heads of 7 and the tanh form of GELU": { preset: "bert", width: 28, heads: 4, activation: "gelu_tanh" },
  "modernbert gated by the square of ReLU": { preset: "modernbert", gate: "relu2" },
  "bert with SiLU": { preset: "bert", activation: "silu" },
};

interface Compared {
  ours: MaskedLanguageModel;
  ids: number[][];
  results: Record<string, ort.Tensor>;
  file: string;
  session: ort.InferenceSession;
}

/** Runs our model and its exported graph on the same padded batch. */
async function both(
  options: Partial<ModelOptions>,
  flags: readonly string[],
  check: (given: Compared) => void | Promise<void>,
  { scale = 1, pooling }: { scale?: number; pooling?: ModelPooling } = {},
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const config = modelConfig({ ...shape, ...options });
    await Deno.mkdir(`${folder}/model`);
    await writeFiles(`${folder}/model`, modelFiles(config, tokenizer, 1, { scale }));
    for (const [name, text] of pooling ? sentenceFiles(config, pooling) : []) {
      await Deno.mkdir(`${folder}/model/${name}`.replace(/[^/]+$/, ""), { recursive: true });
      await Deno.writeTextFile(`${folder}/model/${name}`, text);
    }
    assertEquals(await quietly(["export", `${folder}/model`, "--onnx", "--out", `${folder}/out`, ...flags]), 0);
    const file = `${folder}/out/onnx/${flags.includes("f16") ? "model_fp16" : "model"}.onnx`;
    const session = await ort.InferenceSession.create(await Deno.readFile(file));
    const device = await openCpuDevice({ threads: 1 });
    using ours = await load(`${folder}/model`, { device });
    const { before, after } = tokenizer.frame!;
    const mask = tokenizer.special["[MASK]"];
    const ids = texts.map((text) => {
      const pieces = text.split("[MASK]").map((piece) => [...tokenizer.encode(piece)]);
      return [...before, ...pieces.flatMap((piece, i) => i === 0 ? piece : [mask, ...piece]), ...after];
    });
    const length = Math.max(...ids.map((text) => text.length)) + 2;
    const tensor = (value: (text: number[], i: number) => number) => {
      const values = ids.flatMap((text) => Array.from({ length }, (_, i) => BigInt(value(text, i))));
      return new ort.Tensor("int64", BigInt64Array.from(values), [ids.length, length]);
    };
    const input_ids = tensor((text, i) => text[i] ?? 0);
    const attention_mask = tensor((text, i) => i < text.length ? 1 : 0);
    const results = await session.run({ input_ids, attention_mask });
    await check({ ours, ids, results, file, session });
    await session.release();
    device.destroy();
  });
}

/** The command line without its output. */
async function quietly(args: readonly string[]): Promise<number> {
  const { log } = console;
  console.log = () => {};
  try {
    return await main(args);
  } finally {
    console.log = log;
  }
}

async function assertSameLogits(
  { ours, ids, results }: { ours: MaskedLanguageModel; ids: number[][]; results: Record<string, ort.Tensor> },
  atol: number,
): Promise<void> {
  const theirs = results.logits!;
  const [, length, vocab] = theirs.dims as [number, number, number];
  assertEquals([theirs.type, vocab], ["float32", ours.config.vocab]);
  for (const [i, text] of (await logitsOf(ours, ids)).entries()) {
    const expected = (theirs.data as Float32Array).subarray(i * length * vocab, (i * length + ids[i]!.length) * vocab);
    assertClose(text, expected, { atol, rtol: 0, label: `text ${i}` });
  }
}

for (const [name, options] of Object.entries(variants)) {
  Deno.test(`export --onnx: ONNX Runtime computes the logits of ${name}, with padding in the batch`, () =>
    both(options, [], (given) => assertSameLogits(given, 1e-4)));

  Deno.test(`export --onnx --dtype f16: ONNX Runtime computes nearly the logits of ${name}`, () =>
    // logits are up to 8 in size, where neighbouring numbers of 16 bits are 0.004 to 0.008 apart
    both(options, ["--dtype", "f16"], (given) => assertSameLogits(given, 0.01)));
}

Deno.test("export --onnx --embeddings: ONNX Runtime computes the vectors that embed gives", () =>
  both({}, ["--embeddings"], async (given) => {
    await assertSameLogits(given, 1e-4);
    const { ours, results } = given;
    const expected = (await ours.embed(texts)).flatMap((vector) => [...vector]);
    const { dims, data } = results.sentence_embedding!;
    assertEquals(dims, [texts.length, shape.width]);
    assertClose(data as Float32Array, expected, { atol: 1e-5, rtol: 1e-4, label: "vectors" });
    assertEquals(results.last_hidden_state!.dims.at(-1), shape.width);
  }));

Deno.test("export --onnx --embeddings-only: ONNX Runtime computes the vectors that embed gives, and nothing else", () =>
  both({ preset: "bert" }, ["--embeddings-only"], async ({ ours, results, file }) => {
    assertEquals(Object.keys(results).sort(), ["last_hidden_state", "sentence_embedding"]);
    const expected = (await ours.embed(texts)).flatMap((vector) => [...vector]);
    const { dims, data } = results.sentence_embedding!;
    assertEquals(dims, [texts.length, shape.width]);
    assertClose(data as Float32Array, expected, { atol: 1e-5, rtol: 1e-4, label: "vectors" });
    const content = new TextDecoder("latin1").decode(await Deno.readFile(file));
    assert(
      !content.includes("head.dense") && !content.includes("decoder.bias"),
      "parameters of the head are in the file",
    );
  }));

for (const [pool, normalize] of [["cls", false], ["cls", true], ["mean", true]] as const) {
  const way = `${pool}${normalize ? ", of length 1" : ""}`;
  Deno.test(`export --onnx --embeddings-only: ONNX Runtime computes the vectors of a folder that pools by ${way}`, () => {
    const options = { pooling: { pool, normalize } };
    return both({}, ["--embeddings-only"], async ({ ours, results }) => {
      const expected = (await ours.embed(texts)).flatMap((vector) => [...vector]);
      const { data } = results.sentence_embedding!;
      assertClose(data as Float32Array, expected, { atol: 1e-5, rtol: 1e-4, label: "vectors" });
    }, options);
  });
}

for (const [name, options] of Object.entries(variants)) {
  for (const [type, scale] of [["f32", 1], ["f16", 1], ["f16", 3000]] as const) {
    Deno.test(
      `export --onnx --dtype ${type}: everything is finite for ${name}, weights ${scale} times as large and any mask`,
      () =>
        both(options, ["--dtype", type, "--embeddings"], async ({ session }) => {
          const length = 20;
          const masks: ((i: number) => number)[] = [() => 0, () =>
            1, (i) =>
            i === 11 ? 1 : 0, (i) =>
            i < 12 ? 0 : 1, (i) =>
            i % 2];
          const tensor = (value: (i: number, row: number) => number) =>
            new ort.Tensor(
              "int64",
              BigInt64Array.from({ length: masks.length * length }, (_, i) =>
                BigInt(value(i % length, Math.floor(i / length)))),
              [masks.length, length],
            );
          // a row of one token over and over has no variance between its keys; the others have all tokens
          const input_ids = tensor((i, row) =>
            row === 0 ? 0 : (7 * i + row) % tokenizer.size
          );
          const results = await session.run({ input_ids, attention_mask: tensor((i, row) => masks[row]!(i)) });
          for (const [output, { data }] of Object.entries(results)) {
            const wrong = (data as Float32Array).findIndex((value) => !Number.isFinite(value));
            assertEquals(wrong, -1, `${output}[${wrong}]`);
          }
          const { data } = results.sentence_embedding! as { data: Float32Array };
          assert(data.subarray(0, options.width ?? shape.width).every((value) => value === 0), "a text without tokens");
          assert(data.subarray(options.width ?? shape.width).every((value) => value !== 0), "texts with tokens");
        }, { scale }),
    );
  }
}

Deno.test("export --onnx: a token without any variance gives what the norm's shift is", () =>
  both({ preset: "bert" }, ["--dtype", "f16", "--embeddings"], ({ results }) => {
    for (const { data } of Object.values(results)) assert((data as Float32Array).every((value) => value === 0));
  }, { scale: 0 }));

const checker = pythonWith("onnx");

for (const [name, options] of Object.entries(variants)) {
  Deno.test({
    name: `export --onnx: ONNX's own checker accepts ${name}`,
    ignore: !checker,
    fn: () =>
      both(options, ["--embeddings"], ({ file }) => {
        const script = `import onnx; onnx.checker.check_model(onnx.load(${JSON.stringify(file)}), full_check=True)`;
        runPython(checker!, ["-c", script]);
      }),
  });
}
