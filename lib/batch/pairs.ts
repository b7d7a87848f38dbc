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
    super(`Cannot predict next sentences: no document of the ${part} text has two`);
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

const sizeOf = ({ first, end }: Span) => end - first;

/** Two texts, one behind the other in a document. */
interface Pair {
  /** Where their document begins. */
  readonly start: number;
  readonly a: Span;
  readonly b: Span;
}

/** What a window holds. */
interface PlacedPair extends Pick<Pair, "a" | "b"> {
  /** 0: b follows a; 1: it is from elsewhere. */
  readonly pairClass: 0 | 1;
}

/** Tokens around a pair: [CLS] and two [SEP]. */
const FRAME = 3;

/**
 * Cuts a block into pairs. A document gives neighbouring runs of sentences that fill a window as far as they go; of what is too
 * long, A loses its beginning and B its end. Half of the pairs then exchange their second texts: those of different documents,
 * nearest in size and alike in what they begin with. So both classes have the same second texts, of the same lengths and ends, and
 * nothing but what is written tells one from the other. A text that is one document alone exchanges within it.
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

/** The pairs of a block, half of them with the second text of another. */
function planPairs(block: Block, room: number, random: RandomSequence): PlacedPair[] {
  const pairs = neighbours(block, room, random);
  const chosen = pairs.filter(() => random.below(2) === 1);
  const others = exchanged(chosen, (pair) => block.tokens[pair.b.first] === block.lineBreak);
  return pairs.map((pair) => {
    const other = others.get(pair);
    if (!other) return { ...trimmed(pair.a, pair.b, room), pairClass: 0 };
    // a window that was full stays so
    const missing = Math.max(0, Math.min(room, sizeOf(pair.a) + sizeOf(pair.b)) - sizeOf(pair.a) - sizeOf(other.b));
    const a = { first: Math.max(pair.start, pair.a.first - missing), end: pair.a.end };
    return { ...trimmed(a, other.b, room), pairClass: 1 };
  });
}

/** Runs of sentences cut in two, document by document; each text is in one pair only. */
function neighbours({ sentenceSizes = [] }: Block, room: number, random: RandomSequence): Pair[] {
  const pairs: Pair[] = [];
  let at = 0;
  for (const sizes of sentenceSizes) {
    const start = at;
    const bounds = [at, ...sizes.map((size) => at += size)];
    for (let first = 0; first + 1 < sizes.length;) {
      let end = first + 2;
      while (end < sizes.length && bounds[end]! - bounds[first]! < room) end++;
      const middle = first + 1 + random.below(end - first - 1);
      pairs.push({
        start,
        a: { first: bounds[first]!, end: bounds[middle]! },
        b: { first: bounds[middle]!, end: bounds[end]! },
      });
      first = end;
    }
  }
  return pairs;
}

/** Which pair each pair takes its second text from: neighbours in size, of different documents as far as there are. */
function exchanged(pairs: readonly Pair[], kind: (pair: Pair) => boolean): Map<Pair, Pair> {
  const others = new Map<Pair, Pair>();
  for (const alike of [true, false].map((wanted) => pairs.filter((pair) => kind(pair) === wanted))) {
    // those that wait are all of one document, for of two documents they would have exchanged
    const waiting: Pair[] = [];
    let first = 0;
    const exchange = (one: Pair, other: Pair) => others.set(one, other).set(other, one);
    for (const pair of alike.sort((one, other) => sizeOf(one.b) - sizeOf(other.b) || one.a.first - other.a.first)) {
      const other = waiting[first];
      if (!other || other.start === pair.start) waiting.push(pair);
      else {
        exchange(other, pair);
        first++;
      }
    }
    // of one document, those that are left
    for (; first + 1 < waiting.length; first += 2) exchange(waiting[first]!, waiting[first + 1]!);
  }
  return others;
}

/** Both texts cut to a room for both: the longer one as far as the shorter one, then each to half. */
function trimmed(a: Span, b: Span, room: number): { a: Span; b: Span } {
  const [sizeA, sizeB] = [sizeOf(a), sizeOf(b)];
  if (sizeA + sizeB <= room) return { a, b };
  const keptA = Math.min(sizeA, Math.max(Math.ceil(room / 2), room - sizeB));
  return { a: { first: a.end - keptA, end: a.end }, b: { first: b.first, end: b.first + room - keptA } };
}
