/**
 * The windows of a text in order, as evaluation wants them: nothing shuffled, nothing left out in between.
 *
 * @module
 */

import type { Corpus, CorpusPart, CorpusPassage } from "../text/corpus.ts";
import { joinIds } from "../tokenizer/token_ids.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Window } from "./masking.ts";
import { cutBlock } from "./packing.ts";
import type { PackMode, WindowContent } from "./block.ts";
import { NoPairsError } from "./pairs.ts";
import { BlockReader } from "./block_reader.ts";
import { TooShortError } from "./windows.ts";

/** Options of {@linkcode textWindows}. */
export interface TextWindowOptions {
  /** The text. */
  corpus: Corpus;
  /** Which part of it. */
  part: CorpusPart;
  /** Turns text into ids. */
  tokenizer: Tokenizer;
  /** Tokens of a window. */
  length: number;
  /** Most tokens, in whole windows but at least one. Default: all. */
  tokens?: number | undefined;
  /**
   * How windows are filled.
   *
   * @default {"none"}
   */
  pack?: PackMode | undefined;
  /**
   * Whether windows know which tokens belong to one word.
   *
   * @default {false}
   */
  words?: boolean | undefined;
  /**
   * What the windows are for, as the error of a text that is too short says it.
   *
   * @default {"evaluate"}
   */
  purpose?: "evaluate" | "validate" | undefined;
}

/** Tokens that are cut, and where documents are packed, packed at once. */
const BLOCK = 1 << 16;

/** Documents are not cut at the end of a block, but one may not fill all memory. */
const LARGEST_BLOCK = 1 << 22;

/**
 * Windows from the beginning of a part on, in bounded memory; what does not fill a last window is left.
 *
 * @throws {TooShortError} if the text is shorter than one window.
 * @throws {NoPairsError} if texts are to be paired, and no document has two sentences.
 */
export async function* textWindows(options: TextWindowOptions): AsyncGenerator<Window> {
  const { corpus, part, tokenizer, length, tokens = Infinity, pack = "none", words = false } = options;
  const { purpose = "evaluate" } = options;
  const most = Math.max(1, Math.floor(tokens / length));
  // how documents are packed must not depend on how many windows are wanted: fewer are the beginning of more
  const block = pack === "none" ? Math.min(BLOCK, most * length) : BLOCK;
  const cutter = new WindowCutter({ tokenizer, length, words, pack });
  let index = 0;
  let size = 0;
  const cut = function* (): Generator<Window> {
    size += cutter.size;
    for (const window of cutter.cut()) {
      if (index < most) yield { ...window, epoch: 0, block: 0, index: index++ };
    }
  };
  for await (const passage of corpus.passages(part)) {
    cutter.add(passage);
    if (cutter.size < block) continue;
    if (pack !== "none" && passage.after !== "document" && cutter.size < LARGEST_BLOCK) continue;
    yield* cut();
    if (index >= most) return;
  }
  yield* cut();
  if (index > 0) return;
  throw pack === "pairs" && size > 0
    ? new NoPairsError(part)
    : new TooShortError(purpose, { corpus, part, length, size });
}

/** Turns passages into windows in order, block by block. */
export class WindowCutter {
  #options: { tokenizer: Tokenizer; length: number; words: boolean; pack: PackMode };
  #reader: BlockReader;
  #rest: Uint32Array<ArrayBuffer> = new Uint32Array();

  /** An empty one. */
  constructor(options: { tokenizer: Tokenizer; length: number; words: boolean; pack: PackMode }) {
    this.#options = options;
    this.#reader = new BlockReader(options);
  }

  /** Tokens since the last cut. */
  get size(): number {
    return this.#reader.size;
  }

  /** Adds a passage. */
  add(passage: CorpusPassage): void {
    this.#reader.add(passage);
  }

  /** The windows of what was added; text that runs through windows goes on in the next block. */
  *cut(): Generator<WindowContent> {
    const runsThrough = this.#options.pack === "none";
    const taken = this.#reader.take();
    const goesOn = runsThrough && this.#rest.length > 0;
    const block = goesOn ? { ...taken, tokens: joinIds([this.#rest, taken.tokens]) } : taken;
    const { count, room, window } = cutBlock(block, this.#options);
    if (runsThrough) this.#rest = block.tokens.slice(count * room);
    for (let index = 0; index < count; index++) {
      const { padding: _, ...rest } = window(index);
      yield rest;
    }
  }
}
