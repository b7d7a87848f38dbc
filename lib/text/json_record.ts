/**
 * The text in a record of JSON: a string, or what a field of it holds.
 *
 * @module
 */

import type { Beside } from "./source.ts";

/** The text of a record, or what is wrong with it. */
export type RecordText = string | { readonly problem: string };

/**
 * The text of a record that is given as JSON. Halves of surrogate pairs that stand alone become U+FFFD.
 *
 * @param field A key, or a path such as `doc.text`; a key that has the dot in it wins. Numbers take elements of lists.
 */
export function jsonText(json: string, field: string): RecordText {
  const record = parsedRecord(json);
  return record === undefined ? notJson : textIn(record, field);
}

/** A text with another field of its record. */
export interface BesideText extends Omit<Beside, "place"> {
  /** The text. */
  readonly text: string;
}

/**
 * The text of a record with another field of it: text, numbers and truths as text, a list of such, or undefined where it is
 * missing, null or empty.
 */
export function jsonBeside(
  json: string,
  { field, beside }: { field: string; beside: string },
): BesideText | Exclude<RecordText, string> {
  const record = parsedRecord(json);
  if (record === undefined) return notJson;
  const text = textIn(record, field);
  if (typeof text !== "string") return text;
  const row = isObject(record) && isObject(record.row) ? valueAt(record.row, beside) : undefined;
  const found = valueAt(record, beside) ?? row;
  if (found === undefined) return { text, value: undefined, fields: fieldNames(record) };
  const value = wordOf(found);
  return value === "other" ? { problem: `its field "${beside}" (--label) is an object` } : { text, value: value?.word };
}

const notJson = { problem: "it is no JSON" } as const;

function parsedRecord(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return parseLoosely(json);
  }
}

function textIn(record: unknown, field: string): RecordText {
  const value = (record as Record<string, unknown> | null)?.[field];
  return typeof value === "string" && typeof record === "object" ? value.toWellFormed() : textOfRecord(record, field);
}

/** JSON as Python writes it, with numbers that are none; undefined if it is no JSON either. */
export function parseLoosely(json: string): unknown {
  if (!/NaN|Infinity/.test(json)) return undefined;
  try {
    return JSON.parse(
      json.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (found) => found[0] === '"' ? found : "null"),
    );
  } catch {
    return undefined;
  }
}

/** The text of a record: itself, if it is a string. */
function textOfRecord(record: unknown, field: string): RecordText {
  if (typeof record === "string") return record.toWellFormed();
  // the way in which the Hugging Face server hands out rows
  const text = textAt(record, field) ??
    (isObject(record) && isObject(record.row) ? textAt(record.row, field) : undefined);
  if (text !== undefined) return text.toWellFormed();
  if (field === "") return { problem: "it is no text" };
  const fields = fieldNames(record).slice(0, 8).join(", ");
  return { problem: `it has no text in field "${field}" (--field); its fields are ${fields || "none"}` };
}

/**
 * The text at a path: a string, or the strings of a list as lines. Undefined where there is no text.
 *
 * @param lists Whether the path may lead through lists. Default: true.
 */
export function textAt(value: unknown, path: string, { lists = true } = {}): string | undefined {
  if (path === "") {
    if (typeof value === "string") return value;
    return lists && Array.isArray(value) ? joined(value) : undefined;
  }
  if (Array.isArray(value)) {
    if (Object.hasOwn(value, path) && path !== "length") return textAt(value[Number(path)], "", { lists });
    return lists && value.length > 0 ? joined(value.map((element) => textAt(element, path))) : undefined;
  }
  if (!isObject(value)) return undefined;
  if (Object.hasOwn(value, path)) return textAt(value[path], "", { lists });
  for (let dot = path.indexOf("."); dot >= 0; dot = path.indexOf(".", dot + 1)) {
    const key = path.slice(0, dot);
    if (!Object.hasOwn(value, key)) continue;
    const text = textAt(value[key], path.slice(dot + 1), { lists });
    if (text !== undefined) return text;
  }
  return undefined;
}

/** The value at a path, whatever it is; a key that has the dots in it wins. */
function valueAt(value: unknown, path: string): unknown {
  if (path === "") return value;
  if (Array.isArray(value)) return Object.hasOwn(value, path) && path !== "length" ? value[Number(path)] : undefined;
  if (!isObject(value)) return undefined;
  if (Object.hasOwn(value, path)) return value[path];
  for (let dot = path.indexOf("."); dot >= 0; dot = path.indexOf(".", dot + 1)) {
    const found = valueAt(value[path.slice(0, dot)], path.slice(dot + 1));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A value as a word, or as one for each element of a list; undefined where it is empty. */
function wordOf(value: unknown): { readonly word: string | readonly string[] } | "other" | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "object") {
    if (!Array.isArray(value) || value.some((element) => typeof element === "object" && element !== null)) {
      return "other";
    }
    return { word: value.map((element) => element === null ? "" : String(element).trim().toWellFormed()) };
  }
  const word = String(value).trim().toWellFormed();
  return word === "" ? undefined : { word };
}

const joined = (values: readonly unknown[]) =>
  values.every((value) => typeof value === "string") ? values.join("\n") : undefined;

/** Whether a value is an object with fields. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Names of fields, of nested ones as paths. */
function fieldNames(record: unknown): string[] {
  if (!isObject(record)) return [];
  return Object.entries(record).flatMap(([key, value]) => {
    const inner = isObject(value) ? Object.keys(value).map((name) => `${key}.${name}`) : [];
    return inner.length > 0 ? inner : [key];
  });
}
