/**
 * Two views of each of several texts: what is to have like vectors. They are a text twice, which dropout tells apart, its two
 * halves, or the two texts of a pair.
 *
 * @module
 */

import type { RandomSequence } from "../random/philox.ts";
import { randomSequence } from "../random/philox.ts";
import type { TextPair } from "../text/pairs.ts";
import { bertFrame, encodeFramed, specialIds } from "../tokenizer/special_tokens.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Batch } from "./batch.ts";
import type { Window } from "./masking.ts";
import { START, type WindowPosition, type WindowSource } from "./windows.ts";

/**
 * What the two views of a text are. "dropout": the text twice, for dropout hides other activations each time (Gao et al., SimCSE,
 * 2021). "halves": a part of its first and one of its second half, cut between words (as in the Inverse Cloze Task; Lee et al.,
 * 2019), of lengths that tell nothing of one another: means of hidden states show how long a text is, and by that alone two halves
 * would find each other.
 */
export type ViewKind = "dropout" | "halves";

/** Names of the kinds. */
export const viewKinds: readonly ViewKind[] = ["dropout", "halves"];

/** Two views of one text as ids, those around a text included. */
export interface Views {
  /** The first one. */
  readonly first: Uint32Array;
  /** The second one. */
  readonly second: Uint32Array;
}

/** A stream of texts in two views, which goes over a corpus again and again. */
export interface ViewSource {
  /** Behind the latest views. */
  readonly position: WindowPosition;
  /** The next views, of different texts, none longer than `length`. */
  next(options: { length: number; count: number }): Promise<Views[]>;
  /** Closes the corpus. */
  close(): Promise<void>;
}

/** A text with fewer different texts than a batch compares. */
export class TooFewTextsError extends RangeError {
  /** Name of the class. */
  override name = "TooFewTextsError";

  /** A message that says what was found, and a batch of texts of a length that can be had. */
  constructor({ wanted, found, length }: { wanted: number; found: number; length?: number | undefined }) {
    const enough = 2 ** Math.floor(Math.log2(Math.max(1, found)));
    super(
      `Cannot compare ${wanted} texts in a batch: only ${found} of this corpus are different and long enough` +
        (found < 2 || length === undefined ? "" : `; batches of ${2 * length * enough} tokens compare ${enough}`),
    );
  }
}

/** Windows of one document each as views; documents that are too short for them are passed over. */
export function windowViews(
  source: WindowSource,
  { kind, tokenizer, seed }: { kind: ViewKind; tokenizer: Tokenizer; seed: number },
): ViewSource {
  const one = async (length: number) => {
    const [window] = await source.next({ length: viewedLength(length, { kind, tokenizer }), count: 1 });
    return viewsOf(window!, { kind, tokenizer, seed, length });
  };
  return {
    get position() {
      return source.position;
    },
    next: ({ length, count }) => different({ count, length }, () => one(length), () => source.position.epoch),
    close: () => source.close(),
  };
}

/** Pairs of texts as views, shuffled anew for each pass; a position counts passes and the pairs of this one. */
export function pairViews(
  pairs: readonly TextPair[],
  { tokenizer, seed, position = START }: {
    tokenizer: Tokenizer;
    seed: number;
    position?: Readonly<WindowPosition> | undefined;
  },
): ViewSource {
  let at: WindowPosition = { ...position };
  let order: { readonly epoch: number; readonly indices: Uint32Array } | undefined;
  const one = (length: number) => {
    if (at.taken >= pairs.length) at = { ...at, epoch: at.epoch + 1, taken: 0 };
    if (order?.epoch !== at.epoch) {
      const random = randomSequence({ seed, purpose: "shuffling", at: [at.epoch, 0] });
      order = { epoch: at.epoch, indices: shuffled(pairs.length, random) };
    }
    const pair = pairs[order.indices[at.taken]!]!;
    const views = encodePair(pair, { tokenizer, length });
    const { all, padding } = at.tokens ?? { all: 0, padding: 0 };
    const own = (views?.first.length ?? 0) + (views?.second.length ?? 0);
    at = { ...at, length, taken: at.taken + 1, tokens: { all: all + 2 * length, padding: padding + 2 * length - own } };
    return Promise.resolve(views);
  };
  return {
    get position() {
      return { ...at };
    },
    next: ({ length, count }) => different({ count, length }, () => one(length), () => at.epoch),
    close: () => Promise.resolve(),
  };
}

/** A pair as ids, each cut off at the longest sequence; undefined if one of them is empty. */
export function encodePair(
  { first, second }: TextPair,
  { tokenizer, length }: { tokenizer: Tokenizer; length: number },
): Views | undefined {
  const special = specialIds(tokenizer);
  const after = tokenizer.frame?.after ?? [];
  const [a, b] = [first, second].map((text) => cutOff(encodeFramed(tokenizer, text), { after, length }));
  const isEmpty = (ids: Uint32Array) => ids.every((id) => special.has(id));
  return isEmpty(a!) || isEmpty(b!) ? undefined : { first: a!, second: b! };
}

/** Ids cut off at the longest sequence, still ending as texts do. */
function cutOff(ids: Uint32Array, { after, length }: { after: readonly number[]; length: number }): Uint32Array {
  if (ids.length <= length) return ids;
  const cut = ids.slice(0, length);
  cut.set(after, length - after.length);
  return cut;
}

/** Tokens of a window whose views have so many at most: halves are as long as whole texts. */
export function viewedLength(
  length: number,
  { kind, tokenizer }: { kind: ViewKind; tokenizer: Pick<Tokenizer, "frame" | "special"> },
): number {
  const { before = [], after = [] } = tokenizer.frame ?? bertFrame(tokenizer.special) ?? {};
  return kind === "halves" ? Math.max(length, 2 * length - before.length - after.length) : length;
}

/** The views of a window with a text of its own, none longer than `length`; undefined if it is too short for them. */
export function viewsOf(
  { tokens, continues, documents, epoch, block, index }: Window,
  { kind, tokenizer, seed, length = Infinity }: {
    kind: ViewKind;
    tokenizer: Tokenizer;
    seed: number;
    length?: number;
  },
): Views | undefined {
  const ids = tokens.slice(0, documents?.[1] ?? tokens.length);
  const { before = [], after = [] } = tokenizer.frame ?? bertFrame(tokenizer.special) ?? {};
  // windows of a few tokens have room for the text alone
  const isFramed = before.every((id, i) => ids[i] === id) && after.every((id, i) => ids.at(i - after.length) === id);
  const begin = isFramed ? before.length : 0;
  const end = ids.length - (isFramed ? after.length : 0);
  if (end - begin < (kind === "halves" ? 2 : 1)) return undefined;
  if (kind === "dropout") return { first: ids, second: ids };
  const random = randomSequence({ seed, purpose: "views", at: [epoch ^ (block << 12), index] });
  const { first, second } = halvesOf({ begin, end, continues }, random);
  const framed = ([from, to]: Span) => {
    const view = Uint32Array.from([...ids.subarray(0, begin), ...ids.subarray(from, to), ...ids.subarray(end)]);
    return cutOff(view, { after, length });
  };
  return { first: framed(first), second: framed(second) };
}

/** The first place of a part and the one behind its last. */
type Span = readonly [from: number, to: number];

/** Tokens below which a text is cut in two and nothing of it left out. */
const SHORT = 16;

/** A part of the first half of a text, from its beginning on, and one of its second half, up to its end. */
function halvesOf(
  text: { begin: number; end: number; continues: Uint8Array | undefined },
  random: RandomSequence,
): { first: Span; second: Span } {
  const { begin, end, continues } = text;
  const size = end - begin;
  if (size < SHORT) {
    const middle = wordNear((begin + end) >> 1, text);
    return { first: [begin, middle], second: [middle, end] };
  }
  // somewhere in the middle third, and of both parts between a half and all
  const middle = wordNear(begin + Math.round(size * (1 + random.uniform()) / 3), text);
  const share = () => (1 + random.uniform()) / 2;
  const firstEnd = wordNear(begin + Math.round((middle - begin) * share()), { begin, end: middle + 1, continues });
  const secondBegin = wordNear(end - Math.round((end - middle) * share()), { begin: middle - 1, end, continues });
  return { first: [begin, firstEnd], second: [secondBegin, end] };
}

/** The place nearest to another one at which a word begins, with text on both sides; that place itself where there is none. */
function wordNear(
  middle: number,
  { begin, end, continues }: { begin: number; end: number; continues: Uint8Array | undefined },
): number {
  const isStart = (at: number) => at > begin && at < end && !continues?.[at];
  for (let distance = 0; distance < end - begin; distance++) {
    if (isStart(middle + distance)) return middle + distance;
    if (isStart(middle - distance)) return middle - distance;
  }
  return middle;
}

/**
 * So many views of which no two have a text in common: a text that stands in a batch twice would be told to be unlike itself.
 *
 * @throws {TooFewTextsError} if two passes over the corpus do not give so many.
 */
async function different(
  { count, length }: { count: number; length: number },
  next: () => Promise<Views | undefined>,
  epoch: () => number,
): Promise<Views[]> {
  const views: Views[] = [];
  const seen = new Set<string>();
  let first: number | undefined;
  while (views.length < count) {
    const one = await next();
    first ??= epoch();
    const keys = one ? [String(one.first), String(one.second)] : [];
    if (one && !keys.some((key) => seen.has(key))) {
      for (const key of keys) seen.add(key);
      views.push(one);
    } else if (epoch() > first + 1) throw new TooFewTextsError({ wanted: count, found: views.length, length });
  }
  return views;
}

/** 0 … count - 1 in random order (Fisher and Yates). */
function shuffled(count: number, random: RandomSequence): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Views as a batch: first all first ones, then all second ones, padded. */
export function viewBatch(views: readonly Views[], { length, padding }: { length: number; padding: number }): Batch {
  const texts = [...views.map(({ first }) => first), ...views.map(({ second }) => second)];
  const ids = new Uint32Array(texts.length * length).fill(padding);
  const documents = new Uint32Array(2 * texts.length * length);
  for (const [w, text] of texts.entries()) {
    ids.set(text, w * length);
    for (let i = 0; i < length; i++) {
      documents.set(i < text.length ? [0, text.length] : [text.length, length], 2 * (w * length + i));
    }
  }
  const labels = Uint32Array.from(views, (_, i) => i);
  return { windows: texts.length, length, ids, original: ids, maskedRows: new Uint32Array(), labels, documents };
}
