/**
 * Long texts cut into pieces that a model can read.
 *
 * @module
 */

import { encodeWithSpecials } from "../tokenizer/special_tokens.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** Characters that are looked at for each token that there is room for; a longer token is rare, and only makes a chunk shorter. */
const CHARACTERS_A_TOKEN = 16;

/** Characters for each token that are looked at first. */
const FEW_CHARACTERS = 4;

/** Characters of a part that surely has more tokens than fit. */
const HUGE = 1 << 20;

/** Times that a cut is tried: each halves the error at least, and most lines are cut right at once. */
const MOST_TRIES = 10;

/**
 * Cuts a text, which comes in parts, into chunks of at most so many tokens, the frame around each counted: between lines where
 * lines fit, otherwise between words, otherwise anywhere. Nothing is lost but line breaks at a chunk's end; of a text of any
 * length only a part and a chunk are in memory.
 *
 * @example
 * ```ts
 * import { chunkTexts } from "@cloze/mlm/text";
 * import { characterTokenizer } from "@cloze/mlm/tokenizer";
 *
 * const tokenizer = characterTokenizer("abc \n");
 * console.log(await Array.fromAsync(chunkTexts(["aa bb\n", "cc cc"], { tokenizer, longest: 6 }))); // ["aa bb", "cc cc"]
 * ```
 */
export async function* chunkTexts(
  parts: Iterable<string> | AsyncIterable<string>,
  { tokenizer, longest }: { tokenizer: Tokenizer; longest: number },
): AsyncGenerator<string> {
  const { before = [], after = [] } = tokenizer.frame ?? {};
  const room = Math.max(1, longest - before.length - after.length);
  const most = room * CHARACTERS_A_TOKEN;
  const isHuge = (text: string) => text.length > Math.max(most, HUGE);
  const count = (text: string) => encodeWithSpecials(tokenizer, text).length;
  let held = "";
  let tokens = 0;
  for await (const part of parts) {
    const more = isHuge(part) ? Infinity : count(part);
    if (tokens + more <= room) {
      held += part;
      tokens += more;
      continue;
    }
    // together lines may have other tokens than each alone, so what is held is counted once more
    if (held !== "") yield* pieces(held);
    held = part;
    tokens = more;
    while (tokens > room) {
      const end = fittingEnd(held, { room, count });
      yield chunk(held.slice(0, end));
      held = held.slice(end);
      // far more than fits need not be counted to its end
      tokens = held.length > most ? Infinity : count(held);
    }
  }
  if (held !== "") yield* pieces(held);

  function* pieces(text: string): Generator<string> {
    for (let rest = text; rest !== "";) {
      const end = count(rest) <= room ? rest.length : fittingEnd(rest, { room, count });
      yield chunk(rest.slice(0, end));
      rest = rest.slice(end);
    }
  }
}

const chunk = (text: string) => text.replace(/[\r\n]+$/, "");

/** Where a text is cut so that what is before has at most so many tokens. */
function fittingEnd(text: string, { room, count }: { room: number; count: (text: string) => number }): number {
  const { start, tokens: all } = beginning(text, { room, count });
  const words = [...start.matchAll(/(?<=\S)(?=\s)|(?<=\n)/g)].map(({ index }) => index).filter((index) => index > 0);
  return longestFitting(words) ?? longestFitting(characterEnds(start)) ?? characterEnds(start)[0] ?? text.length;

  /** The furthest end found in a few tries, each where the number of tokens so far says that it should be. */
  function longestFitting(ends: readonly number[]): number | undefined {
    let [low, high] = [-1, ends.length];
    let [tokensLow, tokensHigh] = [0, Math.max(room + 1, all)];
    if (start.length < text.length && all <= room) return start.length;
    for (let tries = 0; high - low > 1 && tries < MOST_TRIES; tries++) {
      const share = (room - tokensLow) / (tokensHigh - tokensLow);
      const guess = Math.floor(low + share * (high - low));
      const middle = tries % 2 === 0 ? Math.min(high - 1, Math.max(low + 1, guess)) : (low + high) >> 1;
      const tokens = count(start.slice(0, ends[middle]!));
      if (tokens <= room) [low, tokensLow] = [middle, tokens];
      else [high, tokensHigh] = [middle, tokens];
    }
    return ends[low];
  }
}

/** The beginning of a text that has more tokens than fit, where the characters that are looked at have so many. */
function beginning(
  text: string,
  { room, count }: { room: number; count: (text: string) => number },
): { start: string; tokens: number } {
  const most = Math.min(text.length, room * CHARACTERS_A_TOKEN);
  // a word that is cut may have more tokens than the whole one
  const enough = 1.25 * room + 16;
  for (let length = FEW_CHARACTERS * room;; length *= 2) {
    const start = wholeCharacters(text.slice(0, Math.min(most, length)));
    const tokens = count(start);
    if (tokens > enough || length >= most) return { start, tokens };
  }
}

/** Without the first half of a character at its end, unless there is nothing else. */
const wholeCharacters = (text: string) => text.length > 1 ? text.replace(/[\ud800-\udbff]$/, "") : text;

/** Ends of the characters of a text, no surrogate pair cut in two. */
function characterEnds(text: string): number[] {
  const ends: number[] = [];
  let at = 0;
  for (const character of text) ends.push(at += character.length);
  return ends;
}
