/**
 * Ids of a text that comes in pieces: those that it has as a whole, with as little of it in memory as its vocabulary allows.
 *
 * @module
 */

import { encodeWithSpecials } from "./special_tokens.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Encodes texts that come in pieces, one after the other. */
export interface PieceEncoder {
  /** Takes a piece, the last of its text or not; returns the ids that are certain by now. */
  add(piece: string, options: { isLast: boolean }): Uint32Array<ArrayBuffer>;
  /** Characters that wait for what follows. */
  readonly waiting: number;
}

/** An encoder of pieces, special tokens as themselves. */
export function pieceEncoder(tokenizer: Tokenizer): PieceEncoder {
  let held: string[] = [];
  let waiting = 0;
  return {
    get waiting() {
      return waiting;
    },
    add(piece, { isLast }) {
      const cut = isLast ? piece.length : tokenizer.splitsAtSpaces ? lastCut(piece) : 0;
      if (!isLast && cut === 0) {
        held.push(piece);
        waiting += piece.length;
        return new Uint32Array();
      }
      const text = held.join("") + piece.slice(0, cut);
      held = [piece.slice(cut)];
      waiting = piece.length - cut;
      return encodeWithSpecials(tokenizer, text);
    },
  };
}

/** Characters of a text from which on it is encoded section by section. */
const LONGEST_SECTION = 1 << 20;

/** A text in sections whose ids, one behind the other, are those of the text. */
export function* textSections(
  text: string,
  { splitsAtSpaces, longest = LONGEST_SECTION }: Pick<Tokenizer, "splitsAtSpaces"> & { longest?: number },
): Generator<string> {
  let start = 0;
  for (let from = 0; splitsAtSpaces && text.length - from > longest; from += longest) {
    const cut = lastCut(text.slice(from, from + longest));
    if (cut === 0) continue;
    yield text.slice(start, from + cut);
    start = from + cut;
  }
  yield text.slice(start);
}

const isSpace = /\p{White_Space}/u;

/** The last space of a piece that stands behind something else; 0: there is none. */
function lastCut(piece: string): number {
  for (let at = piece.lastIndexOf(" "); at > 0; at = piece.lastIndexOf(" ", at - 1)) {
    if (!isSpace.test(piece[at - 1]!)) return at;
  }
  return 0;
}
