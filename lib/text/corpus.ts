/**
 * Corpora: text as a stream of passages, cut into a part to train on and a part to validate on, in bounded memory.
 *
 * @module
 */

import { textSource } from "./text_source.ts";
import type { TextPair } from "./pairs.ts";
import { type BadRecords, type ByteSource, type Passage, strict, type TextSource } from "./source.ts";

/** The two parts of a corpus. */
export type CorpusPart = "training" | "validation";

/** A position in a part of a corpus, as JSON; only the corpus that made it understands it. */
export type CorpusPosition = number | { readonly [key: string]: CorpusPosition } | readonly CorpusPosition[];

/** A passage with the position after it. */
export type CorpusPassage = Passage<CorpusPosition>;

/** Text to train on. */
export interface Corpus {
  /** For people: where the text comes from. */
  readonly name: string;
  /** For people: how much there is. */
  readonly description: string;
  /** For people: which text validates. Default: `name`. */
  readonly validates?: string | undefined;
  /** Bytes of the training part, where they are known. */
  readonly trainingBytes?: number | undefined;
  /** Whether the training part never ends. */
  readonly endless: boolean;
  /** Passages of a part, from a position on that an earlier passage gave; by default from the beginning. */
  passages(part: CorpusPart, from?: CorpusPosition): AsyncIterable<CorpusPassage>;
  /** Where the text comes in pairs: those of a part, whose texts are its passages. */
  pairs?(part: CorpusPart): readonly TextPair[];
}

/** The texts of a part's passages. */
export async function* textsOf(corpus: Corpus, part: CorpusPart): AsyncGenerator<string> {
  for await (const { text } of corpus.passages(part)) yield text;
}

/** Texts that are enough to know an endless corpus. */
const ENDLESS_SAMPLE = 20_000;

/**
 * The texts of the training part, of an endless corpus the first ones, to make a vocabulary of.
 *
 * @param options `most`: how many of an endless corpus; by default 20,000.
 */
export async function* trainingTexts(
  corpus: Corpus,
  { most = ENDLESS_SAMPLE }: { most?: number } = {},
): AsyncGenerator<string> {
  let read = 0;
  for await (const text of textsOf(corpus, "training")) {
    yield text;
    if (corpus.endless && ++read >= most) return;
  }
}

/** The passages of a source as a stream of texts, to be piped on. */
export function textStream(source: TextSource | ByteSource, bad: BadRecords = strict): ReadableStream<string> {
  return ReadableStream.from((async function* () {
    const given = await asText(source);
    for await (const { text } of given.read({ start: 0, end: given.size, bad })) yield text;
  })());
}

/** Share of a corpus that validates where nothing else is said. */
export const VALIDATION_SHARE = 0.1;

/** Options of {@linkcode textCorpus}. */
export interface TextCorpusOptions {
  /**
   * Share that validates, in (0, 1).
   *
   * @default {0.1}
   */
  validationShare?: number | undefined;
  /** Text of its own to validate on; then everything else is trained on. */
  validation?: readonly (TextSource | ByteSource)[] | undefined;
  /** Counts what is skipped; by default nothing may be. */
  bad?: BadRecords | undefined;
}

/**
 * A corpus of sources, one after the other; what bytes are is told by their name, as by {@linkcode textSource}. Where all of
 * them know their size, the first 90 % of the bytes, up to the next line break, are for training and the rest for
 * validation. Otherwise every tenth document validates.
 *
 * @throws {RangeError} if there is no text.
 *
 * @example
 * ```ts
 * import { stringSource, textCorpus, textsOf } from "@cloze/mlm/text";
 *
 * const corpus = await textCorpus([stringSource("poem", "one\ntwo\nthree\nfour\n")]);
 * for await (const line of textsOf(corpus, "training")) console.log(line);
 * ```
 */
export async function textCorpus(
  given: readonly (TextSource | ByteSource)[],
  options: TextCorpusOptions = {},
): Promise<Corpus> {
  const sources = await allAsText(given);
  const { validationShare = VALIDATION_SHARE, bad = strict } = options;
  if (!(validationShare > 0 && validationShare < 1)) {
    throw new RangeError(`Cannot validate on a share of ${validationShare}: it must be between 0 and 1`);
  }
  const name = nameOf(sources);
  const sizes = sources.map(({ size }) => size);
  const total = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  if (sources.length === 0 || (total === 0 && !sizes.includes(undefined))) {
    const what = sources.length === 0 ? "no file was given" : `${name} ${sources.length === 1 ? "is" : "are"} empty`;
    throw new RangeError(`There is no text: ${what}`);
  }
  const known = !sizes.includes(undefined);
  const described = known
    ? `${total.toLocaleString("en")} bytes`
    : `${sources.length === 1 ? "a stream" : "streams"} of text`;
  const common = { name, description: described, endless: false };
  if (options.validation) {
    const others = await allAsText(options.validation);
    const [training, validation] = [whole(sources), whole(others)];
    return {
      ...common,
      trainingBytes: known ? total : undefined,
      validates: nameOf(others),
      passages: (part, from) => inOrder(part === "training" ? training : validation, from, bad),
    };
  }
  if (!known || sources.some(({ cut }) => cut === undefined)) {
    return {
      ...common,
      validates: `every ${ordinal(periodOf(validationShare))} document of ${name}`,
      passages: (part, from) => everyNth({ sources, part, from, share: validationShare, bad }),
    };
  }
  const split = await splitOf(sources, Math.floor(total * (1 - validationShare)));
  const training = sources.slice(0, split.source + 1).map((source, i) => ({
    source,
    start: 0,
    end: i === split.source ? split.offset : source.size,
  }));
  const validation = sources.slice(split.source).map((source, i) => ({
    source,
    start: i === 0 ? split.offset : 0,
    end: source.size,
  }));
  return {
    ...common,
    validates: `the last ${Number((100 * validationShare).toPrecision(3))} % of ${name}`,
    trainingBytes: Math.floor(total * (1 - validationShare)),
    passages: (part, from) => inOrder(part === "training" ? training : validation, from, bad),
  };
}

/** What sources are called together. */
const nameOf = (sources: readonly TextSource[]) => sources.length === 1 ? sources[0]!.name : `${sources.length} files`;

/** Of so many documents one validates. */
const periodOf = (share: number) => Math.max(2, Math.round(1 / share));

/** 2 as 2nd. */
function ordinal(n: number): string {
  const ending = n % 100 >= 11 && n % 100 <= 13 ? "th" : ["th", "st", "nd", "rd"][n % 10] ?? "th";
  return `${n}${ending}`;
}

async function asText(source: TextSource | ByteSource): Promise<TextSource> {
  return "read" in source ? source : await textSource(source);
}

/** One after the other, so that few files are open at a time. */
async function allAsText(sources: readonly (TextSource | ByteSource)[]): Promise<TextSource[]> {
  const texts: TextSource[] = [];
  for (const source of sources) texts.push(await asText(source));
  return texts;
}

interface Range {
  readonly source: TextSource;
  readonly start: number;
  readonly end: number | undefined;
}

const whole = (sources: readonly TextSource[]): Range[] =>
  sources.map((source) => ({ source, start: 0, end: source.size }));

/** A position as so many whole numbers, the first of which counts sources. */
function placeOf(from: CorpusPosition | undefined, size: 2 | 3, sources: number): [number, number, number] | undefined {
  if (from === undefined) return undefined;
  const isPlace = Array.isArray(from) && from.length === size &&
    from.every((number) => Number.isSafeInteger(number) && number >= 0) && from[0] < sources;
  if (!isPlace) throw new SyntaxError("Cannot go on in the text: the place that is noted is none in it");
  return from as unknown as [number, number, number];
}

/** Ranges one after the other; a position is [range, offset]. */
async function* inOrder(
  ranges: readonly Range[],
  from: CorpusPosition | undefined,
  bad: BadRecords,
): AsyncGenerator<CorpusPassage> {
  const [first, offset] = placeOf(from, 2, ranges.length) ?? [0, undefined];
  for (let index = first; index < ranges.length; index++) {
    const { source, start, end } = ranges[index]!;
    const begin = index === first && offset !== undefined ? offset : start;
    if (end !== undefined && begin >= end) continue;
    for await (const passage of source.read({ start: begin, end, bad })) {
      yield { ...passage, next: [index, passage.next] };
    }
  }
}

/** Every nth document validates, the others train; a position is [source, offset, documents so far]. */
async function* everyNth(
  { sources, part, from, share, bad }: {
    sources: readonly TextSource[];
    part: CorpusPart;
    from: CorpusPosition | undefined;
    share: number;
    bad: BadRecords;
  },
): AsyncGenerator<CorpusPassage> {
  const [first, offset, before] = placeOf(from, 3, sources.length) ?? [0, 0, 0];
  const period = periodOf(share);
  let document = before;
  for (let index = first; index < sources.length; index++) {
    const start = index === first ? offset : 0;
    for await (const passage of sources[index]!.read({ start, end: sources[index]!.size, bad })) {
      const validates = document % period === period - 1;
      if (passage.after === "document") document++;
      if (validates === (part === "validation")) yield { ...passage, next: [index, passage.next, document] };
    }
  }
}

/** Where to cut: in the source that the target falls into, at an offset that suits it. */
async function splitOf(sources: readonly TextSource[], target: number): Promise<{ source: number; offset: number }> {
  let before = 0;
  for (const [index, source] of sources.entries()) {
    if (before + source.size! <= target && index < sources.length - 1) {
      before += source.size!;
      continue;
    }
    return { source: index, offset: await source.cut!(Math.max(0, target - before)) };
  }
  throw new RangeError("Cannot split an empty list of sources");
}
