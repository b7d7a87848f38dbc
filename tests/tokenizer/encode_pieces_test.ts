import { assert, assertEquals } from "@std/assert";
import { fromTokenizerJson } from "../../lib/format/tokenizer_reader.ts";
import { byteCharacters } from "../../lib/tokenizer/byte_level.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { pieceEncoder, textSections } from "../../lib/tokenizer/encode_pieces.ts";
import { encodeWithSpecials } from "../../lib/tokenizer/special_tokens.ts";
import { specialTokens, type Tokenizer } from "../../lib/tokenizer/tokenizer.ts";
import { random } from "../helpers/random.ts";
import { jsonOf } from "../helpers/rust_tokenizers.ts";

type Json = Record<string, unknown>;
const letters = [..."abcéΣσ京'.▁Ġ"];
const ids = (tokens: readonly string[]) =>
  Object.fromEntries([...new Set([...specialTokens, ...tokens])].map((token, id) => [token, id]));
const form = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
const added = [
  { ...form, id: 4, content: "[MASK]", lstrip: true },
  { ...form, id: 900, content: "Ab", normalized: true, special: false, lstrip: true },
  { ...form, id: 901, content: "bc", single_word: true, special: false },
];
const wordPiece = {
  type: "WordPiece",
  unk_token: "[UNK]",
  continuing_subword_prefix: "##",
  max_input_chars_per_word: 100,
  vocab: ids([...letters, ...letters.map((letter) => `##${letter}`), "ab", "##bc"]),
};
const bpe = {
  type: "BPE",
  unk_token: "[UNK]",
  vocab: ids([...byteCharacters, ...letters, "ab", "Ġa", "Ġab", "▁a", "ĠĠ"]),
  merges: [["a", "b"], ["Ġ", "a"], ["Ġ", "ab"], ["▁", "a"], ["Ġ", "Ġ"]],
};
const byteLevel = { type: "ByteLevel", add_prefix_space: true, use_regex: true };
const kinds: Record<string, Json> = {
  bert: {
    model: wordPiece,
    normalizer: { type: "BertNormalizer", lowercase: true },
    pre_tokenizer: { type: "BertPreTokenizer" },
  },
  cased: { model: wordPiece, pre_tokenizer: { type: "BertPreTokenizer" } },
  bytes: { model: bpe, normalizer: { type: "NFC" }, pre_tokenizer: byteLevel },
  words: { model: wordPiece, normalizer: { type: "NFKD" }, pre_tokenizer: { type: "WhitespaceSplit" } },
  metaspace: { model: bpe, pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "always" } },
  lower: { model: bpe, normalizer: { type: "Lowercase" }, pre_tokenizer: byteLevel },
};

/** Ids by pieces, and the most that waited. */
function byPieces(tokenizer: Tokenizer, pieces: readonly string[]): { ids: number[]; waited: number } {
  const encoder = pieceEncoder(tokenizer);
  const found: number[] = [];
  let waited = 0;
  for (const [i, piece] of pieces.entries()) {
    found.push(...encoder.add(piece, { isLast: i === pieces.length - 1 }));
    waited = Math.max(waited, encoder.waiting);
  }
  return { ids: found, waited };
}

Deno.test("pieceEncoder() gives the ids of the whole text, wherever it is cut", () => {
  const next = random(12);
  const pick = <T>(list: readonly T[]) => list[Math.floor(next() * list.length)]!;
  const parts = [
    ...letters,
    ..."   \t\n",
    "  ",
    "\u0301",
    "\u00a8",
    "\u00a0",
    "\u200b",
    "[MASK]",
    "Ab",
    "bc",
    "'s",
    "😀",
  ];
  const tokenizers = Object.entries(kinds).map(([name, parts]) =>
    [name, fromTokenizerJson(jsonOf({ added_tokens: added, ...parts }))] as const
  );
  for (const [name, tokenizer] of [...tokenizers, ["char", characterTokenizer("abc .")] as const]) {
    assertEquals(tokenizer.splitsAtSpaces, true, name);
    for (let i = 0; i < 400; i++) {
      const pieces = Array.from(
        { length: 4 },
        () => Array.from({ length: 1 + 9 * next() }, () => pick(parts)).join(""),
      );
      const whole = pieces.join("");
      assertEquals(byPieces(tokenizer, pieces).ids, [...encodeWithSpecials(tokenizer, whole)], `${name} ${[whole]}`);
    }
  }
});

Deno.test("pieceEncoder() holds no more than a piece where text is split at spaces, and all of it elsewhere", () => {
  const pieces = Array.from({ length: 50 }, () => "ab bc a\u0301 ".repeat(20));
  const waitedIn = (parts: Json) => byPieces(fromTokenizerJson(jsonOf(parts)), pieces).waited;
  for (const [name, parts] of Object.entries(kinds)) assert(waitedIn(parts) < pieces[0]!.length, name);
  const all = pieces.slice(1).join("").length;
  const reaching = [{ ...form, id: 900, content: "a b", special: false }];
  const taking = [{ ...form, id: 4, content: "[MASK]", rstrip: true }];
  const whole: Json[] = [
    { ...kinds.bert, added_tokens: reaching },
    { ...kinds.bytes, added_tokens: taking },
    { ...kinds.words, added_tokens: reaching },
    { model: bpe },
    { ...kinds.bytes, normalizer: { type: "Strip" }, pre_tokenizer: byteLevel },
    { ...kinds.metaspace, pre_tokenizer: { type: "Metaspace", prepend_scheme: "first" } },
    { model: bpe, pre_tokenizer: { type: "Metaspace", split: false, prepend_scheme: "always" } },
    { model: bpe, normalizer: { type: "NFKD" }, pre_tokenizer: byteLevel },
    { model: bpe, pre_tokenizer: { type: "Split", pattern: { String: "a " }, behavior: "Isolated" } },
  ];
  for (const parts of whole) assertEquals(waitedIn(parts), all, JSON.stringify(parts).slice(-200));
});

Deno.test("textSections() cuts long texts where their ids are the same, and loses nothing", () => {
  const tokenizer = fromTokenizerJson(jsonOf({ ...kinds.bytes, added_tokens: added }));
  const { splitsAtSpaces } = tokenizer;
  for (const text of ["ab Ab bc  ".repeat(300), `${"京".repeat(1100)} ${"bc ".repeat(400)}`, "a b", ""]) {
    const sections = [...textSections(text, { splitsAtSpaces, longest: 500 })];
    assertEquals([sections.join(""), sections.length > 1], [text, text.length > 100]);
    assertEquals(sections.flatMap((section) => [...tokenizer.encodeWords(section)]), [...tokenizer.encodeWords(text)]);
    assertEquals([...textSections(text, { splitsAtSpaces: false, longest: 500 })], [text]);
  }
});
