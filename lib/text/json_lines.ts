/**
 * JSON lines as passages.
 *
 * @module
 */

import { type BesideText, jsonBeside, jsonText, type RecordText } from "./json_record.ts";
import { cutAtRecord, decodeLine, type Line, linesOf, LONGEST_RECORD } from "./lines.ts";
import type { BadRecords, ByteSource, TextSource } from "./source.ts";

/** JSON lines: each an object whose field is a document, or a string; `beside`: a field that is read beside the text. */
export function jsonLines(
  source: ByteSource,
  { field = "text", beside }: { field?: string | undefined; beside?: string | undefined } = {},
): TextSource {
  return {
    name: source.name,
    size: source.size,
    cut: (wanted) => cutAtRecord(source, wanted),
    async *read({ start, end, bad }) {
      for await (const line of linesOf(source, { start, end, longest: LONGEST_RECORD, bad })) {
        const found = textOf(line, { source, field, beside, bad });
        if (found === undefined) continue;
        const { place, start, next } = line;
        if (typeof found === "string") yield { text: found, after: "document", next };
        else if ("text" in found) {
          const { text, ...beside } = found;
          yield { text, after: "document", next, beside: { ...beside, place } };
        } else bad.skip(`Cannot use ${source.name}, ${place}: ${found.problem}`, `${source.name} ${start}`);
      }
    },
  };
}

/** The text of a line; undefined where there is none. The record itself is let go of before its text is handed on. */
function textOf(
  line: Line,
  { source, field, beside, bad }: { source: ByteSource; field: string; beside: string | undefined; bad: BadRecords },
): RecordText | BesideText | undefined {
  const json = decodeLine(line, source, bad);
  if (json === undefined || json.trim() === "") return undefined;
  return beside === undefined ? jsonText(json, field) : jsonBeside(json, { field, beside });
}
