/**
 * Documents cut into passages that are found by themselves: paragraphs, or windows of words that overlap.
 *
 * @module
 */

import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** Ways to cut a document: at blank lines, or anywhere between words. */
export const passageKinds = ["paragraph", "window"] as const;
/** What a passage is. */
export type PassageKind = typeof passageKinds[number];

/** A piece of a document. */
export interface DocumentPassage {
  /** Number of the line that it begins in, from 1. */
  readonly line: number;
  /** Its text. */
  readonly text: string;
}

/** Options of {@linkcode passagesOf}. */
export interface PassageOptions {
  /** Counts the tokens of words. */
  tokenizer: Tokenizer;
  /** Most tokens of a passage, the frame around a text not counted. */
  length: number;
  /**
   * Tokens that a window has in common with the one before; paragraphs that are too long are cut into windows, too.
   *
   * @default {length / 4}
   */
  overlap?: number | undefined;
  /**
   * What a passage is. Headings belong to what follows: lines that begin with `#` as in Markdown, and paragraphs that are less than 80
   * characters together and do not end as a sentence does; questions belong to their answers.
   *
   * @default {"paragraph"}
   */
  by?: PassageKind | undefined;
}

/** Characters below which a paragraph that is no sentence is taken for the heading of the next one. */
const HEADING = 80;

/**
 * What ends a sentence of any script, but for a question, which its answer follows; closing marks, spaces and the number of a note may
 * stand behind it. Quotation marks that open in one language close in another.
 */
const SENTENCE_END =
  /[[\p{Sentence_Terminal}\u2026]--[?\uff1f\u061f\u037e\u055e\u1367]](?:[\s\p{Pe}\p{Pf}\p{Pi}"'*_]|\[\d+\])*$/v;

/** A heading in Markdown. */
const MARKED_HEADING = /^ {0,3}#{1,6}\s/;

/** Characters of a word beyond which it is cut: in some scripts nothing stands between words. */
const LONGEST_WORD = 24;

/** A word, with the space behind it. */
interface Word {
  readonly start: number;
  readonly end: number;
  readonly tokens: number;
}

/**
 * Passages of a document, in order; none without a letter or digit.
 *
 * @throws {RangeError} if windows would overlap entirely.
 *
 * @example
 * ```ts
 * import { passagesOf } from "@cloze/mlm";
 * import { characterTokenizer } from "@cloze/mlm/tokenizer";
 *
 * const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz ");
 * const text = "one two three four";
 * for (const passage of passagesOf(text, { tokenizer, length: 10, overlap: 4, by: "window" })) console.log(passage.text);
 * ```
 */
export function* passagesOf(
  text: string,
  { tokenizer, length, overlap = Math.floor(length / 4), by = "paragraph" }: PassageOptions,
): Generator<DocumentPassage> {
  if (!(overlap < length)) {
    throw new RangeError(`Cannot cut passages of ${length} tokens that have ${overlap} in common: it must be fewer`);
  }
  let [line, counted] = [1, 0];
  for (const [start, end] of by === "window" ? [[0, text.length] as const] : paragraphs(text)) {
    const words = wordsOf(text, { start, end, tokenizer });
    for (const [from, to] of windows(words, { length, overlap })) {
      const begin = words[from]!.start;
      const passage = text.slice(begin, words[to - 1]!.end).trim();
      if (!/[\p{L}\p{N}]/u.test(passage)) continue;
      for (let at = text.indexOf("\n", counted); at >= 0 && at < begin; at = text.indexOf("\n", counted)) {
        line++;
        counted = at + 1;
      }
      yield { line, text: passage };
    }
  }
}

/** Where paragraphs begin and end: between blank lines, headings together with what follows. */
function* paragraphs(text: string): Generator<readonly [start: number, end: number]> {
  let [begin, isMarked]: [number | undefined, boolean] = [undefined, false];
  for (const { index, 0: block } of text.matchAll(/[^\n]*\S[^\n]*(?:\n[^\n]*\S[^\n]*)*/g)) {
    const marked = MARKED_HEADING.test(block);
    // what stands before a heading is not headed by it, but headings of several depths follow each other
    if (begin !== undefined && marked && !isMarked) {
      yield [begin, index];
      begin = undefined;
    }
    begin ??= index;
    isMarked = marked && !block.includes("\n");
    const end = index + block.length;
    const isHeading = isMarked || (!marked && end - begin < HEADING && !SENTENCE_END.test(block));
    if (isHeading) continue;
    yield [begin, end];
    begin = undefined;
  }
  if (begin !== undefined) yield [begin, text.length];
}

/** Words with how many tokens each has, long ones in pieces. */
function wordsOf(
  text: string,
  { start, end, tokenizer }: { start: number; end: number; tokenizer: Tokenizer },
): Word[] {
  const words: Word[] = [];
  const known = new Map<string, number>();
  const pattern = new RegExp(`\\S{1,${LONGEST_WORD}}\\s*`, "gu");
  for (const { index, 0: word } of text.slice(start, end).matchAll(pattern)) {
    let tokens = known.get(word);
    if (tokens === undefined) known.set(word, tokens = tokenizer.encode(word).length);
    words.push({ start: start + index, end: start + index + word.length, tokens });
  }
  return words;
}

/** Runs of words of at most so many tokens, or one word; each begins so many tokens before the end of the one before. */
function* windows(
  words: readonly Word[],
  { length, overlap }: { length: number; overlap: number },
): Generator<readonly [from: number, to: number]> {
  for (let from = 0; from < words.length;) {
    let [to, tokens] = [from, 0];
    while (to < words.length && (to === from || tokens + words[to]!.tokens <= length)) tokens += words[to++]!.tokens;
    yield [from, to];
    if (to === words.length) return;
    let [next, common] = [to, 0];
    while (next > from + 1 && common + words[next - 1]!.tokens <= overlap) common += words[--next]!.tokens;
    from = next;
  }
}
