/**
 * Corpora of pairs of texts that belong together, such as questions with their answers.
 *
 * @module
 */

import { counted } from "../sentences/counted.ts";
import { type Corpus, type CorpusPart, type CorpusPosition, VALIDATION_SHARE } from "./corpus.ts";
import type { TextPair } from "./pairs.ts";

/** Options of {@linkcode pairCorpus}. */
export interface PairCorpusOptions {
  /** For people: where they come from. */
  name: string;
  /**
   * Share that validates, in (0, 1): the last pairs.
   *
   * @default {0.1}
   */
  validationShare?: number | undefined;
  /** Pairs of their own to validate on, and where they come from. Default: a share of the others. */
  validation?: { readonly name: string; readonly pairs: readonly TextPair[] } | undefined;
}

/**
 * A corpus of pairs: whoever compares texts trains on these, and their texts, one after the other, are its passages.
 *
 * @throws {RangeError} if there are fewer than two pairs for training or for validation.
 *
 * @example
 * ```ts
 * import { pairCorpus } from "@cloze/mlm/text";
 *
 * const pairs = ["one", "two", "three", "four"].map((n, i) => ({ first: n, second: `number ${n}`, place: `line ${i}` }));
 * console.log(pairCorpus(pairs, { name: "numbers", validationShare: 0.5 }).pairs!("validation").length); // 2
 * ```
 */
export function pairCorpus(
  all: readonly TextPair[],
  { name, validationShare = VALIDATION_SHARE, validation }: PairCorpusOptions,
): Corpus & Required<Pick<Corpus, "pairs">> {
  const held = validation ? 0 : Math.max(2, Math.round(all.length * validationShare));
  const parts: Readonly<Record<CorpusPart, readonly TextPair[]>> = {
    training: all.slice(0, all.length - held),
    validation: validation?.pairs ?? all.slice(all.length - held),
  };
  for (const [part, { length }] of Object.entries(parts)) {
    if (length >= 2) continue;
    const from = part === "validation" && validation ? validation.name : name;
    throw new RangeError(
      `Cannot compare pairs of ${from}: for ${part} there ${length === 1 ? "is 1" : "are 0"}, wanted 2` +
        (validation ? "" : `; it has ${counted(all.length, "pair")}, of which the last ${held} validate`),
    );
  }
  return {
    name,
    description: counted(all.length, "pair"),
    validates: validation?.name ?? `the last ${counted(held, "pair")} of ${name}`,
    endless: false,
    pairs: (part) => parts[part],
    async *passages(part, from: CorpusPosition = 0) {
      const texts = parts[part];
      for (let i = from as number; i < 2 * texts.length; i++) {
        const { first, second } = texts[i >> 1]!;
        yield { text: i % 2 === 0 ? first : second, after: "document", next: i + 1 };
      }
    },
  };
}
