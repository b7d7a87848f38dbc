/**
 * Byte-level byte-pair encoding: text is split as in GPT-2 (Radford et al., 2019), each piece's UTF-8 bytes are joined pair
 * by pair in the order in which training found the pairs (Sennrich, Haddow and Birch, 2016). Every text can be written.
 *
 * @module
 */

import {
  type AddedToken,
  CONTINUES,
  findSpecials,
  IdBuffer,
  type SpecialSpelling,
  splitAtAdded,
  type Tokenizer,
  withoutWords,
  WordCache,
} from "./tokenizer.ts";

/** Options of {@linkcode bpeTokenizer}. */
export interface BpeOptions {
  /** Begin every text with a space. Default: false. */
  addPrefixSpace?: boolean;
  /** Compose characters first (Unicode's NFC). Default: false. */
  compose?: boolean;
  /** Take a piece that is a token as it is, whatever the merges say. Default: false. */
  ignoreMerges?: boolean;
  /** Tokens beside the special ones that are found in text before it is split, such as runs of spaces. */
  added?: readonly AddedToken[];
  /** Special tokens that are not called by BERT's names. */
  spelling?: SpecialSpelling;
}

/** A byte-level BPE tokenizer. */
export interface BpeTokenizer extends Tokenizer {
  /** Byte-pair encoding. */
  readonly type: "bpe";
  /** Pairs in the order in which they are joined, tokens as the vocabulary writes them. */
  readonly merges: readonly (readonly [string, string])[];
  /** How it was made. */
  readonly options: Required<BpeOptions>;
}

/** Every byte as a printable character: itself where it prints, otherwise from U+0100 on. */
export const byteCharacters: readonly string[] = (() => {
  let spare = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const prints = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return String.fromCharCode(prints ? byte : spare++);
  });
})();

const byteOf = new Map(byteCharacters.map((character, byte) => [character, byte]));

/** GPT-2's pieces: contractions, words and numbers with the space before them, other characters, white space. */
export const bpePieces = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/** Byte in place of a character that stands for none. */
const QUESTION_MARK = 63;

/** Symbols of a piece from which on a heap finds the next pair; below, looking at all of them is quicker. */
const LONG_PIECE = 48;

/**
 * A tokenizer over the tokens of a vocabulary, in order of their ids, and its merges.
 *
 * @throws {RangeError} if a special token, a byte or a merge's result is missing.
 */
export function bpeTokenizer(
  tokens: readonly string[],
  merges: readonly (readonly [string, string])[],
  given: BpeOptions = {},
): BpeTokenizer {
  const options = {
    addPrefixSpace: given.addPrefixSpace ?? false,
    compose: given.compose ?? false,
    ignoreMerges: given.ignoreMerges ?? false,
    added: given.added ?? [],
    spelling: given.spelling ?? {},
  };
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const special = findSpecials((token) => idOf.get(token), options.spelling);
  const find = (token: string) => {
    const id = idOf.get(token);
    if (id === undefined) throw new RangeError(`The vocabulary lacks the token ${JSON.stringify(token)}`);
    return id;
  };
  const byteIds = Uint32Array.from(byteCharacters, find);
  const size = tokens.length;
  // a pair's place in the order and what it becomes, by left · size + right
  const ranks = new Map<number, number>();
  const results = new Uint32Array(merges.length);
  for (const [rank, [left, right]] of merges.entries()) {
    const key = find(left) * size + find(right);
    if (!ranks.has(key)) ranks.set(key, rank);
    results[rank] = find(left + right);
  }
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  const cache = new WordCache((piece) => {
    const bytes = encoder.encode(piece);
    if (options.ignoreMerges) {
      const whole = idOf.get(Array.from(bytes, (byte) => byteCharacters[byte]).join(""));
      if (whole !== undefined) return Uint32Array.of(whole);
    }
    const symbols = Uint32Array.from(bytes, (byte) => byteIds[byte]!);
    const count = symbols.length > LONG_PIECE
      ? mergeLong(symbols, { ranks, results, size })
      : mergeShort(symbols, { ranks, results, size });
    for (let i = 1; i < count; i++) symbols[i]! += CONTINUES;
    return symbols.slice(0, count);
  });
  const split = splitAtAdded(options.added);
  const encodePlain = (text: string, out: IdBuffer) => {
    for (const [piece] of text.matchAll(bpePieces)) out.append(cache.get(piece));
  };
  const encodeWords = (text: string) => {
    if (options.compose) text = text.normalize("NFC");
    if (options.addPrefixSpace && text !== "" && !text.startsWith(" ")) text = ` ${text}`;
    const out = new IdBuffer(text.length >> 1);
    for (const { text: piece, token } of split(text)) {
      if (token !== undefined) out.push(find(token));
      else encodePlain(piece, out);
    }
    return out.take();
  };
  const decode = (ids: ArrayLike<number>) => {
    let text = "";
    let bytes: number[] = [];
    const flush = () => {
      text += decoder.decode(Uint8Array.from(bytes));
      bytes = [];
    };
    for (let i = 0; i < ids.length; i++) {
      const token = tokens[ids[i]!] ?? "";
      if (specialIds.has(ids[i]!)) {
        flush();
        text += token;
      } else for (const character of token) bytes.push(byteOf.get(character) ?? QUESTION_MARK);
    }
    flush();
    return text;
  };
  const specialIds = new Set<number>([...Object.values(special), ...options.added.map(({ content }) => find(content))]);
  return {
    type: "bpe",
    options,
    tokens,
    merges,
    size,
    special,
    encodeWords,
    encode: (text) => withoutWords(encodeWords(text)),
    token: (id) => tokens[id] ?? "",
    piece: (id) => decode([id]),
    decode,
  };
}

interface Merges {
  ranks: ReadonlyMap<number, number>;
  results: Uint32Array;
  size: number;
}

/** Joins pairs in place until none is left to join; returns how many symbols remain. */
function mergeShort(symbols: Uint32Array, { ranks, results, size }: Merges): number {
  let count = symbols.length;
  while (count > 1) {
    let best = Infinity;
    let place = -1;
    for (let i = 0; i + 1 < count; i++) {
      const rank = ranks.get(symbols[i]! * size + symbols[i + 1]!);
      if (rank !== undefined && rank < best) {
        best = rank;
        place = i;
      }
    }
    if (place < 0) break;
    symbols[place] = results[best]!;
    symbols.copyWithin(place + 1, place + 2, count);
    count--;
  }
  return count;
}

/** The same for long pieces: candidates wait in a heap, ordered by rank and place, and are dropped when outdated. */
function mergeLong(symbols: Uint32Array, { ranks, results, size }: Merges): number {
  const count = symbols.length;
  const next = Int32Array.from({ length: count }, (_, i) => i + 1 < count ? i + 1 : -1);
  const before = Int32Array.from({ length: count }, (_, i) => i - 1);
  const heap: { rank: number; place: number; left: number; right: number }[] = [];
  const less = (a: number, b: number) =>
    heap[a]!.rank < heap[b]!.rank || (heap[a]!.rank === heap[b]!.rank && heap[a]!.place < heap[b]!.place);
  const swap = (a: number, b: number) => [heap[a], heap[b]] = [heap[b]!, heap[a]!];
  const offer = (place: number) => {
    if (place < 0 || next[place]! < 0) return;
    const [left, right] = [symbols[place]!, symbols[next[place]!]!];
    const rank = ranks.get(left * size + right);
    if (rank === undefined) return;
    heap.push({ rank, place, left, right });
    for (let i = heap.length - 1; i > 0 && less(i, (i - 1) >> 1); i = (i - 1) >> 1) swap(i, (i - 1) >> 1);
  };
  const take = () => {
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length > 0) {
      heap[0] = last;
      for (let i = 0;;) {
        let child = 2 * i + 1;
        if (child >= heap.length) break;
        if (child + 1 < heap.length && less(child + 1, child)) child++;
        if (!less(child, i)) break;
        swap(i, child);
        i = child;
      }
    }
    return top;
  };
  const gone = new Uint8Array(count);
  for (let i = 0; i + 1 < count; i++) offer(i);
  while (heap.length > 0) {
    const { rank, place, left, right } = take();
    const other = next[place]!;
    if (gone[place] || other < 0 || symbols[place] !== left || symbols[other] !== right) continue;
    symbols[place] = results[rank]!;
    gone[other] = 1;
    next[place] = next[other]!;
    if (next[other]! >= 0) before[next[other]!] = place;
    offer(before[place]!);
    offer(place);
  }
  let kept = 0;
  for (let i = 0; i < count; i++) if (!gone[i]) symbols[kept++] = symbols[i]!;
  return kept;
}
