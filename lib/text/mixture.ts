/**
 * Corpora mixed by weight.
 *
 * @module
 */

import type { Corpus, CorpusPart, CorpusPassage, CorpusPosition } from "./corpus.ts";

/** A corpus with the weight that it has in a mixture. */
export interface WeightedCorpus {
  /** The corpus. */
  readonly corpus: Corpus;
  /** Share of the characters, relative to the others' weights; above 0. */
  readonly weight: number;
}

interface MixturePosition {
  readonly [key: string]: CorpusPosition;
  /** Characters of each corpus so far. */
  readonly read: readonly number[];
  /** Position in each corpus; an empty list at its beginning. */
  readonly places: readonly CorpusPosition[];
}

/**
 * Corpora by weight: after each document the one that lags furthest behind its share goes on. In training each begins anew at
 * its end, so it never ends; in validation it drops out. With `validation` that corpus alone validates.
 *
 * @throws {RangeError} if a weight is not above 0.
 */
export function mixture(
  corpora: readonly WeightedCorpus[],
  { validation }: { validation?: Corpus | undefined } = {},
): Corpus {
  const wrong = corpora.find(({ weight }) => !(weight > 0 && Number.isFinite(weight)));
  if (wrong) {
    throw new RangeError(`Cannot mix ${wrong.corpus.name} with a weight of ${wrong.weight}: it must be above 0`);
  }
  const total = corpora.reduce((sum, { weight }) => sum + weight, 0);
  const shares = corpora.map(({ corpus, weight }) => `${Math.round(100 * weight / total)} % ${corpus.name}`);
  return {
    name: `mixture of ${corpora.length}`,
    description: shares.join(", "),
    validates: validation
      ? validation.validates ?? validation.name
      : `the validation parts of ${corpora.length} corpora`,
    endless: true,
    passages: (part, from) =>
      part === "validation" && validation ? validation.passages(part, from) : mix(corpora, part, from),
  };
}

async function* mix(
  corpora: readonly WeightedCorpus[],
  part: CorpusPart,
  from: CorpusPosition | undefined,
): AsyncGenerator<CorpusPassage> {
  const start = from as MixturePosition | undefined;
  const isPlace = start === undefined ||
    [start.read, start.places].every((list) => Array.isArray(list) && list.length === corpora.length) &&
      start.read.every((count) => Number.isFinite(count));
  if (!isPlace) throw new SyntaxError("Cannot go on in the text: the place that is noted is none in it");
  const read = corpora.map((_, i) => start?.read[i] ?? 0);
  const positions = corpora.map((_, i) => start?.places[i] ?? []);
  const isStart = (position: CorpusPosition) => Array.isArray(position) && position.length === 0;
  const open = (index: number) =>
    corpora[index]!.corpus.passages(part, isStart(positions[index]!) ? undefined : positions[index])
      [Symbol.asyncIterator]();
  const streams: (AsyncIterator<CorpusPassage> | undefined)[] = corpora.map(() => undefined);
  const left = new Set(corpora.keys());
  const behind = (index: number) => read[index]! / corpora[index]!.weight;
  try {
    while (left.size > 0) {
      const index = [...left].reduce((least, i) => behind(i) < behind(least) ? i : least);
      while (true) {
        const stream = streams[index] ??= open(index);
        const { done, value } = await stream.next();
        if (done && part === "validation") {
          left.delete(index);
          break;
        }
        if (done) {
          if (isStart(positions[index]!)) {
            throw new RangeError(`Cannot mix in ${corpora[index]!.corpus.name}: it has no text`);
          }
          positions[index] = [];
          streams[index] = undefined;
          continue;
        }
        positions[index] = value.next;
        read[index]! += value.text.length + 1;
        yield { ...value, next: { read: [...read], places: [...positions] } };
        if (value.after === "document") break;
      }
    }
  } finally {
    for (const stream of streams) await stream?.return?.();
  }
}
