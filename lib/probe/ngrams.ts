/**
 * Texts and words as counts of their character n-grams: what a classifier can do that has read nothing before.
 *
 * @module
 */

import { emptyMatrix, type Matrix, rowOf } from "./matrix.ts";

/** Characters of an n-gram, at least and at most. */
const [SHORTEST, LONGEST] = [1, 4];
/** Places that n-grams are counted in by their hash. */
const PLACES = 1 << 18;
/** Features at least and at most; between them as many as fit. */
const [FEWEST_FEATURES, MOST_FEATURES] = [512, 2048];
/** Numbers of a matrix of features, 80 MB of them. */
const MOST_NUMBERS = 2e7;
/** Characters of a text that are read. */
const MOST_CHARACTERS = 20_000;

/** An n-gram's place, by a hash of its characters and where it stands. */
type Visit = (place: number) => void;

/** Something whose n-grams can be counted: each visited as often as it occurs. */
export type GramSource = (visit: Visit) => void;

/** The n-grams of a text. */
export function textGrams(text: string): GramSource {
  return (visit) => grams(` ${text.slice(0, MOST_CHARACTERS).toLowerCase()} `, 0, visit);
}

/** The n-grams of a word with its ends, those of the words beside it told apart, and the words themselves. */
export function wordGrams(words: readonly string[], index: number): GramSource {
  return (visit) => {
    for (const [side, word] of [words[index]!, words[index - 1], words[index + 1]].entries()) {
      grams(`\x02${word ?? ""}\x03`, 1 + side, visit);
      visit(hashOf(word ?? "", 8 + side));
    }
  };
}

function grams(text: string, stream: number, visit: Visit): void {
  for (let begin = 0; begin < text.length; begin++) {
    let hash = begun(stream);
    for (let length = 1; length <= LONGEST && begin + length <= text.length; length++) {
      hash = extended(hash, text.charCodeAt(begin + length - 1));
      if (length >= SHORTEST) visit(finished(hash));
    }
  }
}

// FNV-1a, its bits mixed once more in the end
const begun = (stream: number) => Math.imul(0x811c9dc5 ^ stream, 0x01000193);
const extended = (hash: number, code: number) => Math.imul(hash ^ code, 0x01000193);
const finished = (hash: number) => (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0) % PLACES;

function hashOf(word: string, stream: number): number {
  let hash = begun(stream);
  for (let i = 0; i < word.length; i++) hash = extended(hash, word.charCodeAt(i));
  return finished(hash);
}

/**
 * Rows of n-grams, weighted by (1 + log count) · log(rows / rows with it) and scaled to one length: the n-grams whose weights
 * vary most in the rows `learned`, which alone decide. A column of ones stands behind.
 */
export function gramFeatures(
  rows: readonly GramSource[],
  learned: ArrayLike<number>,
): { readonly features: Matrix; readonly bias: number } {
  const [documents, sums, squares] = [0, 1, 2].map(() => new Float64Array(PLACES)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const count = counter();
  for (let i = 0; i < learned.length; i++) {
    for (const [place, times] of count(rows[learned[i]!]!)) {
      const weight = 1 + Math.log(times);
      documents[place]!++;
      sums[place]! += weight;
      squares[place]! += weight * weight;
    }
  }
  const rarity = documents.map((number) => number === 0 ? 0 : Math.log((1 + learned.length) / number));
  const variance = (place: number) =>
    rarity[place]! ** 2 * (squares[place]! - sums[place]! ** 2 / Math.max(1, learned.length));
  const room = Math.max(FEWEST_FEATURES, Math.min(MOST_FEATURES, Math.floor(MOST_NUMBERS / Math.max(1, rows.length))));
  const chosen = [...documents.keys()].filter((place) => documents[place]! > 0).map((place) => ({
    place,
    variance: variance(place),
  })).sort((a, b) => b.variance - a.variance || a.place - b.place).slice(0, room);
  const columnOf = new Int32Array(PLACES).fill(-1);
  for (const [column, { place }] of chosen.entries()) columnOf[place] = column;
  const bias = chosen.length;
  const features = emptyMatrix(rows.length, bias + 1);
  for (const [i, source] of rows.entries()) {
    const row = rowOf(features, i);
    let length = 0;
    for (const [place, times] of count(source)) {
      const column = columnOf[place]!;
      if (column < 0) continue;
      const weight = (1 + Math.log(times)) * rarity[place]!;
      row[column] = weight;
      length += weight * weight;
    }
    // as long as rows of features of deviation 1
    const factor = length > 0 ? Math.sqrt(bias / length) : 0;
    for (let column = 0; column < bias; column++) row[column]! *= factor;
    row[bias] = 1;
  }
  return { features, bias };
}

/** Counts the places of a row; what it gives is valid until the next one. */
function counter(): (source: GramSource) => Iterable<readonly [place: number, times: number]> {
  const counts = new Map<number, number>();
  return (source) => {
    counts.clear();
    source((place) => counts.set(place, (counts.get(place) ?? 0) + 1));
    return counts;
  };
}
