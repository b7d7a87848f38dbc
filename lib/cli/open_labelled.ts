/**
 * Labelled data of a command: texts with a label each, or words.
 *
 * @module
 */

import { type LabelledFormat, labelledFormats, labelledTexts } from "../labelled/labelled_texts.ts";
import { type LabelledWordFormat, labelledWordFormats, labelledWords } from "../labelled/labelled_words.ts";
import type { LabelledText } from "../labelled/labelled_texts.ts";
import type { LabelledWords } from "../labelled/sentence.ts";
import { fileSources } from "../text/file_source.ts";
import { BadRecords, type ByteSource } from "../text/source.ts";
import { parseChoice } from "./flag_values.ts";
import { flag, flagSwitch, type ParsedFlags, UsageError } from "./flags.ts";
import { keptInput } from "./standard_input.ts";
import { sayAside } from "./standard_streams.ts";
import { trainFlags } from "./train_flags.ts";

const text = (value: string) => value;
const formats = [...new Set([...labelledFormats, ...labelledWordFormats])];

/** Flags of every command that reads labelled data. */
export const labelledFlags = {
  data: {
    ...flag("PATH", "labelled data: file, folder, glob, URL or -; may be repeated", text),
    repeatable: true,
  },
  field: flag("NAME", "field or column of the text (default: text; with --tokens: tokens, or the first column)", text),
  label: flag("NAME", "field or column of the label (default: label; with --tokens: tags, or the last column)", text),
  format: flag("FORMAT", `format of the data: ${formats.join(", ")} (default: by its ending)`, parseChoice(formats)),
  tokens: flagSwitch("a label on each word: columns as CoNLL's, word/TAG lines, or two lists in JSON"),
  "skip-bad": { ...trainFlags["skip-bad"], help: "how many records without a label may be skipped (default: 0)" },
};

/** Labelled data that was opened. */
export interface OpenedLabelled {
  /** Its name, for people. */
  readonly name: string;
  /** Its examples; each time they are asked for, from the first on. */
  examples(): AsyncGenerator<LabelledText | LabelledWords>;
  /** What could not be used and was skipped. */
  readonly bad: BadRecords;
  /** Deletes what was kept only for this command. */
  close(): Promise<void>;
}

/**
 * Checks that standard input is not wanted twice.
 *
 * @throws {UsageError} if it is.
 */
export function checkInputs(data: readonly string[], test: readonly string[]): void {
  if ([...data, ...test].filter((path) => path === "-").length < 2) return;
  throw new UsageError("Standard input can be read only once: give --data or --test as a file");
}

/**
 * Opens the labelled data that flags name.
 *
 * @param paths Where it is, standard input as `-`.
 * @throws {UsageError} where a format does not go with what is wanted.
 * @throws {RangeError} if there is none.
 */
export async function openLabelled(paths: readonly string[], parsed: ParsedFlags): Promise<OpenedLabelled> {
  const isWords = parsed.get(labelledFlags.tokens) ?? false;
  const format = parsed.get(labelledFlags.format);
  const known: readonly string[] = isWords ? labelledWordFormats : labelledFormats;
  if (format !== undefined && !known.includes(format)) {
    const why = isWords ? "--tokens reads" : "without --tokens there are";
    throw new UsageError(`Option --format cannot be ${format} here: ${why} ${known.join(", ")}`);
  }
  const bad = new BadRecords(parsed.get(labelledFlags["skip-bad"]));
  const noted = new Set<string>();
  // who reads twice is told once
  const note = (sentence: string) => {
    if (!noted.has(sentence)) sayAside(`note: ${sentence}`);
    noted.add(sentence);
  };
  const options = { field: parsed.get(labelledFlags.field), label: parsed.get(labelledFlags.label), bad, note };
  const inputs: { remove(): Promise<void> }[] = [];
  const sources: ByteSource[] = [];
  for (const path of paths) {
    if (path === "-") {
      const input = await keptInput();
      inputs.push(input);
      sources.push(input);
    } else sources.push(...await fileSources(path));
  }
  return {
    name: paths.length === 1 ? paths[0]! : `${paths[0]} and ${paths.length - 1} more`,
    async *examples() {
      for (const source of sources) {
        yield* isWords
          ? labelledWords(source, { ...options, format: format as LabelledWordFormat | undefined })
          : labelledTexts(source, { ...options, format: format as LabelledFormat | undefined });
      }
    },
    bad,
    async close() {
      for (const input of inputs) await input.remove();
    },
  };
}
