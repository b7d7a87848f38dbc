/**
 * What plain text looks like that is something else: JSON, a table, markup. Only what leaves no doubt counts.
 *
 * @module
 */

import { emptyRecord, extendRecord } from "./csv_record.ts";
import { isObject, parseLoosely } from "./json_record.ts";

/** What a text looks like. */
export interface Looks {
  /** For people, such as "JSON lines with fields text, id". */
  readonly what: string;
  /** The format that reads it; absent where none does. */
  readonly format?: "json" | "jsonl" | "csv" | "tsv";
}

/** Lines by which text is judged. */
const MOST_LINES = 20;

/**
 * What the beginning of a text looks like, if it is certainly no plain text.
 *
 * @param options `isWhole`: whether this is all of it; `markup`: whether markup is looked for.
 */
export function looksLike(
  text: string,
  { isWhole, field, markup }: { isWhole: boolean; field: string; markup: boolean },
): Looks | undefined {
  const all = text.split(/\r\n|\r|\n/);
  const lines = (isWhole ? all : all.slice(0, -1)).filter((line) => line.trim() !== "").slice(0, MOST_LINES);
  return json(text, { lines, isWhole }) ?? table(lines, field) ?? (markup ? markupIn(text) : undefined);
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return parseLoosely(json);
  }
}

function json(text: string, { lines, isWhole }: { lines: readonly string[]; isWhole: boolean }): Looks | undefined {
  const trimmed = text.trim();
  if (!/^(\[\s*["{[]|\{\s*")/.test(trimmed)) return undefined;
  const values = lines.map(parsed);
  if (lines.length > 1 && values.every(isObject)) {
    return { what: `JSON lines with ${fieldsOf(values[0])}`, format: "jsonl" };
  }
  if (lines.length > 1 && values.every((value) => Array.isArray(value))) {
    return { what: "JSON lines, each a list", format: "jsonl" };
  }
  if (isWhole) {
    const value = parsed(trimmed);
    if (value === undefined) return isConcatenated(trimmed) ? { what: "JSON", format: "json" } : undefined;
    const first = Array.isArray(value) ? value[0] : value;
    return { what: isObject(first) ? `JSON with ${fieldsOf(first)}` : "JSON", format: "json" };
  }
  return isJsonPrefix(trimmed) ? { what: "JSON", format: "json" } : undefined;
}

const fieldsOf = (record: unknown) => `fields ${Object.keys(record as object).slice(0, 8).join(", ")}`;

/** Whether nothing but JSON's marks, numbers and words stands outside of strings. */
function isJsonPrefix(text: string): boolean {
  const bare = text.replace(/"(?:[^"\\]|\\.)*(?:"|$)/g, "\0");
  // every string is a value or a key
  return /\0\s*:/.test(bare) && !/\0\s*\0/.test(bare) &&
    /^(?:[\s{}[\],:\0]|-?\d[\d.eE+-]*|true|false|null|NaN|-?Infinity|[a-zN-]{1,8}$)*$/.test(bare);
}

const isConcatenated = (text: string) => isJsonPrefix(text) && /\}\s*\{/.test(text) && text.endsWith("}");

const tableDelimiters = ["\t", ",", ";", "|"] as const;

/** Columns that tables of texts have. */
const columnNames =
  /^(id|idx|index|text|texts|title|body|content|document|sentence|label|labels|review|comment|question|answer|date|url|source|target|lang|language|score|category|author|name)$/i;

/** A heading with the column of the text or two that such tables have, and records of the same width. */
function table(lines: readonly string[], field: string): Looks | undefined {
  if (lines.length < 3) return undefined;
  for (const delimiter of tableDelimiters) {
    if (!lines[0]!.includes(delimiter)) continue;
    const cells = lines.map((line) =>
      extendRecord(emptyRecord(), line, { delimiter, skipsSpaces: false, columns: undefined })
    );
    const heading = cells[0]!.cells.map((cell) => cell.trim());
    // in prose, spaces follow commas
    const isProse = cells[0]!.cells.some((cell) => cell.startsWith(" ")) &&
      !(heading.includes(field) && heading.every((cell) => !cell.includes(" ")));
    if (isProse) continue;
    const isHeading = heading.every((cell) => /^[\p{L}_][\p{L}\p{N}_ .-]{0,30}$/u.test(cell)) &&
      new Set(heading).size === heading.length;
    if (!isHeading) continue;
    const known = heading.filter((cell) => cell === field || columnNames.test(cell)).length;
    if (!heading.includes(field) && known < 2) continue;
    // of records that go on after a line break the width is not known
    const whole = cells.slice(1).filter(({ isOpen }) => !isOpen);
    if (whole.length < cells.length - 2 || !whole.every((record) => record.cells.length === heading.length)) continue;
    const what = `a table with columns ${heading.slice(0, 8).join(", ")}`;
    return { what, format: delimiter === "\t" ? "tsv" : "csv" };
  }
  return undefined;
}

function markupIn(text: string): Looks | undefined {
  if (/^\s*(<!--[^]*?-->\s*)?<(!doctype html|html[\s>])/i.test(text)) return { what: "HTML" };
  if (/^\s*<\?xml\s/.test(text)) return { what: "XML" };
  if (!/^\s*<[a-z][\w:-]*(\s[^<>]*)?>/i.test(text)) return undefined;
  const tags = text.match(/<\/?[a-z][\w:-]*(\s[^<>]*)?\/?>/gi) ?? [];
  const closing = tags.filter((tag) => tag.startsWith("</")).length;
  const share = tags.reduce((sum, { length }) => sum + length, 0) / text.length;
  return closing >= 3 && share > 0.1 ? { what: "markup (XML or HTML)" } : undefined;
}
