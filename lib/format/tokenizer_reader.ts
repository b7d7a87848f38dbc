/**
 * Tokenizers read from what Hugging Face's files say: tokenizer.json, or what stands for it.
 *
 * @module
 */

import { shown } from "../sentences/fields.ts";
import { isOfEngine } from "../sentences/reasons.ts";
import type { AddedToken } from "../tokenizer/added.ts";
import { type BpeTokenizer, bpeTokenizer } from "../tokenizer/bpe.ts";
import { byteCharacters } from "../tokenizer/byte_level.ts";
import { characterTokenizerOf } from "../tokenizer/character.ts";
import { decoderOf } from "../tokenizer/decoders.ts";
import { normalizerOf } from "../tokenizer/normalizers.ts";
import { type Component, componentsOption } from "../tokenizer/components.ts";
import { decodeWith, pieceWith, pipelineTokenizer, shownTokens } from "../tokenizer/pipeline.ts";
import { preTokenizerOf } from "../tokenizer/pre_tokenizers.ts";
import { findSpecials, type SpecialSpelling } from "../tokenizer/special_tokens.ts";
import { specialTokens, type Tokenizer } from "../tokenizer/tokenizer.ts";
import { wordPieceTokenizer } from "../tokenizer/wordpiece.ts";
import { bertClass, robertaClass } from "./tokenizer_class.ts";
import { frameOf } from "./tokenizer_frame.ts";
import { vocabJsonJson, vocabTxtJson } from "./tokenizer_layouts.ts";
import type { Complete } from "../tokenizer/vocabulary_options.ts";
import { type ModelJson, modelJson, wordModelOf } from "./tokenizer_model.ts";
import { type AddedJson, isObject, type JsonObject } from "./tokenizer_names.ts";

/** What files beside a tokenizer.json say. */
export interface TokenizerJsonOptions {
  /** How special tokens are spelled that are not called by BERT's names. */
  spelling?: SpecialSpelling | undefined;
  /** Tokens that are found in text beside those of the file. */
  added?: readonly AddedJson[] | undefined;
  /** Special tokens that are found in text where the vocabulary has them. */
  named?: readonly string[] | undefined;
}

/**
 * The tokenizer that a tokenizer.json describes.
 *
 * @throws {SyntaxError} that names the component that cannot be read.
 */
export function fromTokenizerJson(
  json: unknown,
  name = "tokenizer.json",
  { spelling = {}, added = [], named = [] }: TokenizerJsonOptions = {},
): Tokenizer {
  return saying(name, () => fromComponents(isObject(json) ? json : {}, { spelling, added, named }));
}

/** What a reader finds wrong, as an error that names the file. */
function saying<T>(name: string, read: () => T): T {
  const fail = (what: string) => new SyntaxError(`Cannot use ${name}: ${what}`);
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError && !isOfEngine(error)) throw fail(error.message);
    // a component that is no list, no object or no text where one is read
    if (error instanceof TypeError || isOfEngine(error)) {
      throw fail("its parts are not what they are in a tokenizer.json");
    }
    throw error;
  }
}

function fromComponents(json: JsonObject, given: Complete<TokenizerJsonOptions>): Tokenizer {
  const model = modelJson(json.model as Component | null | undefined);
  const named = given.named.filter((content) => model.vocab.has(content)).map((content) => ({
    content,
    special: true,
  }));
  const besides = [...given.added, ...named];
  const { tokens, added } = withAdded(model, addedOf(json.added_tokens, besides));
  const spelling = model.type === "WordPiece" && model.unknown !== undefined
    ? { "[UNK]": model.unknown, ...given.spelling }
    : given.spelling;
  const isOwn = new Set<string>(specialTokens.map((token) => spelling[token] ?? token));
  const vocabulary = new Set(model.vocab.keys());
  const found = added.map((token): AddedToken => ({
    content: token.content,
    singleWord: token.single_word ?? false,
    lstrip: token.lstrip ?? false,
    rstrip: token.rstrip ?? false,
    normalized: token.normalized ?? !token.special,
    inVocabulary: vocabulary.has(token.content),
    special: token.special ?? false,
  }));
  const components: Components = {
    json: { ...json, added_tokens: added },
    model,
    tokens,
    spelling,
    specialForms: found.filter(({ content }) => isOwn.has(content)),
    // of tokens that are spelled alike the special ones count
    added: found.filter(({ content }) => !isOwn.has(content))
      .sort((a, b) => Number(b.special) - Number(a.special)),
    normalizer: only(json.normalizer as Component | null, "normalizers"),
    preTokenizer: only(json.pre_tokenizer as Component | null, "pretokenizers"),
  };
  const tokenizer = wordPieceOf(components) ?? byteLevelOf(components) ?? charactersOf(components) ??
    pipelineOf(components);
  const frame = frameOf(json.post_processor as Component | null | undefined);
  const unknown = [...frame?.before ?? [], ...frame?.after ?? []].find((id) => !(id >= 0 && id < tokens.length));
  if (unknown !== undefined) {
    throw new RangeError(`its post-processor adds the id ${unknown}, of ${tokens.length} tokens`);
  }
  const spacing = components.specialForms.filter(({ lstrip, rstrip }) => lstrip || rstrip);
  return { ...tokenizer, frame, spacing: spacing.length > 0 ? spacing : undefined };
}

interface Components {
  readonly json: JsonObject;
  readonly model: ModelJson;
  readonly tokens: readonly string[];
  readonly spelling: SpecialSpelling;
  readonly specialForms: readonly AddedToken[];
  readonly added: readonly AddedToken[];
  readonly normalizer: Component | undefined;
  readonly preTokenizer: Component | undefined;
}

/** The file's added tokens, and those that other files name beside it. */
function addedOf(value: unknown, beside: readonly AddedJson[]): AddedJson[] {
  const own = (value ?? []) as AddedJson[];
  if (!Array.isArray(own) || own.some((token) => !isObject(token) || typeof token.content !== "string")) {
    throw new RangeError("its added_tokens are no list of tokens");
  }
  const known = new Set(own.map(({ content }) => content));
  return [...own, ...beside.filter(({ content }) => !known.has(content))].filter(({ content }) => content !== "");
}

/** Ids that a vocabulary may leave out beyond as many as it has. */
const SPARE_IDS = 1024;

/** All tokens in order of ids, and added ones with theirs: the vocabulary's own, or the next behind it. */
function withAdded(
  { vocab, size, pieces }: ModelJson,
  given: readonly AddedJson[],
): { tokens: readonly string[]; added: readonly AddedJson[] } {
  const tokens: string[] = pieces.map(([piece]) => piece);
  for (const [token, id] of vocab) {
    if (!Number.isInteger(id) || id < 0 || id > 2 * size + SPARE_IDS) {
      throw new RangeError(`token ${JSON.stringify(token)} has the id ${shown(id)}, of ${size} tokens`);
    }
    tokens[id] = token;
  }
  const ids = new Map<string, number>();
  let next = size;
  for (const { content } of given) {
    if (ids.has(content)) continue;
    const id = vocab.get(content) ?? next++;
    if (!vocab.has(content) && tokens[id] !== undefined) {
      throw new RangeError(
        `the added token ${JSON.stringify(content)} would get the id ${id}, which is that of ${
          JSON.stringify(tokens[id])
        }; ` +
          "a vocabulary that leaves no ids out would do",
      );
    }
    ids.set(content, id);
    tokens[id] = content;
  }
  // ids that are left out get a name that no text has
  for (let id = 0; id < tokens.length; id++) tokens[id] ??= `[no token ${id}]`;
  const added = [...new Map(given.map((token) => [token.content, token])).values()]
    .map((token) => ({ ...token, id: ids.get(token.content)! }));
  return { tokens, added };
}

/** The one component that a sequence of components consists of. */
function only(component: Component | null | undefined, list: string): Component | undefined {
  if (component?.type !== "Sequence") return component ?? undefined;
  const components = componentsOption(component, list);
  return components.length === 0 ? undefined : components.length === 1 ? only(components[0], list) : component;
}

/** BERT's own way, which has a quick path. */
function wordPieceOf({ json, model, normalizer, preTokenizer, tokens, ...rest }: Components): Tokenizer | undefined {
  if (model.type !== "WordPiece" || preTokenizer?.type !== "BertPreTokenizer") return undefined;
  if (normalizer && normalizer.type !== "BertNormalizer") return undefined;
  // whatever is wrong with it is said there
  normalizerOf(normalizer);
  const lowercase = normalizer ? normalizer.lowercase as boolean ?? true : false;
  const tokenizer = wordPieceTokenizer(tokens, {
    lowercase,
    stripAccents: normalizer ? (normalizer.strip_accents as boolean | null) ?? lowercase : false,
    splitChinese: normalizer ? normalizer.handle_chinese_chars as boolean ?? true : false,
    cleanText: normalizer ? normalizer.clean_text as boolean ?? true : false,
    prefix: model.prefix,
    unknown: model.unknown ?? "[UNK]",
    longestWord: model.longestWord,
    added: rest.added,
    spelling: rest.spelling,
    specialForms: rest.specialForms,
  });
  const decoder = json.decoder as Component | null | undefined;
  const isUsual = decoder?.type === "WordPiece" && (decoder.prefix ?? "##") === model.prefix &&
    decoder.cleanup !== false;
  if (isUsual) return tokenizer;
  const shown = shownTokens(tokens, {
    added: [...rest.specialForms, ...rest.added],
    normalize: normalizerOf(normalizer),
  });
  return { ...tokenizer, ...decodingBy(decoder, shown) };
}

function decodingBy(
  decoder: Component | null | undefined,
  tokens: readonly string[],
): Pick<Tokenizer, "decode" | "piece"> {
  const textOf = decodeWith(decoderOf(decoder));
  return {
    decode: (ids) => textOf(Array.from(ids, (id) => tokens[id]).filter((token) => token !== undefined)),
    piece: (id) => pieceWith(textOf, tokens[id] ?? ""),
  };
}

/** GPT-2's own way with all bytes, which has a quick path. */
function byteLevelOf({ model, normalizer, preTokenizer, tokens, ...rest }: Components): BpeTokenizer | undefined {
  if (model.type !== "BPE" || preTokenizer?.type !== "ByteLevel" || preTokenizer.use_regex === false) return undefined;
  if (normalizer && normalizer.type !== "NFC") return undefined;
  if (model.prefix !== "" || model.suffix !== "" || byteCharacters.some((byte) => !model.vocab.has(byte))) {
    return undefined;
  }
  if (rest.json.decoder && (rest.json.decoder as Component).type !== "ByteLevel") return undefined;
  preTokenizerOf(preTokenizer);
  return bpeTokenizer(tokens, model.merges, {
    addPrefixSpace: preTokenizer.add_prefix_space as boolean ?? true,
    compose: normalizer !== undefined,
    ignoreMerges: model.ignoreMerges,
    added: rest.added,
    spelling: rest.spelling,
    specialForms: rest.specialForms,
  });
}

/** Characters, which are written as byte-pair encoding without merges. */
function charactersOf({ json, model, normalizer, preTokenizer, tokens, ...rest }: Components): Tokenizer | undefined {
  if (model.type !== "BPE" || normalizer || preTokenizer || model.merges.length > 0 || rest.added.length > 0) {
    return undefined;
  }
  if (model.prefix !== "" || model.suffix !== "" || model.fuseUnknown || model.byteFallback) return undefined;
  if (json.decoder && (json.decoder as Component).type !== "Fuse") return undefined;
  const ends = tokens.findLastIndex((token) => (specialTokens as readonly string[]).includes(token)) + 1;
  const isPlain = rest.specialForms.every((form) =>
    !form.lstrip && !form.rstrip && !form.singleWord && !form.normalized
  );
  if (!isPlain || ends > specialTokens.length || tokens.slice(ends).some((token) => [...token].length !== 1)) {
    return undefined;
  }
  const unknown = tokens.includes("[UNK]") ? "[UNK]" : undefined;
  return model.unknown === unknown ? characterTokenizerOf(tokens) : undefined;
}

/** Any other components. */
function pipelineOf({ json, model, normalizer, preTokenizer, tokens, ...rest }: Components): Tokenizer {
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const special = findSpecials((token) => idOf.get(token), rest.spelling);
  const hidden = new Set(Object.values(special).map((id) => tokens[id]!));
  const signs = JSON.stringify([normalizer ?? null, preTokenizer ?? null]);
  return pipelineTokenizer({
    type: typesOf[model.type],
    tokens,
    special,
    specialForms: rest.specialForms,
    added: rest.added,
    normalize: normalizerOf(normalizer),
    preTokenize: preTokenizerOf(preTokenizer),
    model: wordModelOf(model, hidden),
    decoder: decoderOf(json.decoder as Component | null | undefined),
    wordSign: signs.includes('"Metaspace"') || signs.includes("▁") ? "▁" : undefined,
    usesBeginning: signs.includes('"first"'),
    splitsAtSpaces: splitsAtSpaces(normalizer, preTokenizer),
    source: json,
  });
}

/** Normalizers that look at nothing beyond a space. */
const withinWords = new Set(["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "BertNormalizer"]);
/** Those among them that never make white space, or leave it at the end, of anything else. */
const keepingWords = new Set(["NFC", "NFD", "Lowercase"]);
/** Pre-tokenizers of which white space is no part of a word. */
const droppingSpaces = new Set(["BertPreTokenizer", "Whitespace", "WhitespaceSplit"]);

/** Whether text may be cut before a space that stands behind something else: said where it is known, and otherwise not. */
function splitsAtSpaces(normalizer: Component | undefined, preTokenizer: Component | undefined): boolean {
  const steps = (component: Component | undefined, list: string): readonly Component[] =>
    component?.type === "Sequence" ? componentsOption(component, list) : component ? [component] : [];
  const normalizers = steps(normalizer, "normalizers");
  const [first] = steps(preTokenizer, "pretokenizers");
  if (first === undefined || JSON.stringify(preTokenizer).includes('"first"')) return false;
  const all = (known: ReadonlySet<string>) => normalizers.every(({ type = "" }) => known.has(type));
  if (droppingSpaces.has(first.type ?? "")) return all(withinWords);
  const keepsSpaces = (first.type === "ByteLevel" && first.use_regex !== false) ||
    (first.type === "Metaspace" && first.split !== false);
  return keepsSpaces && all(keepingWords);
}

const typesOf = { WordPiece: "wordpiece", BPE: "bpe", WordLevel: "wordlevel", Unigram: "unigram" } as const;

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
  return fromTokenizerJson(vocabTxtJson(text, { kind: bertClass, config, spelling: {} }), name);
}

/**
 * The tokenizer of a vocab.json and a merges.txt, without special tokens around texts.
 *
 * @throws {SyntaxError} if tokens are missing.
 */
export function fromVocabJson(vocab: unknown, merges: string, name = "vocab.json"): Tokenizer {
  const kind = { ...robertaClass, names: bertClass.names, framed: false, spacedMask: false };
  const json = saying(name, () => vocabJsonJson(vocab, merges, { kind, config: {}, spelling: {} }));
  return fromTokenizerJson(json, name);
}
