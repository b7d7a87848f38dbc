/**
 * A memory of the tokens of words.
 *
 * @module
 */

/** Most words whose tokens are remembered; beyond that the memory of words begins anew. */
const MOST_WORDS = 1 << 17;

/** Longest word that is remembered, in UTF-16 units. */
const LONGEST_WORD = 64;

/** Slices up to this length are copies. */
const SHORT_SLICE = 12;

/** Remembers the tokens of words: text repeats itself. */
export class WordCache {
  #words = new Map<string, Uint32Array>();
  #compute: (word: string) => Uint32Array;

  /** A cache in front of a function of one word. */
  constructor(compute: (word: string) => Uint32Array) {
    this.#compute = compute;
  }

  /** The function's value. */
  get(word: string): Uint32Array {
    const known = this.#words.get(word);
    if (known) return known;
    const ids = this.#compute(word);
    if (word.length <= LONGEST_WORD) {
      if (this.#words.size >= MOST_WORDS) this.#words.clear();
      // a slice would keep the whole text that it is from in memory
      this.#words.set(word.length > SHORT_SLICE ? [...word].join("") : word, ids);
    }
    return ids;
  }
}
