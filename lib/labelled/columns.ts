/**
 * Sentences in columns, a word a line, as at the CoNLL tasks.
 *
 * @module
 */

import { quoted } from "../sentences/safe_text.ts";
import type { TaggedSentence } from "./sentence.ts";

/** Columns of CoNLL-U, and those of its words and parts of speech, from 1. */
const CONLL_U = { columns: 10, word: 2, tag: 4 };

/** Which columns are read, from 1. */
export interface ColumnOptions {
  /** That of the word. Default: the first; of CoNLL-U the second. */
  readonly word: number | undefined;
  /** That of the tag. Default: the last; of CoNLL-U the fourth. */
  readonly tag: number | undefined;
  /** The file. */
  readonly name: string;
  /** Whether there need be no tags, which are left out. */
  readonly isUntagged?: boolean | undefined;
}

/** Takes lines, and gives sentences where they end. */
export interface ColumnReader {
  /** Reads a line. */
  line(text: string, place: string): Generator<TaggedSentence>;
  /** Ends the last sentence. */
  end(): Generator<TaggedSentence>;
}

/** The columns of a line; tabs part them where it has tabs, otherwise spaces. */
export function cellsOf(line: string): string[] {
  return line.includes("\t") ? line.split("\t") : line.trim().split(/\s+/);
}

/** A reader of columns. */
export function columnReader({ word, tag, name, isUntagged = false }: ColumnOptions): ColumnReader {
  let words: string[] = [];
  let tags: string[] = [];
  let begin: string | undefined;
  let problem: { readonly problem: string; readonly place: string } | undefined;
  // of the first line that is no comment
  let columns: number | undefined;
  let isUniversal = false;
  function* end(): Generator<TaggedSentence> {
    if (problem) yield problem;
    else if (words.length > 0) yield { words, tags, source: `${name}, ${begin}` };
    [words, tags, begin, problem] = [[], [], undefined, undefined];
  }
  function take(cells: readonly string[], place: string): void {
    begin ??= place;
    if (columns === undefined) {
      columns = cells.length;
      isUniversal = columns === CONLL_U.columns && /^\d+([-.]\d+)?$/.test(cells[0]!);
    }
    // words that stand for several, and words that are not there
    if (isUniversal && /[-.]/.test(cells[0]!)) return;
    const wordAt = (word ?? (isUniversal ? CONLL_U.word : 1)) - 1;
    const tagAt = (tag ?? (isUniversal ? CONLL_U.tag : columns)) - 1;
    const [found, label] = [cells[wordAt]?.trim(), cells[tagAt]?.trim()];
    if (!found) problem ??= { problem: `there is no word in column ${wordAt + 1}`, place };
    else if (isUntagged) words.push(found);
    else if (!label || tagAt === wordAt) problem ??= { problem: `the word ${quoted(found)} has no tag`, place };
    else {
      words.push(found);
      tags.push(label);
    }
  }
  return {
    end,
    *line(text, place) {
      if (text.trim() === "") return yield* end();
      const cells = cellsOf(text);
      if (cells[0] === "-DOCSTART-" || isComment(text, { cells, columns, isFirst: begin === undefined })) return;
      take(cells, place);
    },
  };
}

/** Comments stand before a sentence; a word may be a hash sign too. */
function isComment(
  text: string,
  { cells, columns, isFirst }: { cells: readonly string[]; columns: number | undefined; isFirst: boolean },
): boolean {
  if (!text.startsWith("#") || !isFirst) return false;
  return cells.length !== columns || /^#\s*[\w.:-]+\s*=/.test(text);
}
