/**
 * What a tokenizer is to the rest: text to ids and back, and which ids are special.
 *
 * @module
 */

/** Names of BERT's special tokens. */
export const specialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] as const;
/** Name of a special token. */
export type SpecialToken = typeof specialTokens[number];

/** Turns text into token ids and back. */
export interface Tokenizer {
  /** Number of tokens; ids are 0 ... size - 1. */
  readonly size: number;
  /** Ids of the special tokens that exist; [PAD] and [MASK] always do. */
  readonly special: Readonly<Partial<Record<SpecialToken, number>>> & {
    readonly "[PAD]": number;
    readonly "[MASK]": number;
  };
  /** Token ids of a text; special tokens that are written out in it are text like any other. */
  encode(text: string): Uint32Array<ArrayBuffer>;
  /** The text of token ids. */
  decode(ids: ArrayLike<number>): string;
  /** A token by id. */
  token(id: number): string;
}

/** Token ids of a text in which special tokens such as [MASK] stand for themselves. */
export function encodeWithSpecials(tokenizer: Tokenizer, text: string): Uint32Array<ArrayBuffer> {
  const names = Object.keys(tokenizer.special) as SpecialToken[];
  const pattern = new RegExp(`(${names.map((name) => name.replace(/[[\]]/g, "\\$&")).join("|")})`);
  const pieces = text.split(pattern).map((piece, i) =>
    i % 2 === 1 ? Uint32Array.of(tokenizer.special[piece as SpecialToken]!) : tokenizer.encode(piece)
  );
  const ids = new Uint32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    ids.set(piece, at);
    at += piece.length;
  }
  return ids;
}
