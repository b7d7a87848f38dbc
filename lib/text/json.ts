/**
 * JSON in the layouts in which people store texts: lines, lists, objects one after the other, columns, and lists within an object.
 *
 * @module
 */

import { type Bytes, firstBytes } from "./byte_reader.ts";
import { beginning, type JsonLayout, layoutOfObject, skeletonOf } from "./json_layout.ts";
import { isObject, jsonBeside, jsonText, parseLoosely, textAt } from "./json_record.ts";
import { jsonScanner, JsonStructureError } from "./json_scan.ts";
import { jsonLines } from "./json_lines.ts";
import { LONGEST_RECORD, skipBroken } from "./lines.ts";
import { type BadRecords, BrokenDataError, type ByteSource, type Passage, type TextSource } from "./source.ts";

/** Bytes by which a layout is told. */
const HEAD = 1 << 16;
/** Lines by which a layout is told. */
const HEAD_LINES = 20;

/**
 * The texts in a JSON file, whose layout is told from its content: lines of objects or strings, a list of them, values one after
 * the other, a list or a column within an object, or an object with a record by each name. Lines have offsets to cut
 * at; the others do not.
 *
 * @param options `beside`: a field that is read beside the text; `isLines`: whether the name says that it is JSON lines, which it is where nothing speaks against it.
 * @throws {SyntaxError} with what was seen, if it is none of these.
 */
export async function jsonSource(
  source: ByteSource,
  { field = "text", beside, isLines = false }: {
    field?: string | undefined;
    beside?: string | undefined;
    isLines?: boolean;
  } = {},
): Promise<TextSource> {
  const lines = () => jsonLines(source, { field, beside });
  const head = await firstBytes(source.stream(0, Math.min(HEAD, source.size ?? HEAD)), HEAD).catch(brokenHead);
  if (head === undefined) return lines();
  const isWhole = head.length < HEAD;
  const text = new TextDecoder().decode(head).replace(/^\ufeff/, "");
  // lists may follow a comma or a record separator
  // deno-lint-ignore no-control-regex
  const first = /[^\s,\x1e]/.exec(text)?.[0];
  if (first === undefined) return lines();
  const layout = linesLayout(text, { isWhole, isLines, field });
  if (layout === "lines") return lines();
  if (first === "[") return elements(source, { path: [], isObject: false, field, beside });
  if (first === '"') return elements(source, { path: undefined, isObject: false, field, beside });
  if (first !== "{") {
    if (isLines) return lines();
    throw new SyntaxError(
      `Cannot use ${source.name}: it is no JSON, it begins with "${
        beginning(head)
      }"; --format text reads it as plain text`,
    );
  }
  return elements(source, await objectLayout(source, { field, beside, isLines }));
}

/** What is broken from its first byte on is told when it is read. */
function brokenHead(error: unknown): undefined {
  if (!(error instanceof BrokenDataError)) throw error;
  return undefined;
}

/** Whether the lines are records. */
function linesLayout(
  text: string,
  { isWhole, isLines, field }: { isWhole: boolean; isLines: boolean; field: string },
): "lines" | "other" {
  const all = text.split("\n");
  const complete = (isWhole ? all : all.slice(0, -1)).filter((line) => line.trim() !== "").slice(0, HEAD_LINES);
  if (complete.length === 0) return isLines && text.trimStart()[0] !== "[" ? "lines" : "other";
  const values = complete.map((line) => parsed(line));
  const records = values.filter((value) => typeof value === "string" || (typeof value === "object" && value !== null));
  const only = complete.length === 1 ? values[0] : undefined;
  if (Array.isArray(only)) return "other";
  // one object may hold all records
  if (isObject(only)) return textAt(only, field) === undefined || !isLines ? "other" : "lines";
  if (records.length * 2 > complete.length) return "lines";
  return values[0] !== undefined && typeof values[0] === "object" ? "lines" : "other";
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return parseLoosely(json);
  }
}

async function objectLayout(
  source: ByteSource,
  { field, beside, isLines }: { field: string; beside: string | undefined; isLines: boolean },
): Promise<JsonLayout> {
  const following: JsonLayout = { path: undefined, isObject: false, field, beside };
  try {
    const skeleton = await skeletonOf(withoutMark(source.stream(0)));
    if (!skeleton || skeleton.isFollowed || !isObject(skeleton.value)) return following;
    const layout = layoutOfObject(skeleton.value, field);
    return beside === undefined ? layout : { ...layout, beside: besideIn(skeleton.value, { layout, beside, field }) };
  } catch (error) {
    // what is broken is told when it is read
    if (error instanceof JsonStructureError || error instanceof BrokenDataError) return following;
    if (!(error instanceof SyntaxError)) throw error;
    if (isLines) return following;
    throw new SyntaxError(`Cannot use ${source.name}: ${error.message}`);
  }
}

/**
 * Where a field stands in the records of a layout that was found for the text's.
 *
 * @throws {SyntaxError} where the texts stand in a list of their own.
 */
function besideIn(
  { columns }: Record<string, unknown>,
  { layout, beside, field }: { layout: JsonLayout; beside: string; field: string },
): string {
  if (Array.isArray(columns) && layout.path?.join() === "data") {
    const column = columns.indexOf(beside);
    if (column >= 0) return String(column);
    throw new SyntaxError(`it has no column "${beside}" (--label); its columns are ${columns.join(", ")}`);
  }
  const prefix = layout.path === undefined ? "" : `${layout.path.join(".")}.`;
  if (layout.field !== "" || field === "") return beside.startsWith(prefix) ? beside.slice(prefix.length) : beside;
  throw new SyntaxError(
    `its texts stand in a list of their own, "${
      layout.path?.join(".")
    }"; wanted records that hold a text with its label, such as JSON lines`,
  );
}

/** Bytes without a byte-order mark, which becomes spaces so that offsets stay. */
async function* withoutMark(stream: AsyncIterable<Bytes>): AsyncGenerator<Bytes> {
  let offset = 0;
  for await (const chunk of stream) {
    if (offset < MARK.length && chunk.some((byte, i) => byte === MARK[offset + i])) {
      yield chunk.map((byte, i) => byte === MARK[offset + i] ? 32 : byte);
    } else yield chunk;
    offset += chunk.length;
  }
}

const MARK = [0xef, 0xbb, 0xbf];

interface Element {
  readonly bytes: Bytes | undefined;
  readonly start: number;
  readonly next: number;
  readonly line: number;
}

/** Records that stand in a container, or one after the other. */
function elements(source: ByteSource, layout: JsonLayout): TextSource {
  return {
    name: source.name,
    size: source.size,
    async *read({ start, end, bad }) {
      const found: Element[] = [];
      const scanner = elementScanner(layout, { start, found });
      let offset = start;
      try {
        const stream = source.stream(start, end);
        for await (const chunk of start === 0 ? withoutMark(stream as AsyncIterable<Bytes>) : stream) {
          let problem: unknown;
          try {
            scanner.feed(chunk as Bytes);
          } catch (error) {
            problem = error;
          }
          offset += chunk.length;
          for (const element of found.splice(0)) {
            const passage = passageOf(element, { source, layout, start, bad });
            if (passage) yield passage;
          }
          if (problem) throw problem;
        }
        if (end === undefined || end === source.size) scanner.end();
        for (const element of found.splice(0)) {
          const passage = passageOf(element, { source, layout, start, bad });
          if (passage) yield passage;
        }
      } catch (error) {
        if (error instanceof JsonStructureError) {
          const place = start === 0 ? ` (line ${scanner.line})` : "";
          const message =
            `Cannot read ${source.name}: its JSON breaks at byte ${error.offset}${place}: ${error.message}`;
          return skipBroken(new BrokenDataError(message, { source: source.name, offset: error.offset }), bad);
        }
        skipBroken(error, bad);
      }
    },
  };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of a record with its offset; undefined if it has none and may be skipped. */
function passageOf(
  { bytes, start, next, line }: Element,
  options: { source: ByteSource; layout: JsonLayout; start: number; bad: BadRecords },
): Passage<number> | undefined {
  const { source, layout, bad } = options;
  const { field, beside } = layout;
  let found: ReturnType<typeof jsonText> | ReturnType<typeof jsonBeside>;
  if (bytes === undefined) found = { problem: `it is longer than ${LONGEST_RECORD} bytes` };
  else {
    try {
      const json = decoder.decode(bytes);
      found = beside === undefined ? jsonText(json, field) : jsonBeside(json, { field, beside });
    } catch {
      found = { problem: "it is no UTF-8" };
    }
  }
  if (typeof found === "string") return { text: found, after: "document", next };
  const place = `byte ${start}${options.start === 0 ? ` (line ${line})` : ""}`;
  if ("text" in found) {
    const { text, ...rest } = found;
    return { text, after: "document", next, beside: { ...rest, place } };
  }
  bad.skip(`Cannot use ${source.name}, ${place}: ${found.problem}`, `${source.name} ${start}`);
  return undefined;
}

const OPEN_BRACE = 123;
const OPEN_BRACKET = 91;

/** A scanner that puts the elements of the layout's container into a list. */
function elementScanner({ path, isObject }: JsonLayout, { start, found }: { start: number; found: Element[] }) {
  // containers around a record
  const depthOfRecords = path === undefined ? 0 : path.length + 1;
  const container = isObject ? OPEN_BRACE : OPEN_BRACKET;
  const within = start === 0 || path === undefined ? [] : [...path.map(() => OPEN_BRACE), container];
  let kinds = [...within];
  // containers around that lie on the path
  let matched = within.length;
  let isKeyNext = isObject && within.length > 0;
  let key: string | undefined;
  let isKey = false;
  let begin = -1;
  let line = 1;
  const isRecord = () => kinds.length === depthOfRecords && matched === depthOfRecords && !isKeyNext;
  const beginRecord = (offset: number) => {
    if (!isRecord()) {
      if (kinds.length === 0) throw new JsonStructureError("something follows what it holds", offset);
      return;
    }
    begin = offset;
    line = scanner.line;
    scanner.mark(offset);
  };
  const endRecord = (end: number) => {
    if (begin < 0 || kinds.length !== depthOfRecords) return;
    found.push({ bytes: scanner.take(end), start: begin, next: end, line });
    begin = -1;
  };
  const scanner = jsonScanner({
    open(byte, offset) {
      const depth = kinds.length;
      if (isRecord()) beginRecord(offset);
      else if (begin < 0 && matched === depth && depth < depthOfRecords) {
        const isOnPath = depth === 0 || key === path![depth - 1];
        const isRight = byte === (depth + 1 === depthOfRecords ? container : OPEN_BRACE);
        if (isOnPath && isRight) matched++;
      }
      kinds.push(byte);
      isKeyNext = byte === OPEN_BRACE;
    },
    close(end) {
      kinds.pop();
      matched = Math.min(matched, kinds.length);
      isKeyNext = false;
      endRecord(end);
    },
    string(offset) {
      isKey = isKeyNext;
      if (!isKey) beginRecord(offset);
      else if (begin < 0 && matched === kinds.length && matched < depthOfRecords) scanner.mark(offset);
    },
    stringEnd(end) {
      if (!isKey) return endRecord(end);
      if (begin >= 0 || matched !== kinds.length || matched >= depthOfRecords) return;
      const bytes = scanner.take(end);
      key = bytes && String(parsed(new TextDecoder().decode(bytes)));
    },
    scalar: beginRecord,
    scalarEnd: endRecord,
    comma() {
      isKeyNext = kinds.at(-1) === OPEN_BRACE;
    },
    colon() {
      isKeyNext = false;
    },
  }, { start, within, longest: LONGEST_RECORD });
  kinds = [...within];
  return scanner;
}
