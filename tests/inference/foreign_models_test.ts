import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { load, toDevice } from "../../lib/inference/load.ts";
import { stringSource } from "../../lib/text/source.ts";
import { textCorpus } from "../../lib/text/corpus.ts";
import { readWeights } from "../../lib/format/weights.ts";
import { openModel } from "../../lib/format/open_model.ts";
import { isMaskedHeadParameter } from "../../lib/model/heads/masked.ts";
import { initialValues, parameterCount } from "../../lib/model/parameters.ts";

import { fileFolder } from "../../lib/files/file_folder.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { kindTest } from "../helpers/devices.ts";
import { modelFiles } from "../helpers/model_files.ts";
import { memoryFolder } from "../../lib/format/model_folder.ts";
import { modelConfig, type Preset, presets } from "../../lib/model/config.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

/** Folders with PyTorch's probabilities or vector beside: see expected.json in each. */
const fixture = (name: string) => new URL(`../fixtures/models/${name}`, import.meta.url).pathname;
const expected = async (name: string) => JSON.parse(await Deno.readTextFile(`${fixture(name)}/expected.json`));

for (const name of ["plain", "tied_alias", "wrapper_prefix", "narrow_heads"]) {
  kindTest(`load() fills in with the model in ${name} as PyTorch does`, async (device) => {
    const { text, probabilities } = await expected(name);
    using model = await load(fixture(name), { device });
    const { masks } = await model.fill(text, { topK: 20 });
    const { candidates } = masks[0]!;
    for (const [token, probability] of Object.entries<number>(probabilities)) {
      const found = candidates.find((candidate) => candidate.token === token);
      assertAlmostEquals(found!.probability, probability, 1e-5, token);
    }
  });
}

kindTest(
  "load() takes an encoder alone: its vectors are PyTorch's, and it says that it has no head",
  async (device) => {
    const { text, vector } = (await expected("encoder_only"))["embed, mean of all tokens"];
    using model = await load(fixture("encoder_only"), { device });
    assertClose((await model.embed([text]))[0]!, vector, { atol: 1e-5, rtol: 0 });
    assertEquals(model.model.hasHead, false);
    assertEquals(model.model.store.count, parameterCount(model.config, { head: false }));
    const message = "Cannot predict masked tokens: this model has no head for them";
    await assertRejects(() => model.fill("the [MASK]"), RangeError, message);
    const corpus = await textCorpus([stringSource("a", "the king sees a moon\n".repeat(20))]);
    await assertRejects(() => model.evaluate(corpus, { length: 8 }), RangeError, message);
    await assertRejects(() => model.evaluate(corpus, { length: 8, eachToken: true }), RangeError, message);
  },
);

kindTest("toDevice() gives an encoder alone a new head where one is wanted, the same for a seed", async (device) => {
  const opened = () => openModel(fileFolder(fixture("encoder_only")));
  const { config, weights } = await opened();
  const encoder = await readWeights(weights, config);
  const model = await toDevice(await opened(), device, { headSeed: 5 });
  const fresh = initialValues(config, 5);
  for (const [name, values] of await model.readParameters()) {
    assertEquals(values, (isMaskedHeadParameter(name) ? fresh : encoder).get(name), name);
  }
  assert(fresh.get("head.dense.weight")!.some((value) => value !== 0));
  model.destroy();
  // one that has a head keeps it
  const plain = await openModel(fileFolder(fixture("plain")));
  const kept = await toDevice(plain, device, { headSeed: 5 });
  const original = await openModel(fileFolder(fixture("plain")));
  assertEquals(await kept.readParameters(), await readWeights(original.weights, original.config));
  kept.destroy();
});

kindTest("load() names the tensor that is not finite", async (device) => {
  await assertRejects(
    () => load(fixture("not_a_number"), { device }),
    SyntaxError,
    'model.safetensors: tensor "bert.encoder.layer.0.output.dense.weight" holds numbers that are not finite, 1 of 128',
  );
});

const tokenizer = (await vocabularies())["framed wordpiece"]!;

/** A model whose weights are finite but so large that 32 bits are too few for what is computed with them. */
function overflowing(preset: Preset) {
  const sizes = { vocab: tokenizer.size, layers: 2, width: 16, heads: 2, hidden: 16, maxLength: 16 };
  return memoryFolder("m", modelFiles(modelConfig({ ...sizes, preset }), tokenizer, 1, { scale: 3e19 }));
}

for (const preset of presets) {
  kindTest(
    `a ${preset} model whose numbers overflow ends in a sentence, not in candidates or vectors`,
    async (device) => {
      using model = await load(overflowing(preset), { device });
      await assertRejects(
        () => model.fill("the [MASK] is red"),
        RangeError,
        "Cannot fill: the model's logits are not finite",
      );
      const corpus = await textCorpus([stringSource("a", "where is the red kite?\n".repeat(40))]);
      await assertRejects(
        () => model.evaluate(corpus, { length: 8 }),
        RangeError,
        "Cannot score the text: the loss of a token",
      );
      await assertRejects(
        () => model.evaluate(corpus, { length: 8, eachToken: true }),
        RangeError,
        "Cannot score the text: the loss of a token",
      );
      await assertRejects(() => model.embed(["the ball"]), RangeError, "Cannot embed text 1: its vector is not finite");
      const documents = [{ name: "a", parts: ["the ball"] }];
      await assertRejects(
        () => Array.fromAsync(model.embedDocuments(documents)),
        RangeError,
        "its vector is not finite",
      );
    },
  );
}
