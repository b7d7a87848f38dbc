import { assert, assertEquals, assertThrows } from "@std/assert";
import { fromConfigJson, toConfigJson } from "../../lib/format/config_json.ts";
import { toHuggingFace } from "../../lib/format/tensor_names.ts";
import { fromHuggingFace } from "../../lib/format/place_tensors.ts";
import { type ModelConfig, modelConfig, presets } from "../../lib/model/config.ts";
import { initialValues, parameterCount } from "../../lib/model/parameters.ts";
import { type Activation, activations } from "../../lib/tensor/activations.ts";
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

const uncommon: Record<string, Partial<ModelConfig>> = {
  "every third layer global": { local: { window: 128, rotaryBase: 10_000, layers: [1, 2, 4] }, rotaryBase: 160_000 },
  "global and local in no order": { local: { window: 6, rotaryBase: 500, layers: [0, 3, 4] }, rotaryBase: 80_000 },
  "all local": { local: { window: 6, rotaryBase: 500, layers: [0, 1, 2, 3, 4] } },
  "biases and a decoder of its own": { biases: ["norm", "attention", "decoder"], tied: false, epsilon: 1e-6 },
  "bert with ReLU": { preset: "bert", activation: "relu", tokenTypes: 1, tied: false, epsilon: 1e-5 },
};

for (const [name, options] of Object.entries(uncommon)) {
  Deno.test(`toConfigJson() and back keeps ${name}`, () => {
    const config = modelConfig({ vocab: 11, layers: 5, width: 16, heads: 2, hidden: 12, ...options });
    assertEquals(fromConfigJson(JSON.parse(JSON.stringify(toConfigJson(config, special)))), config);
  });
}

/** ModernBERT-base as its authors describe it. */
const base = {
  model_type: "modernbert",
  vocab_size: 50_368,
  hidden_size: 768,
  intermediate_size: 1152,
  num_hidden_layers: 22,
  num_attention_heads: 12,
  max_position_embeddings: 8192,
  hidden_activation: "gelu",
  norm_eps: 1e-5,
  norm_bias: false,
  attention_bias: false,
  mlp_bias: false,
  decoder_bias: true,
  classifier_bias: false,
  mlp_dropout: 0,
  local_attention: 128,
  global_attn_every_n_layers: 3,
  global_rope_theta: 160_000,
  local_rope_theta: 10_000,
};

Deno.test("fromConfigJson() reads ModernBERT-base, in the older form and the newer", () => {
  const config = fromConfigJson(base);
  assertEquals(parameterCount(config), 149_655_232);
  assertEquals(config.local?.layers.slice(0, 6), [1, 2, 4, 5, 7, 8]);
  assertEquals([config.rotaryBase, config.local?.rotaryBase, config.local?.window], [160_000, 10_000, 128]);
  const {
    global_attn_every_n_layers: every,
    global_rope_theta: rope_theta,
    local_rope_theta: localTheta,
    ...rest
  } = base;
  const newer = {
    ...rest,
    layer_types: Array.from({ length: 22 }, (_, i) => i % every === 0 ? "full_attention" : "sliding_attention"),
    rope_parameters: {
      full_attention: { rope_type: "default", rope_theta },
      sliding_attention: { rope_type: "default", rope_theta: localTheta },
    },
  };
  assertEquals(fromConfigJson(newer), config);
  assertEquals(fromConfigJson({ ...base, local_rope_theta: null }).local?.rotaryBase, 160_000);
});

Deno.test("fromConfigJson() says what it does not know instead of computing something else", () => {
  const rejects = (json: Record<string, unknown>, message: string) =>
    assertThrows(
      () => fromConfigJson({ ...base, ...json }, "m/config.json"),
      SyntaxError,
      `Cannot use m/config.json: ${message}`,
    );
  rejects(
    { hidden_activation: "quick_gelu" },
    'its "hidden_activation" is "quick_gelu", known are gelu, gelu_python, ',
  );
  rejects({ classifier_activation: "mish" }, 'its "classifier_activation" is "mish", known are gelu, ');
  rejects({ num_attention_heads: 256, hidden_size: 768 }, "Cannot use heads of width 3 (768 / 256): it must be even");
  rejects({ num_attention_heads: 2 }, "Cannot use heads of width 384 (768 / 2): it must be at most 256");
  rejects({ hidden_size: 774, num_attention_heads: 1 }, "Cannot use a width of 774: it must be a multiple of 4");
  rejects({ model_type: null }, "it has no model_type, known are modernbert, bert, labml");
  rejects(
    { model_type: undefined, architectures: ["RobertaModel"] },
    "it has no model_type and its class is RobertaModel",
  );
  rejects({ num_attention_heads: 7 }, "Cannot split width 768 into 7 heads");
  rejects({ layer_types: ["full_attention"] }, 'its "layer_types" are not 22 times');
  rejects({ rope_parameters: { full_attention: { rope_type: "yarn" } } }, 'its rotary positions are of type "yarn"');
  rejects({ rope_scaling: { type: "linear", factor: 2 } }, "its rotary positions are scaled");
  rejects({ head_dim: 32 }, "its heads are 32 wide");
  rejects({ model_type: "roberta" }, 'its model_type is "roberta", known are modernbert, bert, labml');
  const bert = { ...base, model_type: "bert", hidden_act: "gelu" };
  rejects({ ...bert, hidden_act: "mish" }, 'its "hidden_act" is "mish", known are gelu, ');
  rejects({ ...bert, hidden_act: "constructor" }, 'its "hidden_act" is "constructor"');
  rejects({ ...bert, hidden_act: { x: 1 } }, 'its "hidden_act" is {"x":1}');
  rejects({ ...bert, position_embedding_type: "relative_key" }, 'its positions are "relative_key"');
  rejects({ ...bert, is_decoder: true }, "it is a decoder");
});

/** What transformers' names of activations compute. */
const activationNames: Record<Activation, string[]> = {
  gelu: ["gelu", "gelu_python"],
  gelu_tanh: ["gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_python_tanh", "gelu_accurate"],
  relu: ["relu"],
  silu: ["silu", "swish"],
  tanh: ["tanh"],
  relu2: ["relu2"],
};

for (const activation of activations) {
  Deno.test(`fromConfigJson() knows ${activation} by every name, and toConfigJson() writes one of them`, () => {
    const bert = { ...base, model_type: "bert" };
    for (const name of activationNames[activation]) {
      assertEquals(fromConfigJson({ ...bert, hidden_act: name }).activation, activation);
      const config = fromConfigJson({ ...base, hidden_activation: name, classifier_activation: "relu" });
      assertEquals([config.gate ?? "gelu", config.activation], [activation, "relu"]);
      assertEquals(fromConfigJson({ ...base, classifier_activation: name }).activation, activation);
    }
    const modern = modelConfig({ vocab: 11, layers: 1, width: 16, heads: 2, activation });
    const gated = activation === "gelu" ? modern : { ...modern, gate: activation };
    for (
      const config of [gated, modelConfig({ preset: "bert", vocab: 11, layers: 1, width: 16, heads: 2, activation })]
    ) {
      const json = toConfigJson(config, special);
      assertEquals(fromConfigJson(JSON.parse(JSON.stringify(json))), config);
      const name = String(config.preset === "bert" ? json.hidden_act : json.hidden_activation);
      assert(activationNames[activation].includes(name), name);
    }
  });
}

Deno.test("fromConfigJson() reads files without model_type by their class", () => {
  const { model_type: _, ...rest } = base;
  assertEquals(fromConfigJson({ ...rest, architectures: ["ModernBertForMaskedLM"] }), fromConfigJson(base));
  for (const name of ["BertForMaskedLM", "BertModel", "BertForPreTraining", "BertLMHeadModel"]) {
    const nextSentence = name === "BertForPreTraining";
    assertEquals(fromConfigJson({ ...rest, architectures: [name] }), {
      ...fromConfigJson({ ...base, model_type: "bert" }),
      nextSentence,
    });
  }
});

Deno.test("fromConfigJson() reads TinyBERT's heads of 26", () => {
  const tiny = { ...base, model_type: "bert", hidden_size: 312, num_attention_heads: 12, intermediate_size: 1200 };
  const config = fromConfigJson(tiny);
  assertEquals([config.width, config.heads], [312, 12]);
  assertEquals(modelConfig({ vocab: 11, width: 312, heads: 12 }).width, 312);
});

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
  assertThrows(() => fromConfigJson({ model_type: "bert" }), SyntaxError, '"hidden_size" is no number');
});
