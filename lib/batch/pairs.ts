/**
 * Pairs of texts for next sentence prediction (Devlin et al., 2019): `[CLS] A [SEP] B [SEP]`, where B follows A in its document
 * or, half of the time, comes from another.
 *
 * @module
 */

import { CONTINUES, withoutWords } from "../tokenizer/token_ids.ts";
import { type RandomSequence, randomSequence } from "../random/philox.ts";
import type { Block, Cut, CutOptions } from "./block.ts";

/** A text of which no two sentences make a pair. */
export class NoPairsError extends RangeError {
  /** Name of the class. */
  override name = "NoPairsError";

  /** The sentence for people. */
  constructor(part: string) {
    super(
      `Cannot predict next sentences: no document of the ${part} text has two; ` +
        "say by --document paragraph or file where documents end",
    );
  }
}

/** The sentences of a text; what parts two of them belongs to the second, as tokenizers expect it. */
export function sentencesOf(text: string): string[] {
  const sentences: string[] = [];
  let space = "";
  for (const { segment } of segmenter.segment(text)) {
    const trimmed = segment.trimEnd();
    if (trimmed === "") {
      space += segment;
      continue;
    }
    sentences.push(space + trimmed);
    space = segment.slice(trimmed.length);
  }
  return sentences;
}

const segmenter = new Intl.Segmenter("en", { granularity: "sentence" });

/** A piece of a block's tokens, end exclusive. */
interface Span {
  readonly first: number;
  readonly end: number;
}

interface Pair {
  readonly a: Span;
  readonly b: Span;
  /** 0: b follows a; 1: it is from elsewhere. */
  readonly pairClass: 0 | 1;
}

/** Tokens around a pair: [CLS] and two [SEP]. */
const FRAME = 3;

/**
 * Cuts a block into pairs. A document gives pairs of neighbouring runs of sentences that fill a window as far as they go; of
 * what is too long, A loses its beginning and B its end. A foreign B is about as long as the true one would be, and is never
 * the beginning of its document, so that neither tells it.
 *
 * @throws {RangeError} if a window has no room for a pair, or the vocabulary lacks the tokens that stand around one.
 */
export function cutPairs(block: Block, { length, tokenizer, words, random }: CutOptions): Cut {
  const { special } = tokenizer;
  const [cls, sep] = [special["[CLS]"], special["[SEP]"]];
  const room = length - FRAME;
  if (room < 2) {
    throw new RangeError(`Cannot pair texts in windows of ${length} tokens: they take at least ${FRAME + 2}`);
  }
  if (cls === undefined || sep === undefined) {
    throw new RangeError("Cannot pair texts: the vocabulary has no [CLS] and [SEP] to stand around them");
  }
  const pairs = planPairs(
    block,
    room,
    random ?? randomSequence({ seed: 1, purpose: "pairing", at: [block.tokens.length, 0] }),
  );
  return {
    count: pairs.length,
    room,
    window(index) {
      const { a, b, pairClass } = pairs[index]!;
      const ids = new Uint32Array(length).fill(special["[PAD]"]);
      const tokenTypes = new Uint32Array(length);
      const documents = new Uint32Array(2 * length);
      let at = 0;
      ids[at++] = cls;
      for (const [type, { first, end }] of [a, b].entries()) {
        ids.set(block.tokens.subarray(first, end), at);
        tokenTypes.fill(type, at, at += end - first + 1);
        ids[at - 1] = sep;
      }
      for (let i = 0; i < length; i++) documents.set(i < at ? [0, at] : [at, length], 2 * i);
      const text = words
        ? { tokens: withoutWords(ids), continues: Uint8Array.from(ids, (id) => id >= CONTINUES ? 1 : 0) }
        : { tokens: ids };
      return { ...text, documents, tokenTypes, pairClass, padding: length - at };
    },
  };
}

/** The pairs of a block, document by document. */
function planPairs(block: Block, room: number, random: RandomSequence): Pair[] {
  const bounds = boundsOf(block).filter((sentences) => sentences.length > 2);
  const pairs: Pair[] = [];
  for (const [d, sentences] of bounds.entries()) {
    const count = sentences.length - 1;
    for (let first = 0; first + 1 < count;) {
      let end = first + 2;
      while (end < count && sentences[end]! - sentences[first]! < room) end++;
      const middle = first + 1 + random.below(end - first - 1);
      const a = { first: sentences[first]!, end: sentences[middle]! };
      const b = { first: sentences[middle]!, end: sentences[end]! };
      const isForeign = random.below(2) === 1;
      const foreign = isForeign ? elsewhere(bounds, { d, middle, size: b.end - b.first, random }) : undefined;
      pairs.push({ ...trimmed(a, foreign ?? b, room), pairClass: foreign ? 1 : 0 });
      // what stands behind A is used again, unless it was B
      first = foreign ? middle : end;
    }
  }
  return pairs;
}

/** Where sentences of each document begin, and where the last one ends. */
function boundsOf({ sentenceSizes = [] }: Block): number[][] {
  let at = 0;
  return sentenceSizes.map((sizes) => [at, ...sizes.map((size) => at += size)]);
}

/**
 * Whole sentences from another document of about so many tokens, or where there is no other, from another place; undefined
 * where there is none either.
 */
function elsewhere(
  bounds: readonly (readonly number[])[],
  { d, middle, size, random }: { d: number; middle: number; size: number; random: RandomSequence },
): Span | undefined {
  const isAlone = bounds.length === 1;
  const other = isAlone ? d : (d + 1 + random.below(bounds.length - 1)) % bounds.length;
  const sentences = bounds[other]!;
  const start = 1 + random.below(sentences.length - 2);
  if (isAlone && Math.abs(start - middle) < 2) return undefined;
  let end = start + 1;
  while (end < sentences.length - 1 && sentences[end + 1]! - sentences[start]! <= size) end++;
  return { first: sentences[start]!, end: sentences[end]! };
}

/** Both texts cut to a room for both: the longer one as far as the shorter one, then each to half. */
function trimmed(a: Span, b: Span, room: number): { a: Span; b: Span } {
  const [sizeA, sizeB] = [a.end - a.first, b.end - b.first];
  if (sizeA + sizeB <= room) return { a, b };
  const keptA = Math.min(sizeA, Math.max(Math.ceil(room / 2), room - sizeB));
  return { a: { first: a.end - keptA, end: a.end }, b: { first: b.first, end: b.first + room - keptA } };
}
