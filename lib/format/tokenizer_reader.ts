/**
 * Tokenizers read from Hugging Face's files: tokenizer.json, vocab.txt, vocab.json and merges.txt.
 *
 * @module
 */

import { type BpeTokenizer, bpeTokenizer } from "../tokenizer/bpe.ts";
import { characterTokenizerOf } from "../tokenizer/character.ts";
import {
  type AddedToken,
  bertFrame,
  type Frame,
  type SpecialSpelling,
  specialTokens,
  type Tokenizer,
} from "../tokenizer/tokenizer.ts";
import { type WordPieceTokenizer, wordPieceTokenizer } from "../tokenizer/wordpiece.ts";

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
  try {
    return fromParts((json ?? {}) as TokenizerJson, spelling, fail);
  } catch (error) {
    if (error instanceof RangeError) throw fail(error.message);
    // a part that is no list, no object or no text where one is read
    if (error instanceof TypeError) throw fail("its parts are not what they are in a tokenizer.json");
    throw error;
  }
}

function fromParts(json: TokenizerJson, spelling: SpecialSpelling, fail: Fail): Tokenizer {
  const { model, ...parts } = json;
  const added = parts.added_tokens ?? [];
  if (!model?.vocab || typeof model.vocab !== "object" || Array.isArray(model.vocab)) {
    throw fail(`it has no vocabulary of WordPiece or BPE (model type ${JSON.stringify(model?.type ?? null)})`);
  }
  const tokens = tokensOf(
    { ...model.vocab, ...Object.fromEntries(added.map(({ content, id }) => [content, id])) },
    fail,
  );
  const own = new Set<string>(specialTokens.map((token) => spelling[token] ?? token));
  const tokenizer = fromModel(
    {
      model,
      normalizer: parts.normalizer,
      preTokenizer: parts.pre_tokenizer,
      added: added.filter(({ content }) => !own.has(content)),
      spelling,
    },
    tokens,
    fail,
  );
  const spacing = added.filter(({ content, lstrip, rstrip }) => own.has(content) && (lstrip || rstrip))
    .map(({ content, lstrip = false, rstrip = false }) => ({ content, lstrip, rstrip }));
  const frame = frameOf(parts.post_processor, fail);
  return { ...tokenizer, ...(spacing.length > 0 ? { spacing } : {}), ...(frame ? { frame } : {}) };
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
  if (!preTokenizer && (model.merges ?? []).length === 0) return characterTokenizerOf(tokens);
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
      const idsOf = (pieces: typeof template) => pieces.flatMap(({ SpecialToken }) => ids[SpecialToken!.id]!.ids);
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

/** Ids that a vocabulary may leave out beyond as many as it has. */
const SPARE_IDS = 1024;

/** Tokens in order of ids; ids that are left out get a name that no text has. */
function tokensOf(vocab: Readonly<Record<string, number>>, fail: Fail): string[] {
  const tokens: string[] = [];
  const entries = Object.entries(vocab);
  for (const [token, id] of entries) {
    if (!Number.isInteger(id) || id < 0 || id > 2 * entries.length + SPARE_IDS) {
      throw fail(`token "${token}" has the id ${id}, of ${entries.length} tokens`);
    }
    tokens[id] = token;
  }
  for (let id = 0; id < tokens.length; id++) tokens[id] ??= `[no token ${id}]`;
  return tokens;
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
