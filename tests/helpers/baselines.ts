import { type Corpus, textsOf } from "../../lib/text/corpus.ts";
import type { Tokenizer } from "../../lib/tokenizer/tokenizer.ts";

/** Lines that the counts are taken from. */
const LINES = 2000;

/**
 * Accuracy of two predictors that count instead of learning, on validation text with every token masked in turn:
 * "unigram" always says the most frequent token, "bigram" the one that most often follows the token before. Both see
 * their neighbour unmasked, which is more than a masked model is promised.
 */
export async function baselines(corpus: Corpus, tokenizer: Tokenizer): Promise<{ unigram: number; bigram: number }> {
  const { size } = tokenizer;
  const unigrams = new Float64Array(size);
  const bigrams = new Float64Array(size * size);
  let lines = 0;
  for await (const line of textsOf(corpus, "training")) {
    const ids = tokenizer.encode(`${line}\n`);
    for (let i = 0; i < ids.length; i++) {
      unigrams[ids[i]!]!++;
      if (i > 0) bigrams[ids[i - 1]! * size + ids[i]!]!++;
    }
    if (++lines === LINES) break;
  }
  const best = (counts: Float64Array) => counts.indexOf(counts.reduce((a, b) => Math.max(a, b)));
  const anyway = best(unigrams);
  const following = Array.from({ length: size }, (_, id) => best(bigrams.subarray(id * size, (id + 1) * size)));
  const correct = { unigram: 0, bigram: 0, all: 0 };
  for await (const line of textsOf(corpus, "validation")) {
    const ids = tokenizer.encode(`${line}\n`);
    for (let i = 1; i < ids.length; i++) {
      correct.all++;
      correct.unigram += Number(ids[i] === anyway);
      correct.bigram += Number(ids[i] === following[ids[i - 1]!]);
    }
  }
  return { unigram: correct.unigram / correct.all, bigram: correct.bigram / correct.all };
}
