import { assertEquals, assertRejects } from "@std/assert";
import { embedTexts, poolModes } from "../../lib/inference/embed.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { encodeFramed } from "../../lib/tokenizer/special_tokens.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { kindTest } from "../helpers/devices.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

const kinds = await vocabularies();
const tokenizer = kinds["framed wordpiece"]!;
const config = modelConfig({ preset: "bert", vocab: tokenizer.size, layers: 2, width: 32, heads: 2, maxLength: 24 });
const texts = ["the ball", "where is the red kite? in the garden", "", "kite", "the ball is in the garden ".repeat(9)];

kindTest("embedTexts() pools the hidden states of each text alone", async (device) => {
  const model = createModel(device, config, { seed: 3 });
  for (const pool of poolModes) {
    const results = await Array.fromAsync(embedTexts({ model, tokenizer }, texts, { pool }));
    assertEquals(results.map(({ text }) => text), texts);
    for (const [i, { embedding, omitted }] of results.entries()) {
      const whole = encodeFramed(tokenizer, texts[i]!);
      assertEquals(omitted, Math.max(0, whole.length - 24));
      // cut off, a text still ends with [SEP]
      const ids = omitted > 0 ? Uint32Array.of(...whole.subarray(0, 23), tokenizer.special["[SEP]"]!) : whole;
      const program = await model.compileEncoder({ windows: 1, length: ids.length });
      program.write({ ids });
      program.program.run();
      const [bytes] = await device.read([program.hidden]);
      program.destroy();
      const hidden = new Float32Array(bytes!);
      const rows = pool === "cls" ? 1 : ids.length;
      const expected = Array.from(
        { length: 32 },
        (_, column) =>
          Array.from({ length: rows }, (_, row) => hidden[row * 32 + column]!).reduce((a, b) => a + b) / rows,
      );
      assertClose(embedding, expected, { atol: 1e-5, rtol: 1e-4, label: `${pool} of text ${i}` });
    }
  }
  model.destroy();
});

kindTest("embedTexts() gives zeros for a text without tokens, and wants [CLS] for its vector", async (device) => {
  const plain = kinds.wordpiece!;
  const model = createModel(device, { ...config, vocab: plain.size });
  const [empty] = await Array.fromAsync(embedTexts({ model, tokenizer: plain }, [""]));
  assertEquals(empty!.embedding, new Float32Array(32));
  await assertRejects(
    () => Array.fromAsync(embedTexts({ model, tokenizer: plain }, ["a"], { pool: "cls" })),
    RangeError,
    "Cannot take the vector of [CLS]",
  );
  model.destroy();
});
