/**
 * Texts with a label each, from tables and JSON.
 *
 * @module
 */

import { listed, quoted } from "../sentences/safe_text.ts";
import { BadRecords, type Beside, type ByteSource } from "../text/source.ts";
import { textSource } from "../text/text_source.ts";
import { are, have, places } from "./places.ts";

/** A text and the class that it belongs to. */
export interface LabelledText {
  /** The text. */
  readonly text: string;
  /** Name of its class; numbers are names too. */
  readonly label: string;
  /** Where it stands: `reviews.csv, line 3`. */
  readonly source: string;
}

/** Formats of labelled texts. */
export const labelledFormats = ["csv", "tsv", "json", "jsonl"] as const;
/** A format of labelled texts. */
export type LabelledFormat = typeof labelledFormats[number];

/** How labelled data is read. */
export interface LabelledOptions {
  /**
   * Field or column of the text; a path such as `doc.text` leads into records.
   *
   * @default {"text"}
   */
  field?: string | undefined;
  /**
   * Field or column of the label.
   *
   * @default {"label"}
   */
  label?: string | undefined;
  /** What the data is, whatever its name. Default: by the name's ending. */
  format?: LabelledFormat | undefined;
  /** How many records may be skipped because they cannot be used, and which were. Default: none may. */
  bad?: BadRecords | undefined;
  /** Is told what was left out. */
  note?: ((sentence: string) => void) | undefined;
}

/**
 * The labelled texts of a file, one after the other; memory does not grow with it. Texts that are empty say nothing of their
 * class: they are left out, and `note` is told.
 *
 * @throws {SyntaxError} at the end, with all their places, if texts have no label; at once if there is no such field, or nothing
 * of the sort can be in the file.
 *
 * @example
 * ```ts
 * import { labelledTexts, stringSource } from "@cloze/mlm/text";
 *
 * const reviews = stringSource("reviews.csv", 'text,label\n"Good, and cheap.",good\nIt broke.,bad\n');
 * for await (const { text, label } of labelledTexts(reviews)) console.log(label, text);
 * ```
 */
export async function* labelledTexts(
  source: ByteSource,
  { field = "text", label = "label", format, bad = new BadRecords(), note }: LabelledOptions = {},
): AsyncGenerator<LabelledText> {
  const { name } = source;
  const text = await textSource(source, { field, beside: label, format });
  const [missing, empty] = [places(), places()];
  let texts = 0;
  let first: Beside | undefined;
  for await (const passage of text.read({ start: 0, end: text.size, bad })) {
    const beside = passage.beside!;
    const { value, place } = beside;
    first ??= beside;
    texts++;
    if (Array.isArray(value)) {
      bad.skip(
        `Cannot use ${name}, ${place}: its label in "${label}" is a list; wanted one label for a text (--tokens has one for each word)`,
        `${name} ${place}`,
      );
    } else if (value === undefined) {
      if (bad.allowed > 0) bad.skip(`Cannot use ${name}, ${place}: it has no label in "${label}"`, `${name} ${place}`);
      else missing.add(place);
    } else if (passage.text.trim() === "") empty.add(place);
    else yield { text: passage.text, label: value as string, source: `${name}, ${place}` };
  }
  if (missing.count > 0 && missing.count === texts && first?.fields) {
    const fields = listed(first.fields, { most: 20 });
    throw new SyntaxError(`Cannot use ${name}: it has no field ${quoted(label)} (--label); its fields are ${fields}`);
  }
  if (missing.count > 0) {
    throw new SyntaxError(
      `Cannot use ${name}: ${have(missing.count, "text")} no label in "${label}" (${missing.text()}); ` +
        `label them, or leave them out by --skip-bad ${missing.count}`,
    );
  }
  if (empty.count > 0) {
    note?.(`${have(empty.count, "record")} an empty text and ${are(empty.count)} left out: ${name}, ${empty.text()}`);
  }
}
