import { assert, assertEquals, assertRejects } from "@std/assert";
import { type ContinueOptions, continueText, writingOrders } from "../../lib/inference/continue_text.ts";
import { fill } from "../../lib/inference/fill.ts";
import type { TextModel } from "../../lib/evaluate/text_model.ts";
import { modelConfig, type Preset, presets } from "../../lib/model/config.ts";
import { createModel, Model } from "../../lib/model/model.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { bertFrame } from "../../lib/tokenizer/special_tokens.ts";
import type { Tokenizer } from "../../lib/tokenizer/tokenizer.ts";
import { trainTokenizer } from "../../lib/tokenizer/train_tokenizer.ts";
import { cpuTest } from "../helpers/devices.ts";

const lines = ["the cats sleep on the mats and the dogs bark at cats", "größe 漢字 and other words"];
const tokenizers: Readonly<Record<string, Tokenizer>> = {
  char: characterTokenizer("abcdefghijklmnopqrstuvwxyz "),
  wordpiece: await trainTokenizer(lines, { type: "wordpiece", size: 60 }),
  bpe: await trainTokenizer(lines, { type: "bpe", size: 280 }),
};

const sizes = { layers: 1, width: 16, heads: 2, hidden: 20, maxLength: 24, dropout: 0 };

async function withModel(
  { tokenizer = tokenizers.char!, preset = "modernbert", seed = 5 }: {
    tokenizer?: Tokenizer;
    preset?: Preset;
    seed?: number;
  },
  { device }: { device: Model["device"] },
  use: (textModel: TextModel) => Promise<void>,
): Promise<void> {
  const model = createModel(device, modelConfig({ ...sizes, preset, vocab: tokenizer.size }), { seed });
  try {
    await use({ model, tokenizer });
  } finally {
    model.destroy();
  }
}

async function written(textModel: TextModel, beginning: string, options: ContinueOptions): Promise<string[]> {
  return await Array.fromAsync(continueText(textModel, beginning, options));
}

cpuTest(
  "continueText() writes so many tokens by every vocabulary and preset, the same with the same seed",
  async (device) => {
    for (const [name, plain] of Object.entries(tokenizers)) {
      const frame = name === "char" ? undefined : bertFrame(plain.special);
      const tokenizer = frame ? { ...plain, frame } : plain;
      for (const preset of presets) {
        await withModel({ tokenizer, preset }, { device }, async (textModel) => {
          const texts = [];
          for (const [seed, order] of [[1, "certain"], [1, "certain"], [2, "certain"], [1, "left"]] as const) {
            const pieces = await written(textModel, "the cats ", {
              tokens: 9,
              ahead: 3,
              seed,
              order,
              temperature: 1.5,
            });
            assert(pieces.length > 1, "nothing was told before the end");
            texts.push(pieces.join(""));
          }
          assertEquals(texts[0], texts[1]);
          assert(texts[0] !== texts[2] && texts[0] !== texts[3]);
          assert(!texts.join("").includes("[MASK]"));
          if (name === "char") assertEquals(texts.map(({ length }) => length), [9, 9, 9, 9]);
        });
      }
    }
  },
);

cpuTest("continueText() at temperature 0 takes what fill() finds most probable, in its order", async (device) => {
  await withModel({}, { device }, async (textModel) => {
    const one = await written(textModel, "the ca", { tokens: 1, ahead: 1, temperature: 0 });
    assertEquals(one.join(""), (await fill(textModel, "the ca[MASK]")).masks[0]!.candidates[0]!.token);
    // from left to right, with two masks in sight
    const first = (await fill(textModel, "the ca[MASK][MASK]")).masks[0]!.candidates[0]!.token;
    const second = (await fill(textModel, `the ca${first}[MASK]`)).masks[0]!.candidates[0]!.token;
    const left = await written(textModel, "the ca", { tokens: 2, ahead: 2, order: "left", temperature: 0 });
    assertEquals(left, [first, second]);
    // the more certain place first
    const { masks } = await fill(textModel, "the ca[MASK][MASK]");
    const bests = masks.map(({ candidates }) => candidates[0]!);
    const at = bests[0]!.probability >= bests[1]!.probability ? 0 : 1;
    const given = at === 0 ? `${bests[0]!.token}[MASK]` : `[MASK]${bests[1]!.token}`;
    const rest = (await fill(textModel, `the ca${given}`)).masks[0]!.candidates[0]!.token;
    const expected = at === 0 ? bests[0]!.token + rest : rest + bests[1]!.token;
    const certain = await written(textModel, "the ca", { tokens: 2, ahead: 2, order: "certain", temperature: 0 });
    assertEquals(certain.join(""), expected);
  });
});

cpuTest(
  "continueText() of a text longer than the model reads has its end in sight, and begins with nothing",
  async (device) => {
    for (const order of writingOrders) {
      await withModel({}, { device }, async (textModel) => {
        const end = "the cats sleep on";
        const options = { tokens: 40, order, ahead: 4, temperature: 0 };
        const long = await written(textModel, "a".repeat(90) + end.repeat(3), options);
        const other = await written(textModel, "b".repeat(50) + end.repeat(3), options);
        assertEquals(long.join(""), other.join(""));
        assertEquals(long.join("").length, 40);
        assertEquals((await written(textModel, "", options)).join("").length, 40);
      });
    }
  },
);

cpuTest("continueText() draws from as many tokens as it may, more evenly where it is warmer", async (device) => {
  await withModel({}, { device }, async (textModel) => {
    const drawn = async (options: ContinueOptions) => {
      const all = [];
      for (let seed = 0; seed < 30; seed++) {
        all.push((await written(textModel, "a ", { tokens: 1, seed, ...options })).join(""));
      }
      return new Set(all).size;
    };
    assertEquals(await drawn({ topK: 1 }), 1);
    assert(await drawn({ topK: 3, temperature: 100 }) === 3);
    assert(await drawn({ temperature: 0.01 }) < await drawn({ temperature: 10 }));
  });
});

cpuTest("continueText() says what it cannot go on with", async (device) => {
  await withModel({}, { device }, async (textModel) => {
    await assertRejects(
      () => written(textModel, "a [MASK]", {}),
      RangeError,
      "Cannot go on with a text that holds [MASK]",
    );
    const headless = new Model(device, textModel.model.config, { head: false });
    await assertRejects(() => written({ ...textModel, model: headless }, "a", {}), RangeError, "has no head for them");
    headless.destroy();
    const values = await textModel.model.readParameters();
    values.get("embeddings.token")!.fill(NaN);
    textModel.model.writeParameters(values);
    await assertRejects(() => written(textModel, "a", {}), RangeError, "the model's logits are not finite");
  });
});
