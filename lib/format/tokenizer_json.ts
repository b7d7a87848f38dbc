/**
 * Tokenizers as Hugging Face's files: tokenizer.json, tokenizer_config.json, special_tokens_map.json, vocab.txt, vocab.json
 * and merges.txt.
 *
 * @module
 */

import { type BpeTokenizer, bpeTokenizer } from "../tokenizer/bpe.ts";
import { characterTokenizer } from "../tokenizer/character.ts";
import {
  type AddedToken,
  bertFrame,
  type Frame,
  type SpecialSpelling,
  type SpecialToken,
  specialTokens,
  type Tokenizer,
} from "../tokenizer/tokenizer.ts";
import { type WordPieceTokenizer, wordPieceTokenizer } from "../tokenizer/wordpiece.ts";

/** Content of tokenizer.json. Characters are written as byte-pair encoding that has no merges. */
export function toTokenizerJson(tokenizer: Tokenizer): Record<string, unknown> {
  const idOf = new Map(tokenizer.tokens.map((token, id) => [token, id]));
  const entry = (id: number, token: AddedToken, special: boolean) => ({
    id,
    content: token.content,
    single_word: token.singleWord ?? false,
    lstrip: token.lstrip ?? false,
    rstrip: token.rstrip ?? false,
    normalized: token.ignoreCase ?? false,
    special,
  });
  const special = Object.values(tokenizer.special).map((id) => {
    const content = tokenizer.tokens[id]!;
    return entry(id, tokenizer.spacing?.find((token) => token.content === content) ?? { content }, true);
  });
  const also = tokenizer.type === "char" ? [] : (tokenizer as BpeTokenizer | WordPieceTokenizer).options.added;
  const added = [...special, ...also.map((token) => entry(idOf.get(token.content)!, token, false))]
    .sort((a, b) => a.id - b.id);
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    ...parts(tokenizer),
    post_processor: frameJson(tokenizer),
  };
}

/** What puts texts, and pairs of texts, between special tokens. */
function frameJson({ frame, tokens }: Tokenizer): Record<string, unknown> | null {
  if (!frame) return null;
  const { before, after } = frame;
  const special = (type: number) => (id: number) => ({ SpecialToken: { id: tokens[id], type_id: type } });
  const text = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const single = [...before.map(special(0)), text("A", 0), ...after.map(special(0))];
  return {
    type: "TemplateProcessing",
    single,
    pair: [...single, text("B", 1), ...after.map(special(1))],
    special_tokens: Object.fromEntries(
      [...new Set([...before, ...after])].map((
        id,
      ) => [tokens[id], { id: tokens[id], ids: [id], tokens: [tokens[id]] }]),
    ),
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
        decoder: level,
        model: { ...bpe, ignore_merges: options.ignoreMerges, merges },
      };
    }
  }
}

const tokenNames = { pad: "[PAD]", unk: "[UNK]", cls: "[CLS]", sep: "[SEP]", mask: "[MASK]" } as const;

function presentTokens(tokenizer: Tokenizer): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tokenNames).flatMap(([name, token]) => {
      const id = tokenizer.special[token];
      return id === undefined ? [] : [[`${name}_token`, tokenizer.token(id)]];
    }),
  );
}

/** Content of tokenizer_config.json. */
export function toTokenizerConfigJson(tokenizer: Tokenizer, maxLength: number): Record<string, unknown> {
  const bert = tokenizer.type === "wordpiece" ? (tokenizer as WordPieceTokenizer).options : undefined;
  return {
    // BertTokenizer would put [CLS] and [SEP] around texts, whatever tokenizer.json says
    tokenizer_class: bert && tokenizer.frame ? "BertTokenizer" : "PreTrainedTokenizerFast",
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

/** All files of a tokenizer, by name; of one that was read from files, those. */
export function tokenizerFiles(tokenizer: Tokenizer, maxLength: number): Map<string, string> {
  if (tokenizer.files) return new Map(tokenizer.files);
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
  post_processor?: Part | null;
  added_tokens?: AddedJson[];
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

interface AddedJson {
  id: number;
  content: string;
  special?: boolean;
  single_word?: boolean;
  lstrip?: boolean;
  rstrip?: boolean;
  normalized?: boolean;
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
export function fromTokenizerJson(
  json: unknown,
  name = "tokenizer.json",
  { spelling = {} }: { spelling?: SpecialSpelling } = {},
): Tokenizer {
  const fail = (what: string) => new SyntaxError(`Cannot use ${name}: ${what}`);
  const { model, added_tokens: added = [], ...parts } = (json ?? {}) as TokenizerJson;
  if (!model?.vocab || typeof model.vocab !== "object" || Array.isArray(model.vocab)) {
    throw fail(`it has no vocabulary of WordPiece or BPE (model type ${JSON.stringify(model?.type ?? null)})`);
  }
  const tokens = tokensOf(
    { ...model.vocab, ...Object.fromEntries(added.map(({ content, id }) => [content, id])) },
    fail,
  );
  const own = new Set<string>(specialTokens.map((token) => spelling[token] ?? token));
  const given: Given = {
    model,
    normalizer: parts.normalizer,
    preTokenizer: parts.pre_tokenizer,
    added: added.filter(({ content }) => !own.has(content)),
    spelling,
  };
  try {
    const tokenizer = fromModel(given, tokens, fail);
    const spacing = added.filter(({ content, lstrip, rstrip }) => own.has(content) && (lstrip || rstrip))
      .map(({ content, lstrip = false, rstrip = false }) => ({ content, lstrip, rstrip }));
    const frame = frameOf(parts.post_processor, fail);
    return { ...tokenizer, ...(spacing.length > 0 ? { spacing } : {}), ...(frame ? { frame } : {}) };
  } catch (error) {
    throw error instanceof RangeError ? fail(error.message) : error;
  }
}

interface Given {
  readonly model: NonNullable<TokenizerJson["model"]>;
  readonly normalizer: Part | null | undefined;
  readonly preTokenizer: Part | null | undefined;
  /** Added tokens but the five special ones. */
  readonly added: readonly AddedJson[];
  readonly spelling: SpecialSpelling;
}

function fromModel(given: Given, tokens: readonly string[], fail: Fail): Tokenizer {
  const { model, preTokenizer } = given;
  if (model.type === "WordPiece" || (model.type === undefined && model.continuing_subword_prefix)) {
    return readWordPiece(given, tokens, fail);
  }
  if (model.type !== "BPE" && model.type !== undefined) {
    throw fail(`its model is ${model.type}; WordPiece and byte-level BPE can be read`);
  }
  if (!preTokenizer && (model.merges ?? []).length === 0) return readCharacters(tokens, fail);
  return readBpe(given, tokens, fail);
}

/** Which ids a post-processor puts around a text. */
function frameOf(processor: Part | null | undefined, fail: Fail): Frame | undefined {
  switch (processor?.type) {
    case undefined:
    case "ByteLevel":
      return undefined;
    case "Sequence":
      return (processor.processors as Part[]).map((part) => frameOf(part, fail)).find((frame) => frame);
    case "BertProcessing":
    case "RobertaProcessing": {
      const { cls, sep } = processor as { cls?: [string, number]; sep?: [string, number] };
      if (typeof cls?.[1] !== "number" || typeof sep?.[1] !== "number") throw fail("its post-processor has no ids");
      return { before: [cls[1]], after: [sep[1]] };
    }
    case "TemplateProcessing": {
      const template = processor.single as { Sequence?: unknown; SpecialToken?: { id: string } }[];
      const ids = processor.special_tokens as Record<string, { ids: number[] }>;
      const text = template.findIndex(({ Sequence }) => Sequence !== undefined);
      const idsOf = (pieces: typeof template) => pieces.flatMap(({ SpecialToken }) => ids[SpecialToken!.id]?.ids ?? []);
      const frame = { before: idsOf(template.slice(0, text)), after: idsOf(template.slice(text + 1)) };
      return frame.before.length + frame.after.length > 0 ? frame : undefined;
    }
    default:
      throw fail(`its post-processor is ${processor?.type}`);
  }
}

/** Added tokens as text is cut at them; normalised ones are found in what the normalizer leaves of the text. */
function addedTokens(added: readonly AddedJson[], lowercase: boolean): AddedToken[] {
  return added.map(({ content, single_word, lstrip, rstrip, normalized }) => ({
    content,
    singleWord: single_word ?? false,
    lstrip: lstrip ?? false,
    rstrip: rstrip ?? false,
    ignoreCase: lowercase && (normalized ?? true),
  }));
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
  const tokenizer = characterTokenizer(tokens.filter((token) => !isSpecial(token)), { specials, keepOrder: true });
  if (String(tokenizer.tokens) !== String(tokens)) throw fail("its special tokens do not come first");
  return tokenizer;
}

function readWordPiece(
  { model, normalizer, preTokenizer, added, spelling }: Given,
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
    added: addedTokens(added, lowercase),
    spelling: { "[UNK]": model.unk_token ?? "[UNK]", ...spelling },
  });
}

function readBpe(
  { model, normalizer, preTokenizer, added, spelling }: Given,
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
  return bpeTokenizer(tokens, merges, {
    addPrefixSpace: Boolean(preTokenizer.add_prefix_space),
    compose: normalizer?.type === "NFC",
    ignoreMerges: model.ignore_merges ?? false,
    added: addedTokens(added, false),
    spelling,
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
    const tokenizer = wordPieceTokenizer(tokens, {
      lowercase: (config.do_lower_case as boolean | undefined) ?? true,
      stripAccents: (config.strip_accents as boolean | null | undefined) ?? undefined,
      splitChinese: (config.tokenize_chinese_chars as boolean | undefined) ?? true,
    });
    // vocab.txt is BERT's, and BERT puts every text between [CLS] and [SEP]
    return { ...tokenizer, frame: bertFrame(tokenizer.special) };
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
