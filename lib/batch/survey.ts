/**
 * A look at the beginning of a text before anything is trained on it: what of it can be masked, what the vocabulary does not
 * know, and what repeats.
 *
 * @module
 */

import type { Corpus, CorpusPart } from "../text/corpus.ts";
import { continuesOf, withoutWords } from "../tokenizer/token_ids.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { neverMasked, selectableTokens } from "./masking.ts";

/** What {@linkcode surveyText} finds. */
export interface TextSurvey {
  /** Tokens that were looked at. */
  readonly tokens: number;
  /** Bytes of UTF-8 that they are. */
  readonly bytes: number;
  /** Whether that is the whole part. */
  readonly isWhole: boolean;
  /** Tokens that may be masked. */
  readonly maskable: number;
  /** Tokens that stand for what the vocabulary lacks. */
  readonly unknown: number;
  /** A few words that hold such tokens, as they stand in the text. */
  readonly examples: readonly string[];
  /** Share of the text that had come before, line by line or in stretches of {@linkcode STRETCH} tokens. */
  readonly repeated: number;
}

/** Options of {@linkcode surveyText}. */
export interface SurveyOptions {
  /** The text. */
  corpus: Corpus;
  /**
   * Which part of it.
   *
   * @default {"training"}
   */
  part?: CorpusPart | undefined;
  /** Turns text into ids. */
  tokenizer: Tokenizer;
  /** Words that are never masked. Default: none. */
  neverMask?: readonly string[] | undefined;
  /**
   * Tokens to look at.
   *
   * @default {2 ** 16}
   */
  tokens?: number | undefined;
}

/** Tokens of a stretch that is looked for in what came before. */
const STRETCH = 32;

/** Characters of a passage that are looked at: far more than the tokens that are wanted. */
const LONGEST_PASSAGE = 1 << 22;

/** Words without a known token that are kept, and their longest, in characters. */
const EXAMPLES = 3;
const LONGEST_EXAMPLE = 30;

/**
 * Reads the beginning of a text.
 *
 * @example
 * ```ts
 * import { characterTokenizer } from "@cloze/mlm/tokenizer";
 * import { stringSource, surveyText, textCorpus } from "@cloze/mlm/text";
 *
 * const corpus = await textCorpus([stringSource("poem", "abba\nabbz\nabba\n".repeat(9))]);
 * const { unknown, examples } = await surveyText({ corpus, tokenizer: characterTokenizer("ab\n") });
 * console.log(unknown > 0, examples); // true [ "abbz" ]
 * ```
 */
export async function surveyText(options: SurveyOptions): Promise<TextSurvey> {
  const { corpus, part = "training", tokenizer, neverMask = [], tokens: most = 1 << 16 } = options;
  const never = neverMasked(tokenizer, neverMask);
  const unknownId = tokenizer.special["[UNK]"];
  const separator = tokenizer.encode("\n").length;
  const examples = new Set<string>();
  const [lines, stretches] = [new Repetition(), new Repetition()];
  const total = { tokens: 0, bytes: 0, maskable: 0, unknown: 0 };
  const encoder = new TextEncoder();
  let isWhole = true;
  for await (const { text: whole } of corpus.passages(part)) {
    if (total.tokens >= most) {
      isWhole = false;
      break;
    }
    // of a passage that is a whole library the beginning
    const text = whole.slice(0, LONGEST_PASSAGE);
    isWhole &&= text.length === whole.length;
    const marked = tokenizer.encodeWords(text);
    const ids = withoutWords(marked);
    const continues = continuesOf(marked);
    const window = { tokens: ids, continues, epoch: 0, block: 0, index: 0 };
    const selectable = selectableTokens(window, { tokenizer, never });
    for (let i = 0; i < ids.length; i++) {
      total.maskable += selectable[i]!;
      if (ids[i] === unknownId) total.unknown++;
    }
    if (unknownId !== undefined && examples.size < EXAMPLES && ids.includes(unknownId)) {
      for (const word of unknownWords(text, { tokenizer, unknownId })) {
        examples.add(word);
        if (examples.size === EXAMPLES) break;
      }
    }
    total.tokens += ids.length + separator;
    total.bytes += encoder.encode(text).length + 1;
    if (ids.length > 0) lines.add(text, ids.length);
    for (let at = 0; at + STRETCH <= ids.length; at += STRETCH) {
      stretches.add(ids.subarray(at, at + STRETCH).join(), STRETCH);
    }
  }
  return { ...total, isWhole, examples: [...examples], repeated: Math.max(lines.share, stretches.share) };
}

/** The words that a survey shows, for messages. */
export function shownExamples({ examples }: Pick<TextSurvey, "examples">): string {
  return examples.map((word) => JSON.stringify(word)).join(", ");
}

/** Why no token of a text can be masked, for messages. */
export function whyUnmaskable(
  survey: Pick<TextSurvey, "tokens" | "unknown" | "examples">,
  neverMask: readonly string[],
): string {
  const what = `none of its first ${survey.tokens.toLocaleString("en")} tokens can be masked`;
  if (survey.unknown > 0) return `${what}: they are unknown to this vocabulary, such as ${shownExamples(survey)}`;
  return `${what}: all are ${neverMask.length > 0 ? "words that are never masked" : "line breaks or special ones"}`;
}

/** Words of a line that hold tokens which the vocabulary lacks. */
function* unknownWords(
  text: string,
  { tokenizer, unknownId }: { tokenizer: Tokenizer; unknownId: number },
): Generator<string> {
  for (const [word] of text.matchAll(/\S+/g)) {
    if (!tokenizer.encode(word).includes(unknownId)) continue;
    const characters = [...word.slice(0, 2 * LONGEST_EXAMPLE + 2)];
    yield characters.length > LONGEST_EXAMPLE ? `${characters.slice(0, LONGEST_EXAMPLE).join("")}…` : word;
  }
}

/** How much of what was added had been added before. */
class Repetition {
  #seen = new Set<string>();
  #tokens = 0;
  #again = 0;

  add(text: string, tokens: number): void {
    this.#tokens += tokens;
    if (this.#seen.has(text)) this.#again += tokens;
    else this.#seen.add(text);
  }

  get share(): number {
    return this.#tokens === 0 ? 0 : this.#again / this.#tokens;
  }
}
