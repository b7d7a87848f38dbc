/**
 * Added tokens: what is found in a text before it is split, as the Rust package "tokenizers" finds it. At the leftmost place
 * where one begins, the longest counts.
 *
 * @module
 */

/** A token that is found in text before that is split into words. */
export interface AddedToken {
  /** The token. */
  readonly content: string;
  /**
   * Only where no letter or digit stands beside it.
   *
   * @default {false}
   */
  readonly singleWord?: boolean;
  /**
   * White space before it belongs to it.
   *
   * @default {false}
   */
  readonly lstrip?: boolean;
  /**
   * White space after it belongs to it.
   *
   * @default {false}
   */
  readonly rstrip?: boolean;
  /**
   * Found in the normalized text, itself normalized; otherwise in the text as it is.
   *
   * @default {false}
   */
  readonly normalized?: boolean;
  /**
   * A piece of words too, for the vocabulary that words are cut by has it.
   *
   * @default {false}
   */
  readonly inVocabulary?: boolean;
  /**
   * A special token, which readers may leave out of decoded text.
   *
   * @default {false}
   */
  readonly special?: boolean;
}

/**
 * Whether added tokens leave a text as it is where it is cut before a space: none reaches over white space, or takes along what
 * follows it.
 */
export function keepToWords(tokens: readonly AddedToken[]): boolean {
  return tokens.every(({ content, rstrip }) => !rstrip && !isSpace.test(content));
}

/** A piece of a text. */
export interface TextPiece {
  /** As it stands in the text. */
  readonly text: string;
  /** The added token that it is, as the vocabulary writes it. */
  readonly token?: string;
  /** Where it begins. */
  readonly start: number;
}

/** Cuts a text at tokens; pieces without characters are left out. */
export type AddedSplitter = (text: string) => TextPiece[];

interface Node {
  readonly next: Map<number, Node>;
  token?: AddedToken;
}

const wordBefore = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const wordAfter = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
const isSpace = /\p{White_Space}/u;

/**
 * Cuts texts at added tokens; undefined where there are none. `spelled` says how a token stands in the text that is cut. Of two
 * that are spelled alike the first counts.
 */
export function splitterAt(
  tokens: readonly AddedToken[],
  spelled: (token: string) => string = (token) => token,
): AddedSplitter | undefined {
  const root: Node = { next: new Map() };
  const begins = new Uint8Array(1 << 16);
  for (const token of tokens) {
    const spelling = spelled(token.content);
    if (spelling === "") continue;
    begins[spelling.charCodeAt(0)] = 1;
    let node = root;
    for (let i = 0; i < spelling.length; i++) {
      const unit = spelling.charCodeAt(i);
      let next = node.next.get(unit);
      if (!next) node.next.set(unit, next = { next: new Map() });
      node = next;
    }
    node.token ??= token;
  }
  if (root.next.size === 0) return undefined;
  return (text) => cut(text, { root, begins });
}

function cut(text: string, { root, begins }: { root: Node; begins: Uint8Array }): TextPiece[] {
  const pieces: TextPiece[] = [];
  let taken = 0;
  for (let at = 0; at < text.length;) {
    if (begins[text.charCodeAt(at)] === 0) {
      at++;
      continue;
    }
    const match = longest(text, { at, root });
    if (!match) {
      at++;
      continue;
    }
    let [start, end] = [at, match.end];
    const { content, singleWord, lstrip, rstrip } = match.token;
    at = end;
    if (singleWord && (touchesBefore(text, start) || touchesAfter(text, end))) continue;
    if (lstrip) {
      while (start > 0 && isSpace.test(text[start - 1]!)) start--;
      start = Math.max(start, taken);
    }
    if (rstrip) { while (end < text.length && isSpace.test(text[end]!)) end++; }
    if (taken < start) pieces.push({ text: text.slice(taken, start), start: taken });
    pieces.push({ text: text.slice(start, end), token: content, start });
    taken = end;
  }
  if (taken < text.length) pieces.push({ text: text.slice(taken), start: taken });
  return pieces;
}

function longest(
  text: string,
  { at, root }: { at: number; root: Node },
): { token: AddedToken; end: number } | undefined {
  let found: { token: AddedToken; end: number } | undefined;
  let node: Node | undefined = root;
  for (let i = at; i < text.length; i++) {
    node = node.next.get(text.charCodeAt(i));
    if (!node) break;
    if (node.token) found = { token: node.token, end: i + 1 };
  }
  return found;
}

function touchesBefore(text: string, start: number): boolean {
  return wordBefore.test(text.slice(Math.max(0, start - 2), start));
}

function touchesAfter(text: string, end: number): boolean {
  return wordAfter.test(text.slice(end, end + 2));
}
