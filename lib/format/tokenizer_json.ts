/**
 * Tokenizers as Hugging Face's files: tokenizer.json, tokenizer_config.json, special_tokens_map.json, vocab.txt, vocab.json
 * and merges.txt.
 *
 * @module
 */

import { type BpeTokenizer, bpeTokenizer } from "../tokenizer/bpe.ts";
import { characterTokenizer } from "../tokenizer/character.ts";
import { type SpecialToken, specialTokens, type Tokenizer } from "../tokenizer/tokenizer.ts";
import { type WordPieceTokenizer, wordPieceTokenizer } from "../tokenizer/wordpiece.ts";

/** Content of tokenizer.json. Characters are written as byte-pair encoding that has no merges. */
export function toTokenizerJson(tokenizer: Tokenizer): Record<string, unknown> {
  const isSpecial = new Set<number>(Object.values(tokenizer.special));
  const also = tokenizer.type === "bpe" ? (tokenizer as BpeTokenizer).options.added : [];
  const idOf = new Map(tokenizer.tokens.map((token, id) => [token, id]));
  const added = [...isSpecial, ...also.map((token) => idOf.get(token)!)].sort((a, b) => a - b).map((id) => ({
    id,
    content: tokenizer.tokens[id],
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: isSpecial.has(id),
  }));
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    ...parts(tokenizer),
  };
}

/** What differs from kind to kind. */
function parts(tokenizer: Tokenizer): Record<string, unknown> {
  const vocab = Object.fromEntries(tokenizer.tokens.map((token, id) => [token, id]));
  const bpe = {
    type: "BPE",
    dropout: null,
    unk_token: null as string | null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab,
    merges: [] as (readonly [string, string])[],
  };
  switch (tokenizer.type) {
    case "char":
      return {
        normalizer: null,
        pre_tokenizer: null,
        post_processor: null,
        decoder: { type: "Fuse" },
        model: { ...bpe, unk_token: tokenizer.special["[UNK]"] === undefined ? null : "[UNK]" },
      };
    case "wordpiece": {
      const { lowercase, stripAccents, splitChinese, cleanText, prefix, unknown, longestWord } =
        (tokenizer as WordPieceTokenizer).options;
      return {
        normalizer: {
          type: "BertNormalizer",
          clean_text: cleanText,
          handle_chinese_chars: splitChinese,
          strip_accents: stripAccents === lowercase ? null : stripAccents,
          lowercase,
        },
        pre_tokenizer: { type: "BertPreTokenizer" },
        post_processor: null,
        decoder: { type: "WordPiece", prefix, cleanup: true },
        model: {
          type: "WordPiece",
          unk_token: unknown,
          continuing_subword_prefix: prefix,
          max_input_chars_per_word: longestWord,
          vocab,
        },
      };
    }
    case "bpe": {
      const { options, merges } = tokenizer as BpeTokenizer;
      const level = {
        type: "ByteLevel",
        add_prefix_space: options.addPrefixSpace,
        trim_offsets: true,
        use_regex: true,
      };
      return {
        normalizer: options.compose ? { type: "NFC" } : null,
        pre_tokenizer: level,
        post_processor: null,
        decoder: level,
        model: { ...bpe, ignore_merges: options.ignoreMerges, merges },
      };
    }
  }
}

const tokenNames = { pad: "[PAD]", unk: "[UNK]", cls: "[CLS]", sep: "[SEP]", mask: "[MASK]" } as const;

function presentTokens(tokenizer: Tokenizer): Record<string, string> {
  const present = Object.entries(tokenNames).filter(([, token]) => tokenizer.special[token] !== undefined);
  return Object.fromEntries(present.map(([name, token]) => [`${name}_token`, token]));
}

/** Content of tokenizer_config.json. */
export function toTokenizerConfigJson(tokenizer: Tokenizer, maxLength: number): Record<string, unknown> {
  const bert = tokenizer.type === "wordpiece" ? (tokenizer as WordPieceTokenizer).options : undefined;
  return {
    tokenizer_class: bert ? "BertTokenizer" : "PreTrainedTokenizerFast",
    model_max_length: maxLength,
    clean_up_tokenization_spaces: false,
    ...(bert
      ? {
        do_lower_case: bert.lowercase,
        strip_accents: bert.stripAccents === bert.lowercase ? null : bert.stripAccents,
        tokenize_chinese_chars: bert.splitChinese,
      }
      : {}),
    ...presentTokens(tokenizer),
  };
}

/** All files of a tokenizer, by name. */
export function tokenizerFiles(tokenizer: Tokenizer, maxLength: number): Map<string, string> {
  const json = (value: unknown) => JSON.stringify(value, null, 2) + "\n";
  const files = new Map([
    ["tokenizer.json", json(toTokenizerJson(tokenizer))],
    ["tokenizer_config.json", json(toTokenizerConfigJson(tokenizer, maxLength))],
    ["special_tokens_map.json", json(presentTokens(tokenizer))],
  ]);
  if (tokenizer.type === "wordpiece") files.set("vocab.txt", tokenizer.tokens.map((token) => `${token}\n`).join(""));
  if (tokenizer.type === "bpe") {
    const { tokens, merges } = tokenizer as BpeTokenizer;
    files.set("vocab.json", json(Object.fromEntries(tokens.map((token, id) => [token, id]))));
    files.set("merges.txt", `#version: 0.2\n${merges.map((pair) => `${pair.join(" ")}\n`).join("")}`);
  }
  return files;
}

interface TokenizerJson {
  normalizer?: Part | null;
  pre_tokenizer?: Part | null;
  added_tokens?: { id: number; content: string; special?: boolean }[];
  model?: {
    type?: string;
    vocab?: Record<string, number>;
    merges?: (string | [string, string])[];
    unk_token?: string | null;
    continuing_subword_prefix?: string | null;
    max_input_chars_per_word?: number;
    ignore_merges?: boolean;
    byte_fallback?: boolean;
  };
}

interface Part {
  type?: string;
  [option: string]: unknown;
}

/**
 * The tokenizer that a tokenizer.json describes: characters, WordPiece or byte-level BPE.
 *
 * @throws {SyntaxError} if it is of another kind, or parts of it are.
 */
export function fromTokenizerJson(json: unknown, name = "tokenizer.json"): Tokenizer {
  const fail = (what: string) => new SyntaxError(`Cannot use ${name}: ${what}`);
  const { model, normalizer, pre_tokenizer: preTokenizer, added_tokens: added = [] } = (json ?? {}) as TokenizerJson;
  if (!model?.vocab || typeof model.vocab !== "object" || Array.isArray(model.vocab)) {
    throw fail(`it has no vocabulary of WordPiece or BPE (model type ${JSON.stringify(model?.type ?? null)})`);
  }
  const tokens = tokensOf(
    { ...model.vocab, ...Object.fromEntries(added.map(({ content, id }) => [content, id])) },
    fail,
  );
  try {
    if (model.type === "WordPiece" || (model.type === undefined && model.continuing_subword_prefix)) {
      return readWordPiece({ model, normalizer, preTokenizer }, tokens, fail);
    }
    if (model.type !== "BPE" && model.type !== undefined) {
      throw fail(`its model is ${model.type}; WordPiece and byte-level BPE can be read`);
    }
    if (!preTokenizer && (model.merges ?? []).length === 0) return readCharacters(tokens, fail);
    return readBpe({ model, normalizer, preTokenizer, added }, tokens, fail);
  } catch (error) {
    throw error instanceof RangeError ? fail(error.message) : error;
  }
}

type Fail = (what: string) => SyntaxError;

/** Tokens in order of ids, which must be 0, 1, 2 ... */
function tokensOf(vocab: Readonly<Record<string, number>>, fail: Fail): string[] {
  const tokens: string[] = [];
  for (const [token, id] of Object.entries(vocab)) tokens[id] = token;
  for (let id = 0; id < tokens.length; id++) {
    if (tokens[id] === undefined) throw fail(`no token has the id ${id}`);
  }
  return tokens;
}

function readCharacters(tokens: readonly string[], fail: Fail): Tokenizer {
  const isSpecial = (token: string): token is SpecialToken => (specialTokens as readonly string[]).includes(token);
  const specials = tokens.filter(isSpecial);
  const tokenizer = characterTokenizer(tokens.filter((token) => !isSpecial(token)), { specials });
  if (String(tokenizer.tokens) !== String(tokens)) throw fail("its tokens are not in the order of their code points");
  return tokenizer;
}

function readWordPiece(
  { model, normalizer, preTokenizer }: Required<Pick<TokenizerJson, "model">> & {
    normalizer: Part | null | undefined;
    preTokenizer: Part | null | undefined;
  },
  tokens: readonly string[],
  fail: Fail,
): WordPieceTokenizer {
  if (normalizer && normalizer.type !== "BertNormalizer") throw fail(`its normalizer is ${normalizer.type}`);
  if (preTokenizer?.type !== "BertPreTokenizer") throw fail(`its pre-tokenizer is ${preTokenizer?.type ?? "missing"}`);
  const lowercase = normalizer ? Boolean(normalizer.lowercase) : false;
  return wordPieceTokenizer(tokens, {
    lowercase,
    stripAccents: normalizer ? (normalizer.strip_accents as boolean | null) ?? lowercase : false,
    splitChinese: normalizer ? Boolean(normalizer.handle_chinese_chars) : false,
    cleanText: normalizer ? Boolean(normalizer.clean_text) : false,
    prefix: model.continuing_subword_prefix ?? "##",
    unknown: model.unk_token ?? "[UNK]",
    longestWord: model.max_input_chars_per_word ?? 100,
  });
}

function readBpe(
  { model, normalizer, preTokenizer, added }: Required<Pick<TokenizerJson, "model">> & {
    normalizer: Part | null | undefined;
    preTokenizer: Part | null | undefined;
    added: { content: string; special?: boolean }[];
  },
  tokens: readonly string[],
  fail: Fail,
): BpeTokenizer {
  if (preTokenizer?.type !== "ByteLevel" || preTokenizer.use_regex === false) {
    throw fail(`its pre-tokenizer is ${preTokenizer?.type ?? "missing"}; of BPE only the byte-level kind can be read`);
  }
  if (normalizer && normalizer.type !== "NFC") throw fail(`its normalizer is ${normalizer.type}`);
  if (model.byte_fallback) throw fail("it falls back to bytes, as sentence pieces do");
  const merges = (model.merges ?? []).map((merge): [string, string] => {
    const [left, right, ...rest] = typeof merge === "string" ? merge.split(" ") : merge;
    if (left === undefined || right === undefined || rest.length > 0) throw fail(`its merge "${merge}" is no pair`);
    return [left, right];
  });
  const isSpecial = new Set<string>(specialTokens);
  return bpeTokenizer(tokens, merges, {
    addPrefixSpace: Boolean(preTokenizer.add_prefix_space),
    compose: normalizer?.type === "NFC",
    ignoreMerges: model.ignore_merges ?? false,
    added: added.map(({ content }) => content).filter((content) => !isSpecial.has(content)),
  });
}

/**
 * The tokenizer of a vocab.txt, a token a line, with what tokenizer_config.json says beside it.
 *
 * @throws {SyntaxError} if special tokens are missing.
 */
export function fromVocabTxt(
  text: string,
  config: Readonly<Record<string, unknown>> = {},
  name = "vocab.txt",
): Tokenizer {
  const tokens = text.split(/\r?\n/);
  if (tokens.at(-1) === "") tokens.pop();
  try {
    return wordPieceTokenizer(tokens, {
      lowercase: (config.do_lower_case as boolean | undefined) ?? true,
      stripAccents: (config.strip_accents as boolean | null | undefined) ?? undefined,
      splitChinese: (config.tokenize_chinese_chars as boolean | undefined) ?? true,
    });
  } catch (error) {
    throw new SyntaxError(`Cannot use ${name}: ${(error as Error).message}`);
  }
}

/**
 * The tokenizer of a vocab.json and a merges.txt.
 *
 * @throws {SyntaxError} if tokens are missing.
 */
export function fromVocabJson(vocab: unknown, merges: string, name = "vocab.json"): Tokenizer {
  const pairs = merges.split(/\r?\n/).filter((line, i) => line !== "" && !(i === 0 && line.startsWith("#version")));
  return fromTokenizerJson({
    model: { type: "BPE", vocab, merges: pairs },
    pre_tokenizer: { type: "ByteLevel" },
  }, name);
}
