import { assertEquals, assertRejects } from "@std/assert";
import { memoryFolder } from "../../lib/format/model_folder.ts";
import { readTokenizer } from "../../lib/format/tokenizer_folder.ts";
import { tokenizerFiles } from "../../lib/format/tokenizer_writer.ts";
import { encodeFramed, encodeWithSpecials } from "../../lib/tokenizer/special_tokens.ts";
import { fileFolder } from "../../lib/files/file_folder.ts";
import { rustIds, rustTokenizer, withoutRust } from "../helpers/rust_tokenizers.ts";

const fixtures = new URL("../fixtures/tokenizers/", import.meta.url);
type Files = Record<string, unknown>;

/** A folder of files in memory. */
const folder = (files: Files) =>
  memoryFolder(
    "t",
    new Map(
      Object.entries(files).map(([name, value]) => [name, [typeof value === "string" ? value : JSON.stringify(value)]]),
    ),
  );
const read = (files: Files) => readTokenizer(folder(files));

const words = [
  "[PAD]",
  "[UNK]",
  "[CLS]",
  "[SEP]",
  "[MASK]",
  "the",
  "took",
  "[",
  "]",
  "n",
  "##a",
  "##m",
  "##e",
  "name",
  "é",
  "e",
];
const vocabTxt = (tokens: readonly string[]) => tokens.map((token) => `${token}\n`).join("");
const roberta = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "h", "e", "Ġ", "he", "Ġhe"];
const robertaFiles = {
  "vocab.json": Object.fromEntries(roberta.map((token, id) => [token, id])),
  "merges.txt": "#version: 0.2\nh e\nĠ he\n",
};

for (const name of [...Deno.readDirSync(fixtures)].map(({ name }) => name).sort()) {
  if (name === "japanese") continue;
  Deno.test(`readTokenizer() reads ${name} as the Rust package does`, async () => {
    const place = new URL(`${name}/`, fixtures);
    const tokenizer = await readTokenizer(fileFolder(place.pathname));
    const expected: { text: string; ids: number[] }[] = JSON.parse(
      await Deno.readTextFile(new URL("expected.json", place)),
    );
    for (const { text, ids } of expected) assertEquals([...encodeWithSpecials(tokenizer, text)], ids, text);
    if (name === "added-tokens") assertEquals(tokenizer.size, 17);
    // what is written of it is read as the same, by the Rust package too
    const files = tokenizerFiles(tokenizer, 64);
    const again = await read(Object.fromEntries(files));
    assertEquals([again.tokens, again.special, again.frame], [tokenizer.tokens, tokenizer.special, tokenizer.frame]);
    for (const { text, ids } of expected) assertEquals([...encodeWithSpecials(again, text)], ids, text);
    if (withoutRust) return;
    const rust = rustTokenizer(JSON.parse(files.get("tokenizer.json")!));
    assertEquals(await rustIds(rust, expected.map(({ text }) => text)), expected.map(({ ids }) => ids));
  });
}

Deno.test("readTokenizer() refuses classes whose words other software cuts, by name and part", async () => {
  const japanese = { "vocab.txt": vocabTxt(words) };
  const cases: [Files, Files, string][] = [
    [japanese, { tokenizer_class: "BertJapaneseTokenizer", word_tokenizer_type: "mecab" }, "words are cut by MeCab"],
    [japanese, { tokenizer_class: "BertJapaneseTokenizer", word_tokenizer_type: "sudachi" }, "by Sudachi"],
    [japanese, { tokenizer_class: "BertJapaneseTokenizer", word_tokenizer_type: "jumanpp" }, "by Juman++"],
    [
      japanese,
      { tokenizer_class: "BertJapaneseTokenizer", subword_tokenizer_type: "character" },
      'of the kind "character" (subword_tokenizer_type)',
    ],
    [japanese, { tokenizer_class: "PhobertTokenizer" }, "PhobertTokenizer: its words are cut by VnCoreNLP"],
    [japanese, { tokenizer_class: "BertweetTokenizer" }, "TweetTokenizer"],
    [
      japanese,
      { tokenizer_class: "HerbertTokenizer" },
      "HerbertTokenizer: its words are cut by Moses; a tokenizer.json",
    ],
    [japanese, { tokenizer_class: "XLMTokenizer" }, "cut by Moses"],
    [japanese, { tokenizer_class: "FlaubertTokenizer" }, "cut by Moses"],
    [japanese, { tokenizer_class: "CanineTokenizer" }, "code points are hashed"],
    [japanese, { tokenizer_class: "RoFormerTokenizerFast" }, "RoFormerTokenizerFast: its words are cut by jieba"],
    [japanese, { tokenizer_class: "MyOwnTokenizer" }, "its class MyOwnTokenizer is not known"],
    [japanese, { tokenizer_class: "RobertaTokenizer" }, "its class RobertaTokenizer reads vocab.json"],
    [robertaFiles, { tokenizer_class: "CTRLTokenizer" }, 'pieces end in "@@"'],
    [robertaFiles, { tokenizer_class: "CLIPTokenizer" }, 'pieces end in "</w>"'],
    [robertaFiles, { tokenizer_class: "BertTokenizer" }, "its class BertTokenizer reads vocab.txt"],
    [{ ...robertaFiles, "merges.txt": "h e</w>\n" }, {}, 'its pieces end in "</w>"'],
  ];
  for (const [files, config, message] of cases) {
    await assertRejects(() => read({ ...files, "tokenizer_config.json": config }), SyntaxError, message);
  }
  // the kind of model says it where the tokenizer does not
  const canine = { ...japanese, "config.json": { model_type: "canine" } };
  await assertRejects(() => read(canine), SyntaxError, "its class is CanineTokenizer");
  await assertRejects(() => readTokenizer(fileFolder(new URL("japanese", fixtures).pathname)), SyntaxError, "MeCab");
  await assertRejects(
    () => read({ "sentencepiece.bpe.model": "x" }),
    RangeError,
    "its tokenizer is a SentencePiece model, sentencepiece.bpe.model; a tokenizer.json",
  );
  await assertRejects(() => read({ "vocab.bpe": "x" }), RangeError, "a vocabulary of GPT-2 under its old name");
});

Deno.test("readTokenizer() reads Japanese BERT where it is told to cut words as BERT does", async () => {
  for (const config of [{ word_tokenizer_type: "basic" }, {}]) {
    const tokenizer = await read({
      "vocab.txt": vocabTxt(words),
      "tokenizer_config.json": {
        tokenizer_class: "BertJapaneseTokenizer",
        subword_tokenizer_type: "wordpiece",
        ...config,
      },
    });
    assertEquals([...tokenizer.encode("The name")], [5, 13]);
  }
});

Deno.test("readTokenizer() reads a tokenizer.json of a class that it does not know", async () => {
  const files = Object.fromEntries(tokenizerFiles(await read({ "vocab.txt": vocabTxt(words) }), 64));
  for (const tokenizer_class of ["MyOwnTokenizer", "PreTrainedTokenizerFast", "CamembertTokenizer"]) {
    const tokenizer = await read({ ...files, "tokenizer_config.json": { tokenizer_class } });
    assertEquals([...tokenizer.encode("The name")], [5, 13]);
  }
});

Deno.test("readTokenizer() finds added tokens wherever a folder keeps them", async () => {
  const vocab = { "vocab.txt": vocabTxt(words) };
  const [first, second] = [words.length, words.length + 1];
  const cases: [string, Files, [string, number[]][]][] = [
    [
      "added_tokens.json",
      { "added_tokens.json": { "<b>": second, "<a>": first } },
      [["<a>the<b>", [first, 5, second]]],
    ],
    [
      "added_tokens_decoder",
      {
        "tokenizer_config.json": {
          added_tokens_decoder: {
            [second]: { content: "<b>", lstrip: true, special: true },
            [first]: { content: "<a>", single_word: true, normalized: true },
          },
        },
      },
      [["<A> the <b>", [first, 5, second]]],
    ],
    [
      "additional_special_tokens as objects",
      { "special_tokens_map.json": { additional_special_tokens: [{ content: "<a>" }, "<b>"] } },
      [["the<b><a> <A>", [5, second, first, 1, 1, 1]]],
    ],
    [
      "a word that the vocabulary has",
      { "added_tokens.json": { name: 13 } },
      [["thename names", [5, 13, 13, 1]]],
    ],
  ];
  for (const [what, files, texts] of cases) {
    const tokenizer = await read({ ...vocab, ...files });
    for (const [text, ids] of texts) assertEquals([...encodeWithSpecials(tokenizer, text)], ids, `${what}: ${text}`);
    const again = await read(Object.fromEntries(tokenizerFiles(tokenizer, 64)));
    assertEquals([again.size, again.tokens], [tokenizer.size, tokenizer.tokens], what);
    for (const [text, ids] of texts) assertEquals([...encodeWithSpecials(again, text)], ids, `${what}: ${text}`);
  }
});

Deno.test("readTokenizer() adds no tokens that are named for tasks without masks", async () => {
  const config = { bos_token: "<bos>", eos_token: "name", unk_token: "[UNK]" };
  const tokenizer = await read({ "vocab.txt": vocabTxt(words), "tokenizer_config.json": config });
  assertEquals(tokenizer.size, words.length);
  // but one that is there is found as it stands
  assertEquals([...tokenizer.encode("thename NAME")], [5, 13, 13]);
});

Deno.test("readTokenizer() believes the files that name special tokens in transformers' order", async () => {
  const tokens = ["<p>", "<q>", "<m>", "<n>", "[UNK]", "[CLS]", "[SEP]", "a"];
  const vocab = { "vocab.txt": vocabTxt(tokens) };
  const names = async (files: Files) => {
    const { special } = await read({ ...vocab, ...files });
    return [special["[PAD]"], special["[MASK]"]];
  };
  const config = { pad_token: "<p>", mask_token: "<m>" };
  const map = { pad_token: "<q>", mask_token: { content: "<n>", lstrip: true } };
  assertEquals(await names({ "tokenizer_config.json": config }), [0, 2]);
  assertEquals(await names({ "special_tokens_map.json": map }), [1, 3]);
  assertEquals(await names({ "tokenizer_config.json": config, "special_tokens_map.json": map }), [1, 3]);
  const listed = { ...config, added_tokens_decoder: { 0: { content: "<p>", special: true } } };
  assertEquals(await names({ "tokenizer_config.json": listed, "special_tokens_map.json": map }), [0, 2]);
  await assertRejects(
    () => names({}),
    SyntaxError,
    '"[PAD]" and "[MASK]" are not in the vocabulary (other names can be given as pad_token and mask_token in ' +
      "tokenizer_config.json or special_tokens_map.json)",
  );
});

Deno.test("readTokenizer() frames texts and calls special tokens as the class does", async () => {
  const cases: [Files, Files, string, number[]][] = [
    [robertaFiles, {}, "he <mask>", [0, 8, 4, 2]],
    [robertaFiles, { tokenizer_class: "RobertaTokenizer" }, "he <mask>", [0, 8, 4, 2]],
    [robertaFiles, { tokenizer_class: "RobertaTokenizerFast", add_prefix_space: true }, "he he", [0, 9, 9, 2]],
    [robertaFiles, { tokenizer_class: "BartTokenizer" }, "he", [0, 8, 2]],
    [robertaFiles, { tokenizer_class: "GPT2Tokenizer" }, "he <mask>", [8, 7, 4]],
    [
      { "vocab.txt": vocabTxt(["<s>", "<pad>", "</s>", "[UNK]", "<mask>", "the"]) },
      { tokenizer_class: "MPNetTokenizer" },
      "The <mask>",
      [0, 5, 4, 2],
    ],
    [{ "vocab.txt": vocabTxt(words) }, { tokenizer_class: "DistilBertTokenizer" }, "The É", [2, 5, 15, 3]],
    [{ "vocab.txt": vocabTxt(words) }, { tokenizer_class: "ElectraTokenizer", do_lower_case: false }, "the é", [
      2,
      5,
      14,
      3,
    ]],
    [{ "vocab.txt": vocabTxt(words) }, { strip_accents: false }, "THE É", [2, 5, 14, 3]],
    [{ "vocab.txt": `${words.join("\r\n")}\r\n`, "config.json": { model_type: "bert" } }, {}, "the", [2, 5, 3]],
  ];
  for (const [files, config, text, ids] of cases) {
    const tokenizer = await read({ ...files, "tokenizer_config.json": config });
    assertEquals([...encodeFramed(tokenizer, text)], ids, JSON.stringify(config));
  }
});

Deno.test("readTokenizer() takes tokenizer_config.json's word over tokenizer.json's where the class does", async () => {
  const lower = Object.fromEntries(tokenizerFiles(await read({ "vocab.txt": vocabTxt(words) }), 64));
  const ids = async (config: Files) => {
    const tokenizer = await read({ ...lower, "tokenizer_config.json": config });
    return [...tokenizer.encode("THE é")];
  };
  assertEquals(await ids({}), [5, 15]);
  assertEquals(await ids({ tokenizer_class: "BertTokenizer", do_lower_case: false }), [1, 14]);
  assertEquals(await ids({ tokenizer_class: "BertTokenizer", do_lower_case: true, strip_accents: false }), [5, 14]);
  assertEquals(await ids({ tokenizer_class: "PreTrainedTokenizerFast", do_lower_case: false }), [5, 15]);
});
