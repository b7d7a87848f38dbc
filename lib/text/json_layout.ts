/**
 * Which layout texts have in a JSON file, told from its content.
 *
 * @module
 */

import type { Bytes } from "./byte_reader.ts";
import { isObject, parseLoosely, textAt } from "./json_record.ts";
import { jsonScanner } from "./json_scan.ts";

/** Where records stand: the values of a container, or values one after the other. */
export interface JsonLayout {
  /** Keys that lead to the container; undefined: there is none, records stand one after the other. */
  readonly path: readonly string[] | undefined;
  /** Whether the container is an object, whose keys mean nothing. */
  readonly isObject: boolean;
  /** Field of the text in each record. */
  readonly field: string;
  /** Field that is read beside it, where one is. */
  readonly beside?: string | undefined;
}

/** Children of a container that the skeleton keeps. */
const MOST_CHILDREN = 64;
/** Bytes of a string that the skeleton keeps. */
const LONGEST_STRING = 256;
/** Bytes of a skeleton. */
const LARGEST_SKELETON = 1 << 22;

/** The first value of a file with long containers cut off, and whether something follows. */
export interface Skeleton {
  /** The value. */
  readonly value: unknown;
  /** Whether another value follows it. */
  readonly isFollowed: boolean;
}

const encoder = new TextEncoder();
/**
 * Reads the first value of JSON, keeping only the beginning of each container.
 *
 * @returns undefined if that is no JSON.
 * @throws {JsonStructureError} where brackets do not match.
 */
export async function skeletonOf(chunks: AsyncIterable<Bytes>): Promise<Skeleton | undefined> {
  const kept: Bytes[] = [];
  let size = 0;
  // children so far, of each container around
  const counts: number[] = [];
  const kinds: number[] = [];
  // depth from which on nothing is kept
  let hiddenFrom = Infinity;
  let isKept = false;
  let isOver = false;
  let isFollowed = false;
  const emit = (bytes: Bytes) => {
    size += bytes.length;
    if (size <= LARGEST_SKELETON) kept.push(bytes.slice());
  };
  const emitText = (text: string) => emit(encoder.encode(text));
  const isHidden = () => counts.length >= hiddenFrom;
  const begin = () => {
    if (isOver) isFollowed = true;
  };
  const end = () => {
    if (counts.length === 0) isOver = true;
  };
  const scanner = jsonScanner({
    open(byte) {
      begin();
      if (!isHidden() && !isFollowed) emitText(String.fromCharCode(byte));
      counts.push(0);
      kinds.push(byte);
    },
    close() {
      counts.pop();
      const byte = kinds.pop()!;
      if (counts.length < hiddenFrom) {
        hiddenFrom = counts.length + 1 === hiddenFrom ? Infinity : hiddenFrom;
        if (!isFollowed) emitText(byte === 123 ? "}" : "]");
      }
      end();
    },
    string(offset) {
      begin();
      isKept = !isHidden() && !isFollowed;
      if (isKept) scanner.mark(offset);
    },
    stringEnd(offset) {
      if (isKept) emit(scanner.take(offset) ?? encoder.encode('"…"'));
      isKept = false;
      end();
    },
    scalar(offset) {
      begin();
      isKept = !isHidden() && !isFollowed;
      if (isKept) scanner.mark(offset);
    },
    scalarEnd(offset) {
      if (isKept) emit(scanner.take(offset) ?? encoder.encode("null"));
      isKept = false;
      end();
    },
    comma() {
      const depth = counts.length;
      if (depth === 0 || isHidden() || isFollowed) return;
      if (++counts[depth - 1]! >= MOST_CHILDREN) hiddenFrom = depth;
      else emitText(",");
    },
    colon() {
      if (!isHidden() && !isFollowed) emitText(":");
    },
  }, { longest: LONGEST_STRING });
  for await (const chunk of chunks) {
    scanner.feed(chunk);
    if (isFollowed) break;
  }
  if (!isFollowed) scanner.end();
  if (size > LARGEST_SKELETON || size === 0) return undefined;
  const text = await new Blob(kept).text();
  try {
    return { value: JSON.parse(text), isFollowed };
  } catch {
    const value = parseLoosely(text);
    return value === undefined ? undefined : { value, isFollowed };
  }
}

/**
 * The layout of an object that is a whole file: a record; a column, or each record, by name; rows beside the names of their columns;
 * or a list of records somewhere in it.
 *
 * @throws {SyntaxError} with what was seen, if there is none or more than one.
 */
export function layoutOfObject(value: Record<string, unknown>, field: string): JsonLayout {
  if (textAt(value, field, { lists: false }) !== undefined) return { path: undefined, isObject: false, field };
  const { columns, data } = value;
  if (Array.isArray(columns) && Array.isArray(data) && columns.includes(field) && data.every(Array.isArray)) {
    return { path: ["data"], isObject: false, field: String(columns.indexOf(field)) };
  }
  if (Object.hasOwn(value, field)) {
    const column = value[field];
    if (Array.isArray(column) && column.some(isText)) return { path: [field], isObject: false, field: "" };
    if (isObject(column) && Object.values(column).some(isText)) return { path: [field], isObject: true, field: "" };
  }
  const members = Object.values(value);
  const hasText = (record: unknown) =>
    textAt(record, field) !== undefined || (isObject(record) && textAt(record.row, field) !== undefined);
  if (
    members.length > 1 && members.every(isObject) && members.some((member) => textAt(member, field, { lists: false }))
  ) {
    return { path: [], isObject: true, field };
  }
  const lists = listsIn(value);
  const found = lists.filter(({ list }) => list.some(hasText));
  if (found.length === 1) return { path: found[0]!.path, isObject: false, field };
  if (found.length > 1) {
    const names = found.map(({ path }) => path.join("."));
    throw new SyntaxError(
      `it has records with field "${field}" in ${names.join(" and ")}; name one of them, as by --field ${
        names[0]
      }.${field}`,
    );
  }
  for (const { path, list } of lists) {
    const prefix = `${path.join(".")}.`;
    if (!field.startsWith(prefix)) continue;
    const inner = field.slice(prefix.length);
    if (list.some((record) => textAt(record, inner) !== undefined)) return { path, isObject: false, field: inner };
  }
  const named = lists.find(({ path, list }) => path.join(".") === field && list.some(isText));
  if (named) return { path: named.path, isObject: false, field: "" };
  const texts = lists.filter(({ list }) => list.length > 0 && list.every(isText));
  if (lists.length === 1 && texts.length === 1) return { path: texts[0]!.path, isObject: false, field: "" };
  throw new SyntaxError(`it has no text in field "${field}" (--field); it is one object with ${seen(value)}`);
}

const isText = (value: unknown) => typeof value === "string";

/** How deep lists of records are looked for. */
const DEEPEST_LIST = 3;

function listsIn(value: Record<string, unknown>, path: readonly string[] = []): { path: string[]; list: unknown[] }[] {
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = [...path, key];
    if (Array.isArray(inner)) return [{ path: here, list: inner }];
    return isObject(inner) && here.length < DEEPEST_LIST ? listsIn(inner, here) : [];
  });
}

function seen(value: Record<string, unknown>): string {
  const names = Object.entries(value).slice(0, 8).map(([key, inner]) => {
    if (!Array.isArray(inner)) return key;
    const first = inner[0];
    return isObject(first)
      ? `${key} (a list of records with ${Object.keys(first).slice(0, 8).join(", ")})`
      : `${key} (a list)`;
  });
  return names.join(", ") || "no fields";
}

/** What JSON begins with, for people. */
export function beginning(head: Bytes): string {
  return new TextDecoder().decode(head.subarray(0, 60)).replace(/^\ufeff/, "").trim().split("\n")[0]!.slice(0, 40);
}
