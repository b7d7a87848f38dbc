/**
 * Sources as notes and code: each comment that has lines of its own is a note beside the code that follows it.
 *
 * @module
 */

/** A note and the code that it is about. */
export interface Section {
  /** The comment without its marks, as it stands in the source; empty where code begins a file. */
  readonly comment: string;
  /** The code, indented as in the source. */
  readonly code: string;
  /** Line of the source on which the section begins, counted from 1. */
  readonly line: number;
}

/** A comment, and the first line behind it. */
interface Comment {
  readonly text: string;
  readonly end: number;
}

/** The documentation comment or the line comments that begin on a line. */
function commentAt(lines: readonly string[], first: number): Comment | undefined {
  const line = lines[first]!;
  if (/^\s*\/\*\*/.test(line)) {
    let end = first;
    while (end < lines.length - 1 && !lines[end]!.includes("*/")) end++;
    const text = lines.slice(first, end + 1).map((part) =>
      part.replace(/^\s*\/\*\*\s?/, "").replace(/\s*\*\/\s*$/, "").replace(/^\s*\*(?: |$)/, "")
    );
    return { text: text.join("\n").trim(), end: end + 1 };
  }
  if (!isLineComment(line)) return undefined;
  let end = first;
  while (end < lines.length && isLineComment(lines[end]!)) end++;
  const text = lines.slice(first, end).map((part) => part.replace(/^\s*\/\/ ?/, ""));
  return { text: text.join("\n").trimEnd(), end };
}

const isLineComment = (line: string): boolean => /^\s*\/\/(?! deno-)/.test(line);

const withoutBlankEnds = (lines: readonly string[]): string => lines.join("\n").replace(/^(?:[ \t]*\n)+/, "").trimEnd();

/** Cuts a range of a source's lines, the whole of it by default, at its comments. */
export function sectionsOf(
  source: string,
  { first = 0, end = Infinity }: { first?: number; end?: number } = {},
): Section[] {
  const lines = source.split("\n").slice(0, end);
  const sections: Section[] = [];
  let open: { comment: string; code: string[]; line: number } = { comment: "", code: [], line: first + 1 };
  const close = () => {
    const code = withoutBlankEnds(open.code);
    if (code !== "" || open.comment !== "") sections.push({ ...open, code });
  };
  for (let at = first; at < lines.length;) {
    const comment = commentAt(lines, at);
    if (!comment) {
      open.code.push(lines[at++]!);
      continue;
    }
    close();
    open = { comment: comment.text, code: [], line: at + 1 };
    at = comment.end;
  }
  close();
  return sections;
}
