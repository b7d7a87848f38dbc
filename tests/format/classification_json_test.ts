import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { classifiedUnit, fromClassificationJson } from "../../lib/format/classification_json.ts";
import { fromConfigJson, toConfigJson } from "../../lib/format/config_json.ts";
import { memoryFolder } from "../../lib/format/model_folder.ts";
import { openModel } from "../../lib/format/open_model.ts";
import { readWeights } from "../../lib/format/weights.ts";
import { decodeSafetensors } from "../../lib/format/safetensors.ts";
import { type ClassificationConfig, modelConfig } from "../../lib/model/config.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { modelFiles } from "../helpers/model_files.ts";

const tokenizer = characterTokenizer("abc ");
const head: ClassificationConfig = { of: "text", classes: ["no", "yes", "10"], pool: "mean", dropout: 0.25 };
const config = (preset: "bert" | "modernbert", options: Partial<ClassificationConfig> = {}) =>
  modelConfig({
    preset,
    vocab: tokenizer.size,
    layers: 1,
    width: 8,
    heads: 2,
    hidden: 12,
    maxLength: 8,
    classification: { ...head, ...options },
  });

const names: Readonly<Record<string, readonly string[]>> = {
  BertForSequenceClassification: [
    "bert.pooler.dense.weight",
    "bert.pooler.dense.bias",
    "classifier.weight",
    "classifier.bias",
  ],
  BertForTokenClassification: ["classifier.weight", "classifier.bias"],
  ModernBertForSequenceClassification: [
    "head.dense.weight",
    "head.norm.weight",
    "classifier.weight",
    "classifier.bias",
  ],
  ModernBertForTokenClassification: ["head.dense.weight", "head.norm.weight", "classifier.weight", "classifier.bias"],
};

for (const preset of ["bert", "modernbert"] as const) {
  for (const kind of ["text", "token"] as const) {
    Deno.test(`openModel() reads what was written of a ${preset} that tells classes of a ${kind}`, async () => {
      const given = config(preset, { of: kind });
      const files = modelFiles(given, tokenizer);
      const json = toConfigJson(given, tokenizer.special);
      const [name] = json.architectures as [string];
      const { tensors } = decodeSafetensors(await new Blob([...files.get("model.safetensors")!]).bytes());
      const heads = [...tensors.keys()].filter((key) => /^(classifier|head)\.|pooler/.test(key));
      assertEquals(heads, names[name]);
      assertEquals(json.id2label, { 0: "no", 1: "yes", 2: "10" });
      const opened = await openModel(memoryFolder("m", files), { classifier: true });
      // BERT's classes have no pooling of their own, and the first token is what they take
      assertEquals(opened.config.classification, { ...head, of: kind, pool: preset === "bert" ? "cls" : "mean" });
      assertEquals(opened.weights.unused, []);
      const values = await readWeights(opened.weights, opened.config);
      assert(values.get("classifier.output.weight")!.some((value) => value !== 0));
      // others take the encoder
      const plain = await openModel(memoryFolder("m", files));
      assertEquals([plain.config.classification, plain.weights.head], [undefined, false]);
      await plain.weights.close();
    });
  }
}

const read = (json: Record<string, unknown>) =>
  fromClassificationJson(json, { classes: ["BertForSequenceClassification"], path: "config.json" });

Deno.test("fromClassificationJson() reads classes as others write them", () => {
  assertEquals(read({ id2label: { 1: "b", 0: "a" } })?.classes, ["a", "b"]);
  assertEquals(read({ num_labels: 3 })?.classes, ["LABEL_0", "LABEL_1", "LABEL_2"]);
  assertEquals(read({})?.classes, ["LABEL_0", "LABEL_1"]);
  assertEquals(read({ hidden_dropout_prob: 0.1 })?.dropout, 0.1);
  assertEquals(read({ hidden_dropout_prob: 0.1, classifier_dropout: 0.3 })?.dropout, 0.3);
  assertEquals(classifiedUnit(["DistilBertForTokenClassification"]), "token");
  assertEquals(classifiedUnit(["BertForMaskedLM"]), undefined);
});

Deno.test("fromClassificationJson() says what is wrong in a sentence", () => {
  const fails = (json: Record<string, unknown>, words: string) => assertThrows(() => read(json), SyntaxError, words);
  fails({ problem_type: "multi_label_classification" }, "may give a text several classes");
  fails({ problem_type: "regression" }, "gives a number for a text");
  fails({ id2label: { 0: "LABEL_0" } }, "it has one class only");
  fails({ id2label: { 0: "a", 2: "c" } }, "no name for class 1");
  fails({ id2label: ["a", "a"] }, 'calls two classes "a"');
  fails({ id2label: "a" }, "no name for class 0");
  fails({ classifier_pooling: "max" }, '"classifier_pooling" is "max"');
});

Deno.test("openModel() says that a model tells no classes, or lacks a part of what does", async () => {
  const { classification: _, ...plain } = config("bert");
  const masked = memoryFolder("masked", modelFiles(plain, tokenizer));
  await assertRejects(
    () => openModel(masked, { classifier: true }),
    RangeError,
    "Cannot tell classes with masked: it is a BertForMaskedLM; classify train makes a classifier of it",
  );
  const files = new Map(modelFiles(config("bert"), tokenizer));
  const json = { ...toConfigJson(config("bert"), tokenizer.special), id2label: { 0: "a", 1: "b" } };
  files.set("config.json", [new TextEncoder().encode(JSON.stringify(json))]);
  await assertRejects(
    () => openModel(memoryFolder("other", files), { classifier: true }),
    SyntaxError,
    'tensor "classifier.weight" has shape [3,8], expected [2,8]',
  );
  assertEquals(fromConfigJson(json).classification, undefined);
});
