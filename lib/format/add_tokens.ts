/**
 * More tokens for a vocabulary that is there already.
 *
 * @module
 */

import { type BpeTokenizer, bpeTokenizer, byteCharacters } from "../tokenizer/bpe.ts";
import { characterTokenizerOf } from "../tokenizer/character.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { bertNormalize, bertWords, type WordPieceTokenizer, wordPieceTokenizer } from "../tokenizer/wordpiece.ts";

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
}

/**
 * Adds words to a vocabulary. WordPiece gets them as tokens of its own, "##" in front of those that go on with a word.
 * Byte-level BPE gets each with and without a space before it, and from then on takes a word that is a token as it is, whatever
 * its merges say (tokenizer.json's ignore_merges). Characters can only be given more characters.
 *
 * @throws {RangeError} for a word that text would never be cut into.
 *
 * @example
 * ```ts
 * import { addTokens, wordPieceTokenizer } from "@cloze/mlm";
 *
 * const tokenizer = wordPieceTokenizer(["[PAD]", "[UNK]", "[MASK]", "to", "##rt"]);
 * const { tokenizer: larger, added } = addTokens(tokenizer, ["tort"]);
 * console.log(larger.encode("a tort"), added[0]!.pieces); // [1, 5], [3, 4]
 * ```
 */
export function addTokens(tokenizer: Tokenizer, words: Iterable<string>): ExtendedTokenizer {
  const present = new Set(tokenizer.tokens);
  const fresh = new Map<string, readonly number[]>();
  const known: string[] = [];
  for (const { token, pieces } of [...new Set(words)].flatMap((word) => tokensFor(tokenizer, word))) {
    if (present.has(token)) known.push(token);
    else if (!fresh.has(token)) fresh.set(token, pieces);
  }
  if (fresh.size === 0) return { tokenizer, added: [], known };
  const tokens = [...fresh.keys()];
  const added = [...fresh.values()].map((pieces, i) => ({ id: tokenizer.size + i, pieces }));
  const larger = extended(tokenizer, tokens);
  const { frame, spacing, files } = tokenizer;
  const kept = files && new Map(extendedFiles(files, tokenizer, tokens));
  return {
    tokenizer: {
      ...larger,
      ...(frame ? { frame } : {}),
      ...(spacing ? { spacing } : {}),
      ...(kept ? { files: kept } : {}),
    },
    added,
    known,
  };
}

interface Spelling {
  readonly token: string;
  readonly pieces: readonly number[];
}

/** How a vocabulary would write a word, with what it is cut into now. */
function tokensFor(tokenizer: Tokenizer, word: string): Spelling[] {
  const fail = (what: string) => new RangeError(`Cannot add the token "${word}": ${what}`);
  switch (tokenizer.type) {
    case "char":
      if ([...word].length !== 1) throw fail("this vocabulary has single characters only");
      return [{ token: word, pieces: [...tokenizer.encode(word)] }];
    case "wordpiece": {
      const { options } = tokenizer as WordPieceTokenizer;
      const { prefix } = options;
      const goesOn = prefix !== "" && word.startsWith(prefix);
      const bare = goesOn ? word.slice(prefix.length) : word;
      const parts = bertWords(bertNormalize(bare, options));
      if (parts.length !== 1) throw fail(`the tokenizer cuts it into ${parts.length} words before it looks for tokens`);
      const token = (goesOn ? prefix : "") + parts[0]!;
      return [{ token, pieces: [...tokenizer.encode(bare)] }];
    }
    case "bpe": {
      const encoder = new TextEncoder();
      return [` ${word}`, word].map((text) => {
        const token = Array.from(encoder.encode(text), (byte) => byteCharacters[byte]).join("");
        const pieces = [...tokenizer.encodeWords(text)];
        const words = pieces.filter((id) => id < 0x8000_0000).length;
        if (words !== 1) throw fail(`the tokenizer cuts it into ${words} words before it looks for tokens`);
        return { token, pieces: pieces.map((id) => id & 0x7fff_ffff) };
      });
    }
  }
}

function extended(tokenizer: Tokenizer, fresh: readonly string[]): Tokenizer {
  const tokens = [...tokenizer.tokens, ...fresh];
  switch (tokenizer.type) {
    case "char":
      return characterTokenizerOf(tokens);
    case "wordpiece":
      return wordPieceTokenizer(tokens, (tokenizer as WordPieceTokenizer).options);
    case "bpe": {
      const { merges, options } = tokenizer as BpeTokenizer;
      return bpeTokenizer(tokens, merges, { ...options, ignoreMerges: true });
    }
  }
}

/** A tokenizer's files with more tokens; what cannot say so is left out. */
function* extendedFiles(
  files: ReadonlyMap<string, string>,
  tokenizer: Tokenizer,
  fresh: readonly string[],
): Generator<[string, string]> {
  for (const [name, text] of files) {
    if (name === "tokenizer.json") {
      const json = JSON.parse(text) as { model: { vocab: Record<string, number>; ignore_merges?: boolean } };
      for (const [i, token] of fresh.entries()) json.model.vocab[token] = tokenizer.size + i;
      if (tokenizer.type === "bpe") json.model.ignore_merges = true;
      yield [name, JSON.stringify(json, null, 2) + "\n"];
    } else if (name === "vocab.txt") {
      yield [name, [...tokenizer.tokens, ...fresh].map((token) => `${token}\n`).join("")];
    } else if (name !== "vocab.json" && name !== "merges.txt") yield [name, text];
  }
}
