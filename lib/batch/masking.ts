/**
 * The masking transform: which tokens are hidden, and what stands in their place.
 *
 * @module
 */

import { philox, purposes } from "./philox.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/**
 * How selected tokens are replaced. "bert": 80 % [MASK], 10 % a random ordinary token, 10 % unchanged, by one draw
 * (Devlin et al., 2019). "labml": random and unchanged are two independent draws of 10 %, and random wins: 81 % [MASK],
 * 10 % random over the whole vocabulary, special tokens included, 9 % unchanged (labml.ai's annotated MLM).
 */
export type MaskRule = "bert" | "labml";

/** Names of the rules. */
export const maskRules: readonly MaskRule[] = ["bert", "labml"];

/** A piece of text of fixed length, with the place that its random numbers are keyed by. */
export interface Window {
  /** Token ids: [length]. */
  readonly tokens: Uint32Array;
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
  /** Default: "bert". */
  rule?: MaskRule;
  /** Seed of the random numbers. */
  seed: number;
}

/** A window after masking. */
export interface MaskedWindow {
  /** Token ids with replacements: [length]. */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** Selected positions, ascending. */
  readonly positions: number[];
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
 * import { characterTokenizer, maskWindow } from "@cloze/mlm";
 *
 * const tokenizer = characterTokenizer("abcdefgh ");
 * const tokens = tokenizer.encode("a bad head beg");
 * const masked = maskWindow({ tokens, epoch: 0, block: 0, index: 0 }, { tokenizer, rate: 0.15, seed: 1 });
 * console.log(tokenizer.decode(masked.ids), masked.positions);
 * ```
 */
export function maskWindow({ tokens, epoch, block, index }: Window, options: MaskOptions): MaskedWindow {
  const { tokenizer, rate, rule = "bert", seed } = options;
  if (!(rate > 0 && rate <= 1)) {
    throw new RangeError(`Cannot mask a share of ${rate}: it must be above 0 and at most 1`);
  }
  const special = new Set(Object.values(tokenizer.special));
  const ordinary = ordinaryTokens(tokenizer);
  const key = [seed, purposes.masking + (tokens.length << 8)] as const;
  const ids = Uint32Array.from(tokens);
  const positions: number[] = [];
  const draw = new Uint32Array(4);
  let lowest = Infinity;
  let fallback = -1;
  const replace = (position: number) => {
    const [, kind, token, other] = draw as unknown as [number, number, number, number];
    const chance = kind * SCALE;
    if (rule === "labml") {
      if (other * SCALE < 0.1) ids[position] = Math.floor(token * SCALE * tokenizer.size);
      else if (chance >= 0.1) ids[position] = tokenizer.special["[MASK]"];
    } else if (chance < 0.8) ids[position] = tokenizer.special["[MASK]"];
    else if (chance < 0.9 && ordinary.length > 0) {
      ids[position] = ordinary[Math.floor(token * SCALE * ordinary.length)]!;
    }
    positions.push(position);
  };
  for (let position = 0; position < tokens.length; position++) {
    if (special.has(tokens[position]!)) continue;
    philox([position, index, block, epoch], key, draw);
    const selection = draw[0]! * SCALE;
    if (selection < rate) replace(position);
    else if (selection < lowest) {
      lowest = selection;
      fallback = position;
    }
  }
  if (positions.length === 0 && fallback >= 0) {
    philox([fallback, index, block, epoch], key, draw);
    replace(fallback);
  }
  return { ids, positions };
}

const ordinaryCache = new WeakMap<object, Uint32Array>();

/** Ids of all tokens that are not special. */
function ordinaryTokens(tokenizer: MaskOptions["tokenizer"]): Uint32Array {
  let ordinary = ordinaryCache.get(tokenizer);
  if (!ordinary) {
    const special = new Set(Object.values(tokenizer.special));
    ordinary = Uint32Array.from({ length: tokenizer.size }, (_, id) => id).filter((id) => !special.has(id));
    ordinaryCache.set(tokenizer, ordinary);
  }
  return ordinary;
}

/**
 * Room for masked positions in a batch of so many windows: the expected number and five standard deviations, so that a
 * batch overflows about once in three million; what overflows is left unmasked.
 */
export function slotsFor({ windows, length, rate }: { windows: number; length: number; rate: number }): number {
  const rows = windows * length;
  // windows in which chance selects nothing still get one
  const expected = rows * rate + windows * (1 - rate) ** length;
  return Math.min(rows, Math.ceil((expected + 5 * Math.sqrt(expected) + 4) / 4) * 4);
}
