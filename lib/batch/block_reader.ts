/**
 * Blocks: passages of text as token ids, with what stands between them.
 *
 * @module
 */

import type { CorpusPassage } from "../text/corpus.ts";
import { joinIds } from "../tokenizer/token_ids.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Block, PackMode } from "./block.ts";
import { sentencesOf } from "./pairs.ts";

/** Turns passages into a block. */
export class BlockReader {
  #encode: (text: string) => Uint32Array<ArrayBuffer>;
  #separators: Readonly<Record<CorpusPassage["after"], Uint32Array<ArrayBuffer> | undefined>>;
  #pieces: Uint32Array[] = [];
  #documentSizes: number[] = [];
  #document = 0;
  /** Sentences of all documents and of the current one, where texts are paired. */
  #sentenceSizes: number[][] = [];
  #sentences: number[] = [];
  #pairs: boolean;
  /** What comes before the next sentence. */
  #separator: Uint32Array | undefined;
  #size = 0;

  /** An empty one. Documents that are packed need nothing between them. */
  constructor({ tokenizer, words, pack }: { tokenizer: Tokenizer; words: boolean; pack: PackMode }) {
    this.#encode = (text) => words ? tokenizer.encodeWords(text) : tokenizer.encode(text);
    const line = this.#encode("\n");
    this.#pairs = pack === "pairs";
    this.#separators = { nothing: undefined, line, document: pack === "none" ? separatorOf(tokenizer) : undefined };
  }

  /** Tokens since the last block was taken. */
  get size(): number {
    return this.#size;
  }

  /** Adds a passage. */
  add({ text, after }: CorpusPassage): void {
    for (const piece of this.#pairs ? sentencesOf(text) : [text]) this.#append(this.#encode(piece));
    const separator = this.#separators[after];
    // what stands between two sentences belongs to the second, line breaks as well as spaces
    if (this.#pairs) this.#separator = separator;
    else if (separator) this.#append(separator);
    if (after === "document") this.#end();
  }

  /** Everything so far; a document that has not ended yet is one up to here. */
  take(): Block {
    this.#end();
    const block = {
      tokens: joinIds(this.#pieces),
      documentSizes: this.#documentSizes,
      ...(this.#pairs ? { sentenceSizes: this.#sentenceSizes, lineBreak: this.#separators.line?.[0] } : {}),
    };
    this.#pieces = [];
    this.#documentSizes = [];
    this.#sentenceSizes = [];
    this.#size = 0;
    return block;
  }

  #append(text: Uint32Array): void {
    const ids = this.#separator && this.#document > 0 ? joinIds([this.#separator, text]) : text;
    this.#separator = undefined;
    if (this.#pairs && ids.length > 0) this.#sentences.push(ids.length);
    this.#pieces.push(ids);
    this.#size += ids.length;
    this.#document += ids.length;
  }

  #end(): void {
    if (this.#document > 0) {
      this.#documentSizes.push(this.#document);
      this.#sentenceSizes.push(this.#sentences);
    }
    this.#sentences = [];
    this.#separator = undefined;
    this.#document = 0;
  }
}

/** What stands between documents: a line break, or [SEP] where the vocabulary has no line break. */
function separatorOf(tokenizer: Tokenizer): Uint32Array<ArrayBuffer> {
  const newline = tokenizer.encode("\n");
  const separator = tokenizer.special["[SEP]"];
  return newline.length > 0 || separator === undefined ? newline : Uint32Array.of(separator);
}
