import { assertEquals, assertRejects } from "@std/assert";
import { Tokenizer as Peer } from "@huggingface/tokenizers";
import { memoryFolder } from "../../lib/format/model_folder.ts";
import { readTokenizer } from "../../lib/format/tokenizer_folder.ts";
import { encodeFramed, splitAtSpecials } from "../../lib/tokenizer/special_tokens.ts";
import type { Tokenizer } from "../../lib/tokenizer/tokenizer.ts";
import { toTokenizerJson } from "../../lib/format/tokenizer_writer.ts";
import { mixedText } from "../helpers/mixed_text.ts";
import { vocabularies } from "../helpers/vocabularies.ts";

const kinds = await vocabularies();
type Json = Record<string, unknown>;

const read = (files: Record<string, unknown>) =>
  readTokenizer(
    memoryFolder(
      "t",
      new Map(
        Object.entries(files).map((
          [name, value],
        ) => [name, [typeof value === "string" ? value : JSON.stringify(value)]]),
      ),
    ),
  );

/** Texts as a model reads them, special tokens written out in some. */
function assertReadAlike(tokenizer: Tokenizer, json: Json, config: Json, texts: readonly string[]): void {
  const peer = new Peer(json, config);
  for (const text of texts) assertEquals([...encodeFramed(tokenizer, text)], peer.encode(text).ids, text);
}

Deno.test("readTokenizer() frames texts, and takes white space to masks, as @huggingface/tokenizers does", async () => {
  const json = JSON.parse(JSON.stringify(toTokenizerJson(kinds["framed bpe"]!))) as Json & { added_tokens: Json[] };
  for (const token of json.added_tokens) if (token.content === "[MASK]") token.lstrip = true;
  const id = kinds.bpe!.size;
  json.added_tokens.push(
    { id, content: "  ", single_word: false, lstrip: false, rstrip: false, normalized: true, special: false },
    {
      id: id + 1,
      content: "|||IP|||",
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    },
  );
  const config = { tokenizer_class: "PreTrainedTokenizerFast", mask_token: "[MASK]" };
  const tokenizer = await read({ "tokenizer.json": json, "tokenizer_config.json": config });
  const masked = ["the [MASK] is in the garden", "two  spaces, and [MASK]", "at |||IP||| [MASK][MASK]."];
  assertReadAlike(tokenizer, json, config, [...masked, ...mixedText(5000, 2)]);
  assertEquals(splitAtSpecials(tokenizer, "a [MASK] b").map(({ text }) => text), ["a", " [MASK]", " b"]);
});

Deno.test("readTokenizer() knows masks by the name that tokenizer_config.json gives them", async () => {
  const text = JSON.stringify(toTokenizerJson(kinds.wordpiece!))
    .replaceAll('"[MASK]"', '"<mask>"').replaceAll('"[PAD]"', '"<pad>"');
  const config = { mask_token: { content: "<mask>" }, pad_token: "<pad>" };
  const tokenizer = await read({ "tokenizer.json": text, "tokenizer_config.json": config });
  assertEquals(tokenizer.special["[MASK]"], kinds.wordpiece!.special["[MASK]"]);
  const mask = tokenizer.special["[MASK]"];
  assertEquals([...encodeFramed(tokenizer, "<mask>")], [mask]);
  assertEquals([...encodeFramed(tokenizer, "[MASK]")], [mask]);
  await assertRejects(() => read({ "tokenizer.json": text }), SyntaxError, "needs the special tokens [PAD] and [MASK]");
});

Deno.test("readTokenizer() reads the other post-processors that BERT's relatives have", async () => {
  const { "[CLS]": cls, "[SEP]": sep } = kinds.wordpiece!.special;
  const json = JSON.parse(JSON.stringify(toTokenizerJson(kinds.wordpiece!))) as Json;
  const frame = { before: [cls!], after: [sep!] };
  const pair = { cls: ["[CLS]", cls], sep: ["[SEP]", sep] };
  for (
    const post_processor of [
      { type: "BertProcessing", ...pair },
      { type: "RobertaProcessing", ...pair },
      { type: "Sequence", processors: [{ type: "ByteLevel" }, { type: "BertProcessing", ...pair }] },
    ]
  ) assertEquals((await read({ "tokenizer.json": { ...json, post_processor } })).frame, frame);
  assertEquals((await read({ "tokenizer.json": json })).frame, undefined);
  await assertRejects(
    () => read({ "tokenizer.json": { ...json, post_processor: { type: "Other" } } }),
    SyntaxError,
    "its post-processor is Other",
  );
});

Deno.test("readTokenizer() reads added words of WordPiece as @huggingface/tokenizers does", async () => {
  const json = JSON.parse(JSON.stringify(toTokenizerJson(kinds["framed wordpiece"]!))) as Json & {
    added_tokens: Json[];
  };
  const flags = { lstrip: false, rstrip: false, normalized: false, special: false };
  json.added_tokens.push(
    { id: kinds.wordpiece!.size, content: "C++", single_word: false, ...flags },
    { id: kinds.wordpiece!.size + 1, content: "Go", single_word: true, ...flags },
  );
  const config = { tokenizer_class: "BertTokenizer" };
  const tokenizer = await read({ "tokenizer.json": json, "tokenizer_config.json": config });
  assertReadAlike(tokenizer, json, config, ["in C++ and Go, not c++", "C++C++ Go"]);
  // that package does not know single_word; a word it is none of stays whole
  assertEquals(tokenizer.encode("Gopher"), kinds.wordpiece!.encode("Gopher"));
  // nor is an added word the beginning of another
  json.added_tokens.push({ id: kinds.wordpiece!.size + 2, content: "gop", single_word: true, ...flags });
  const more = await read({ "tokenizer.json": json, "tokenizer_config.json": config });
  assertEquals(more.encode("gopher"), kinds.wordpiece!.encode("gopher"));
  assertEquals([...more.encode("a gop")].at(-1), kinds.wordpiece!.size + 2);
});

Deno.test("readTokenizer() reads vocabularies that leave ids out", async () => {
  const json = JSON.parse(JSON.stringify(toTokenizerJson(kinds["framed wordpiece"]!))) as Json & {
    model: { vocab: Record<string, number> };
  };
  const size = kinds.wordpiece!.size;
  json.model.vocab.estoppel = size + 40;
  const tokenizer = await read({ "tokenizer.json": json });
  assertEquals(tokenizer.size, size + 41);
  assertReadAlike(tokenizer, json, {}, ["an estoppel, [no token 410]", "the ball"]);
});

Deno.test("readTokenizer() reads vocab.txt with BERT's frame, and vocab.json with merges.txt", async () => {
  const vocab = kinds.wordpiece!.tokens.map((token) => `${token}\n`).join("");
  const words = await read({ "vocab.txt": vocab });
  assertEquals([words.size, words.frame], [kinds.wordpiece!.size, kinds["framed wordpiece"]!.frame]);
  const ids = Object.fromEntries(kinds.bpe!.tokens.map((token, id) => [token, id]));
  await assertRejects(
    () => read({ "vocab.json": ids }),
    SyntaxError,
    "Cannot use t/vocab.json: there is no merges.txt",
  );
  await assertRejects(() => read({}), RangeError, "Cannot use t: no tokenizer.json, vocab.txt, vocab.json is in it");
  await assertRejects(
    () => read({ "tokenizer.json": "{" }),
    SyntaxError,
    "Cannot read t/tokenizer.json: it is no JSON",
  );
});
