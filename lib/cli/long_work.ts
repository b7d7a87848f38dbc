/**
 * Work that takes long, as a line that says how far it is and how long it still takes.
 *
 * @module
 */

import { printable } from "../sentences/safe_text.ts";
import { writeAllSync } from "../files/write_files.ts";
import { duration, grouped, percent } from "./figures.ts";
import { sayAside } from "./standard_streams.ts";
import type { Weights } from "../format/weights.ts";
import type { Corpus, CorpusPart, CorpusPosition } from "../text/corpus.ts";
import type { Terminal } from "./terminal.ts";

/** Where the line is shown. */
export interface ProgressPlace extends Pick<Terminal, "clear"> {
  /** Shows or replaces the line. */
  progress(text: string): void;
}

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

/**
 * Begins work that is shown once it has taken a second, at most ten times a second.
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
  return {
    at(done, { total, words } = {}) {
      const time = now();
      if (time - shown < INTERVAL) return;
      shown = time;
      isShown = true;
      place.progress(workLine(what, { done, total, words, seconds: (time - started) / 1000 }));
    },
    end() {
      if (isShown) place.clear();
      isShown = false;
    },
  };
}

/** Work as a line: "counting words  34%  12s left", or where the end is not known "counting words  1,200 lines  12s". */
export function workLine(
  what: string,
  { done, total, words, seconds }: {
    readonly done: number;
    readonly total?: number | undefined;
    readonly words?: string | undefined;
    readonly seconds: number;
  },
): string {
  const known = total !== undefined && total > 0;
  const share = known ? Math.min(1, done / total) : 0;
  const told = known ? [percent(share, 0)] : words === undefined ? [] : [words];
  const time = known && share >= LEAST ? `${duration(seconds * (1 - share) / share)} left` : duration(seconds);
  return [what, ...told, time].join("  ");
}

/** Waits for work of which nothing is known but that it goes on: a line says for how long, once a second. */
export async function waitedFor<T>(place: ProgressPlace, what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  let isShown = false;
  const timer = setInterval(() => {
    isShown = true;
    place.progress(workLine(what, { done: 0, seconds: (performance.now() - started) / 1000 }));
  }, QUIET);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    if (isShown) place.clear();
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
      await weights.read((name, values, offset) => {
        work.at(done += values.length, { total: parameters });
        return sink(name, values, offset);
      });
      work.end();
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

/** Milliseconds between lines where they cannot be rewritten. */
const LOG_INTERVAL = 10_000;

/** A line on standard error, for commands whose result goes to standard output; elsewhere than on a terminal one every ten seconds. */
export function progressAside(): ProgressPlace {
  const isInteractive = Deno.stderr.isTerminal();
  let logged = performance.now();
  const write = (text: string) => {
    try {
      writeAllSync(Deno.stderr, encoder.encode(text));
    } catch {
      // there is nowhere left to say it
    }
  };
  return {
    progress(text) {
      if (isInteractive) write(`\r\x1b[K${printable(text).slice(0, columns() - 1)}`);
      else if (performance.now() - logged >= LOG_INTERVAL) {
        logged = performance.now();
        sayAside(text);
      }
    },
    clear() {
      if (isInteractive) write("\r\x1b[K");
    },
  };
}

function columns(): number {
  try {
    return Math.max(20, Deno.consoleSize().columns || 80);
  } catch {
    return 80;
  }
}
