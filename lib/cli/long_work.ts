/**
 * Work that takes long, as a line that says how far it is and how long it still takes.
 *
 * @module
 */

import { printable } from "../sentences/safe_text.ts";
import { duration, grouped, percent } from "./figures.ts";
import type { Weights } from "../format/weights.ts";
import type { Corpus, CorpusPart, CorpusPosition } from "../text/corpus.ts";
import { type LiveLines, openTerminal, type Terminal } from "./terminal.ts";
import { cutTo } from "./text_width.ts";

/** Where the line is shown. */
export type ProgressPlace = Pick<Terminal, "progress" | "clear">;

/** Work under way. */
export interface LongWork {
  /** Says how much is done, and where that is better known by now of how much; `words`: what to say where it is not. */
  at(done: number, options?: { readonly total?: number | undefined; readonly words?: string | undefined }): void;
  /** Removes the line. */
  end(): void;
}

/** Milliseconds before anything is shown, and between two lines. */
const QUIET = 1000;
const INTERVAL = 100;

/** Share that must be done before the time left is told. */
const LEAST = 0.01;

/** A line that is made anew each time it is drawn. */
const liveLine = (line: () => string): LiveLines => ({
  lines: ({ columns }) => [cutTo(printable(line()), columns)],
  line,
});

/** What is under way, and for how many seconds, where that is all that is known of it. */
export function elapsedLine(what: string): LiveLines {
  const started = performance.now();
  return liveLine(() => workLine(what, { done: 0, seconds: (performance.now() - started) / 1000 }));
}

/** A timer that keeps no program alive. */
function every(milliseconds: number, work: () => void): { stop(): void } {
  const timer = setInterval(work, milliseconds);
  Deno.unrefTimer(timer);
  return { stop: () => clearInterval(timer) };
}

/**
 * Begins work that is shown once it has taken a second, at most ten times a second, and by itself where nothing is heard of it.
 *
 * @param options `now`: a clock in milliseconds.
 */
export function longWork(
  place: ProgressPlace,
  what: string,
  { now = () => performance.now() }: { readonly now?: () => number } = {},
): LongWork {
  const started = now();
  let shown = started + QUIET - INTERVAL;
  let isShown = false;
  let latest: Parameters<typeof workLine>[1] = { done: 0, seconds: 0 };
  const live = liveLine(() => {
    const seconds = (now() - started) / 1000;
    return workLine(what, { ...latest, since: seconds - latest.seconds });
  });
  const show = () => {
    const time = now();
    if (time - shown < INTERVAL) return;
    shown = time;
    isShown = true;
    place.progress(live);
  };
  const timer = every(QUIET, show);
  return {
    at(done, { total, words } = {}) {
      latest = { done, total, words, seconds: (now() - started) / 1000 };
      show();
    },
    end() {
      timer.stop();
      if (isShown) place.clear();
      isShown = false;
    },
  };
}

/** Work as a line: "counting words  34%  12s left", or where the end is not known "counting words  1,200 lines  12s". */
export function workLine(
  what: string,
  { done, total, words, seconds, since = 0 }: {
    readonly done: number;
    readonly total?: number | undefined;
    readonly words?: string | undefined;
    /** Until so much was done. */
    readonly seconds: number;
    /** Seconds since then. */
    readonly since?: number;
  },
): string {
  const known = total !== undefined && total > 0;
  const share = known ? Math.min(1, done / total) : 0;
  const told = known ? [percent(share, 0)] : words === undefined ? [] : [words];
  const left = known && share >= LEAST ? seconds * (1 - share) / share - since : -1;
  // what takes longer than was thought says no more of its end
  const time = left >= 0 ? `${duration(left)} left` : duration(seconds + since);
  return [what, ...told, time].join("  ");
}

/** Waits for work of which nothing is known but that it goes on: a line says for how long. */
export async function waitedFor<T>(place: ProgressPlace, what: string, work: () => Promise<T>): Promise<T> {
  const shown = longWork(place, what);
  try {
    return await work();
  } finally {
    shown.end();
  }
}

/** Characters that tell how many bytes a character takes, and texts between two looks. */
const LOOK = 1 << 12;
const LOOK_EVERY = 64;

/** Counts the bytes of texts, nearly: how many a character takes is looked at now and then. */
export function byteCounter(): (text: string) => number {
  let [bytes, texts, each] = [0, 0, 1];
  return (text) => {
    if (texts++ % LOOK_EVERY === 0 && text.length > 0) {
      const some = text.slice(0, LOOK);
      each = encoder.encode(some).length / some.length;
    }
    // and a line break
    return bytes += each * text.length + 1;
  };
}

/** Texts as they are; work hears how much of all their bytes went by. */
export async function* watchedTexts(
  texts: AsyncIterable<string>,
  { work, total }: { readonly work: LongWork; readonly total: number | undefined },
): AsyncGenerator<string> {
  const count = byteCounter();
  let lines = 0;
  try {
    for await (const text of texts) {
      const bytes = count(text);
      // looking at the clock costs more than most lines
      if (lines++ % LOOK_EVERY === 0) work.at(bytes, { total, words: `${grouped(lines)} lines` });
      yield text;
    }
  } finally {
    work.end();
  }
}

/** Items as they are; a line says how many went by. */
export async function* watchedItems<T>(place: ProgressPlace, what: string, items: AsyncIterable<T>): AsyncGenerator<T> {
  const work = longWork(place, what);
  let count = 0;
  try {
    for await (const item of items) {
      // looking at the clock costs more than most items
      if (count++ % LOOK_EVERY === 0) work.at(count, { words: grouped(count) });
      yield item;
    }
  } finally {
    work.end();
  }
}

/** A corpus of which is known how many bytes of the latest pass over it were read. */
export function watchedCorpus(corpus: Corpus): { readonly corpus: Corpus; bytes(): number } {
  let bytes = 0;
  const passages = async function* (part: CorpusPart, from?: CorpusPosition) {
    const count = byteCounter();
    bytes = 0;
    for await (const passage of corpus.passages(part, from)) {
      bytes = count(passage.text);
      yield passage;
    }
  };
  return { corpus: { ...corpus, passages }, bytes: () => bytes };
}

/** Weights; work hears how much of them was read. */
export function watchedWeights(
  weights: Weights,
  { work, parameters }: { readonly work: LongWork; readonly parameters: number },
): Weights {
  let done = 0;
  return {
    ...weights,
    read: async (sink) => {
      try {
        await weights.read((name, values, offset) => {
          work.at(done += values.length, { total: parameters });
          return sink(name, values, offset);
        });
      } finally {
        work.end();
      }
    },
  };
}

/** The training of a vocabulary, first the reading of the text and then the joining of symbols, shown. */
export function watchedVocabulary(
  place: ProgressPlace,
  { total, size }: { readonly total: number | undefined; readonly size: number },
): {
  texts(texts: AsyncIterable<string>): AsyncIterable<string>;
  progress(stage: "reading" | "joining", done: number): void;
  end(): void;
} {
  let joining: LongWork | undefined;
  let first = 0;
  return {
    texts: (texts) => watchedTexts(texts, { work: longWork(place, "vocabulary: reading the text"), total }),
    progress(stage, done) {
      if (stage === "reading") return;
      if (!joining) [joining, first] = [longWork(place, "vocabulary: joining symbols"), done];
      joining.at(done - first, { total: size - first });
    },
    end: () => joining?.end(),
  };
}

const encoder = new TextEncoder();

/** A line on standard error, for commands whose result goes to standard output; elsewhere than on a terminal one every ten seconds. */
export const progressAside = (): ProgressPlace => openTerminal({ goesOn: true, stream: "stderr", isAside: true });
