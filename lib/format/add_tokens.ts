/**
 * More tokens for a vocabulary that is there already.
 *
 * @module
 */

import type { AddedToken } from "../tokenizer/added.ts";
import { type BpeTokenizer, bpeTokenizer } from "../tokenizer/bpe.ts";
import { bpePieces, toByteCharacters } from "../tokenizer/byte_level.ts";
import { characterTokenizerOf } from "../tokenizer/character.ts";
import { bertNormalize, normalForm } from "../tokenizer/normalizers.ts";
import { isPipeline, type PipelineTokenizer } from "../tokenizer/pipeline.ts";
import { bertWords } from "../tokenizer/pre_tokenizers.ts";
import type { SpecialToken, Tokenizer } from "../tokenizer/tokenizer.ts";
import { type WordPieceTokenizer, wordPieceTokenizer } from "../tokenizer/wordpiece.ts";
import { fromTokenizerJson } from "./tokenizer_reader.ts";

/** A token that was added. */
export interface NewToken {
  /** Its id. */
  readonly id: number;
  /** Ids of what it was cut into before. */
  readonly pieces: readonly number[];
}

/** A larger vocabulary. */
export interface ExtendedTokenizer {
  /** The tokenizer; ids that were there mean what they meant. */
  readonly tokenizer: Tokenizer;
  /** The new tokens in order of their ids. */
  readonly added: readonly NewToken[];
  /** Words that the vocabulary had already. */
  readonly known: readonly string[];
  /** Words that text would never be cut into, and why. */
  readonly skipped: readonly SkippedWord[];
}

/** A word that was not added. */
export interface SkippedWord {
  /** The word. */
  readonly word: string;
  /** Why, as what follows "it is not added: ". */
  readonly reason: string;
}

/**
 * Adds words to a vocabulary. WordPiece and whole words get them as tokens of their own, "##" in front of those that go on with
 * a word. Byte-pair encoding gets each with and without a space before it, and from then on takes a word that is a token as it
 * is, whatever its merges say (tokenizer.json's ignore_merges). Characters can only be given more characters. Words that text
 * would never be cut into are skipped.
 *
 * @throws {RangeError} if the vocabulary cannot be given more tokens.
 *
 * @example
 * ```ts
 * import { addTokens, wordPieceTokenizer } from "@cloze/mlm/tokenizer";
 *
 * const tokenizer = wordPieceTokenizer(["[PAD]", "[UNK]", "[MASK]", "to", "##rt"]);
 * const { tokenizer: larger, added } = addTokens(tokenizer, ["tort"]);
 * console.log(larger.encode("a tort"), added[0]!.pieces); // [1, 5], [3, 4]
 * ```
 */
export function addTokens(tokenizer: Tokenizer, words: Iterable<string>): ExtendedTokenizer {
  assertExtensible(tokenizer);
  const present = new Set(tokenizer.tokens);
  const fresh = new Map<string, readonly number[]>();
  const known: string[] = [];
  const skipped: SkippedWord[] = [];
  for (const word of new Set(words)) {
    const spellings = tokensFor(tokenizer, word);
    if (typeof spellings === "string") {
      skipped.push({ word, reason: spellings });
      continue;
    }
    for (const { token, pieces } of spellings) {
      if (present.has(token)) known.push(token);
      else if (!fresh.has(token)) fresh.set(token, pieces);
    }
  }
  if (fresh.size === 0) return { tokenizer, added: [], known, skipped };
  const tokens = [...fresh.keys()];
  const added = [...fresh.values()].map((pieces, i) => ({ id: tokenizer.size + i, pieces }));
  const larger = extended(tokenizer, tokens);
  const { frame, spacing, files } = tokenizer;
  const kept = files && new Map(extendedFiles(files, tokenizer, tokens));
  return {
    tokenizer: { ...larger, frame, spacing, files: kept },
    added,
    known,
    skipped,
  };
}

interface Spelling {
  readonly token: string;
  readonly pieces: readonly number[];
}

/** Ids behind the vocabulary are those of added tokens: where they would become pieces of other words, nothing is added. */
function assertExtensible(tokenizer: Tokenizer): void {
  if (tokenizer.type === "unigram") {
    throw new RangeError(
      "Cannot add tokens to a Unigram vocabulary: its pieces have probabilities, which new ones lack; added_tokens of its " +
        "tokenizer.json would do",
    );
  }
  const { added } = tokenizer.type === "char" || isPipeline(tokenizer)
    ? { added: [] }
    : (tokenizer as BpeTokenizer | WordPieceTokenizer).options;
  const apart = added.find((token: AddedToken) => token.singleWord && !token.inVocabulary);
  if (apart) {
    throw new RangeError(
      `Cannot add tokens: the added token "${apart.content}" is a word of its own that the vocabulary lacks, and would become ` +
        "a piece of other words",
    );
  }
}

/** How a vocabulary would write a word, with what it is cut into now; or why it would not. */
function tokensFor(tokenizer: Tokenizer, word: string): Spelling[] | string {
  const tooMany = (words: number) => `the tokenizer cuts it into ${words} words before it looks for tokens`;
  if (word.trim() === "") return "it is empty";
  if (!word.isWellFormed()) return "it has half a character";
  if (tokenizer.type === "char") {
    if ([...word].length !== 1) return "this vocabulary has single characters only";
    return [{ token: word, pieces: [...tokenizer.encode(word)] }];
  }
  const { wordsOf, prefix } = cutting(tokenizer);
  if (tokenizer.type === "bpe") {
    const spellings: Spelling[] = [];
    for (const text of [` ${word}`, word]) {
      const words = wordsOf(text);
      if (words.length !== 1) return tooMany(words.length);
      spellings.push({ token: words[0]!, pieces: [...tokenizer.encode(text)] });
    }
    return spellings;
  }
  const goesOn = prefix !== "" && word.startsWith(prefix);
  const bare = goesOn ? word.slice(prefix.length) : word;
  const words = wordsOf(bare);
  if (words.length !== 1) return tooMany(words.length);
  return [{ token: (goesOn ? prefix : "") + words[0]!, pieces: [...tokenizer.encode(bare)] }];
}

/** How a tokenizer cuts text into words, and what begins pieces that go on. */
function cutting(tokenizer: Tokenizer): { wordsOf: (text: string) => readonly string[]; prefix: string } {
  if (isPipeline(tokenizer)) {
    const model = tokenizer.source.model as { continuing_subword_prefix?: string | null };
    const prefix = tokenizer.type === "wordpiece" ? model.continuing_subword_prefix ?? "##" : "";
    return { wordsOf: (text) => tokenizer.wordsOf(text), prefix };
  }
  if (tokenizer.type === "wordpiece") {
    const { options } = tokenizer as WordPieceTokenizer;
    return { wordsOf: (text) => bertWords(bertNormalize(text, options)), prefix: options.prefix };
  }
  const { options } = tokenizer as BpeTokenizer;
  const wordsOf = (text: string) => {
    const composed = options.compose ? normalForm(text, "NFC") : text;
    return Array.from(composed.matchAll(bpePieces), ([piece]) => toByteCharacters(piece));
  };
  return { wordsOf, prefix: "" };
}

function extended(tokenizer: Tokenizer, fresh: readonly string[]): Tokenizer {
  const tokens = [...tokenizer.tokens, ...fresh];
  if (isPipeline(tokenizer)) return extendedPipeline(tokenizer, fresh);
  if (tokenizer.type === "char") return characterTokenizerOf(tokens);
  if (tokenizer.type === "wordpiece") return wordPieceTokenizer(tokens, (tokenizer as WordPieceTokenizer).options);
  const { merges, options } = tokenizer as BpeTokenizer;
  return bpeTokenizer(tokens, merges, { ...options, ignoreMerges: true });
}

function extendedPipeline(tokenizer: PipelineTokenizer, fresh: readonly string[]): Tokenizer {
  const spelling = Object.fromEntries(
    Object.entries(tokenizer.special).map(([name, id]) => [name as SpecialToken, tokenizer.token(id)]),
  );
  return fromTokenizerJson(extendedJson(tokenizer.source, tokenizer, fresh), "tokenizer.json", { spelling });
}

/** A tokenizer.json with more tokens; added ones join the vocabulary, so that theirs stay the ids before. */
function extendedJson(json: Json, tokenizer: Tokenizer, fresh: readonly string[]): Json {
  const model = json.model as Readonly<Record<string, unknown>>;
  const vocab = Object.fromEntries([...tokenizer.tokens, ...fresh].map((token, id) => [token, id]));
  const own = model.vocab as Readonly<Record<string, number>>;
  const behind = (json.added_tokens as { content: string }[] | undefined ?? []).map(({ content }) => content)
    .filter((content) => !Object.hasOwn(own, content));
  const more = [...behind, ...fresh].map((token) => [token, vocab[token]!] as const);
  const whole = tokenizer.type === "bpe" ? { ignore_merges: true } : {};
  return { ...json, model: { ...model, ...whole, vocab: { ...own, ...Object.fromEntries(more) } } };
}

type Json = Readonly<Record<string, unknown>>;

/** A tokenizer's files with more tokens; what cannot say so is left out. */
function* extendedFiles(
  files: ReadonlyMap<string, string>,
  tokenizer: Tokenizer,
  fresh: readonly string[],
): Generator<[string, string]> {
  for (const [name, text] of files) {
    if (name === "tokenizer.json") {
      yield [name, JSON.stringify(extendedJson(JSON.parse(text), tokenizer, fresh), null, 2) + "\n"];
    } else if (name === "vocab.txt") {
      yield [name, [...tokenizer.tokens, ...fresh].map((token) => `${token}\n`).join("")];
    } else if (name !== "vocab.json" && name !== "merges.txt") yield [name, text];
  }
}
