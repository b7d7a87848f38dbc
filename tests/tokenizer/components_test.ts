import { assertEquals } from "@std/assert";
import { normalizerOf } from "../../lib/tokenizer/normalizers.ts";
import type { Component } from "../../lib/tokenizer/components.ts";
import { preTokenizerOf } from "../../lib/tokenizer/pre_tokenizers.ts";
import { jsonOf, rustTokenizer, withoutRust } from "../helpers/rust_tokenizers.ts";
import { unicodeTexts } from "../helpers/unicode_text.ts";

const both = [true, false];
const behaviors = ["Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext"];
const bert = (options: Component) => ({
  type: "BertNormalizer",
  clean_text: false,
  handle_chinese_chars: false,
  strip_accents: false,
  lowercase: false,
  ...options,
});

const normalizers: Component[] = [
  bert({ clean_text: true }),
  bert({ handle_chinese_chars: true }),
  bert({ strip_accents: true }),
  bert({ lowercase: true }),
  bert({ clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true }),
  ...["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel"].map((type) => ({ type })),
  ...both.flatMap((left) => both.map((right) => ({ type: "Strip", strip_left: left, strip_right: right }))),
  { type: "Prepend", prepend: "▁" },
  { type: "Replace", pattern: { String: "a" }, content: "$&<>" },
  { type: "Replace", pattern: { String: "" }, content: "-" },
  { type: "Replace", pattern: { Regex: "\\s+" }, content: " " },
  { type: "Replace", pattern: { Regex: "\\p{M}*b?" }, content: "|" },
  { type: "Sequence", normalizers: [] },
  { type: "Sequence", normalizers: [{ type: "NFKC" }] },
  {
    type: "Sequence",
    normalizers: [{ type: "NFD" }, {
      type: "Sequence",
      normalizers: [{ type: "StripAccents" }, { type: "Lowercase" }],
    }],
  },
];

for (const [i, part] of normalizers.entries()) {
  Deno.test({
    name: `normalizerOf() does what the Rust package does: ${JSON.stringify(part)}`,
    ignore: withoutRust,
    fn() {
      const rust = rustTokenizer(jsonOf({ normalizer: part })).getNormalizer();
      const ours = normalizerOf(part) ?? ((text: string) => text);
      for (const text of unicodeTexts(i)) {
        const [found, right] = [ours(text.toWellFormed()), rust.normalizeString(text)];
        if (found !== right) assertEquals(found, right, JSON.stringify(text));
      }
    },
  });
}

const preTokenizers: Component[] = [
  { type: "BertPreTokenizer" },
  { type: "Whitespace" },
  { type: "WhitespaceSplit" },
  { type: "UnicodeScripts" },
  ...behaviors.map((behavior) => ({ type: "Punctuation", behavior })),
  ...both.map((individual_digits) => ({ type: "Digits", individual_digits })),
  ...both.flatMap((add_prefix_space) =>
    both.map((use_regex) => ({ type: "ByteLevel", add_prefix_space, use_regex, trim_offsets: true }))
  ),
  ...both.flatMap((split) =>
    ["always", "first", "never"].map((prepend_scheme) => ({
      type: "Metaspace",
      replacement: "▁",
      prepend_scheme,
      split,
    }))
  ),
  { type: "Metaspace", replacement: "_", add_prefix_space: true },
  { type: "CharDelimiterSplit", delimiter: "1" },
  { type: "FixedLength", length: 3 },
  ...behaviors.flatMap((behavior) =>
    both.map((invert) => ({ type: "Split", pattern: { Regex: "\\p{L}+|[.1]" }, behavior, invert }))
  ),
  ...behaviors.map((behavior) => ({ type: "Split", pattern: { String: " a" }, behavior, invert: false })),
  ...behaviors.map((behavior) => ({ type: "Split", pattern: { Regex: "\\p{Ll}*" }, behavior, invert: false })),
  { type: "Sequence", pretokenizers: [] },
  { type: "Sequence", pretokenizers: [{ type: "Whitespace" }] },
  {
    type: "Sequence",
    pretokenizers: [
      { type: "WhitespaceSplit" },
      { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split: true },
    ],
  },
  {
    type: "Sequence",
    pretokenizers: [
      { type: "Punctuation", behavior: "Isolated" },
      { type: "Digits", individual_digits: true },
      { type: "ByteLevel", add_prefix_space: true, use_regex: true, trim_offsets: true },
    ],
  },
];

for (const [i, part] of preTokenizers.entries()) {
  Deno.test({
    name: `preTokenizerOf() does what the Rust package does: ${JSON.stringify(part)}`,
    ignore: withoutRust,
    fn() {
      const rust = rustTokenizer(jsonOf({ pre_tokenizer: part })).getPreTokenizer();
      const ours = preTokenizerOf(part) ?? ((text: string) => text === "" ? [] : [text]);
      for (const text of unicodeTexts(i)) {
        const found = ours(text.toWellFormed(), true);
        const right = rust.preTokenizeString(text).map(([piece]) => piece).filter((piece) => piece !== "");
        if (found.filter((piece) => piece !== "").join("\0") !== right.join("\0")) {
          assertEquals(found, right, JSON.stringify(text));
        }
      }
    },
  });
}
