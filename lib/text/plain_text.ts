/**
 * Plain text as passages.
 *
 * @module
 */

import { cutAtLine, decodeLine, linesOf } from "./lines.ts";
import type { ByteSource, Passage, TextSource } from "./source.ts";

/** Longest piece of a line that is held in memory, in bytes; longer lines come in several. */
const LONGEST_PIECE = 1 << 20;

/** What a document of plain text is. */
export const documentKinds = ["line", "paragraph", "file"] as const;
/** What a document of plain text is: a line, what stands between blank lines, or the whole file. */
export type DocumentKind = typeof documentKinds[number];

/**
 * Plain text, UTF-8. Lines that are longer than a mebibyte come in several passages, cut at a space where there is one. A
 * byte-order mark at the beginning and carriage returns before line breaks are dropped.
 */
export function plainText(
  source: ByteSource,
  { document = "line" }: { document?: DocumentKind | undefined } = {},
): TextSource {
  return {
    name: source.name,
    size: source.size,
    // a file that is one document cannot be cut
    cut: document === "file" ? undefined : (wanted) => cutAtLine(source, wanted, document === "paragraph"),
    async *read({ start, end, bad }) {
      // whether a document ends shows one line later
      let held: Passage<number> | undefined;
      for await (const line of linesOf(source, { start, end, longest: LONGEST_PIECE, bad })) {
        const text = decodeLine(line, source, bad);
        if (text === undefined) continue;
        const passage = { text, after: line.isWhole ? "line" as const : "nothing" as const, next: line.next };
        if (document === "line") {
          yield line.isWhole ? { ...passage, after: "document" } : passage;
          continue;
        }
        if (document === "paragraph" && line.isWhole && line.isFirst && text.trim() === "") {
          if (held) yield { ...held, after: "document", next: line.next };
          held = undefined;
          continue;
        }
        if (held) yield held;
        held = passage;
      }
      if (held) yield { ...held, after: "document" };
    },
  };
}
