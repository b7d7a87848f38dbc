/**
 * Windows: a corpus as token ids, cut into pieces of the current length and shuffled in bounded memory.
 *
 * @module
 */

import type { Corpus, CorpusPart, CorpusPassage, CorpusPosition } from "../text/corpus.ts";
import { BlockReader } from "./block_reader.ts";
import { release } from "../tokenizer/token_ids.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Complete } from "../tokenizer/vocabulary_options.ts";
import type { Window } from "./masking.ts";
import type { Block, Cut, PackMode } from "./block.ts";
import { cutBlock } from "./packing.ts";
import { randomSequence } from "../random/philox.ts";
import { NoPairsError } from "./pairs.ts";

/** Where a {@linkcode WindowSource} is in its corpus; enough to go on with the very same windows. */
export interface WindowPosition {
  /** Passes over the corpus so far. */
  epoch: number;
  /** Blocks of this pass so far. */
  block: number;
  /** Where the current block begins in the corpus; null at its beginning. */
  place: CorpusPosition | null;
  /** Length that the current block is cut into; 0 before the first window. */
  length: number;
  /** Windows of the current block so far. */
  taken: number;
  /** Tokens of all windows so far, and how many of them are padding. Earlier versions did not count them. */
  tokens?: { readonly all: number; readonly padding: number } | undefined;
}

/** Share of padding in the windows so far. */
export function paddingShare({ tokens }: Pick<WindowPosition, "tokens">): number {
  return tokens ? tokens.padding / tokens.all : 0;
}

/** The start of a corpus. */
export const START: Readonly<WindowPosition> = { epoch: 0, block: 0, place: null, length: 0, taken: 0 };

/** A text that is too short for a single window. */
export class TooShortError extends RangeError {
  /** Name of the class. */
  override name = "TooShortError";
  /** Which part of the corpus it is. */
  readonly part: CorpusPart;
  /** Tokens of a window. */
  readonly length: number;
  /** Tokens that there are. */
  readonly size: number;

  /** A message that says what the windows were wanted for, of which text, and the sizes. */
  constructor(
    purpose: "train" | "validate" | "evaluate",
    { corpus, part, length, size }: {
      corpus: Pick<Corpus, "name" | "validates">;
      part: CorpusPart;
      length: number;
      size: number;
    },
  ) {
    const text = purpose === "evaluate" ? "the text" : `the ${part} text`;
    const name = part === "validation" ? corpus.validates ?? corpus.name : corpus.name;
    super(`Cannot ${purpose} on windows of ${length} tokens: ${text} has only ${size} (${name})`);
    this.part = part;
    this.length = length;
    this.size = size;
  }
}

/** Options of {@linkcode WindowSource}. */
export interface WindowOptions {
  /** The text. */
  corpus: Corpus;
  /**
   * Which part of it.
   *
   * @default {"training"}
   */
  part?: CorpusPart | undefined;
  /** Turns lines into ids. */
  tokenizer: Tokenizer;
  /**
   * Whether windows know which tokens belong to one word.
   *
   * @default {false}
   */
  words?: boolean | undefined;
  /**
   * How windows are filled.
   *
   * @default {"none"}
   */
  pack?: PackMode | undefined;
  /** Seed of the shuffling. */
  seed: number;
  /**
   * Tokens that are shuffled at once, which is what is held in memory.
   *
   * @default {2 ** 20}
   */
  blockTokens?: number | undefined;
  /** Where to go on. Default: the start. */
  position?: Readonly<WindowPosition> | undefined;
}

/**
 * Windows in random order: the corpus is read in blocks of a million tokens, each cut from a random offset on, and the
 * windows of a block come in random order. When the length changes, a new block begins. At the end of the corpus the
 * next pass begins, cut and shuffled anew.
 */
export class WindowSource {
  #options: Complete<Omit<WindowOptions, "position">>;
  #position: WindowPosition;
  #block: Block | undefined;
  #next: CorpusPosition | null = null;
  #cut: Cut | undefined;
  #order: Uint32Array | undefined;
  #stream: AsyncIterator<CorpusPassage> | undefined;
  /** The latest pass that gave windows, or the first. */
  #fruitful: number | undefined;

  /** A source at the given position; it opens the corpus at the first window. */
  constructor({ corpus, tokenizer, seed, position = START, ...given }: WindowOptions) {
    const { part = "training", blockTokens = 1 << 20, words = false, pack = "none" } = given;
    this.#options = { corpus, tokenizer, seed, part, blockTokens, words, pack };
    this.#position = { ...position };
  }

  /** The position after the latest window. */
  get position(): WindowPosition {
    return { ...this.#position };
  }

  /**
   * The next windows.
   *
   * @throws {TooShortError} if the whole part is shorter than one window.
   * @throws {NoPairsError} if texts are to be paired, and no document has two sentences.
   */
  async next({ length, count }: { length: number; count: number }): Promise<Window[]> {
    const windows: Window[] = [];
    while (windows.length < count) {
      // a block is cut in one way: windows of another length begin with the next
      if (this.#position.length !== length) {
        if (this.#position.length !== 0) await this.#advance();
        this.#position.length = length;
        this.#order = undefined;
      }
      if (!this.#block) await this.#load();
      this.#order ??= this.#shuffle();
      const { epoch, block, taken } = this.#position;
      this.#fruitful ??= epoch;
      if (this.#order.length > 0) this.#fruitful = epoch;
      else if (epoch > this.#fruitful + 1) throw new NoPairsError(this.#options.part);
      if (taken >= this.#order.length) {
        await this.#advance();
        this.#position.length = length;
        continue;
      }
      const index = this.#order[taken]!;
      const { padding, ...window } = this.#cut!.window(index);
      windows.push({ ...window, epoch, block, index });
      const { all, padding: before } = this.#position.tokens ?? { all: 0, padding: 0 };
      this.#position.tokens = { all: all + length, padding: before + padding };
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
    if (!this.#block) await this.#load();
    const { epoch, block } = this.#position;
    this.#position = { ...this.#position, epoch, block: block + 1, place: this.#next, length: 0, taken: 0 };
    // a block may be large, and windows are copies: none is in memory beside the next one
    release(this.#block!.tokens);
    this.#block = undefined;
    this.#cut = undefined;
    this.#order = undefined;
  }

  /** Reads the block at the current position; at the end of the corpus, the first of the next pass. */
  async #load(): Promise<void> {
    const { corpus, part, blockTokens } = this.#options;
    const { place } = this.#position;
    this.#next = place;
    this.#stream ??= corpus.passages(part, place ?? undefined)[Symbol.asyncIterator]();
    const reader = new BlockReader(this.#options);
    while (reader.size < blockTokens) {
      const { done, value } = await this.#stream.next();
      if (done) {
        this.#stream = undefined;
        break;
      }
      reader.add(value);
      this.#next = value.next;
    }
    if (reader.size === 0 && place !== null) {
      this.#position = { ...this.#position, epoch: this.#position.epoch + 1, block: 0, place: null, taken: 0 };
      return await this.#load();
    }
    const { size } = reader;
    this.#block = reader.take();
    if (place === null && this.#stream === undefined) {
      const { length } = this.#position;
      if (size === 0 || (this.#options.pack === "none" && size < length)) {
        throw new TooShortError("train", { corpus, part, length, size });
      }
    }
  }

  /** Cuts the current block; returns the random order of its windows. */
  #shuffle(): Uint32Array {
    const { epoch, block, length } = this.#position;
    const random = randomSequence({
      seed: this.#options.seed ^ (length << 16),
      purpose: "shuffling",
      at: [epoch, block],
    });
    this.#cut = cutBlock(this.#block!, { ...this.#options, length, random });
    const order = Uint32Array.from({ length: this.#cut.count }, (_, i) => i);
    // Fisher and Yates: each order is equally likely
    for (let i = order.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}
