/**
 * Windows: a corpus as token ids, cut without padding into pieces of the current length and shuffled in bounded memory.
 *
 * @module
 */

import type { Corpus, CorpusPart, CorpusPassage, CorpusPosition } from "../text/corpus.ts";
import { CONTINUES, type Tokenizer, withoutWords } from "../tokenizer/tokenizer.ts";
import { randomSequence } from "./philox.ts";
import type { Window } from "./masking.ts";

/** Where a {@linkcode WindowSource} is in its corpus; enough to go on with the very same windows. */
export interface WindowPosition {
  /** Passes over the corpus that are behind. */
  epoch: number;
  /** Blocks of this pass that are behind. */
  block: number;
  /** Where the current block begins in the corpus; null at its beginning. */
  place: CorpusPosition | null;
  /** Length that the current block is cut into; 0 before the first window. */
  length: number;
  /** Windows of the current block that are behind. */
  taken: number;
}

/** The start of a corpus. */
export const START: Readonly<WindowPosition> = { epoch: 0, block: 0, place: null, length: 0, taken: 0 };

/** Options of {@linkcode WindowSource}. */
export interface WindowOptions {
  /** The text. */
  corpus: Corpus;
  /** Which part of it. Default: "training". */
  part?: CorpusPart;
  /** Turns lines into ids. */
  tokenizer: Tokenizer;
  /** Whether windows know which tokens belong to one word. Default: false. */
  words?: boolean;
  /** Seed of the shuffling. */
  seed: number;
  /** Tokens that are shuffled at once, which is what is held in memory. Default: 2²⁰. */
  blockTokens?: number;
  /** Where to go on. Default: the start. */
  position?: Readonly<WindowPosition>;
}

/**
 * Windows in random order: the corpus is read in blocks of a million tokens, each cut from a random offset on, and the
 * windows of a block come in random order. When the length changes, a new block begins. At the end of the corpus the
 * next pass begins, cut and shuffled anew.
 */
export class WindowSource {
  #options: Required<Omit<WindowOptions, "position">>;
  #position: WindowPosition;
  #tokens: Uint32Array<ArrayBuffer> | undefined;
  #next: CorpusPosition | null = null;
  #order: Uint32Array | undefined;
  #offset = 0;
  #stream: AsyncIterator<CorpusPassage> | undefined;

  /** A source at the given position; it opens the corpus at the first window. */
  constructor(options: WindowOptions) {
    this.#options = { part: "training", blockTokens: 1 << 20, words: false, ...options };
    this.#position = { ...(options.position ?? START) };
  }

  /** The place behind the latest window. */
  get position(): WindowPosition {
    return { ...this.#position };
  }

  /**
   * The next windows.
   *
   * @throws {RangeError} if the whole part is shorter than one window.
   */
  async next({ length, count }: { length: number; count: number }): Promise<Window[]> {
    const windows: Window[] = [];
    while (windows.length < count) {
      if (this.#position.length !== length) {
        if (this.#position.length !== 0) await this.#advance();
        this.#position.length = length;
        this.#order = undefined;
      }
      if (!this.#tokens) await this.#load();
      this.#order ??= this.#shuffle();
      const { epoch, block, taken } = this.#position;
      if (taken >= this.#order.length) {
        await this.#advance();
        this.#position.length = length;
        continue;
      }
      const index = this.#order[taken]!;
      const start = this.#offset + index * length;
      const tokens = this.#tokens!.slice(start, start + length);
      windows.push({ ...this.#options.words ? takeWordsApart(tokens) : { tokens }, epoch, block, index });
      this.#position.taken++;
    }
    return windows;
  }

  /** Closes the corpus. */
  async close(): Promise<void> {
    await this.#stream?.return?.();
    this.#stream = undefined;
  }

  /** Leaves the current block for the next one. */
  async #advance(): Promise<void> {
    if (!this.#tokens) await this.#load();
    const { epoch, block } = this.#position;
    this.#position = { epoch, block: block + 1, place: this.#next, length: 0, taken: 0 };
    this.#tokens = undefined;
    this.#order = undefined;
  }

  /** Reads the block at the current position; at the end of the corpus, the first of the next pass. */
  async #load(): Promise<void> {
    const { corpus, part, tokenizer, blockTokens, words } = this.#options;
    const encode = (text: string) => words ? tokenizer.encodeWords(text) : tokenizer.encode(text);
    const separators = { nothing: undefined, line: encode("\n"), document: documentSeparator(tokenizer) };
    const pieces: Uint32Array[] = [];
    let size = 0;
    const { place } = this.#position;
    this.#next = place;
    this.#stream ??= corpus.passages(part, place ?? undefined)[Symbol.asyncIterator]();
    while (size < blockTokens) {
      const { done, value } = await this.#stream.next();
      if (done) {
        this.#stream = undefined;
        break;
      }
      const ids = encode(value.text);
      pieces.push(ids);
      size += ids.length;
      const separator = separators[value.after];
      if (separator) {
        pieces.push(separator);
        size += separator.length;
      }
      this.#next = value.next;
    }
    if (pieces.length === 0 && place !== null) {
      this.#position = { ...this.#position, epoch: this.#position.epoch + 1, block: 0, place: null, taken: 0 };
      return await this.#load();
    }
    this.#tokens = new Uint32Array(size);
    let at = 0;
    for (const piece of pieces) {
      this.#tokens.set(piece, at);
      at += piece.length;
    }
    const { length } = this.#position;
    if (place === null && this.#stream === undefined && size < length) {
      throw new RangeError(`Cannot cut windows of ${length} tokens: the ${part} text has only ${size}`);
    }
  }

  /** Random order of the current block's windows, and the random offset at which the first begins. */
  #shuffle(): Uint32Array {
    const { epoch, block, length } = this.#position;
    const { seed } = this.#options;
    const random = randomSequence({ seed: seed ^ (length << 16), purpose: "shuffling", at: [epoch, block] });
    const size = this.#tokens!.length;
    const count = Math.max(0, Math.floor((size - length) / length) + (size >= length ? 1 : 0));
    // an offset must leave room for at least one window
    this.#offset = random.below(Math.min(length, Math.max(0, size - length) + 1));
    const fitting = Math.max(0, Math.min(count, Math.floor((size - this.#offset) / length)));
    const order = Uint32Array.from({ length: fitting }, (_, i) => i);
    for (let i = fitting - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}

/** Ids, and which of them go on with a word. */
function takeWordsApart(marked: Uint32Array<ArrayBuffer>): Pick<Window, "tokens" | "continues"> {
  return { tokens: withoutWords(marked), continues: Uint8Array.from(marked, (id) => id >= CONTINUES ? 1 : 0) };
}

/** What stands between documents: a line break, or [SEP] where the vocabulary has no line break. */
export function documentSeparator(tokenizer: Tokenizer): Uint32Array<ArrayBuffer> {
  const newline = tokenizer.encode("\n");
  const separator = tokenizer.special["[SEP]"];
  return newline.length > 0 || separator === undefined ? newline : Uint32Array.of(separator);
}
