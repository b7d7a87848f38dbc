/**
 * The corpus of a run: what --data names, or Tiny Shakespeare, or where there is no network the built-in stories.
 *
 * @module
 */

import { counted } from "../sentences/counted.ts";
import { textSections } from "../tokenizer/encode_pieces.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { absolute, baseName, exists } from "../files/paths.ts";
import { type Corpus, textCorpus } from "../text/corpus.ts";
import { mixture } from "../text/mixture.ts";
import { fileSources, type LeftOut } from "../text/file_source.ts";
import { INPUT, isInput } from "../text/standard_input_name.ts";
import { type TextOptions, textSource } from "../text/text_source.ts";
import { BadRecords, type TextSource } from "../text/source.ts";
import { leftOutNotice } from "./left_out.ts";
import { keptInput } from "./standard_input.ts";
import { DEFAULT_TEXT, defaultText, NoNetworkError } from "./default_text.ts";
import { grouped } from "./figures.ts";
import { checkPermissions, readingOf } from "./permissions.ts";
import { filesOf, sayAside } from "./standard_streams.ts";
import { type FilePrint, printOf } from "./file_print.ts";

import { storiesCorpus } from "../text/stories.ts";

/** A corpus with how to find it again. */
export interface OpenedCorpus {
  /** The text. */
  readonly corpus: Corpus;
  /** What it was opened with, from any working directory; see {@linkcode cameFromInput}. */
  readonly choice: CorpusChoice;
  /** Short name for run folders. */
  readonly label: string;
  /** The files, by which a changed corpus is noticed. */
  readonly files: readonly FilePrint[];
  /** What could not be read and was skipped. */
  readonly bad: BadRecords;
  /** What the user should know. */
  readonly notice?: string | undefined;
  /** Bytes of all its files, validation included; undefined where they are not known, or not those of the text. */
  readonly bytes?: number | undefined;
  /** Deletes what was kept only for this run. */
  close(): Promise<void>;
}

/** Which text, and how it is read. */
export interface CorpusChoice extends TextOptions {
  /** Values of --data. */
  readonly data: readonly string[];
  /** Value of --validation: a share, or text of its own. */
  readonly validation?: number | string | undefined;
  /** Records that may be skipped. */
  readonly skipBad?: number | undefined;
  /** Value of --pairs: a file of texts that belong together, which takes the place of `data`. */
  readonly pairs?: string | undefined;
}

/** Value of --data that means the built-in stories. */
export const STORIES = "stories";

/**
 * Opens what --data names: paths, folders, globs, addresses, `-` for standard input, `stories`, or nothing for the default
 * corpus; with `=3` behind them, mixed by weight.
 *
 * @param keep A folder that the command writes to: of standard input what is too much for memory waits there.
 * @throws {RangeError} if there is no such text.
 */
export async function openCorpus(
  choice: CorpusChoice,
  { seed, keep }: { seed: number; keep?: string | undefined },
): Promise<OpenedCorpus> {
  const { data } = choice;
  const bad = new BadRecords(choice.skipBad);
  if ([...data, choice.validation].filter((value) => typeof value === "string" && isInput(value)).length > 1) {
    throw new RangeError("Standard input can be read only once: give --data or --validation as a file");
  }
  if (data.length === 0) return await openDefault(choice, { seed, keep });
  if (data.includes(STORIES)) {
    if (data.length > 1) throw new RangeError('The corpus "stories" cannot be mixed with files');
    // they validate on stories of their own
    const again = { ...choice, validation: undefined };
    return { corpus: storiesCorpus({ seed }), choice: again, label: STORIES, files: [], bad, close: async () => {} };
  }
  checkPermissions(
    readingOf(filesOf([...data, typeof choice.validation === "string" ? choice.validation : undefined])),
  );
  const reader = textReader(choice, keep);
  try {
    const parts = await Promise.all(data.map(splitWeight));
    const corpus = await corpusOf(parts, { choice, bad, reader });
    const { files, notices, close } = reader;
    const notice = notices.length > 0 ? notices.join("\n") : undefined;
    const bytes = bytesOf(corpus, files);
    return { corpus, choice: choiceAgain(choice, parts), label: labelOf(parts[0]!), files, bad, notice, bytes, close };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

/** Opens the default text, or where there is no network the stories. */
async function openDefault(
  choice: CorpusChoice,
  { seed, keep }: { seed: number; keep: string | undefined },
): Promise<OpenedCorpus> {
  try {
    const opened = await openCorpus({ ...choice, data: [await defaultText(keep)] }, { seed });
    return { ...opened, corpus: { ...opened.corpus, name: DEFAULT_TEXT }, label: "shakespeare" };
  } catch (error) {
    if (!(error instanceof NoNetworkError)) throw error;
    const own = typeof choice.validation === "string" ? ", and --validation is left out" : "";
    const notice = `${error.message}: the built-in stories are taken instead${own} (--data FILE takes your own text)`;
    return { ...await openCorpus({ ...choice, data: [STORIES] }, { seed }), notice };
  }
}

/** Reads texts, and keeps what is to be known of them. */
function textReader(options: TextOptions, keep: string | undefined) {
  let input: Awaited<ReturnType<typeof keptInput>> | undefined;
  const files: FilePrint[] = [];
  const notices: string[] = [];
  return {
    files,
    notices,
    async read(path: string): Promise<TextSource[]> {
      // this happens in the middle of a run, so it is not among the notices
      const noticed = (note: string) => sayAside(`note: ${note}`);
      const leftOut = (others: LeftOut) => notices.push(leftOutNotice(path, others));
      const sources = path === INPUT
        ? [input ??= await keptInput({ folder: keep })]
        : await fileSources(path, { leftOut, noticed });
      for (const source of sources) files.push(await printOf(source));
      const texts = [];
      for (const source of sources) texts.push(await textSource(source, options));
      return texts;
    },
    close: async () => await input?.remove(),
  };
}

/** All parts one after the other or, where one has a weight, mixed. */
async function corpusOf(
  parts: readonly WeightedPath[],
  { choice, bad, reader }: { choice: CorpusChoice; bad: BadRecords; reader: ReturnType<typeof textReader> },
): Promise<Corpus> {
  const isOwn = typeof choice.validation === "string";
  const validation = isOwn ? await reader.read(choice.validation) : undefined;
  const validating = reader.files.length;
  const options = { bad, validation, validationShare: isOwn ? undefined : choice.validation };
  if (parts.every(({ weight }) => weight === undefined)) {
    const texts = [];
    for (const { path } of parts) texts.push(...await reader.read(path));
    reader.notices.push(...sharedNotice(reader.files, validating));
    return await textCorpus(texts, options);
  }
  const weighted = [];
  for (const { path, weight = 1 } of parts) {
    weighted.push({ corpus: await textCorpus(await reader.read(path), options), weight });
  }
  reader.notices.push(...sharedNotice(reader.files, validating));
  return mixture(weighted, { validation: validation && weighted[0]!.corpus });
}

/** Says whether files that validate, the first ones, are trained on too, under their own names or others. */
function sharedNotice(files: readonly FilePrint[], validating: number): string[] {
  const key = ({ size, head }: FilePrint) => `${size} ${head}`;
  const training = files.slice(validating);
  const names = new Set(training.map(({ name }) => name));
  const copies = new Map(training.map((file) => [key(file), file.name]));
  const shared = files.slice(0, validating).filter((file) =>
    file.size !== 0 && (names.has(file.name) || (file.size !== null && copies.has(key(file))))
  );
  const [first] = shared;
  if (!first) return [];
  const own = names.has(first.name);
  const is = own
    ? `${first.name} is trained on too`
    : `${first.name} begins as ${copies.get(key(first))} does, which is trained on, and is as long`;
  const others = shared.length - 1;
  const more = others === 0 ? "" : others === 1 ? ", and so is another" : `, and so are ${grouped(others)} others`;
  return [`note: ${is}${more}: the validation loss will be that of a text which the model has seen`];
}

/** What opens the same text from any working directory; nothing does for standard input, which is noted as it is. */
function choiceAgain(choice: CorpusChoice, parts: readonly WeightedPath[]): CorpusChoice {
  const { data, validation } = choice;
  const again = { ...choice, data: parts.map(({ path }, i) => path === INPUT ? data[i]! : absolute(data[i]!)) };
  return typeof validation === "string" && validation !== INPUT
    ? { ...again, validation: absolute(validation) }
    : again;
}

/** Whether a run's text came from standard input, so that it cannot be read again; earlier versions noted such texts without data. */
export function cameFromInput(
  { data, validation, pairs }: Pick<CorpusChoice, "data" | "validation" | "pairs">,
): boolean {
  return pairs === undefined && (data.length === 0 || data.some(isInput) || validation === INPUT);
}

const labelOf = ({ path }: WeightedPath) => path === INPUT ? "stdin" : baseName(path).replace(/\..*$/, "") || "text";

/** A part of a mixture. */
interface WeightedPath {
  readonly path: string;
  readonly weight: number | undefined;
}

/** `path=3` as path and weight, unless a file is called so. */
async function splitWeight(value: string): Promise<WeightedPath> {
  const match = /^(.+)=(\d*\.?\d+)$/.exec(value);
  if (!match || await exists(value)) return { path: value, weight: undefined };
  const weight = Number(match[2]);
  if (!(weight > 0)) throw new RangeError(`Cannot mix ${match[1]} with a weight of ${match[2]}: it must be above 0`);
  return { path: match[1]!, weight };
}

/** Lines that say what was skipped, the first few of it in full; none if nothing was. */
export function skippedLines({ count, messages }: BadRecords): string[] {
  if (count === 0) return [];
  const some = messages.slice(0, 5).map((message) => `skipped: ${message}`);
  return [...some, `${counted(count, "record")} ${count === 1 ? "was" : "were"} skipped`];
}

/** Bytes of the files where their text is not packed: then it is known how many are for training. */
function bytesOf({ trainingBytes }: Corpus, files: readonly FilePrint[]): number | undefined {
  if (trainingBytes === undefined || files.some(({ size }) => size === null)) return undefined;
  return files.reduce((sum, { size }) => sum + size!, 0);
}

/** Tokens of texts, line breaks included. */
export async function countTokens(texts: AsyncIterable<string>, tokenizer: Tokenizer): Promise<number> {
  const newline = tokenizer.encode("\n").length;
  let count = 0;
  for await (const text of texts) {
    for (const section of textSections(text, tokenizer)) count += tokenizer.encode(section).length;
    count += newline;
  }
  return count;
}
