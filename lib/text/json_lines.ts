/**
 * JSON lines as passages.
 *
 * @module
 */

import { jsonText } from "./json_record.ts";
import { cutAtRecord, decodeLine, linesOf, LONGEST_RECORD } from "./lines.ts";
import type { ByteSource, TextSource } from "./source.ts";

/** JSON lines: each an object whose field is a document, or a string. */
export function jsonLines(source: ByteSource, { field = "text" }: { field?: string | undefined } = {}): TextSource {
  return {
    name: source.name,
    size: source.size,
    cut: (wanted) => cutAtRecord(source, wanted),
    async *read({ start, end, bad }) {
      for await (const line of linesOf(source, { start, end, longest: LONGEST_RECORD, bad })) {
        const json = decodeLine(line, source, bad);
        if (json === undefined || json.trim() === "") continue;
        const text = jsonText(json, field);
        if (typeof text === "string") yield { text, after: "document", next: line.next };
        else bad.skip(`Cannot use ${source.name}, ${line.place}: ${text.problem}`, `${source.name} ${line.start}`);
      }
    },
  };
}
