import { assert, assertEquals } from "@std/assert";
import { fromTokenizerJson } from "../../lib/format/tokenizer_reader.ts";
import { byteCharacters } from "../../lib/tokenizer/byte_level.ts";
import { normalizerOf } from "../../lib/tokenizer/normalizers.ts";
import { CONTINUES } from "../../lib/tokenizer/token_ids.ts";
import { encodeFramed, encodeWithSpecials } from "../../lib/tokenizer/special_tokens.ts";
import { charsmap } from "../helpers/charsmap.ts";
import { mixedText } from "../helpers/mixed_text.ts";
import { random } from "../helpers/random.ts";
import { jsonOf, rustIds, rustTokenizer, withoutRust } from "../helpers/rust_tokenizers.ts";
import { unicodeTexts } from "../helpers/unicode_text.ts";

type Json = Record<string, unknown>;
const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const rust = (name: string, fn: () => Promise<void> | void) => Deno.test({ name, ignore: withoutRust, fn });

/** Added tokens as tokenizer.json writes them. */
const added = (content: string, options: Json = {}) => ({
  id: 0,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: false,
  ...options,
});
const specialTokens = specials.map((content, id) => added(content, { id, special: true }));

/** Ids of texts, special tokens as themselves, and what they are decoded to, by both. */
async function assertAlike(json: Json, texts: readonly string[]): Promise<void> {
  const theirs = rustTokenizer(json);
  const ours = fromTokenizerJson(JSON.parse(JSON.stringify(json)));
  const right = await rustIds(theirs, texts, { framed: true });
  for (const [i, text] of texts.entries()) {
    const ids = [...encodeFramed(ours, text)];
    if (ids.join() !== right[i]!.join()) {
      const tokens = (ids: number[]) => ids.map((id) => ours.token(id));
      assertEquals(tokens(ids), tokens(right[i]!), `${JSON.stringify(text)} by ${JSON.stringify(json).slice(0, 3000)}`);
    }
  }
  const sample = right.map((ids, i) => i % 7 === 0 ? ids : ids.slice(0, 9));
  for (const ids of sample) assertEquals(ours.decode(ids), await theirs.decode(ids, false), String(ids));
}

const vocabOf = (tokens: readonly string[]) =>
  Object.fromEntries([...new Set([...specials, ...tokens])].map((token, id) => [token, id]));
const someWords = "ab abc b bc c é 京 😀 1 12 . ab. The the cafe café ß ss ﬁ".split(" ");
const letters = [..."abcdé京😀12.'ThefßÉΣς▁ _"];

/** Texts of few letters, so that vocabularies meet them. */
function shortTexts(seed: number, count = 300): string[] {
  const next = random(seed);
  const pieces = [
    ...letters,
    ..."abcabc   ",
    "  ",
    "\t",
    "é",
    "É",
    "ſ",
    "\u00a0",
    "[MASK]",
    "<x>",
    "<X>",
    "ab",
    "Ab",
    "\ud800",
  ];
  return Array.from(
    { length: count },
    () => Array.from({ length: Math.floor(18 * next()) }, () => pieces[Math.floor(pieces.length * next())]).join(""),
  );
}

const modelKinds: Record<string, (next: () => number) => Json> = {
  WordLevel: () => ({ type: "WordLevel", unk_token: "[UNK]", vocab: vocabOf(someWords) }),
  WordPiece: (next) => {
    const prefix = next() < 0.7 ? "##" : next() < 0.5 ? "" : "@";
    return {
      type: "WordPiece",
      unk_token: "[UNK]",
      continuing_subword_prefix: prefix,
      max_input_chars_per_word: next() < 0.5 ? 100 : 4,
      vocab: vocabOf([...letters, ...letters.map((letter) => prefix + letter), ...someWords, `${prefix}bc`]),
    };
  },
  BPE: (next) => {
    const [prefix, suffix] = [next() < 0.7 ? "" : "##", next() < 0.7 ? "" : "</w>"];
    const symbols = letters.filter(() => next() < 0.8);
    const all = symbols.flatMap((symbol) => [symbol, prefix + symbol, symbol + suffix, prefix + symbol + suffix]);
    const tokens = new Set(all);
    const merges: [string, string][] = [];
    for (let i = 0; i < 60; i++) {
      const list = [...tokens];
      const left = list[Math.floor(list.length * next())]!;
      const right = list[Math.floor(list.length * next())]!;
      if (suffix !== "" && left.endsWith(suffix)) continue;
      if (prefix !== "" && !right.startsWith(prefix)) continue;
      tokens.add(left + right.slice(prefix.length));
      merges.push([left, right]);
    }
    const bytes = next() < 0.5
      ? Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`)
        .filter(() => next() < 0.99)
      : [];
    return {
      type: "BPE",
      dropout: null,
      unk_token: next() < 0.6 ? "[UNK]" : null,
      continuing_subword_prefix: prefix || null,
      end_of_word_suffix: suffix || null,
      fuse_unk: next() < 0.5,
      byte_fallback: bytes.length > 0,
      ignore_merges: next() < 0.3,
      vocab: vocabOf([...tokens, ...bytes]),
      merges,
    };
  },
  Unigram: (next) => {
    const bytes = next() < 0.5
      ? Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`)
      : [];
    const pieces = [...letters, "▁", "▁a", "▁ab", "ab", "abc", "bc", "▁the", "é京", "😀😀", "ca", "a"];
    return {
      type: "Unigram",
      unk_id: 1,
      byte_fallback: bytes.length > 0,
      vocab: [...specials, ...pieces.filter(() => next() < 0.9), ...bytes].map((piece) => [piece, -12 * next()]),
    };
  },
};
const normalizers: (Json | null)[] = [
  null,
  { type: "BertNormalizer", clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
  { type: "Lowercase" },
  { type: "Sequence", normalizers: [{ type: "NFD" }, { type: "Lowercase" }, { type: "StripAccents" }] },
  { type: "NFC" },
  { type: "Strip", strip_left: true, strip_right: true },
  {
    type: "Sequence",
    normalizers: [{ type: "Prepend", prepend: "▁" }, { type: "Replace", pattern: { String: " " }, content: "▁" }],
  },
];
const preTokenizers: (Json | null)[] = [
  null,
  { type: "BertPreTokenizer" },
  { type: "Whitespace" },
  { type: "WhitespaceSplit" },
  ...["always", "first", "never"].map((prepend_scheme) => ({
    type: "Metaspace",
    replacement: "▁",
    prepend_scheme,
    split: true,
  })),
  { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: false },
  { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, { type: "Digits", individual_digits: true }] },
];
const decoders: (Json | null)[] = [
  null,
  { type: "WordPiece", prefix: "##", cleanup: true },
  { type: "WordPiece", prefix: "@", cleanup: false },
  { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
  { type: "Metaspace", replacement: "▁", prepend_scheme: "never", split: true },
  { type: "BPEDecoder", suffix: "</w>" },
  { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
  { type: "Fuse" },
  { type: "CTC", pad_token: "[PAD]", word_delimiter_token: "a", cleanup: true },
  {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: "▁" }, content: " " },
      { type: "ByteFallback" },
      { type: "Fuse" },
      { type: "Strip", content: " ", start: 1, stop: 0 },
    ],
  },
];
const addedSets: Json[][] = [
  [],
  [
    added("<x>", { rstrip: true }),
    added("<X>", { lstrip: true, normalized: true }),
    added("ab", { single_word: true }),
  ],
  [
    added("AB", { normalized: true }),
    added("bc", { normalized: true, special: true }),
    added("  "),
    added("É", { normalized: true }),
  ],
  [
    added("abc", { single_word: true, normalized: true, lstrip: true }),
    added("ab c"),
    added("a", { lstrip: true, rstrip: true, single_word: true }),
  ],
];
const frames: (Json | null)[] = [
  null,
  { type: "BertProcessing", sep: ["[SEP]", 3], cls: ["[CLS]", 2] },
  {
    type: "Sequence",
    processors: [
      { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
      { type: "RobertaProcessing", sep: ["[SEP]", 3], cls: ["[CLS]", 2], trim_offsets: true, add_prefix_space: true },
    ],
  },
  {
    type: "TemplateProcessing",
    single: ["[CLS]", "[CLS]", "A", "[SEP]"].map((id) =>
      id === "A" ? { Sequence: { id, type_id: 0 } } : { SpecialToken: { id, type_id: 0 } }
    ),
    pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
    special_tokens: {
      "[CLS]": { id: "[CLS]", ids: [2], tokens: ["[CLS]"] },
      "[SEP]": { id: "[SEP]", ids: [3, 0], tokens: ["[SEP]", "[PAD]"] },
    },
  },
];

for (const [kind, model] of Object.entries(modelKinds)) {
  rust(`fromTokenizerJson() reads ${kind} of any parts as the Rust package does`, async () => {
    const next = random(5);
    const pick = <T>(items: readonly T[]) => items[Math.floor(items.length * next())]!;
    for (let i = 0; i < 60; i++) {
      const json = jsonOf({
        added_tokens: [...specialTokens, ...pick(addedSets)],
        normalizer: pick(normalizers),
        pre_tokenizer: pick(preTokenizers),
        post_processor: pick(frames),
        decoder: pick(decoders),
        model: model(next),
      });
      await assertAlike(json, shortTexts(i, 60));
    }
  });
}

rust("fromTokenizerJson() puts a prefix space wherever the Rust package puts one", async () => {
  for (const add_prefix_space of [true, false]) {
    for (const use_regex of [true, false]) {
      // an added letter that is one of the byte characters too is decoded as itself here, as a byte there
      for (const set of addedSets.map((set) => set.filter(({ content }) => content !== "É"))) {
        const merges = [["a", "b"], ["Ġ", "a"], ["Ġ", "ab"], ["ab", "c"]];
        const level = { type: "ByteLevel", add_prefix_space, use_regex, trim_offsets: true };
        const json = jsonOf({
          added_tokens: [...specialTokens, ...set],
          pre_tokenizer: level,
          decoder: level,
          model: { type: "BPE", vocab: vocabOf([...byteCharacters, ...merges.map((pair) => pair.join(""))]), merges },
        });
        await assertAlike(json, shortTexts(8));
      }
    }
  }
});

rust("fromTokenizerJson() reads bytes behind patterns of other kinds, as large models have them", async () => {
  const patterns = [
    String
      .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
    String.raw`[^\s]+|\s`,
    String.raw`(?:\p{L}|\p{M})+|\p{N}`,
  ];
  for (const Regex of patterns) {
    for (const behavior of ["Isolated", "MergedWithPrevious"]) {
      const merges = [["a", "b"], ["Ġ", "a"], ["Ġ", "ab"], ["ab", "c"]];
      const level = { type: "ByteLevel", add_prefix_space: false, use_regex: false, trim_offsets: true };
      const json = jsonOf({
        added_tokens: [...specialTokens, ...addedSets[1]!],
        normalizer: { type: "NFC" },
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [{ type: "Split", pattern: { Regex }, behavior, invert: false }, level],
        },
        decoder: level,
        model: {
          type: "BPE",
          ignore_merges: true,
          vocab: vocabOf([...byteCharacters, ...merges.map((pair) => pair.join("")), "Ġthe", "café"]),
          merges,
        },
      });
      await assertAlike(json, [...shortTexts(11), ...unicodeTexts(5).slice(0, 60)]);
    }
  }
});

rust("fromTokenizerJson() reads byte-level vocabularies that lack bytes", async () => {
  for (const unk_token of [null, "[UNK]"]) {
    for (const fuse_unk of [true, false]) {
      const merges = [["a", "b"], ["Ġ", "a"]];
      const level = { type: "ByteLevel", add_prefix_space: false, use_regex: true, trim_offsets: true };
      const json = jsonOf({
        added_tokens: specialTokens,
        pre_tokenizer: level,
        decoder: level,
        model: { type: "BPE", unk_token, fuse_unk, vocab: vocabOf([..."abcĠÃ", "ab", "Ġa"]), merges },
      });
      await assertAlike(json, shortTexts(9));
    }
  }
});

rust(
  "fromTokenizerJson() gives added tokens the ids that the Rust package gives them, whatever ids they claim",
  async () => {
    const json = jsonOf({
      added_tokens: [...specialTokens, added("<b>", { id: 99 }), added("<a>", { id: 30 }), added("ab", { id: 77 })],
      pre_tokenizer: { type: "Whitespace" },
      model: { type: "WordLevel", unk_token: "[UNK]", vocab: vocabOf(someWords) },
    });
    await assertAlike(json, ["<a>ab <b> the"]);
    const ours = fromTokenizerJson(json);
    for (const [token, id] of Object.entries(rustTokenizer(json).getVocab(true))) assertEquals(ours.tokens[id], token);
  },
);

rust("precompiledNormalizer() replaces what the Rust package replaces", () => {
  const table: Record<string, string> = {
    "ﬁ": "fi",
    "\u00a0": " ",
    "e\u0301": "é",
    "\u0301": "",
    "\r\n": "\n",
    "A": "a",
    "½": "1/2",
  };
  for (let code = 0x1e00; code < 0x1f00; code++) {
    const character = String.fromCharCode(code);
    if (character.normalize("NFKD") !== character) table[character] = character.normalize("NFKD");
  }
  for (const entries of [table, { "a\u0301": "x", "a": "y", "\u0301\u0323": "z" }]) {
    const part = { type: "Precompiled", precompiled_charsmap: charsmap(entries as Record<string, string>) };
    const theirs = rustTokenizer(jsonOf({ normalizer: part })).getNormalizer();
    const ours = normalizerOf(part)!;
    const texts = [
      ...unicodeTexts(1),
      "A\r\nB \re\u0301e\u0301\u0323",
      "ﬁ\u0301\u0323a\u0301\u0323\u0301",
      "a\u0301bc",
    ];
    for (const text of texts) {
      const [found, right] = [ours(text.toWellFormed()), theirs.normalizeString(text)];
      if (found !== right) assertEquals(found, right, JSON.stringify(text));
    }
  }
});

rust("fromTokenizerJson() reads Unigram over many scripts as the Rust package does", async () => {
  const lines = mixedText(60_000, 4);
  const counts = new Map<string, number>();
  for (const word of lines.flatMap((line) => line.split(" "))) {
    for (let length = 1; length <= 4; length++) {
      for (let at = 0; at < word.length; at++) {
        const piece = (at === 0 ? "▁" : "") + word.slice(at, at + length);
        if (piece.isWellFormed()) counts.set(piece, (counts.get(piece) ?? 0) + 1);
      }
    }
  }
  const pieces = [...counts].filter(([, count]) => count > 1).map(([piece, count]) => [piece, Math.log(count / 1e6)]);
  const json = jsonOf({
    added_tokens: specialTokens,
    normalizer: { type: "NFKC" },
    pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
    decoder: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split: true },
    model: { type: "Unigram", unk_id: 1, vocab: [...specials.map((token) => [token, 0]), ...pieces] },
  });
  await assertAlike(json, lines);
});

Deno.test("encodeWords() of Unigram marks the pieces that go on with a word, also where a piece is several words", () => {
  for (const split of [true, false]) {
    const vocab = [...specials, "▁the", "▁ca", "t", "s"].map((piece, i) => [piece, -i]);
    const tokenizer = fromTokenizerJson(jsonOf({
      pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always", split },
      model: { type: "Unigram", unk_id: 1, vocab },
    }));
    const ids = tokenizer.encodeWords("the cats the");
    assertEquals(Array.from(ids, (id) => id >= CONTINUES), [false, false, true, true, false]);
    assertEquals([...encodeWithSpecials(tokenizer, "the [MASK]")].at(-1), 4);
    assert(tokenizer.type === "unigram");
  }
});
