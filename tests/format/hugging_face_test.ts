import { assertEquals, assertThrows } from "@std/assert";
import { fromConfigJson, toConfigJson } from "../../lib/format/config_json.ts";
import { fromHuggingFace, toHuggingFace } from "../../lib/format/hugging_face.ts";
import { modelConfig, presets } from "../../lib/model/config.ts";
import { initialValues } from "../../lib/model/parameters.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";

const special = characterTokenizer("ab").special;

for (const preset of presets) {
  Deno.test(`toHuggingFace() and back keeps a ${preset} model`, () => {
    const config = modelConfig({ preset, vocab: 11, layers: 2, width: 16, heads: 2, hidden: 12, dropout: 0.1 });
    assertEquals(fromConfigJson(JSON.parse(JSON.stringify(toConfigJson(config, special)))), config);
    const values = initialValues(config, 1);
    assertEquals(fromHuggingFace(config, toHuggingFace(config, values)), values);
  });
}

Deno.test("toHuggingFace() names and shapes tensors as BertForMaskedLM does", () => {
  const config = modelConfig({ preset: "bert", vocab: 11, layers: 1, width: 16, heads: 2, hidden: 12, maxLength: 8 });
  const shapes = [...toHuggingFace(config, initialValues(config, 1))].map(([name, { shape }]) => `${name} ${shape}`);
  const layer = "bert.encoder.layer.0";
  assertEquals(
    shapes.sort(),
    [
      "bert.embeddings.LayerNorm.bias 16",
      "bert.embeddings.LayerNorm.weight 16",
      "bert.embeddings.position_embeddings.weight 8,16",
      "bert.embeddings.token_type_embeddings.weight 2,16",
      "bert.embeddings.word_embeddings.weight 11,16",
      `${layer}.attention.output.LayerNorm.bias 16`,
      `${layer}.attention.output.LayerNorm.weight 16`,
      `${layer}.attention.output.dense.bias 16`,
      `${layer}.attention.output.dense.weight 16,16`,
      `${layer}.attention.self.key.bias 16`,
      `${layer}.attention.self.key.weight 16,16`,
      `${layer}.attention.self.query.bias 16`,
      `${layer}.attention.self.query.weight 16,16`,
      `${layer}.attention.self.value.bias 16`,
      `${layer}.attention.self.value.weight 16,16`,
      `${layer}.intermediate.dense.bias 12`,
      `${layer}.intermediate.dense.weight 12,16`,
      `${layer}.output.LayerNorm.bias 16`,
      `${layer}.output.LayerNorm.weight 16`,
      `${layer}.output.dense.bias 16`,
      `${layer}.output.dense.weight 16,12`,
      "cls.predictions.bias 11",
      "cls.predictions.transform.LayerNorm.bias 16",
      "cls.predictions.transform.LayerNorm.weight 16",
      "cls.predictions.transform.dense.bias 16",
      "cls.predictions.transform.dense.weight 16,16",
    ].sort(),
  );
});

Deno.test("toHuggingFace() names and shapes tensors as ModernBertForMaskedLM does", () => {
  const config = modelConfig({ vocab: 11, layers: 2, width: 16, heads: 2, hidden: 12 });
  const shapes = [...toHuggingFace(config, initialValues(config, 1))].map(([name, { shape }]) => `${name} ${shape}`);
  const layer = (i: number) => [
    ...(i > 0 ? [`model.layers.${i}.attn_norm.weight 16`] : []),
    `model.layers.${i}.attn.Wqkv.weight 48,16`,
    `model.layers.${i}.attn.Wo.weight 16,16`,
    `model.layers.${i}.mlp_norm.weight 16`,
    `model.layers.${i}.mlp.Wi.weight 24,16`,
    `model.layers.${i}.mlp.Wo.weight 16,12`,
  ];
  assertEquals(shapes, [
    "model.embeddings.tok_embeddings.weight 11,16",
    "model.embeddings.norm.weight 16",
    ...layer(0),
    ...layer(1),
    "model.final_norm.weight 16",
    "head.dense.weight 16,16",
    "head.norm.weight 16",
    "decoder.bias 11",
  ]);
});

Deno.test("fromHuggingFace() names a missing and a misshapen tensor", () => {
  const config = modelConfig({ vocab: 11, layers: 1, width: 16, heads: 2 });
  const tensors = toHuggingFace(config, initialValues(config, 1));
  const bias = tensors.get("decoder.bias")!;
  tensors.set("decoder.bias", { ...bias, shape: [1, 11] });
  assertThrows(() => fromHuggingFace(config, tensors), SyntaxError, '"decoder.bias" has shape [1,11], expected [11]');
  tensors.delete("decoder.bias");
  assertThrows(() => fromHuggingFace(config, tensors), SyntaxError, 'lacks tensor "decoder.bias" of shape [11]');
  assertThrows(() => fromConfigJson({ model_type: "gpt2" }), SyntaxError, 'model_type is "gpt2"');
  assertThrows(() => fromConfigJson({ model_type: "bert" }), SyntaxError, '"num_hidden_layers" is no number');
});
