/**
 * Samples as words: pieces joined, with what was predicted where something of a word was masked.
 *
 * @module
 */

import type { SampleToken } from "../evaluate/evaluator.ts";
import { printable } from "../sentences/safe_text.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { isWide } from "./text_width.ts";

/** A word, a sign, or white space that was masked. */
export interface SampleWord {
  /** What stands in the text, printable. */
  readonly text: string;
  /** What was predicted, if something of it was masked. */
  readonly predicted?: string;
  /** Whether a space stands before it. */
  readonly isSpaced: boolean;
  /** Whether a line may end before it. */
  readonly mayBreak: boolean;
}

/** Decodes what pieces cannot be joined to: characters that are several tokens. */
type Decoder = Pick<Tokenizer, "decode">;

/** The words of a sample. */
export function sampleWords(sample: readonly SampleToken[], tokenizer?: Decoder): SampleWord[] {
  const words: SampleWord[] = [];
  let isSpaced = false;
  for (const tokens of groupsOf(sample)) {
    const first = tokens[0]!;
    if (isBlank(first.token) && first.predicted === undefined) {
      if (first.token.includes("\n")) words.push({ text: "↵", isSpaced: false, mayBreak: false });
      isSpaced = true;
      continue;
    }
    const spaced = isSpaced || (/^\s/.test(first.token) && !isBlank(first.token));
    words.push(wordOf(tokens, { isSpaced: spaced && words.length > 0, tokenizer }));
    isSpaced = false;
  }
  return words;
}

const isBlank = (token: string) => token.trim() === "";

/** Tokens that are one word together. */
function groupsOf(sample: readonly SampleToken[]): SampleToken[][] {
  const groups: SampleToken[][] = [];
  for (const [i, token] of sample.entries()) {
    if (i > 0 && belongTogether(sample[i - 1]!.token, token.token)) groups.at(-1)!.push(token);
    else groups.push([token]);
  }
  return groups;
}

/** A part of a character whose other parts are in tokens beside it. */
const BROKEN = "\ufffd";
const inWord = /[\p{L}\p{M}\p{N}_\u200c\u200d]/u;

function belongTogether(before: string, token: string): boolean {
  const [last, first] = [[...before].at(-1) ?? "", [...token][0] ?? ""];
  if (last === BROKEN && first === BROKEN) return true;
  const isPart = (character: string) => character === BROKEN || inWord.test(character);
  return isPart(last) && isPart(first) && !isWide(last) && !isWide(first);
}

function wordOf(
  tokens: readonly SampleToken[],
  { isSpaced, tokenizer }: { isSpaced: boolean; tokenizer: Decoder | undefined },
): SampleWord {
  const [first] = tokens as [SampleToken];
  const text = joined(tokens.map(({ token, id }) => ({ token, id })), tokenizer);
  const mayBreak = isSpaced || isWide([...text][0] ?? "");
  if (tokens.every(({ predicted }) => predicted === undefined)) return { text, isSpaced, mayBreak };
  const guessed = tokens.map(({ token, predicted = token, id, predictedId = id }) => ({
    token: predicted,
    id: predictedId,
  }));
  const isRight = tokens.every(({ token, predicted = token }) => predicted === token);
  if (isRight) return { text, predicted: text, isSpaced, mayBreak };
  // where a word begins, a piece that goes on with the one before is told from one that begins
  const goesOn = /^\s/.test(first.token) && !isBlank(first.token) && inWord.test([...guessed[0]!.token][0] ?? "");
  const predicted = `${goesOn ? "…" : ""}${joined(guessed, tokenizer)}`;
  // a difference is to be seen
  return { text, predicted: predicted === text ? `␣${predicted}` : predicted, isSpaced, mayBreak };
}

/** Pieces as text on one line. White space that is a token of its own is shown, that between words only in their midst. */
function joined(
  pieces: readonly { readonly token: string; readonly id: number | undefined }[],
  tokenizer: Decoder | undefined,
): string {
  const plain = pieces.map(({ token }) => isBlank(token) ? token.replaceAll(" ", "␣") : token).join("");
  const ids = pieces.map(({ id }) => id);
  const isWhole = !plain.includes(BROKEN) || !tokenizer || ids.includes(undefined);
  const text = isWhole ? plain : tokenizer.decode(ids as number[]);
  return printable(text.replaceAll("\n", "↵").replaceAll("\t", "⇥").trim());
}
