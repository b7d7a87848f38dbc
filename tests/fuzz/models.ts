/**
 * Files of models and of vocabularies, damaged.
 */
import { memoryFolder } from "../../lib/format/model_folder.ts";
import { openModel } from "../../lib/format/open_model.ts";
import { readTokenizer } from "../../lib/format/tokenizer_folder.ts";
import { tokenizerFiles } from "../../lib/format/tokenizer_writer.ts";
import { readWeights } from "../../lib/format/weights.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { charsmap } from "../helpers/charsmap.ts";
import { modelFiles } from "../helpers/model_files.ts";
import { jsonOf } from "../helpers/rust_tokenizers.ts";
import { vocabularies } from "../helpers/vocabularies.ts";
import type { Target } from "./fuzzer.ts";
import { damagedBytes, damagedJson, damagedText, type Json, type Next, pick } from "./mutations.ts";

type Files = Map<string, Uint8Array<ArrayBuffer>>;

const encode = (text: string) => new TextEncoder().encode(text);
const kinds = await vocabularies();

/** Whole models of every preset, one of them with weights in parts. */
const models: Files[] = [];
for (const [kind, preset] of [["framed wordpiece", "bert"], ["char", "modernbert"], ["char", "labml"]] as const) {
  const tokenizer = kinds[kind]!;
  const shape = { vocab: tokenizer.size, layers: 2, width: 8, heads: 2, hidden: 8, maxLength: 16 };
  const local = preset === "modernbert" ? { local: { window: 4, rotaryBase: 500, layers: [1] } } : {};
  const files: Files = new Map();
  for (const [name, parts] of modelFiles(modelConfig({ ...shape, preset, ...local }), tokenizer)) {
    files.set(name, await new Blob([...parts]).bytes());
  }
  models.push(files);
}
{
  const files = new Map(models[0]!);
  const weights = files.get("model.safetensors")!;
  const header = new DataView(weights.buffer).getBigUint64(0, true);
  const names = Object.keys(JSON.parse(new TextDecoder().decode(weights.subarray(8, 8 + Number(header)))));
  const map = Object.fromEntries(
    names.filter((name) => name !== "__metadata__").map((name) => [name, "a.safetensors"]),
  );
  files.delete("model.safetensors");
  files.set("a.safetensors", weights);
  files.set("model.safetensors.index.json", encode(JSON.stringify({ metadata: { total_size: 1 }, weight_map: map })));
  models.push(files);
}

async function useModel(files: Files): Promise<void> {
  const { weights, config } = await openModel(
    memoryFolder("m", new Map([...files].map(([name, bytes]) => [name, [bytes]]))),
  );
  await readWeights(weights, config);
}

/** A model with one file damaged: weights in their header or anywhere, others as JSON or as bytes. */
function damagedModel(next: Next, wanted: RegExp): Files {
  const files = new Map(pick(next, models));
  const names = [...files.keys()].filter((name) => wanted.test(name));
  const name = pick(next, names.length > 0 ? names : [...files.keys()]);
  const bytes = files.get(name)!;
  if (name.endsWith(".safetensors")) files.set(name, damagedWeights(bytes, next));
  else if (name.endsWith(".json") && next() < 0.8) {
    files.set(name, encode(JSON.stringify(damagedJson(JSON.parse(new TextDecoder().decode(bytes)), next))));
  } else files.set(name, damagedBytes(bytes, next));
  return files;
}

function damagedWeights(bytes: Uint8Array<ArrayBuffer>, next: Next): Uint8Array<ArrayBuffer> {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  if (next() < 0.5) return damagedBytes(bytes, next, 8 + length);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as Json;
  const text = encode(JSON.stringify(damagedJson(header, next)));
  const whole = new Uint8Array(8 + text.length + bytes.length - 8 - length);
  new DataView(whole.buffer).setBigUint64(0, BigInt(text.length), true);
  whole.set(text, 8);
  whole.set(bytes.subarray(8 + length), 8 + text.length);
  return whole;
}

const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const vocab = (tokens: string[]) => Object.fromEntries([...specials, ...tokens].map((token, id) => [token, id]));
const added = specials.map((content, id) => ({
  ...{ id, content, single_word: false, lstrip: content === "[MASK]", rstrip: false, normalized: false, special: true },
}));
const template = {
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: "[CLS]", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  pair: [],
  special_tokens: { "[CLS]": { id: "[CLS]", ids: [2], tokens: ["[CLS]"] } },
};
const bpe = {
  type: "BPE",
  unk_token: "[UNK]",
  byte_fallback: true,
  fuse_unk: true,
  end_of_word_suffix: "</w>",
  vocab: vocab(["a", "b</w>", "ab</w>"]),
  merges: [["a", "b</w>"]],
};

/** Tokenizers that between them have parts of all kinds. */
const tokenizers: Json[] = [
  {
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Replace", pattern: { Regex: "a+(?=b)" }, content: "x" },
        { type: "Strip", strip_left: true },
        { type: "BertNormalizer", clean_text: true, lowercase: true, strip_accents: null, handle_chinese_chars: true },
      ],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: { Regex: "(?i:'s|'t)|\\p{L}+|\\s+(?!\\S)" },
          behavior: "MergedWithNext",
          invert: true,
        },
        { type: "FixedLength", length: 4 },
        { type: "Punctuation", behavior: "Removed" },
      ],
    },
    decoder: { type: "CTC", pad_token: "[PAD]", word_delimiter_token: "|", cleanup: true },
    model: { type: "WordLevel", unk_token: "[UNK]", vocab: vocab(["a", "b"]) },
  },
  {
    normalizer: { type: "Prepend", prepend: "▁" },
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false },
    post_processor: {
      type: "Sequence",
      processors: [{ type: "BertProcessing", cls: ["[CLS]", 2], sep: ["[SEP]", 3] }, template],
    },
    decoder: {
      type: "Sequence",
      decoders: [{ type: "Replace", pattern: { String: "▁" }, content: " " }, { type: "ByteFallback" }, {
        type: "Fuse",
      }],
    },
    model: bpe,
  },
  {
    normalizer: { type: "Precompiled", precompiled_charsmap: charsmap({ ﬁ: "fi" }) },
    pre_tokenizer: { type: "Digits", individual_digits: true },
    post_processor: template,
    decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" },
    model: {
      type: "Unigram",
      unk_id: 1,
      byte_fallback: false,
      vocab: [...specials, "a", "ab"].map((piece) => [piece, -1]),
    },
  },
  {
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    decoder: { type: "ByteLevel" },
    model: { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", vocab: vocab(["a", "##b"]) },
  },
].map((parts) => JSON.parse(JSON.stringify(jsonOf({ added_tokens: added, ...parts }))));

const neighbours: Record<string, Json> = {
  "tokenizer_config.json": {
    tokenizer_class: "BertTokenizer",
    do_lower_case: true,
    mask_token: { content: "[MASK]", lstrip: true },
    additional_special_tokens: ["<x>"],
    added_tokens_decoder: { 4: { content: "[MASK]", special: true }, 9: { content: "<y>" } },
  },
  "special_tokens_map.json": { pad_token: "[PAD]", additional_special_tokens: [{ content: "<x>" }] },
  "added_tokens.json": { "<z>": 7 },
};

const texts: Record<string, string> = {
  "vocab.txt": `${[...specials, "a", "##b", "ab"].join("\n")}\n`,
  "vocab.json": JSON.stringify(vocab(["a", "b", "ab", "Ġ"])),
  "merges.txt": "#version: 0.2\na b\nĠ a\n",
};

/** Files of a vocabulary, one layout of several, some of them damaged. */
function damagedVocabulary(next: Next): Map<string, string> {
  const files = new Map(Object.entries(neighbours).map(([name, json]) => [name, JSON.stringify(json)]));
  const layout = next();
  if (layout < 0.6) {
    const json = pick(next, tokenizers);
    files.set("tokenizer.json", JSON.stringify(next() < 0.7 ? damagedJson(json, next) : json));
  } else if (layout < 0.8) files.set("vocab.txt", damagedText(texts["vocab.txt"]!, next));
  else {for (const name of ["vocab.json", "merges.txt"]) {
      files.set(name, next() < 0.6 ? damagedText(texts[name]!, next) : texts[name]!);
    }}
  if (next() < 0.4) {
    const name = pick(next, Object.keys(neighbours));
    files.set(name, JSON.stringify(damagedJson(neighbours[name]!, next)));
  }
  if (next() < 0.05) files.set("tokenizer.json", damagedText(JSON.stringify(pick(next, tokenizers)), next));
  return files;
}

/** What models and vocabularies are made of. */
export const modelTargets: readonly Target[] = [
  { name: "safetensors", share: 3, make: (next) => damagedModel(next, /safetensors$/), use: useModel },
  { name: "config.json", share: 3, make: (next) => damagedModel(next, /config\.json$|index\.json$/), use: useModel },
  { name: "model", share: 1, make: (next) => damagedModel(next, /./), use: useModel },
  {
    name: "tokenizer.json",
    share: 5,
    make: damagedVocabulary,
    async use(files) {
      const parts = new Map([...files].map(([name, text]) => [name, [text]]));
      const tokenizer = await readTokenizer(memoryFolder("t", parts));
      const ids = tokenizer.encodeWhole?.("ab 12 [MASK] <x>") ?? tokenizer.encode("ab 12");
      tokenizer.decode(ids);
      for (let id = 0; id < Math.min(tokenizer.size, 1000); id++) tokenizer.piece(id);
      tokenizerFiles(tokenizer, 64);
    },
  } satisfies Target<Map<string, string>> as Target,
];
