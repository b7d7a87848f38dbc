/**
 * The way from text to masked windows as streams to be piped, for those who want nothing else.
 *
 * @module
 */

import { WindowCutter } from "./text_windows.ts";
import { type MaskedWindow, type MaskOptions, maskWindow, type Window } from "./masking.ts";
import type { PackMode } from "./block.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** Options of {@linkcode windowStream}. */
export interface WindowStreamOptions {
  /** Turns text into ids. */
  tokenizer: Tokenizer;
  /** Tokens of a window. */
  length: number;
  /**
   * Whether windows know their words, for whole-word masking.
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
  /**
   * Tokens that are cut at once, which is what is held in memory.
   *
   * @default {2 ** 16}
   */
  blockTokens?: number | undefined;
}

/**
 * Documents in, windows out, in order. What is left of a block is carried over to the next; at the end, what does not fill a
 * window is left out, unless windows are padded.
 *
 * @example
 * ```ts
 * import { characterTokenizer } from "@cloze/mlm/tokenizer";
 * import { maskStream, windowStream } from "@cloze/mlm/text";
 *
 * const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz \n");
 * const documents = ReadableStream.from(["to be or not to be", "that is the question"]);
 * const masked = documents
 *   .pipeThrough(windowStream({ tokenizer, length: 16 }))
 *   .pipeThrough(maskStream({ tokenizer, rate: 0.15, seed: 1 }));
 * for await (const { ids, maskedPositions } of masked) console.log(tokenizer.decode(ids), maskedPositions);
 * ```
 */
export function windowStream(
  { tokenizer, length, words = false, pack = "none", blockTokens = 1 << 16 }: WindowStreamOptions,
): TransformStream<string, Window> {
  if (!Number.isInteger(length) || length < 1) {
    throw new RangeError(`Cannot cut windows of ${length} tokens: it must be a whole number of at least 1`);
  }
  const cutter = new WindowCutter({ tokenizer, length, words, pack });
  let block = 0;
  const emit = (controller: TransformStreamDefaultController<Window>) => {
    let index = 0;
    for (const window of cutter.cut()) controller.enqueue({ ...window, epoch: 0, block, index: index++ });
    block++;
  };
  return new TransformStream({
    transform(text, controller) {
      cutter.add({ text, after: "document", next: 0 });
      if (cutter.size >= blockTokens) emit(controller);
    },
    flush: emit,
  });
}

/** Windows in, masked windows out; see {@linkcode maskWindow}. */
export function maskStream(options: MaskOptions): TransformStream<Window, MaskedWindow & { readonly window: Window }> {
  return new TransformStream({
    transform: (window, controller) => controller.enqueue({ ...maskWindow(window, options), window }),
  });
}
