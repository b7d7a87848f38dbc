/**
 * The masking transform: which tokens are hidden, and what stands in their stead.
 *
 * @module
 */

import { philox, purposes } from "../random/philox.ts";
import { specialIds } from "../tokenizer/special_tokens.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/**
 * How selected tokens are replaced. "bert": 80 % [MASK], 10 % a random ordinary token, 10 % unchanged, by one draw
 * (Devlin et al., 2019). "labml": random and unchanged are two independent draws of 10 %, and random wins: 81 % [MASK],
 * 10 % random over the whole vocabulary, special tokens included, 9 % unchanged (labml.ai's annotated MLM).
 */
export type MaskRule = "bert" | "labml";

/** Names of the rules. */
export const maskRules: readonly MaskRule[] = ["bert", "labml"];

/**
 * What is selected. "token": each token for itself (Devlin et al., 2019). "word": all tokens of a word or none (BERT's whole
 * word masking); each token is then replaced by a draw of its own. "span": runs of tokens of geometric length, p = 0.2, at
 * most 10, until the share is reached; a run is replaced in one way throughout (Joshi et al., "SpanBERT", 2020).
 */
export type MaskMode = "token" | "word" | "span";

/** Names of the modes. */
export const maskModes: readonly MaskMode[] = ["token", "word", "span"];

/** A piece of text of fixed length, with the numbers that its random numbers are keyed by. */
export interface Window {
  /** Token ids: [length]. */
  readonly tokens: Uint32Array;
  /** 1 where a token goes on with the word of the token before: [length]. Without it every token is a word. */
  readonly continues?: Uint8Array | undefined;
  /** For each row the first position of its document and the end, exclusive; without it there is one: [length, 2]. */
  readonly documents?: Uint32Array | undefined;
  /** Of a pair of texts: 0 for the first, 1 for the second: [length]. */
  readonly tokenTypes?: Uint32Array | undefined;
  /** Of a pair of texts: 0 if the second follows the first, 1 if it is from elsewhere. */
  readonly pairClass?: 0 | 1 | undefined;
  /** Which pass over the corpus. */
  readonly epoch: number;
  /** Which block of the corpus. */
  readonly block: number;
  /** Which window of the block. */
  readonly index: number;
}

/** Options of {@linkcode maskWindow}. */
export interface MaskOptions {
  /** Tells special tokens and the vocabulary's size. */
  tokenizer: Pick<Tokenizer, "size" | "special">;
  /** Share of tokens that are selected, in (0, 1]. */
  rate: number;
  /**
   * How selected tokens are replaced.
   *
   * @default {"bert"}
   */
  rule?: MaskRule | undefined;
  /**
   * What is selected.
   *
   * @default {"token"}
   */
  mode?: MaskMode | undefined;
  /** Words that are never selected: see {@linkcode neverMasked}. Windows must then know their words. */
  never?: ReadonlySet<string> | undefined;
  /** Seed of the random numbers. */
  seed: number;
}

/** A window after masking. */
export interface MaskedWindow {
  /** Token ids with replacements: [length]. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** Selected positions, ascending. */
  readonly maskedPositions: number[];
}

const SCALE = 2 ** -32;

/**
 * Masks a window. Special tokens are never selected; at least one other token always is. Every decision is a function of
 * (seed, epoch, block, index, position) alone, so the order in which windows are masked does not matter.
 *
 * @throws {RangeError} if the rate is not in (0, 1].
 *
 * @example
 * ```ts
 * import { characterTokenizer } from "@cloze/mlm/tokenizer";
 * import { maskWindow } from "@cloze/mlm/text";
 *
 * const tokenizer = characterTokenizer("abcdefgh ");
 * const tokens = tokenizer.encode("a bad head beg");
 * const masked = maskWindow({ tokens, epoch: 0, block: 0, index: 0 }, { tokenizer, rate: 0.15, seed: 1 });
 * console.log(tokenizer.decode(masked.ids), masked.maskedPositions);
 * ```
 */
export function maskWindow(window: Window, options: MaskOptions): MaskedWindow {
  const { tokens, epoch, block, index } = window;
  const { tokenizer, rate, rule = "bert", mode = "token", seed } = options;
  if (!(rate > 0 && rate <= 1)) {
    throw new RangeError(`Cannot mask a share of ${rate}: it must be above 0 and at most 1`);
  }
  const ordinary = ordinaryTokens(tokenizer);
  const ids = Uint32Array.from(tokens);
  // four numbers a position: whether it is selected, what becomes of it, which random token, and labml's second draw
  const draw = new Uint32Array(4);
  const drawAt = (position: number, purpose: "masking" | "spans" = "masking") =>
    philox([position, index, block, epoch], [seed, purposes[purpose] + (tokens.length << 8)], draw);
  /** Replaces a token by the draw of its position; what kind of replacement it is, the draw of `leader` says. */
  const replace = (position: number, leader: number) => {
    drawAt(leader);
    const [chance, other] = [draw[1]! * SCALE, draw[3]! * SCALE];
    if (position !== leader) drawAt(position);
    const token = draw[2]! * SCALE;
    if (rule === "labml") {
      if (other < 0.1) ids[position] = Math.floor(token * tokenizer.size);
      else if (chance >= 0.1) ids[position] = tokenizer.special["[MASK]"];
    } else if (chance < 0.8) ids[position] = tokenizer.special["[MASK]"];
    else if (chance < 0.9 && ordinary.length > 0) ids[position] = ordinary[Math.floor(token * ordinary.length)]!;
  };
  const selectable = selectableTokens(window, options);
  if (mode === "span") {
    const leaders = selectSpans({ selectable, rate, draw: (counter) => drawAt(counter, "spans") });
    const positions = [...leaders.keys()].sort((a, b) => a - b);
    for (const position of positions) replace(position, leaders.get(position)!);
    return { ids, maskedPositions: positions };
  }
  const positions: number[] = [];
  const take = (first: number, end: number) => {
    for (let position = first; position < end; position++) {
      if (!selectable[position]) continue;
      replace(position, position);
      positions.push(position);
    }
  };
  // where chance selects nothing, what came closest is taken
  let lowest = Infinity;
  let fallback: [first: number, end: number] | undefined;
  for (let first = 0, end = 0; first < tokens.length; first = end) {
    end = mode === "word" ? wordEnd(window, first) : first + 1;
    if (!selectable[first]) continue;
    const selection = drawAt(first)[0]! * SCALE;
    if (selection < rate) take(first, end);
    else if (selection < lowest) {
      lowest = selection;
      fallback = [first, end];
    }
  }
  if (positions.length === 0 && fallback) take(...fallback);
  return { ids, maskedPositions: positions };
}

/** End, exclusive, of the word that begins at `first`. */
function wordEnd({ tokens, continues }: Window, first: number): number {
  let end = first + 1;
  while (end < tokens.length && continues?.[end]) end++;
  return end;
}

/** 1 for tokens that may be selected: neither special nor of a word that never is. */
export function selectableTokens(
  window: Window,
  { tokenizer, never }: Pick<MaskOptions, "tokenizer" | "never">,
): Uint8Array {
  const { tokens } = window;
  const special = specialIds(tokenizer);
  const selectable = new Uint8Array(tokens.length);
  for (let i = 0; i < tokens.length; i++) selectable[i] = special.has(tokens[i]!) ? 0 : 1;
  if (never === undefined || never.size === 0) return selectable;
  for (let first = 0, end = 0; first < tokens.length; first = end) {
    end = wordEnd(window, first);
    if (never.has(tokens.subarray(first, end).join())) selectable.fill(0, first, end);
  }
  return selectable;
}

const SPAN_PROBABILITY = 0.2;
const LONGEST_SPAN = 10;

/** Positions of spans, each with the first position of its span. */
function selectSpans(
  { selectable, rate, draw }: { selectable: Uint8Array; rate: number; draw: (counter: number) => Uint32Array },
): Map<number, number> {
  const length = selectable.length;
  const count = selectable.reduce((sum, value) => sum + value, 0);
  // rounded up or down by chance, so that the share is exact on average
  const budget = Math.min(count, Math.max(1, Math.floor(rate * count + draw(0)[0]! * SCALE)));
  const leaders = new Map<number, number>();
  const free = (position: number) => position < length && selectable[position] === 1 && !leaders.has(position);
  for (let attempt = 1; leaders.size < budget; attempt++) {
    const [begin, size] = draw(attempt) as unknown as [number, number];
    const start = Math.floor(begin * SCALE * length);
    // the geometric distribution without what lies beyond the longest span
    const quantile = size * SCALE * (1 - (1 - SPAN_PROBABILITY) ** LONGEST_SPAN);
    const wanted = 1 + Math.floor(Math.log1p(-quantile) / Math.log1p(-SPAN_PROBABILITY));
    for (let i = 0; i < wanted && leaders.size < budget && free(start + i); i++) leaders.set(start + i, start);
  }
  return leaders;
}

/**
 * Words that are not to be masked, as {@linkcode MaskOptions} wants them: by their tokens, at the beginning of a text and
 * after a space.
 */
export function neverMasked(tokenizer: Pick<Tokenizer, "encode">, words: Iterable<string>): Set<string> {
  return new Set([...words].flatMap((word) => [tokenizer.encode(word).join(), tokenizer.encode(` ${word}`).join()]));
}

const ordinaryCache = new WeakMap<object, Uint32Array>();

/** Ids of all tokens that are not special. */
function ordinaryTokens(tokenizer: MaskOptions["tokenizer"]): Uint32Array {
  let ordinary = ordinaryCache.get(tokenizer);
  if (!ordinary) {
    const special = specialIds(tokenizer);
    ordinary = Uint32Array.from({ length: tokenizer.size }, (_, id) => id).filter((id) => !special.has(id));
    ordinaryCache.set(tokenizer, ordinary);
  }
  return ordinary;
}

/** Tokens of a word whose selection as a whole makes the number of masked tokens vary more. */
const WORD_VARIANCE = 10;

/**
 * Mask rates of the windows of a batch, spread evenly around a rate: with a `spread` of 1 from nothing to twice as much, or to
 * all and as much less. Each window draws from a stratum of its own, so that every batch has few and many masks and nearly the
 * same number in all (low discrepancy, as in Kingma et al., "Variational diffusion models", 2021). The draw is a function of the
 * seed and the first window's place.
 */
export function windowRates(
  windows: readonly Window[],
  { rate, spread = 0, seed }: { rate: number; spread?: number | undefined; seed: number },
): number[] {
  const [first] = windows;
  if (spread === 0 || !first) return windows.map(() => rate);
  const key = [seed, purposes.maskRates + (first.tokens.length << 8)] as const;
  const [draw] = philox([0, first.index, first.block, first.epoch], key, new Uint32Array(4));
  const most = spread * Math.min(rate, 1 - rate);
  // in the middle of its 2³² parts, so that no rate is 0
  return windows.map((_, i) => rate + most * (2 * (i + (draw! + 0.5) * SCALE) / windows.length - 1));
}

/**
 * Room for masked positions in a batch of so many windows: the expected number and five standard deviations, so that a
 * batch overflows about once in three million; what overflows is left unmasked.
 */
export function capacityFor(
  { windows, length, rate: mean, spread = 0, mode = "token" }: {
    windows: number;
    length: number;
    rate: number;
    spread?: number | undefined;
    mode?: MaskMode;
  },
): number {
  const rows = windows * length;
  // rates drawn from strata have a mean that is off by half a stratum at most
  const rate = mean + spread * Math.min(mean, 1 - mean) / windows;
  const lowest = mean - spread * Math.min(mean, 1 - mean);
  // windows in which chance selects nothing still get one
  const expected = rows * rate + windows * (1 - lowest) ** length;
  const variance = mode === "word" ? WORD_VARIANCE * expected : expected;
  return Math.min(rows, Math.ceil((expected + 5 * Math.sqrt(variance) + 4) / 4) * 4);
}
