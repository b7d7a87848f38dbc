/**
 * Texts and words with their classes as what a model reads.
 *
 * @module
 */

import { visibleIds } from "../inference/embed.ts";
import { encodeFramed } from "../tokenizer/special_tokens.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** Ids of a text, or of a part of one, and what has a class in it. */
export interface Piece {
  /** Ids, those around every text included; at least one. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** Positions of what has a class; undefined: the text as a whole has one. */
  readonly rows?: Uint32Array<ArrayBuffer> | undefined;
}

/** What examples that are equal to the model have in common. */
export const piecesKey = (pieces: readonly Piece[]): string => pieces.map(({ ids }) => ids.join(" ")).join("\n");

/** A piece with its classes. */
export interface Example extends Piece {
  /** Class of the text, or of each row. */
  readonly labels: Uint32Array<ArrayBuffer>;
  /** What each label counts for. */
  readonly weights: Float32Array<ArrayBuffer>;
}

/** A text that was cut into pieces, or off. */
export interface CutText {
  /** Its pieces, at least one. */
  readonly pieces: readonly Piece[];
  /** Tokens that were left out. */
  readonly omitted: number;
}

/** How texts are cut. */
export interface CutOptions {
  /** Most tokens of a piece. */
  readonly longest: number;
  /**
   * Take all of a long text, in several pieces, instead of its beginning.
   *
   * @default {false}
   */
  readonly windows?: boolean | undefined;
}

/** A text as what a model reads: its beginning, or all of it in pieces of nearly the same length. */
export function cutText(tokenizer: Tokenizer, text: string, { longest, windows = false }: CutOptions): CutText {
  if (!windows) {
    const { ids, omitted } = visibleIds(tokenizer, text, longest);
    return { pieces: [{ ids: notEmpty(tokenizer, ids) }], omitted };
  }
  const ids = encodeFramed(tokenizer, text);
  if (ids.length <= longest) return { pieces: [{ ids: notEmpty(tokenizer, ids) }], omitted: 0 };
  const { before, after, room } = frameIn(tokenizer, longest);
  const inner = ids.subarray(before.length, ids.length - after.length);
  const count = Math.ceil(inner.length / room);
  const pieces = Array.from({ length: count }, (_, i) => {
    const [from, to] = [i, i + 1].map((at) => Math.floor(at * inner.length / count));
    return { ids: Uint32Array.from([...before, ...inner.subarray(from, to), ...after]) };
  });
  return { pieces, omitted: 0 };
}

/** Words as what a model reads: a class belongs to a word's first token. Long sentences come in pieces, cut between words. */
export function cutWords(tokenizer: Tokenizer, words: readonly string[], longest: number): Piece[] {
  const { before, after, room } = frameIn(tokenizer, longest);
  const pieces: Piece[] = [];
  let [ids, rows]: [number[], number[]] = [[], []];
  const end = () => {
    if (rows.length > 0) {
      pieces.push({ ids: Uint32Array.from([...before, ...ids, ...after]), rows: Uint32Array.from(rows) });
    }
    [ids, rows] = [[], []];
  };
  for (const [i, word] of words.entries()) {
    const { tokens, first } = wordTokens(tokenizer, i === 0 ? word : ` ${word}`);
    // of a word that no window holds the beginning is enough
    const some = tokens.slice(0, Math.max(room, 1));
    if (ids.length + some.length > room) end();
    rows.push(before.length + ids.length + Math.min(first, some.length - 1));
    ids.push(...some);
  }
  end();
  return pieces;
}

/** Tokens of a word with the space before it, and which of them is the first of the word itself. */
function wordTokens(tokenizer: Tokenizer, text: string): { tokens: readonly number[]; first: number } {
  const tokens = [...tokenizer.encode(text)];
  if (tokens.length === 0) return { tokens: [anyToken(tokenizer)], first: 0 };
  const first = tokens.findIndex((id) => tokenizer.piece(id).trim() !== "");
  return { tokens, first: Math.max(0, first) };
}

function frameIn({ frame }: Tokenizer, longest: number) {
  const { before, after } = frame ?? { before: [], after: [] };
  return { before, after, room: Math.max(1, longest - before.length - after.length) };
}

/** What stands where nothing is left of a text. */
const anyToken = ({ special }: Tokenizer) => special["[UNK]"] ?? special["[PAD]"];

function notEmpty(tokenizer: Tokenizer, ids: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  return ids.length > 0 ? ids : Uint32Array.of(anyToken(tokenizer));
}
