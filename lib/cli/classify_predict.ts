/**
 * `classify predict`.
 *
 * @module
 */

import type { Classified, Classifier } from "../classify/classifier.ts";
import type { Tagger } from "../classify/tagger.ts";
import { columnWords, hasColumns } from "../labelled/labelled_words.ts";
import { counted } from "../sentences/counted.ts";
import { safeJson } from "../sentences/safe_text.ts";
import { fileSources } from "../text/file_source.ts";
import { checkpointPath } from "./checkpoint_choice.ts";
import { checkWhole } from "./classify_keeper.ts";
import { readFlags, tellFlags } from "./classify_flags.ts";
import { cutNotice } from "./classify_report.ts";
import { isTagger, opened } from "./classify_unit.ts";
import { type ParsedFlags, UsageError } from "./flags.ts";
import { withModel } from "./opened_model.ts";
import { checkPermissions, readingOf } from "./permissions.ts";
import { filesOf, isConversation, lineWriter, sayAside, textsOf } from "./standard_streams.ts";
import { trainFlags } from "./train_flags.ts";

const wanted = 'Usage: classify predict FOLDER "a text", or --file FILE';

/** Tells the classes of texts; returns the exit code. */
export async function classifyPredict(parsed: ParsedFlags): Promise<number> {
  const [, path, ...given] = parsed.positional;
  if (path === undefined) throw new UsageError(wanted);
  const file = parsed.get(readFlags.file);
  checkPermissions(readingOf([path, ...filesOf([file])]));
  await checkWhole(path);
  const format = parsed.get(readFlags.format);
  const texts = textsOf(given, {
    file,
    field: parsed.get(readFlags.field),
    format: format === undefined ? undefined : trainFlags.format.parse(format),
    wanted,
  });
  return await withModel(await checkpointPath(path, parsed.get(readFlags.checkpoint)), parsed, async (model) => {
    const told = opened(model, parsed);
    const write = lineWriter({ atOnce: isConversation(given, file) });
    if (isTagger(told)) await tagTexts(told, sentencesOf(texts, { given, file, parsed }), write);
    else {await tellTexts(told, texts, {
        write,
        top: parsed.get(tellFlags.top),
        windows: parsed.get(readFlags.windows),
      });}
    write.flush();
    return 0;
  }, { classifier: true, isBusy: true });
}

/** Prints the classes of texts; says how many were cut off. */
async function tellTexts(
  told: Classifier,
  texts: AsyncIterable<string>,
  { write, top, windows }: { write: (line: string) => void; top: number; windows: boolean | undefined },
): Promise<void> {
  let [cut, empty] = [0, 0];
  for await (const one of told.predict(texts, { windows })) {
    write(safeJson(recordOf(one, top)));
    if (one.omitted > 0) cut++;
    if (one.text.trim() === "") empty++;
  }
  if (empty > 0) {
    sayAside(
      `note: ${counted(empty, "text")} ${empty === 1 ? "was" : "were"} empty, so the class told of ${
        empty === 1 ? "it" : "them"
      } means nothing`,
    );
  }
  const notice = cutNotice({ cutOff: cut }, told.model.config.maxLength);
  if (notice) sayAside(`note: ${notice}`);
}

/** Prints the words of texts with their classes. */
async function tagTexts(
  told: Tagger,
  texts: AsyncIterable<string | readonly string[]>,
  write: (line: string) => void,
): Promise<void> {
  const waiting: string[] = [];
  const noted = async function* () {
    for await (const text of texts) {
      waiting.push(typeof text === "string" ? text : text.join(" "));
      yield text;
    }
  };
  for await (const words of told.predict(noted())) {
    const shown = words.map(({ word, tag, probability }) => ({ word, tag, probability: rounded(probability) }));
    write(safeJson({ text: waiting.shift(), words: shown }));
  }
}

/** Texts, or of files in columns, as a tagger learns from, sentences as their words. */
async function* sentencesOf(
  texts: AsyncIterable<string>,
  { given, file, parsed }: { given: readonly string[]; file: string | undefined; parsed: ParsedFlags },
): AsyncGenerator<string | readonly string[]> {
  if (given.length > 0 || file === undefined || parsed.get(readFlags.format) !== undefined) return yield* texts;
  const sources = file === "-" ? [] : await fileSources(file);
  if (sources.length === 0 || !sources.every(({ name }) => hasColumns(name))) return yield* texts;
  for (const source of sources) yield* columnWords(source, { field: parsed.get(readFlags.field) });
}

/** What is printed of a text. */
function recordOf({ text, label, probability, probabilities }: Classified, top: number) {
  const some = probabilities.slice(0, top).map(({ label, probability }) => [label, rounded(probability)] as const);
  return { text, label, probability: rounded(probability), probabilities: Object.fromEntries(some) };
}

/** Seven digits, all that 32 bits give. */
const rounded = (value: number) => Number(value.toPrecision(7));
