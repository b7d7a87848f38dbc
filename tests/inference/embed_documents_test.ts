import { assertEquals, assertRejects } from "@std/assert";
import { chunkTexts } from "../../lib/inference/chunk_texts.ts";
import { embedDocuments, vectorMean } from "../../lib/inference/embed_documents.ts";
import { embedTexts } from "../../lib/inference/embed.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { encodeFramed } from "../../lib/tokenizer/special_tokens.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { cpuTest } from "../helpers/devices.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

const kinds = await vocabularies();
const tokenizer = kinds["framed wordpiece"]!;
const config = modelConfig({ preset: "bert", vocab: tokenizer.size, layers: 1, width: 20, heads: 2, maxLength: 16 });
const documents = [
  { name: "short", parts: ["the ball"] },
  { name: "long", parts: ["the ball is in the garden\n", "where is the red kite? ".repeat(30), "\nthe end"] },
  { name: "none", parts: [] },
  { name: "lines", parts: Array.from({ length: 50 }, (_, i) => `the kite number ${i}\n`) },
];

cpuTest(
  "embedDocuments() gives each chunk the vector of its text, and a document their mean by tokens",
  async (device) => {
    const model = createModel(device, config, { seed: 3 });
    const parts = { model, tokenizer };
    for (const pool of ["mean", "cls"] as const) {
      const chunks = await Array.fromAsync(embedDocuments(parts, documents, { by: "chunk", pool }));
      const wanted: { name: string; chunk: number; text: string }[] = [];
      for (const { name, parts } of documents) {
        const texts = await Array.fromAsync(chunkTexts(parts, { tokenizer, longest: 16 }));
        for (const [i, text] of (texts.length > 0 ? texts : [""]).entries()) wanted.push({ name, chunk: i + 1, text });
      }
      assertEquals(chunks.map(({ name, chunk, text }) => ({ name, chunk, text })), wanted);
      const vectors = await Array.fromAsync(embedTexts(parts, wanted.map(({ text }) => text), { pool }));
      for (const [i, { embedding, tokens }] of chunks.entries()) {
        assertEquals(tokens, encodeFramed(tokenizer, wanted[i]!.text).length);
        assertClose(embedding, vectors[i]!.embedding, { atol: 1e-6, rtol: 0 });
      }

      const whole = await Array.fromAsync(embedDocuments(parts, documents, { pool }));
      assertEquals(whole.map(({ name, text }) => [name, text]), documents.map(({ name }) => [name, undefined]));
      for (const { name, chunk, tokens, embedding } of whole) {
        const own = chunks.filter((other) => other.name === name);
        assertEquals([chunk, tokens], [own.length, own.reduce((sum, { tokens }) => sum + tokens, 0)]);
        const mean = Array.from(
          embedding,
          (_, i) => own.reduce((sum, { tokens, embedding }) => sum + tokens * embedding[i]!, 0) / tokens,
        );
        assertClose(embedding, mean, { atol: 1e-6, rtol: 0, label: name });
      }
    }
    model.destroy();
  },
);

cpuTest("embedDocuments() reads documents as it goes, and ends with an error of theirs", async (device) => {
  const model = createModel(device, config);
  let begun = 0;
  function* many() {
    for (let i = 0; i < 100_000; i++) {
      begun++;
      yield { name: `${i}`, parts: ["the ball"] };
    }
  }
  for await (const { name } of embedDocuments({ model, tokenizer }, many())) {
    assertEquals(name, "0");
    break;
  }
  assertEquals(begun < 5000, true);
  async function* broken() {
    yield "the ball";
    await Promise.resolve();
    throw new RangeError("it is gone");
  }
  const results = embedDocuments({ model, tokenizer }, [{ name: "x", parts: broken() }]);
  await assertRejects(() => Array.fromAsync(results), RangeError, "it is gone");
  model.destroy();
});

Deno.test("vectorMean() takes out of vectors what they have in common", () => {
  const vectors = [Float32Array.of(3, 1, -2), Float32Array.of(5, 1, 2), Float32Array.of(1, 1, 3)];
  const mean = vectorMean(3);
  for (const vector of vectors) mean.add(vector);
  for (const vector of vectors) mean.removeFrom(vector);
  assertEquals(vectors.map(([x, y]) => [x, y]), [[0, 0], [2, 0], [-2, 0]]);
  assertClose([vectors.reduce((sum, [, , z]) => sum + z!, 0)], [0], { atol: 1e-6, rtol: 0 });
});
