/**
 * Texts of different lengths as batches: similar lengths together, padded, with the padding out of everyone's sight.
 *
 * @module
 */

import type { Batch } from "../batch/batch.ts";
import { BATCH_TOKENS } from "../evaluate/text_model.ts";

/** Texts that are sorted by length at once. */
const SORTED = 512;

/** Lengths are rounded up to a multiple of this, so that programs serve several batches. */
const LENGTH_STEP = 8;

/** Texts of a batch, side by side, with their numbers in what was given. */
export interface TextBatch extends Pick<Batch, "windows" | "length" | "ids" | "documents"> {
  /** Number of each window's text. */
  readonly members: readonly number[];
  /** Tokens of each window's text. */
  readonly lengths: readonly number[];
}

/** Cuts texts, as ids, into batches: the longest first, every text once. */
export function batchesOf(
  texts: readonly Uint32Array[],
  { padding, maxLength, batchTokens = BATCH_TOKENS }: { padding: number; maxLength: number; batchTokens?: number },
): TextBatch[] {
  const order = [...texts.keys()].sort((a, b) => texts[b]!.length - texts[a]!.length || a - b);
  const batches: TextBatch[] = [];
  for (let first = 0; first < order.length;) {
    const longest = texts[order[first]!]!.length;
    const rounded = Math.min(maxLength, Math.ceil(longest / LENGTH_STEP) * LENGTH_STEP);
    const windows = Math.min(order.length - first, Math.max(1, Math.floor(batchTokens / Math.max(1, rounded))));
    const members = order.slice(first, first + windows);
    const lengths = members.map((member) => texts[member]!.length);
    // a text alone, or among equals, needs no padding
    const length = lengths.every((other) => other === longest) ? longest : rounded;
    batches.push({ ...padTexts(members.map((member) => texts[member]!), { length, padding }), members, lengths });
    first += windows;
  }
  return batches;
}

/** Texts side by side, each padded up to a length. */
export function padTexts(
  texts: readonly Uint32Array[],
  { length, padding }: { length: number; padding: number },
): Pick<Batch, "windows" | "length" | "ids" | "documents"> {
  const windows = texts.length;
  const ids = new Uint32Array(windows * length).fill(padding);
  for (const [w, text] of texts.entries()) ids.set(text, w * length);
  if (texts.every((text) => text.length === length)) return { windows, length, ids };
  const documents = new Uint32Array(2 * windows * length);
  for (const [w, text] of texts.entries()) {
    for (let i = 0; i < length; i++) {
      documents.set(i < text.length ? [0, text.length] : [text.length, length], 2 * (w * length + i));
    }
  }
  return { windows, length, ids, documents };
}

/** Milliseconds after which what has come so far is not kept waiting for more. */
const PATIENCE = 20;

/** Characters that wait together at most, unless one text alone has more. */
const MOST_CHARACTERS = 1 << 22;

/** Texts in arrays of at most a few hundred; fewer where they are long, or the next one is long in coming, as from a person who types. */
export async function* inChunks(items: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string[]> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let chunk: string[] = [];
  let characters = 0;
  let next: Promise<IteratorResult<string>> | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = () => new Promise<undefined>((resolve) => timer = setTimeout(resolve, PATIENCE, undefined));
  try {
    while (true) {
      next ??= Promise.resolve(iterator.next());
      const result = await (chunk.length === 0 ? next : Promise.race([next, late()]));
      clearTimeout(timer);
      if (result) next = undefined;
      if (result && !result.done) {
        chunk.push(result.value);
        characters += result.value.length;
        if (chunk.length < SORTED && characters < MOST_CHARACTERS) continue;
      }
      if (chunk.length > 0) yield chunk;
      chunk = [];
      characters = 0;
      if (result?.done) return;
    }
  } finally {
    const closed = iterator.return?.();
    // who stops in between does not wait for an item that may never come
    if (!next) await closed;
  }
}
