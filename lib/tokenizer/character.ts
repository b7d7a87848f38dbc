/**
 * The character tokenizer: a token for each Unicode code point.
 *
 * @module
 */

import { CONTINUES } from "./token_ids.ts";
import { type SpecialToken, specialTokens, type Tokenizer } from "./tokenizer.ts";

/** A tokenizer whose tokens are characters: the special tokens first, then the characters. */
export interface CharacterTokenizer extends Tokenizer {
  /** Characters. */
  readonly type: "char";
}

/** What words are made of: letters, the marks on them, and digits. */
const isWordCharacter = (character: string) => /^[\p{L}\p{M}\p{N}]$/u.test(character);

const isHalf = (codePoint: number) => codePoint >= 0xd800 && codePoint < 0xe000;

/**
 * A character tokenizer over the given characters, sorted by code point unless their order is kept.
 *
 * @throws {RangeError} if a character is not one code point, or without [PAD] and [MASK].
 *
 * @example
 * ```ts
 * import { characterTokenizer } from "@cloze/mlm/tokenizer";
 *
 * const tokenizer = characterTokenizer(["a", "b", " "]);
 * console.log(tokenizer.decode(tokenizer.encode("a bad"))); // a ba[UNK]
 * ```
 */
export function characterTokenizer(
  characters: Iterable<string>,
  { specials = specialTokens, keepOrder = false }: { specials?: readonly SpecialToken[]; keepOrder?: boolean } = {},
): CharacterTokenizer {
  const given = [...new Set(characters)];
  const sorted = keepOrder ? given : given.sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  const wrong = sorted.find((character) => [...character].length !== 1);
  if (wrong !== undefined) throw new RangeError(`Cannot use "${wrong}" as a character: it is not one code point`);
  const tokens: readonly string[] = [...specials, ...sorted];
  const special = Object.fromEntries(specials.map((name, id) => [name, id])) as Tokenizer["special"];
  if (special["[PAD]"] === undefined || special["[MASK]"] === undefined) {
    throw new RangeError("A tokenizer needs the special tokens [PAD] and [MASK]");
  }
  const idOf = new Map(sorted.map((character, i) => [character.codePointAt(0)!, specials.length + i]));
  const unknown = special["[UNK]"];
  // half a character is read as U+FFFD, as everywhere
  const replacement = idOf.get(0xfffd) ?? unknown;
  const encode = (text: string) => {
    const ids = new Uint32Array(text.length);
    let count = 0;
    for (let i = 0; i < text.length; i++) {
      const codePoint = text.codePointAt(i)!;
      if (codePoint > 0xffff) i++;
      const id = idOf.get(codePoint) ?? (isHalf(codePoint) ? replacement : unknown);
      // without [UNK], as in labml's vocabulary, unknown characters are left out
      if (id !== undefined) ids[count++] = id;
    }
    return count === ids.length ? ids : ids.slice(0, count);
  };
  const inWord = tokens.map(isWordCharacter);
  return {
    type: "char",
    tokens,
    size: tokens.length,
    special,
    splitsAtSpaces: true,
    encode,
    encodeWords(text) {
      const ids = encode(text);
      for (let i = ids.length - 1; i > 0; i--) if (inWord[ids[i]!] && inWord[ids[i - 1]!]) ids[i]! += CONTINUES;
      return ids;
    },
    decode: (ids) => Array.from(ids, (id) => tokens[id] ?? "").join(""),
    token: (id) => tokens[id] ?? "",
    piece: (id) => tokens[id] ?? "",
  };
}

/**
 * A character tokenizer over the tokens of a vocabulary, in order of their ids.
 *
 * @throws {RangeError} as {@linkcode characterTokenizer}, and if the special tokens do not come first.
 */
export function characterTokenizerOf(tokens: readonly string[]): CharacterTokenizer {
  const isSpecial = (token: string): token is SpecialToken => (specialTokens as readonly string[]).includes(token);
  const characters = tokens.filter((token) => !isSpecial(token));
  const tokenizer = characterTokenizer(characters, { specials: tokens.filter(isSpecial), keepOrder: true });
  if (tokenizer.tokens.some((token, id) => token !== tokens[id])) {
    throw new RangeError("its special tokens do not come first");
  }
  return tokenizer;
}

/** The different characters of lines of text, line breaks included. */
export async function scanCharacters(lines: AsyncIterable<string> | Iterable<string>): Promise<Set<string>> {
  const codePoints = new Set<number>([10]);
  for await (const line of lines) {
    for (let i = 0; i < line.length; i++) {
      const codePoint = line.codePointAt(i)!;
      if (codePoint > 0xffff) i++;
      codePoints.add(isHalf(codePoint) ? 0xfffd : codePoint);
    }
  }
  return new Set([...codePoints].map((codePoint) => String.fromCodePoint(codePoint)));
}
