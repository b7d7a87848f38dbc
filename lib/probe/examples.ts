/**
 * The labelled examples of a probe: read as a stream, kept up to a number, and numbered.
 *
 * @module
 */

import { classesOf } from "../labelled/classes.ts";
import type { LabelledText } from "../labelled/labelled_texts.ts";
import type { LabelledWords } from "../labelled/sentence.ts";
import { counted } from "../sentences/counted.ts";
import { listed } from "../sentences/safe_text.ts";
import { philox } from "../random/philox.ts";

/** A text with a label, or a sentence with one for each word. */
export type LabelledExample = LabelledText | LabelledWords;

/** A stream of examples, all of one kind. */
export type Examples = Iterable<LabelledExample> | AsyncIterable<LabelledExample>;

/** What carries labels. */
export interface ProbeData {
  /** Texts, or sentences as words. */
  readonly items: readonly (string | readonly string[])[];
  /** Whether each word has a label. */
  readonly isWords: boolean;
  /** What carries a label: each text, or each word of each sentence in turn. */
  readonly rows: number;
  /** Item of each row. */
  readonly itemOf: Uint32Array;
  /** Class of each row. */
  readonly labels: Uint32Array<ArrayBuffer>;
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** Items from here on are the test's own; undefined: there are none. */
  readonly ownTest: number | undefined;
  /** What the user should know. */
  readonly notes: readonly string[];
}

/** Texts that are kept where nothing else is said, and words. */
export const MOST_ROWS = { texts: 20_000, words: 50_000 };

/** Reads examples, and those of a test of its own. */
export async function gathered(
  examples: Examples,
  { test, most, seed }: { test?: Examples | undefined; most?: number | undefined; seed: number },
): Promise<ProbeData> {
  const { kept, seen } = await sample(examples, { most, seed });
  const own = test && await sample(test, { most, seed });
  const all = [...kept, ...own?.kept ?? []];
  const isWords = all.length > 0 && "words" in all[0]!;
  if (all.some((example) => "words" in example !== isWords)) {
    throw new TypeError("Cannot probe texts and words together: all examples must be of one kind");
  }
  const what = isWords ? "word" : "text";
  const learned = classesOf(kept.flatMap(tagsOf), { what });
  const tested = [...new Set((own?.kept ?? []).flatMap(tagsOf))].filter((name) => !learned.names.includes(name));
  const classes = [...learned.names, ...tested];
  const numberOf = new Map(classes.map((name, i) => [name, i]));
  const tags = all.map((example) => tagsOf(example).map((tag) => numberOf.get(tag)!));
  const notes = [...learned.notes];
  if (seen > kept.length) {
    const things = isWords ? "sentences" : "texts";
    notes.push(
      `${kept.length.toLocaleString("en")} of ${seen.toLocaleString("en")} ${things} are used, drawn at random`,
    );
  }
  if (tested.length > 0) {
    const rows = own!.kept.flatMap(tagsOf).filter((tag) => tested.includes(tag)).length;
    notes.push(
      `${listed(tested)}: no ${what} to learn from has ${tested.length === 1 ? "this class" : "these classes"}, ` +
        `so ${counted(rows, what)} of the test cannot be right`,
    );
  }
  return {
    items: all.map((example) => "words" in example ? example.words : example.text),
    isWords,
    rows: tags.reduce((sum, { length }) => sum + length, 0),
    itemOf: Uint32Array.from(tags.flatMap((tags, item) => tags.map(() => item))),
    labels: Uint32Array.from(tags.flat()),
    classes,
    ownTest: own && kept.length,
    notes,
  };
}

const tagsOf = (example: LabelledExample) => "words" in example ? example.tags : [example.label];

/** Examples up to a number of labels, in their order: all, or a sample that a seed decides. */
async function sample(
  examples: Examples,
  { most, seed }: { most: number | undefined; seed: number },
): Promise<{ readonly kept: readonly LabelledExample[]; readonly seen: number }> {
  let kept: { readonly example: LabelledExample; readonly number: number; readonly lot: number }[] = [];
  let [seen, labels, room] = [0, 0, most];
  const block = new Uint32Array(4);
  // the examples with the lowest lots stay
  const thin = () => {
    kept.sort((a, b) => a.lot - b.lot || a.number - b.number);
    labels = 0;
    const end = kept.findIndex(({ example }, i) => {
      const size = tagsOf(example).length;
      if (labels + size > room! && i > 0) return true;
      labels += size;
      return false;
    });
    if (end >= 0) kept = kept.slice(0, end);
  };
  for await (const example of examples) {
    room ??= "words" in example ? MOST_ROWS.words : MOST_ROWS.texts;
    const lot = philox([seen, 0, 0, 0], [seed, 0x5a3], block)[0]!;
    kept.push({ example, number: seen++, lot });
    labels += tagsOf(example).length;
    if (labels > 2 * room) thin();
  }
  if (room !== undefined && labels > room) thin();
  kept.sort((a, b) => a.number - b.number);
  return { kept: kept.map(({ example }) => example), seen };
}
