/**
 * Byte-pair encoding of words (Sennrich, Haddow and Birch, 2016): symbols are joined pair by pair in the order in which
 * training found the pairs.
 *
 * @module
 */

import { mergeAll, mergesOf } from "./merges.ts";
import type { WordModel } from "./pipeline.ts";
import { byteIds } from "./unigram.ts";

/** Options of {@linkcode bpeModel}. */
export interface BpeModelOptions {
  /** Ids of the tokens that text can become. */
  readonly idOf: ReadonlyMap<string, number>;
  /** Ids of all tokens, those included that text cannot become. Default: `idOf`. */
  readonly mergeIds?: ReadonlyMap<string, number>;
  /** Pairs in the order in which they are joined. */
  readonly merges: readonly (readonly [string, string])[];
  /** Id of what the vocabulary cannot write; undefined: it is left out. */
  readonly unknown?: number | undefined;
  /** Unknown characters side by side are one. Default: false. */
  readonly fuseUnknown?: boolean;
  /** Write what the vocabulary cannot write as bytes, where it has them. Default: false. */
  readonly byteFallback?: boolean;
  /** Stands before every symbol but the first of a word. Default: "". */
  readonly prefix?: string;
  /** Stands after the last symbol of a word. Default: "". */
  readonly suffix?: string;
  /** Take a word that is a token as it is, whatever the merges say. Default: false. */
  readonly ignoreMerges?: boolean;
}

/** Ids of the symbols that remain of a word when no pair is left to join. */
export function bpeModel(options: BpeModelOptions): WordModel {
  const { idOf, unknown, fuseUnknown = false, byteFallback = false, prefix = "", suffix = "" } = options;
  const merges = mergesOf(options.merges, { idOf: options.mergeIds ?? idOf, prefix });
  const bytes = byteFallback ? byteIds(idOf) : undefined;
  const encoder = new TextEncoder();
  const spelled = (symbol: string): number[] | undefined => {
    if (!bytes) return undefined;
    const ids = Array.from(encoder.encode(symbol), (byte) => bytes[byte]);
    return ids.every((id) => id !== undefined) ? ids as number[] : undefined;
  };
  return (word) => {
    if (options.ignoreMerges) {
      const whole = idOf.get(word);
      if (whole !== undefined) return Uint32Array.of(whole);
    }
    const symbols: number[] = [];
    // unknown characters wait for what follows; bytes overtake them
    let waiting = 0;
    const flush = () => {
      for (; waiting > 0; waiting--) symbols.push(unknown!);
    };
    for (let at = 0; at < word.length;) {
      const next = at + (word.codePointAt(at)! > 0xffff ? 2 : 1);
      const symbol = (at > 0 ? prefix : "") + word.slice(at, next) + (next === word.length ? suffix : "");
      at = next;
      const id = idOf.get(symbol);
      if (id !== undefined) {
        flush();
        symbols.push(id);
        continue;
      }
      const fallback = spelled(symbol);
      if (fallback) symbols.push(...fallback);
      else if (unknown !== undefined) {
        if (!fuseUnknown) flush();
        waiting = 1;
      }
    }
    flush();
    const ids = Uint32Array.from(symbols);
    return ids.slice(0, mergeAll(ids, merges));
  };
}
