/**
 * WordLevel: a word is a token, or unknown.
 *
 * @module
 */

import type { WordModel } from "./pipeline.ts";

/** Options of {@linkcode wordLevelModel}. */
export interface WordLevelOptions {
  /** Ids of the tokens that text can become. */
  readonly idOf: ReadonlyMap<string, number>;
  /** Id of what the vocabulary cannot write; undefined: it is left out. */
  readonly unknown: number | undefined;
}

/** Ids of words that are tokens as a whole. */
export function wordLevelModel({ idOf, unknown }: WordLevelOptions): WordModel {
  return (word) => {
    const id = idOf.get(word) ?? unknown;
    return id === undefined ? new Uint32Array() : Uint32Array.of(id);
  };
}
