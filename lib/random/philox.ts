/**
 * Philox 4×32-10, a counter-based random number generator: the same numbers for the same counter and key, in any order,
 * on any machine.
 *
 * @module
 */

/**
 * One block of four 32-bit random numbers (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), written
 * to `out`.
 *
 * @example
 * ```ts
 * import { philox } from "@cloze/mlm/kernels";
 *
 * const block = philox([0, 0, 0, 0], [0, 0], new Uint32Array(4));
 * console.log(block[0]!.toString(16)); // 6627e8d5
 * ```
 */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
  out: Uint32Array,
): Uint32Array {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xD2511F53, c0);
    const low0 = Math.imul(0xD2511F53, c0);
    const high1 = multiplyHigh(0xCD9E8D57, c2);
    const low1 = Math.imul(0xCD9E8D57, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9E3779B9) | 0;
    k1 = (k1 + 0xBB67AE85) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
  return out;
}

/** Upper half of the 64-bit product of two unsigned 32-bit numbers, from 16-bit halves. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  return (aHigh * bHigh + Math.floor(middle / 65536) + ((aLow * bHigh + (middle & 0xffff)) / 65536 >>> 0)) >>> 0;
}

/** What random numbers are for; each purpose has a stream of its own, so that none repeats another. */
export const purposes = {
  masking: 1,
  shuffling: 2,
  initialisation: 3,
  dropout: 4,
  stories: 5,
  spans: 6,
  pairing: 7,
  maskRates: 8,
  writing: 21,
  views: 22,
} as const;

/** A sequence of random numbers from one stream: block after block of {@linkcode philox}. */
export interface RandomSequence {
  /** Uniform in [0, 1), 32 bits fine. */
  uniform(): number;
  /** Uniform among 0 ... bound - 1. */
  below(bound: number): number;
  /** Standard normal, by Box and Muller. */
  normal(): number;
}

/** The sequence for a seed, a purpose and up to two further numbers, such as epoch and block. */
export function randomSequence(
  { seed, purpose, at = [0, 0] }: { seed: number; purpose: keyof typeof purposes; at?: readonly [number, number] },
): RandomSequence {
  const block = new Uint32Array(4);
  let counter = 0;
  let used = 4;
  const next = () => {
    if (used === 4) {
      philox([counter++, at[0], at[1], 0], [seed, purposes[purpose]], block);
      used = 0;
    }
    return block[used++]!;
  };
  const uniform = () => next() / 2 ** 32;
  return {
    uniform,
    below: (bound) => Math.floor(uniform() * bound),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  };
}
