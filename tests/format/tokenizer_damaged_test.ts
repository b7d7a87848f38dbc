import { assert } from "@std/assert";
import { memoryFolder } from "../../lib/format/model_folder.ts";
import { readTokenizer } from "../../lib/format/tokenizer_folder.ts";
import { tokenizerFiles } from "../../lib/format/tokenizer_writer.ts";
import { charsmap } from "../helpers/charsmap.ts";
import { random } from "../helpers/random.ts";
import { jsonOf } from "../helpers/rust_tokenizers.ts";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const values: Json[] = [null, true, 0, -1, 2.5, 1e9, "x", "", "[PAD]", [], [null], [["a", 1]], {}, { x: 1 }, {
  type: "NFC",
}];

/** JSON with one value somewhere replaced or left out. */
function damaged(json: Json, next: () => number): Json {
  const copy = structuredClone(json);
  const places: [Json[] | { [key: string]: Json }, string][] = [];
  const walk = (value: Json) => {
    if (value === null || typeof value !== "object") return;
    for (const key of Object.keys(value).slice(0, 12)) {
      places.push([value, key]);
      walk((value as Record<string, Json>)[key]!);
    }
  };
  walk(copy);
  const [holder, key] = places[Math.floor(next() * places.length)]!;
  if (next() < 0.2 && !Array.isArray(holder)) delete holder[key];
  else (holder as Record<string, Json>)[key] = values[Math.floor(next() * values.length)]!;
  return copy;
}

const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const vocab = (tokens: string[]) => Object.fromEntries([...specials, ...tokens].map((token, id) => [token, id]));
const added = specials.map((content, id) => ({
  id,
  content,
  single_word: false,
  lstrip: content === "[MASK]",
  rstrip: false,
  normalized: false,
  special: true,
}));
const template = {
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: "[CLS]", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  pair: [],
  special_tokens: { "[CLS]": { id: "[CLS]", ids: [2], tokens: ["[CLS]"] } },
};
const kinds: Record<string, Record<string, unknown>> = {
  WordLevel: {
    normalizer: {
      type: "Sequence",
      normalizers: [{ type: "Replace", pattern: { Regex: "a+(?=b)" }, content: "x" }, {
        type: "Strip",
        strip_left: true,
      }],
    },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { String: "-" }, behavior: "MergedWithNext", invert: true },
        { type: "FixedLength", length: 4 },
        { type: "Punctuation", behavior: "Removed" },
      ],
    },
    decoder: { type: "CTC", pad_token: "[PAD]", word_delimiter_token: "|", cleanup: true },
    model: { type: "WordLevel", unk_token: "[UNK]", vocab: vocab(["a", "b"]) },
  },
  BPE: {
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
    model: {
      type: "BPE",
      unk_token: "[UNK]",
      byte_fallback: true,
      fuse_unk: true,
      end_of_word_suffix: "</w>",
      vocab: vocab(["a", "b</w>", "ab</w>"]),
      merges: [["a", "b</w>"]],
    },
  },
  Unigram: {
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
};
const besides: Record<string, Json> = {
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

/** Reads, uses and writes a tokenizer; whatever is said must be said on purpose. */
async function check(files: Readonly<Record<string, string>>): Promise<boolean> {
  const folder = memoryFolder("t", new Map(Object.entries(files).map(([name, text]) => [name, [text]])));
  try {
    const tokenizer = await readTokenizer(folder);
    const ids = tokenizer.encodeWhole?.("ab 12 [MASK] <x>") ?? tokenizer.encode("ab 12");
    tokenizer.decode(ids);
    for (let id = 0; id < tokenizer.size; id++) tokenizer.piece(id);
    tokenizerFiles(tokenizer, 64);
    return true;
  } catch (error) {
    const { message, stack } = error as Error;
    assert(error instanceof SyntaxError && message.startsWith("Cannot "), `${stack}\n${JSON.stringify(files)}`);
    return false;
  }
}

for (const [kind, parts] of Object.entries(kinds)) {
  Deno.test(`readTokenizer() says in its own words what is wrong with a damaged tokenizer of ${kind}`, async () => {
    const next = random(6);
    const whole = JSON.parse(
      JSON.stringify({ "tokenizer.json": jsonOf({ added_tokens: added, ...parts }), ...besides }),
    );
    const texts = (files: Record<string, unknown>) =>
      Object.fromEntries(Object.entries(files).map(([name, value]) => [name, JSON.stringify(value)]));
    assert(await check(texts(whole)));
    let fine = 0;
    for (let i = 0; i < 1200; i++) {
      const name = i % 3 === 0 ? Object.keys(besides)[Math.floor(i / 3) % 3]! : "tokenizer.json";
      if (await check(texts({ ...whole, [name]: damaged(whole[name], next) }))) fine++;
    }
    assert(fine > 100 && fine < 1100, String(fine));
  });
}
