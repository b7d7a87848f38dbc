import { assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { fill, fillTexts } from "../../lib/inference/fill.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { encodeFramed } from "../../lib/tokenizer/special_tokens.ts";
import { kindTest } from "../helpers/devices.ts";
import { logitsOf } from "../helpers/logits.ts";
import { vocabularies } from "../helpers/vocabularies.ts";
import type { Device } from "../../lib/device/device.ts";

const kinds = await vocabularies();
const texts = [
  "the ball is in the [MASK], and where is the [MASK] kite?",
  "no masks here",
  "[MASK]",
  "",
  "is the [MASK]? the ball is in the garden, the ball is red and the kite is in the red garden",
];

function made(device: Device, kind: keyof typeof kinds) {
  const tokenizer = kinds[kind]!;
  const config = modelConfig({ vocab: tokenizer.size + 3, layers: 2, width: 32, heads: 2, maxLength: 96 });
  return { model: createModel(device, config, { seed: 3 }), tokenizer };
}

for (const kind of Object.keys(kinds)) {
  kindTest(
    `fillTexts() gives each mask the softmax of its logits, in order and for any batch (${kind})`,
    async (device) => {
      const parts = made(device, kind);
      const { tokenizer, model } = parts;
      const { vocab } = model.config;
      const results = await Array.fromAsync(fillTexts(parts, texts, { topK: 3 }));
      assertEquals(results.map(({ text }) => text), texts);
      const special = new Set(Object.values(tokenizer.special));
      for (const [i, { masks }] of results.entries()) {
        const ids = encodeFramed(tokenizer, texts[i]!);
        const places = [...ids.keys()].filter((place) => ids[place] === tokenizer.special["[MASK]"]);
        assertEquals(masks.map(({ position }) => position), places);
        if (places.length === 0) continue;
        const [logits] = await logitsOf(parts, [[...ids]]);
        for (const { position, candidates } of masks) {
          const row = [...logits!.subarray(position * vocab, (position + 1) * vocab)];
          const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
          const best = [...row.keys()].filter((id) => id < tokenizer.size && !special.has(id))
            .sort((a, b) => row[b]! - row[a]!).slice(0, 3);
          assertEquals(candidates.map(({ id }) => id), best);
          for (const { id, probability } of candidates) {
            assertAlmostEquals(probability, Math.exp(row[id]!) / total, 1e-5);
          }
        }
      }
      assertEquals(await fill(parts, texts[0]!, { topK: 3 }), results[0]);
      assertEquals([results[1]!.filled, results[3]!.filled], [texts[1]!, ""]);
      model.destroy();
    },
  );
}

kindTest(
  "fill() puts pieces of words close to what stands before, and keeps the rest of the text as it is",
  async (device) => {
    const parts = made(device, "wordpiece");
    const { model, tokenizer } = parts;
    const piece = tokenizer.tokens.findIndex((token) => /^##[a-z]+$/.test(token));
    const word = tokenizer.tokens.findIndex((token) => /^[a-z]+$/.test(token));
    const always = (id: number) => {
      const bias = new Float32Array(model.config.vocab);
      bias[id] = 100;
      model.store.write("decoder.bias", bias, 0);
    };
    always(piece);
    assertEquals((await fill(parts, "The Ball [MASK]!")).filled, `The Ball${tokenizer.tokens[piece]!.slice(2)}!`);
    always(word);
    assertEquals(
      (await fill(parts, "The [MASK] ([MASK])")).filled,
      `The ${tokenizer.tokens[word]} (${tokenizer.tokens[word]})`,
    );
    model.destroy();
  },
);

kindTest("fill() says what is missing and what is too long", async (device) => {
  const parts = made(device, "char");
  await assertRejects(() => fill(parts, "hello"), RangeError, 'Cannot fill "hello": it has no [MASK]');
  const long = `${"the ".repeat(30)}[MASK]`;
  await assertRejects(
    () => fill(parts, long),
    RangeError,
    "Cannot fill text 1 of 121 tokens: this model's longest is 96",
  );
  // a text without masks may be as long as it likes
  await assertRejects(
    () => Array.fromAsync(fillTexts(parts, ["the ".repeat(30), "", long])),
    RangeError,
    "Cannot fill text 3",
  );
  parts.model.destroy();
});

kindTest("fillTexts() answers each text of a slow stream before the next one comes", async (device) => {
  const parts = made(device, "char");
  const sent = Promise.withResolvers<void>();
  const stream = async function* () {
    yield "the [MASK]all";
    // the second text comes only when the first has been answered
    await sent.promise;
    yield "a red [MASK]ite";
  };
  const answers = fillTexts(parts, stream());
  assertEquals((await answers.next()).value?.text, "the [MASK]all");
  sent.resolve();
  assertEquals((await answers.next()).value?.text, "a red [MASK]ite");
  assertEquals((await answers.next()).done, true);
  parts.model.destroy();
});

kindTest("fillTexts() ends at once when a text fails, whatever the stream still waits for", async (device) => {
  const parts = made(device, "char");
  const stream = async function* () {
    yield `${"the ".repeat(30)}[MASK]`;
    await new Promise(() => {});
  };
  await assertRejects(() => Array.fromAsync(fillTexts(parts, stream())), RangeError, "Cannot fill text 1");
  parts.model.destroy();
});
