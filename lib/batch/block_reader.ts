/**
 * Blocks: passages of text as token ids, with what stands between them.
 *
 * @module
 */

import type { CorpusPassage } from "../text/corpus.ts";
import { joinIds } from "../tokenizer/token_ids.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Block, PackMode } from "./packing.ts";

/** Turns passages into a block. */
export class BlockReader {
  #encode: (text: string) => Uint32Array<ArrayBuffer>;
  #separators: Readonly<Record<CorpusPassage["after"], Uint32Array<ArrayBuffer> | undefined>>;
  #pieces: Uint32Array[] = [];
  #documentSizes: number[] = [];
  #document = 0;
  #size = 0;

  /** An empty one. Documents that are packed need nothing between them. */
  constructor({ tokenizer, words, pack }: { tokenizer: Tokenizer; words: boolean; pack: PackMode }) {
    this.#encode = (text) => words ? tokenizer.encodeWords(text) : tokenizer.encode(text);
    const line = this.#encode("\n");
    this.#separators = { nothing: undefined, line, document: pack === "none" ? separatorOf(tokenizer) : undefined };
  }

  /** Tokens since the last block was taken. */
  get size(): number {
    return this.#size;
  }

  /** Adds a passage. */
  add({ text, after }: CorpusPassage): void {
    this.#append(this.#encode(text));
    const separator = this.#separators[after];
    if (separator) this.#append(separator);
    if (after === "document") this.#end();
  }

  /** Everything so far; a document that has not ended yet is one up to here. */
  take(): Block {
    this.#end();
    const block = { tokens: joinIds(this.#pieces), documentSizes: this.#documentSizes };
    this.#pieces = [];
    this.#documentSizes = [];
    this.#size = 0;
    return block;
  }

  #append(ids: Uint32Array): void {
    this.#pieces.push(ids);
    this.#size += ids.length;
    this.#document += ids.length;
  }

  #end(): void {
    if (this.#document > 0) this.#documentSizes.push(this.#document);
    this.#document = 0;
  }
}

/** What stands between documents: a line break, or [SEP] where the vocabulary has no line break. */
function separatorOf(tokenizer: Tokenizer): Uint32Array<ArrayBuffer> {
  const newline = tokenizer.encode("\n");
  const separator = tokenizer.special["[SEP]"];
  return newline.length > 0 || separator === undefined ? newline : Uint32Array.of(separator);
}
