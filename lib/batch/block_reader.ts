/**
 * Blocks: passages of text as token ids, with what stands between them.
 *
 * @module
 */

import type { CorpusPassage } from "../text/corpus.ts";
import { textSections } from "../tokenizer/encode_pieces.ts";
import { IdList, release } from "../tokenizer/token_ids.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Block, PackMode } from "./block.ts";
import { sentencesOf } from "./pairs.ts";

/** Turns passages into a block. */
export class BlockReader {
  #tokenizer: Tokenizer;
  #encode: (text: string) => Uint32Array<ArrayBuffer>;
  #separators: Readonly<Record<CorpusPassage["after"], Uint32Array<ArrayBuffer> | undefined>>;
  #ids = new IdList();
  #documentSizes: number[] = [];
  #document = 0;
  /** Sentences of all documents and of the current one, where texts are paired. */
  #sentenceSizes: number[][] = [];
  #sentences: number[] = [];
  #pairs: boolean;
  /** What comes before the next sentence. */
  #separator: Uint32Array | undefined;

  /** An empty one. Documents that are packed need nothing between them. */
  constructor({ tokenizer, words, pack }: { tokenizer: Tokenizer; words: boolean; pack: PackMode }) {
    this.#tokenizer = tokenizer;
    this.#encode = (text) => words ? tokenizer.encodeWords(text) : tokenizer.encode(text);
    const line = this.#encode("\n");
    this.#pairs = pack === "pairs";
    this.#separators = { nothing: undefined, line, document: pack === "none" ? separatorOf(tokenizer) : undefined };
  }

  /** Tokens since the last block was taken. */
  get size(): number {
    return this.#ids.length;
  }

  /** Adds a passage. */
  add({ text, after }: CorpusPassage): void {
    const pieces = this.#pairs ? sentencesOf(text) : textSections(text, this.#tokenizer);
    for (const piece of pieces) {
      const ids = this.#encode(piece);
      this.#append(ids);
      // of a section of a long text
      if (!this.#pairs && piece.length < text.length) release(ids);
    }
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
      tokens: this.#ids.take(),
      documentSizes: this.#documentSizes,
      ...(this.#pairs ? { sentenceSizes: this.#sentenceSizes, lineBreak: this.#separators.line?.[0] } : {}),
    };
    this.#documentSizes = [];
    this.#sentenceSizes = [];
    return block;
  }

  #append(text: Uint32Array): void {
    const before = this.#ids.length;
    if (this.#separator && this.#document > 0) this.#ids.append(this.#separator);
    this.#separator = undefined;
    this.#ids.append(text);
    const size = this.#ids.length - before;
    if (this.#pairs && size > 0) this.#sentences.push(size);
    this.#document += size;
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
