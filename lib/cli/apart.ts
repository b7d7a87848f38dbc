/**
 * What is learned, apart from what is tested.
 *
 * @module
 */

import { itemKey } from "../labelled/equal_items.ts";
import type { LabelledText } from "../labelled/labelled_texts.ts";
import type { LabelledWords } from "../labelled/sentence.ts";
import { counted } from "../sentences/counted.ts";
import type { OpenedLabelled } from "./open_labelled.ts";
import { sayAside } from "./standard_streams.ts";

const keyOf = (example: LabelledText | LabelledWords) => itemKey("words" in example ? example.words : example.text);

/**
 * Labelled data without the texts, or sentences, of a test; a note says how many were left out.
 *
 * @throws {RangeError} when it is read to its end, if nothing is left.
 */
export function apartFrom(
  data: OpenedLabelled,
  tests: readonly (LabelledText | LabelledWords)[],
): OpenedLabelled {
  const tested = new Set(tests.map(keyOf));
  return {
    ...data,
    async *examples() {
      let [left, out, things] = [0, 0, "text"];
      for await (const example of data.examples()) {
        if (tested.has(keyOf(example))) {
          out++;
          if ("words" in example) things = "sentence";
        } else {
          left++;
          yield example;
        }
      }
      if (out === 0) return;
      if (left === 0) throw new RangeError(`Cannot learn from ${data.name}: all of it is in the test too`);
      const are = out === 1 ? "is" : "are";
      sayAside(
        `note: ${counted(out, things)} of ${data.name} ${are} in the test too and ${are} left out of what is learned`,
      );
    },
  };
}
