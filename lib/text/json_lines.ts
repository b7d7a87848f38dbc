/**
 * JSON lines as passages.
 *
 * @module
 */

import { jsonText, type RecordText } from "./json_record.ts";
import { cutAtRecord, decodeLine, type Line, linesOf, LONGEST_RECORD } from "./lines.ts";
import type { BadRecords, ByteSource, TextSource } from "./source.ts";

/** JSON lines: each an object whose field is a document, or a string. */
export function jsonLines(source: ByteSource, { field = "text" }: { field?: string | undefined } = {}): TextSource {
  return {
    name: source.name,
    size: source.size,
    cut: (wanted) => cutAtRecord(source, wanted),
    async *read({ start, end, bad }) {
      for await (const line of linesOf(source, { start, end, longest: LONGEST_RECORD, bad })) {
        const text = textOf(line, { source, field, bad });
        if (text === undefined) continue;
        if (typeof text === "string") yield { text, after: "document", next: line.next };
        else bad.skip(`Cannot use ${source.name}, ${line.place}: ${text.problem}`, `${source.name} ${line.start}`);
      }
    },
  };
}

/** The text of a line; undefined where there is none. The record itself is let go of before its text is handed on. */
function textOf(
  line: Line,
  { source, field, bad }: { source: ByteSource; field: string; bad: BadRecords },
): RecordText | undefined {
  const json = decodeLine(line, source, bad);
  return json === undefined || json.trim() === "" ? undefined : jsonText(json, field);
}
