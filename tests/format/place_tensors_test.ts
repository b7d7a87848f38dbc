import { assertEquals, assertRejects } from "@std/assert";
import { toConfigJson } from "../../lib/format/config_json.ts";
import { memoryFolder } from "../../lib/format/model_folder.ts";

import { toHuggingFace } from "../../lib/format/tensor_names.ts";
import { encodeSafetensors, type HostTensor, type WeightType, weightTypes } from "../../lib/format/safetensors.ts";
import { openModel } from "../../lib/format/open_model.ts";
import { tokenizerFiles } from "../../lib/format/tokenizer_writer.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { openWeights, readWeights } from "../../lib/format/weights.ts";
import { type ModelConfig, modelConfig, type Preset, presets } from "../../lib/model/config.ts";
import { isMaskedHeadParameter } from "../../lib/model/heads/masked.ts";
import { initialValues } from "../../lib/model/parameters.ts";

const sizes = { vocab: 11, layers: 2, width: 16, heads: 2, hidden: 12, maxLength: 8 };
const configs = Object.fromEntries(presets.map((preset) => [preset, modelConfig({ ...sizes, preset })])) as Record<
  Preset,
  ModelConfig
>;
const { bert, modernbert } = configs;
const untied = modelConfig({ ...sizes, preset: "bert", tied: false });

type Tensors = Map<string, HostTensor>;
const tensorsOf = (config: ModelConfig): Tensors => toHuggingFace(config, initialValues(config, 1));
const renamed = (tensors: Tensors, name: (name: string) => string): Tensors =>
  new Map([...tensors].map(([old, tensor]) => [name(old), tensor]));
const without = (tensors: Tensors, left: RegExp): Tensors => new Map([...tensors].filter(([name]) => !left.test(name)));

interface Written {
  metadata?: Record<string, string>;
  type?: WeightType;
  classes?: string[];
  shards?: number;
}

/** Opens tensors as they come out of a folder, in one file or several. */
function open(config: ModelConfig, tensors: Tensors, { metadata, classes = [], shards = 1, type }: Written = {}) {
  const files = new Map<string, readonly BlobPart[]>();
  const options = { ...(metadata ? { metadata } : {}), ...(type ? { type } : {}) };
  const part = (which: number) => new Map([...tensors].filter((_, i) => i % shards === which));
  if (shards === 1) files.set("model.safetensors", encodeSafetensors(tensors, options));
  else {
    for (let i = 0; i < shards; i++) files.set(`${i}.safetensors`, encodeSafetensors(part(i), options));
    const weight_map = Object.fromEntries([...tensors.keys()].map((name, i) => [name, `${i % shards}.safetensors`]));
    files.set("model.safetensors.index.json", [JSON.stringify({ weight_map })]);
  }
  return openWeights(memoryFolder("m", files), config, { classes });
}

async function reads(config: ModelConfig, tensors: Tensors, written?: Written): Promise<void> {
  const weights = await open(config, tensors, written);
  assertEquals([weights.head, weights.unused], [true, []]);
  assertEquals(await readWeights(weights, config), initialValues(config, 1));
}

const rejects = (config: ModelConfig, tensors: Tensors, message: string, written?: Written) =>
  assertRejects(async () => readWeights(await open(config, tensors, written), config), SyntaxError, message);

const prefixes = [
  "_orig_mod.",
  "module.",
  "module._orig_mod.",
  "model.",
  "encoder.",
  "student.net.",
  "bert.",
  "my_model.",
];

for (const preset of presets) {
  Deno.test(`placeTensors() finds the tensors of ${preset} behind any prefix that all share`, async () => {
    const config = configs[preset];
    for (const prefix of prefixes) {
      for (const shards of [1, 3]) {
        await reads(config, renamed(tensorsOf(config), (name) => prefix + name), { shards });
      }
      // without the class's own prefix too
      const base = { bert: "bert.", modernbert: "model.", labml: "" }[preset];
      const bare = (name: string) => name.startsWith(base) ? name.slice(base.length) : name;
      await reads(config, renamed(tensorsOf(config), (name) => prefix + bare(name)));
    }
  });
}

Deno.test("placeTensors() finds an encoder within a wrapper that has a head of its own", async () => {
  const inside = (name: string) => name.startsWith("bert.") ? `net.${name}` : name;
  await reads(bert, renamed(tensorsOf(bert), inside));
});

Deno.test("placeTensors() does not choose among several models", async () => {
  const two = new Map([
    ...renamed(tensorsOf(bert), (name) => `student.${name}`),
    ...renamed(tensorsOf(bert), (name) => `teacher.${name}`),
  ]);
  await rejects(bert, two, 'it holds several models, under names that begin with "student." and "teacher."');
  // where one has no prefix, it is the one, and the other is named
  const plain = new Map([...tensorsOf(bert), ...renamed(tensorsOf(bert), (name) => `teacher.${name}`)]);
  const weights = await open(bert, plain);
  await weights.close();
  assertEquals(weights.unused.length, tensorsOf(bert).size);
});

Deno.test("placeTensors() does not take a kindred model's tensors for BERT's, whatever its config.json says", async () => {
  for (const kind of ["roberta", "electra", "xlm_roberta", "camembert"]) {
    for (const prefix of [`${kind}.`, `module.${kind}.`]) {
      const named = renamed(tensorsOf(bert), (name) => name.replace(/^bert\./, prefix));
      await rejects(bert, named, `its tensors are called "${prefix}…", as those of another kind of model, ${kind}`);
    }
  }
});

Deno.test("placeTensors() finds tied tensors under either of their names", async () => {
  const pairs: Record<string, [ModelConfig, string, string]> = {
    "BERT's decoder": [bert, "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"],
    "BERT's bias": [bert, "cls.predictions.bias", "cls.predictions.decoder.bias"],
    "ModernBERT's decoder": [modernbert, "model.embeddings.tok_embeddings.weight", "decoder.weight"],
  };
  for (const [config, first, second] of Object.values(pairs)) {
    const tensors = tensorsOf(config);
    await reads(config, renamed(tensors, (name) => name === first ? second : name));
    for (const shards of [1, 2]) {
      const both = new Map([...tensors, [second, tensors.get(first)!]]);
      await reads(config, both, { shards });
      await reads(config, renamed(both, (name) => `module.${name}`), { shards });
      const other = { ...tensors.get(first)!, data: tensors.get(first)!.data.map((x, i) => i === 7 ? x + 1e-3 : x) };
      await rejects(
        config,
        new Map([...tensors, [second, other]]),
        `"${second}" and "${first}" are names of one tensor, but hold different numbers`,
        { shards },
      );
    }
  }
});

Deno.test("placeTensors() reads old and new names of norms, and says where both are there and differ", async () => {
  const old = (name: string) =>
    name.replace(/LayerNorm\.weight$/, "LayerNorm.gamma").replace(/LayerNorm\.bias$/, "LayerNorm.beta");
  await reads(bert, renamed(tensorsOf(bert), old));
  await reads(bert, renamed(tensorsOf(bert), (name) => `module.${old(name)}`));
  const one = "bert.embeddings.LayerNorm.weight";
  const both = new Map([...tensorsOf(bert), [old(one), { shape: [16], data: new Float32Array(16) }]]);
  await rejects(bert, both, `"${old(one)}" and "${one}" are names of one tensor`);
});

Deno.test("placeTensors() follows the aliases that a file's header names", async () => {
  const word = "bert.embeddings.word_embeddings.weight", decoder = "cls.predictions.decoder.weight";
  const tensors = tensorsOf(bert);
  const moved = (to: string) => renamed(tensors, (name) => name === word ? to : name);
  await reads(bert, moved(decoder), { metadata: { format: "pt", [word]: decoder } });
  // any tensor, any name, from one to the next, and the other way round where both are told
  await reads(bert, moved("shared"), { metadata: { [word]: "shared", [decoder]: "shared" } });
  await reads(bert, moved("shared"), { metadata: { [word]: decoder, [decoder]: "shared" } });
  const dense = "cls.predictions.transform.dense.bias";
  await reads(bert, renamed(tensors, (name) => name === dense ? "elsewhere" : name), {
    metadata: { [dense]: "elsewhere" },
  });
  // a decoder of its own that is the embedding after all
  const same = new Map([...tensorsOf(untied)]);
  same.delete(decoder);
  const weights = await open(untied, same, { metadata: { [decoder]: word } });
  const read = await readWeights(weights, untied);
  assertEquals(read.get("decoder.weight"), read.get("embeddings.token"));
  // what is no alias is none: a circle, another type, a name that is not there
  for (const value of [word, "nowhere", decoder]) {
    await rejects(bert, without(tensors, /word_embeddings/), `it lacks tensor "${word}"`, {
      metadata: { [word]: value, [decoder]: word },
    });
  }
});

for (const preset of presets) {
  Deno.test(`placeTensors() takes a ${preset} without any head for an encoder`, async () => {
    const config = configs[preset];
    const values = initialValues(config, 1);
    const tensors = toHuggingFace(config, values, { head: false });
    for (const classes of [[], ["BertModel"], ["BertForMaskedLM"]]) {
      const weights = await open(config, tensors, { classes });
      assertEquals(weights.head, false);
      for (const [name, read] of await readWeights(weights, config)) {
        assertEquals(read, isMaskedHeadParameter(name) ? new Float32Array(read.length) : values.get(name), name);
      }
    }
  });
}

Deno.test("placeTensors() takes classes of other tasks for encoders, and names what they have besides", async () => {
  const more = (name: string, shape: number[]): [string, HostTensor] => [
    name,
    { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) },
  ];
  const encoder = toHuggingFace(bert, initialValues(bert, 1), { head: false });
  const classified = new Map([...encoder, more("classifier.weight", [2, 16]), more("classifier.bias", [2])]);
  classified.set(...more("bert.pooler.dense.weight", [16, 16]));
  for (const name of ["BertForSequenceClassification", "BertForTokenClassification", "BertForQuestionAnswering"]) {
    const weights = await open(bert, classified, { classes: [name] });
    await weights.close();
    assertEquals([weights.head, weights.unused], [false, ["classifier.weight", "classifier.bias"]]);
  }
  // the head of ModernBERT's classifiers is called like that for masked tokens, but was trained for classes
  const modern = without(tensorsOf(modernbert), /^decoder\./);
  const weights = await open(modernbert, modern, { classes: ["ModernBertForSequenceClassification"] });
  await weights.close();
  assertEquals([weights.head, weights.unused], [false, ["head.dense.weight", "head.norm.weight"]]);
  // a class of someone's own with a decoder predicts tokens
  await reads(modernbert, tensorsOf(modernbert), { classes: ["MyEncoder"] });
});

Deno.test("placeTensors() reads the head of BERT's classes for pre-training", async () => {
  const seq: [string, HostTensor] = ["cls.seq_relationship.weight", { shape: [2, 16], data: new Float32Array(32) }];
  for (const name of ["BertForPreTraining", "BertLMHeadModel", "BertForMaskedLM", "BertModel"]) {
    await reads(bert, new Map([...tensorsOf(bert), seq]), { classes: [name] });
  }
});

Deno.test("placeTensors() names what is missing of a head of which a part is there", async () => {
  await rejects(
    bert,
    without(tensorsOf(bert), /^cls\.predictions\.(bias|transform\.dense\.bias)/),
    "it has only a part of the head for masked tokens; it lacks tensor " +
      '"cls.predictions.transform.dense.bias" of shape [16], "cls.predictions.bias" of shape [11]',
  );
  await rejects(
    untied,
    without(tensorsOf(untied), /decoder/),
    'it lacks tensor "cls.predictions.decoder.weight" of shape [11,16]',
  );
  await rejects(
    modernbert,
    without(tensorsOf(modernbert), /^decoder\.bias/),
    'it lacks tensor "decoder.bias" of shape [11]',
  );
});

Deno.test("placeTensors() says what tensors are called where none is one of the model", async () => {
  const unused = renamed(tensorsOf(bert), (name) => `x_${name.replaceAll(".", "_")}`);
  const lacks = 'it lacks tensor "bert.embeddings.word_embeddings.weight" of shape [11,16], and 36 others';
  await rejects(bert, unused, `${lacks}; those that it has are called "x_bert_embeddings_word_embeddings_weight", `);
  await rejects(bert, new Map(), `${lacks}; it has none`);
  await rejects(
    bert,
    without(tensorsOf(bert), /layer\.1\./),
    'it lacks tensor "bert.encoder.layer.1.attention.output.LayerNorm.weight" of shape [16], and 15 others',
  );
});

for (const type of weightTypes) {
  Deno.test(`Weights.read() names the tensor of ${type} that is not finite, its name in the file, and how many are not`, async () => {
    for (
      const [name, at] of [["bert.embeddings.word_embeddings.weight", [0, 5, 175]], ["cls.predictions.bias", [
        10,
      ]]] as const
    ) {
      for (const wrong of [NaN, Infinity, -Infinity]) {
        const tensors = tensorsOf(bert);
        const data = tensors.get(name)!.data.slice();
        for (const i of at) data[i] = wrong;
        tensors.set(name, { ...tensors.get(name)!, data });
        const prefixed = renamed(tensors, (name) => `module.${name}`);
        const message =
          `Cannot use m/model.safetensors: tensor "module.${name}" holds numbers that are not finite, ${at.length} of ${data.length}`;
        await rejects(bert, prefixed, message, { type });
        await rejects(bert, prefixed, `tensor "module.${name}"`, { type, shards: 2 });
      }
    }
  });
}

Deno.test("Weights.read() does not mind what is not finite in tensors that are not used", async () => {
  const nothing = { shape: [2], data: Float32Array.of(NaN, Infinity) };
  const weights = await open(bert, new Map([...tensorsOf(bert), ["bert.pooler.dense.bias", nothing]]));
  assertEquals(await readWeights(weights, bert), initialValues(bert, 1));
});

Deno.test("Weights.read() hands no number on from where one is not finite, in tensors of several pieces", async () => {
  const config = modelConfig({ ...sizes, preset: "bert", vocab: 80_000 });
  const tensors = tensorsOf(config);
  const word = "bert.embeddings.word_embeddings.weight";
  const data = tensors.get(word)!.data;
  // beyond the first four mebibytes
  data[1_100_000] = NaN;
  data[1_279_999] = Infinity;
  const weights = await open(config, tensors);
  let read = 0;
  await assertRejects(
    () => weights.read((name, values) => void (read += name === "embeddings.token" ? values.length : 0)),
    SyntaxError,
    "2 of 1,280,000",
  );
  assertEquals(read, 1 << 20);
});

Deno.test("placeTensors() reads the head for next sentences where it is there, and does without it where it is not", async () => {
  const paired = modelConfig({ ...sizes, preset: "bert", nextSentence: true });
  const tensors = tensorsOf(paired);
  assertEquals([...tensors.keys()].slice(-4), [
    "bert.pooler.dense.weight",
    "bert.pooler.dense.bias",
    "cls.seq_relationship.weight",
    "cls.seq_relationship.bias",
  ]);
  await reads(paired, tensors, { classes: ["BertForPreTraining"] });
  await reads(paired, renamed(tensors, (name) => name.replace(/^bert\./, "")), { classes: ["BertForPreTraining"] });
  // a model of masked tokens alone leaves it be
  await reads(bert, tensors, { classes: ["BertForMaskedLM"] });
  const some = await open(paired, without(tensors, /pooler/), { classes: ["BertForPreTraining"] });
  assertEquals([some.head, some.nextSentence], [true, false]);
  assertEquals(await readWeights(some, bert), initialValues(bert, 1));
});

Deno.test("openModel() tells by the tensors whether a class for pre-training has its second head", async () => {
  const paired = modelConfig({ ...sizes, preset: "bert", nextSentence: true });
  const tokenizer = characterTokenizer("abcdef");
  for (const [config, expected] of [[paired, true], [bert, false]] as const) {
    const files = new Map<string, readonly BlobPart[]>([
      ["config.json", [JSON.stringify(toConfigJson(paired, tokenizer.special))]],
      ["model.safetensors", encodeSafetensors(tensorsOf({ ...config, vocab: 11 }))],
      ...[...tokenizerFiles(tokenizer, 8)].map(([name, text]) => [name, [text]] as const),
    ]);
    const { config: found, weights } = await openModel(memoryFolder("m", files));
    await weights.close();
    assertEquals(found, { ...paired, nextSentence: expected });
  }
  assertEquals(toConfigJson(paired, tokenizer.special).architectures, ["BertForPreTraining"]);
  assertEquals(toConfigJson(paired, tokenizer.special, { head: false }).architectures, ["BertModel"]);
});
