// Vectors of texts and words, of any layer.
import { assert, assertEquals } from "@std/assert";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { embedDocuments } from "../../lib/inference/embed_documents.ts";
import { embedTexts } from "../../lib/inference/embed.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel, Model } from "../../lib/model/model.ts";
import { rowOf } from "../../lib/probe/matrix.ts";
import { randomTwin } from "../../lib/probe/twin.ts";
import { textVectors, wordVectors } from "../../lib/probe/vectors.ts";
import { encodeFramed } from "../../lib/tokenizer/special_tokens.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { kindTest } from "../helpers/devices.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

const kinds = await vocabularies();
const tokenizer = kinds["framed wordpiece"]!;
const shape = { vocab: tokenizer.size, layers: 2, width: 32, heads: 2, maxLength: 24 } as const;
const texts = ["the ball", "where is the red kite? in the garden", "kite", "", "the ball is in the garden ".repeat(9)];
const isUnlike = (a: Float32Array, b: Float32Array) => a.some((value, i) => Math.abs(value - b[i]!) > 1e-3);

// sums of the same numbers in another order
const close = { atol: 1e-5, rtol: 1e-4 };

for (const preset of ["bert", "modernbert"] as const) {
  kindTest(`compileEncoder() keeps the hidden states of each layer of ${preset}`, async (device) => {
    const config = modelConfig({ ...shape, preset });
    const model = createModel(device, config, { seed: 3 });
    const ids = encodeFramed(tokenizer, "the ball is in the garden");
    const run = async (model: Model, layers: readonly number[]) => {
      const program = await model.compileEncoder({ windows: 1, length: ids.length }, { layers });
      program.write({ ids });
      program.program.run();
      const all = await device.read([program.hidden, ...program.states]);
      program.destroy();
      return all.map((bytes) => new Float32Array(bytes));
    };
    const [hidden, embeddings, first, last] = await run(model, [0, 1, 2]);
    assertEquals(last, hidden);
    assert(isUnlike(first!, embeddings!) && isUnlike(first!, last!));
    assertEquals(await run(model, [2, 1]), [hidden, last, first]);
    if (preset === "bert") {
      // of a model that ends there, it is the result
      const values = await model.readParameters();
      const short = new Model(device, { ...config, layers: 1 });
      short.writeParameters(new Map([...values].filter(([name]) => !name.startsWith("layers.1."))));
      assertEquals((await run(short, []))[0], first);
      short.destroy();
    }
    model.destroy();
  });
}

Deno.test("textVectors() gives what embedTexts() gives, and says what share of a text was read", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const model = createModel(device, modelConfig({ ...shape, preset: "bert" }), { seed: 3 });
  const { vectors, visible } = await textVectors({ model, tokenizer }, texts, {
    layers: [2, 0],
    pools: ["mean", "cls"],
  });
  assertEquals(vectors.map(({ layer, pool }) => `${layer} ${pool}`), ["2 mean", "2 cls", "0 mean", "0 cls"]);
  for (const pool of ["mean", "cls"] as const) {
    const { matrix } = vectors.find((vector) => vector.layer === 2 && vector.pool === pool)!;
    const expected = await Array.fromAsync(embedTexts({ model, tokenizer }, texts, { pool }));
    for (const [i, { embedding }] of expected.entries()) assertClose(rowOf(matrix, i), embedding, close);
  }
  const shares = texts.map((text) => Math.min(1, 24 / encodeFramed(tokenizer, text).length));
  assertEquals([...visible], shares);
  assert(shares.at(-1)! < 1);
  model.destroy();
  device.destroy();
});

Deno.test("textVectors() reads long texts in windows where that is asked for", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const model = createModel(device, modelConfig({ ...shape, preset: "bert" }), { seed: 3 });
  const options = { layers: [2], pools: ["mean"], windows: true } as const;
  const { vectors: [found], visible } = await textVectors({ model, tokenizer }, texts, options);
  const documents = texts.map((text, i) => ({ name: String(i), parts: [text] }));
  const expected = await Array.fromAsync(embedDocuments({ model, tokenizer }, documents));
  for (const [i, { embedding }] of expected.entries()) assertClose(rowOf(found!.matrix, i), embedding, close);
  assertEquals([...visible], [1, 1, 1, 1, 1]);
  model.destroy();
  device.destroy();
});

for (const kind of ["char", "wordpiece", "framed wordpiece", "bpe", "framed bpe"]) {
  Deno.test(`wordVectors() averages the tokens of each word, of a vocabulary of ${kind}`, async () => {
    const own = kinds[kind]!;
    const device = await openCpuDevice({ threads: 1 });
    const model = createModel(device, modelConfig({ ...shape, vocab: own.size, preset: "bert" }), { seed: 3 });
    const words = ["where", "is", "kite", "kite"];
    const { vectors: [found], parted } = await wordVectors({ model, tokenizer: own }, [words, ["ball"]], {
      layers: [2],
    });
    // the tokens of the whole sentence, as the model reads it
    const ids = encodeFramed(own, words.join(" "));
    const program = await model.compileEncoder({ windows: 1, length: ids.length });
    program.write({ ids });
    program.program.run();
    const [bytes] = await device.read([program.hidden]);
    program.destroy();
    const hidden = new Float32Array(bytes!);
    let at = own.frame?.before.length ?? 0;
    for (const [i, word] of words.entries()) {
      const all = own.encode(i === 0 ? word : ` ${word}`).length;
      // these vocabularies have a token for the space alone, which is no part of the word
      const spaces = !kind.endsWith("wordpiece") && i > 0 ? 1 : 0;
      const mean = new Float64Array(32);
      for (let token = at + spaces; token < at + all; token++) {
        for (let k = 0; k < 32; k++) mean[k]! += hidden[token * 32 + k]! / (all - spaces);
      }
      assertClose(rowOf(found!.matrix, i), mean, { ...close, label: `${kind}: ${word}` });
      at += all;
    }
    assertEquals([found!.matrix.rows, parted], [5, 0]);
    model.destroy();
    device.destroy();
  });
}

Deno.test("wordVectors() reads a sentence that is too long in pieces, and gives each word a vector", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const model = createModel(device, modelConfig({ ...shape, preset: "bert" }), { seed: 3 });
  const words = Array.from({ length: 60 }, (_, i) => ["the", "ball", "garden"][i % 3]!);
  const sentences = [words, ["kite"], ["kite".repeat(20), "ball"]];
  const { vectors: [found], parted } = await wordVectors({ model, tokenizer }, sentences, { layers: [2] });
  assertEquals([found!.matrix.rows, parted], [63, 2]);
  for (let row = 0; row < 63; row++) assert(rowOf(found!.matrix, row).some((value) => value !== 0), String(row));
  model.destroy();
  device.destroy();
});

Deno.test("randomTwin() has the model's shape and none of what it learned, the same for the same seed", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const model = createModel(device, modelConfig({ ...shape, preset: "bert" }), { seed: 3 });
  const vectors = async (twin: { model: Model; tokenizer: typeof tokenizer }) => {
    const found = await textVectors(twin, texts.slice(0, 2), { layers: [2], pools: ["mean"] });
    return found.vectors[0]!.matrix.values;
  };
  const twins = [1, 1, 3].map((seed) => randomTwin({ model, tokenizer }, seed));
  const [one, same, other] = await Promise.all(twins.map(vectors));
  assertEquals(one, same);
  assert(isUnlike(one!, other!));
  // with the seed that it was made with itself, it is the model
  assertEquals(other, await vectors({ model, tokenizer }));
  for (const twin of twins) twin.model.destroy();
  model.destroy();
  device.destroy();
});
