/**
 * The labelled data of the bench, with what is learned from and what is tested on.
 *
 * @module
 */

import type { Round } from "../../lib/probe/folds.ts";
import { stratifiedSample } from "../../lib/probe/folds.ts";
import { type GramSource, textGrams, wordGrams } from "../../lib/probe/ngrams.ts";
import { type BrownText, type Declaration, mails, passages } from "./data.ts";
import { isHeldOut, LEARNED_PARAGRAPHS, type PretrainingText } from "./models.ts";

/** Something to be told of texts or words. */
export interface Dataset {
  /** What is told. */
  readonly name: string;
  /** Texts, or sentences as words. */
  readonly items: readonly (string | readonly string[])[];
  /** Item of each row: a text, or a word. */
  readonly itemOf: Uint32Array<ArrayBuffer>;
  /** Class of each row. */
  readonly labels: Uint32Array<ArrayBuffer>;
  /** Number of classes. */
  readonly classes: number;
  /** Character n-grams of each row. */
  readonly grams: (row: number) => GramSource;
  /** Rounds of learning and testing by name. */
  readonly settings: ReadonlyMap<string, readonly Round[]>;
  /** Texts that encoders were trained on that are tried. */
  readonly encoders: readonly PretrainingText[];
}

/** How much is learned from and tested on. */
const sizes = {
  tags: { learned: 400, tested: 200 },
  genres: { passages: 2 },
  spam: { tested: 1000, counts: [16, 64, 256], draws: 5, characters: 400 },
  languages: { learned: 10, tested: 5, characters: 100 },
};

const numbered = (labels: readonly string[]) => {
  const names = [...new Set(labels)].sort();
  const numberOf = new Map(names.map((name, i) => [name, i]));
  return { labels: Uint32Array.from(labels, (label) => numberOf.get(label)!), classes: names.length };
};

const range = (first: number, end: number) => Array.from({ length: end - first }, (_, i) => first + i);

/** Every so manieth of a list, so many of them. */
function spread<T>(all: readonly T[], count: number): T[] {
  return Array.from({ length: Math.min(count, all.length) }, (_, i) => all[Math.floor(i * all.length / count)]!);
}

/** Texts that come with their classes; of those behind `learned` it is tested. */
function ofTexts(
  name: string,
  { texts, learned, encoders }: {
    texts: readonly { readonly text: string; readonly label: string }[];
    learned: number;
    encoders: readonly PretrainingText[];
  },
): Dataset {
  const items = texts.map(({ text }) => text);
  return {
    name,
    items,
    itemOf: Uint32Array.from(range(0, items.length)),
    ...numbered(texts.map(({ label }) => label)),
    grams: (row) => textGrams(items[row]!),
    settings: new Map([[name, [{ train: range(0, learned), test: range(learned, items.length) }]]]),
    encoders,
  };
}

/** The part of speech of each word, learned in some texts of Brown and tested in those that no encoder read. */
export function tags(brown: readonly BrownText[]): Dataset {
  const sentences = (heldOut: boolean, count: number) =>
    spread(brown.filter((_, i) => isHeldOut(i) === heldOut).flatMap(({ sentences }) => sentences), count);
  const learned = sentences(false, sizes.tags.learned);
  const all = [...learned, ...sentences(true, sizes.tags.tested)];
  const items = all.map(({ words }) => words);
  const itemOf = Uint32Array.from(items.flatMap((words, item) => words.map(() => item)));
  const first: number[] = [];
  for (const [row, item] of itemOf.entries()) first[item] ??= row;
  const end = first[learned.length]!;
  return {
    name: "tag of a word",
    items,
    itemOf,
    ...numbered(all.flatMap(({ tags }) => tags)),
    grams: (row) => wordGrams(items[itemOf[row]!]!, row - first[itemOf[row]!]!),
    settings: new Map([["tag of a word", [{ train: range(0, end), test: range(end, itemOf.length) }]]]),
    encoders: ["brown", "wikipedia"],
  };
}

/** The genre of a passage of 80 words, tested in other texts than those that were learned from. */
export function genres(brown: readonly BrownText[]): Dataset {
  const of = (isTested: boolean) => brown.filter((_, i) => (i % 5 === 4) === isTested);
  const some = (texts: readonly BrownText[]) => texts.flatMap((text) => passages(text, sizes.genres.passages));
  const learned = some(of(false));
  const texts = [...learned, ...some(of(true))];
  return ofTexts("genre of a passage", { texts, learned: learned.length, encoders: ["brown", "wikipedia"] });
}

/** Whether a mail is spam by how it begins, from few labels; each number of them is drawn several times. */
export async function spam(folder: string): Promise<Dataset> {
  const all = await mails(folder);
  const tested = spread(all, sizes.spam.tested);
  const isTested = new Set(tested);
  const others = all.filter((mail) => !isTested.has(mail));
  const { labels } = numbered(others.map(({ label }) => label));
  const { counts, draws, characters } = sizes.spam;
  const drawn = new Map(counts.map((count) => [
    count,
    Array.from({ length: draws }, (_, seed) => stratifiedSample(labels, range(0, others.length), { count, seed })),
  ]));
  // only what is drawn need be read
  const used = [...new Set([...drawn.values()].flat(2))];
  const rowOf = new Map(used.map((number, row) => [number, row]));
  const texts = [...used.map((number) => others[number]!), ...tested].map(({ text, label }) => ({
    text: text.slice(0, characters),
    label,
  }));
  const dataset = ofTexts("spam", { texts, learned: used.length, encoders: ["brown", "wikipedia"] });
  const test = range(used.length, texts.length);
  const settings = counts.map((count) =>
    [
      `spam, ${count} labels`,
      drawn.get(count)!.map((numbers) => ({ train: numbers.map((number) => rowOf.get(number)!), test })),
    ] as const
  );
  return { ...dataset, settings: new Map(settings) };
}

/** The language of the beginning of a sentence; paragraphs of an article are in all languages about the same. */
export function languages(all: readonly Declaration[]): Dataset {
  const { learned, tested, characters } = sizes.languages;
  const some = (first: number, end: number, count: number) =>
    all.flatMap(({ language, paragraphs }) =>
      spread(paragraphs.slice(first, end), count).map((text) => ({ text: text.slice(0, characters), label: language }))
    );
  const known = some(0, LEARNED_PARAGRAPHS, learned);
  const texts = [...known, ...some(LEARNED_PARAGRAPHS, Infinity, tested)];
  return ofTexts(`one of ${all.length} languages`, { texts, learned: known.length, encoders: ["languages"] });
}
