/**
 * Using a model: loading, filling, embedding and scoring, on the CPU device unless CLOZE_BENCH_DEVICE says otherwise.
 * `deno bench -A bench/inference_bench.ts`
 */
import { type DeviceChoice, openDevice } from "../lib/device/open_device.ts";
import { toConfigJson } from "../lib/format/config_json.ts";
import { toHuggingFace } from "../lib/format/tensor_names.ts";
import { encodeSafetensors } from "../lib/format/safetensors.ts";
import { tokenizerFiles } from "../lib/format/tokenizer_writer.ts";
import { load } from "../lib/inference/load.ts";
import { modelConfig, type ModelOptions } from "../lib/model/config.ts";
import { initialValues } from "../lib/model/parameters.ts";
import { textCorpus } from "../lib/text/corpus.ts";
import { stringSource } from "../lib/text/source.ts";
import { bertFrame } from "../lib/tokenizer/special_tokens.ts";
import { wordPieceTokenizer } from "../lib/tokenizer/wordpiece.ts";
import { writeFiles } from "../lib/files/write_folder.ts";

const { device } = await openDevice((Deno.env.get("CLOZE_BENCH_DEVICE") ?? "cpu") as DeviceChoice);
const names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const words = Array.from({ length: 8187 }, (_, i) => `w${i.toString(36)}`);
const plain = wordPieceTokenizer([...names, ...words]);
const tokenizer = { ...plain, frame: bertFrame(plain.special) };

/** A folder with a model of random weights. */
async function written(options: Partial<ModelOptions>): Promise<string> {
  const folder = await Deno.makeTempDir();
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  const config = modelConfig({ vocab: tokenizer.size, ...options });
  const text = (value: string) => [new TextEncoder().encode(value)];
  await writeFiles(
    folder,
    new Map([
      ["config.json", text(JSON.stringify(toConfigJson(config, tokenizer.special)))],
      ["model.safetensors", encodeSafetensors(toHuggingFace(config, initialValues(config, 1)))],
      ...[...tokenizerFiles(tokenizer, config.maxLength)].map(([name, content]) => [name, text(content)] as const),
    ]),
  );
  return folder;
}

const base = await written({ preset: "bert", size: "base" });
const small = await load(await written({ size: "small" }), { device });
const sentence = (seed: number, count: number) =>
  Array.from({ length: count }, (_, i) => words[(seed * 7919 + i * 104729) % words.length]).join(" ");
const masked = `${sentence(1, 20)} [MASK] ${sentence(2, 10)}`;
const texts = Array.from({ length: 256 }, (_, i) => sentence(i, 8 + i % 50));
const corpus = await textCorpus([
  stringSource("text", Array.from({ length: 400 }, (_, i) => sentence(i, 50)).join("\n")),
]);

Deno.bench({
  name: "load bert base, 370 MB",
  n: 5,
  warmup: 1,
  async fn() {
    const model = await load(base, { device });
    model.destroy();
  },
});
Deno.bench({ name: "fill one text of 33 tokens, small", n: 20, fn: async () => void await small.fill(masked) });
Deno.bench({ name: "embed 256 texts of 8 to 57 words, small", n: 5, fn: async () => void await small.embed(texts) });
Deno.bench({
  name: "score 16,384 tokens with fixed masks, small",
  n: 5,
  fn: async () => void await small.evaluate(corpus, { part: "training", tokens: 16_384 }),
});
Deno.bench({
  name: "score 1,024 tokens each in turn, small",
  n: 3,
  fn: async () => void await small.evaluate(corpus, { part: "training", tokens: 1024, eachToken: true }),
});
globalThis.addEventListener("unload", () => device.destroy());
