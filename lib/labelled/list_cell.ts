/**
 * Lists that stand in a cell of a table, as JSON or as pandas writes those of Python.
 *
 * @module
 */

/** A text in quotes, or a number. */
const ITEM = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(-?\d+(?:\.\d+)?)/y;
/** What stands between two of them: a comma, or, as NumPy prints lists, spaces alone. */
const BETWEEN = /\s*,\s*|\s+/y;

/** Whether a cell begins as a list of texts does, or of such lists. */
export function looksLikeList(cell: string): boolean {
  return /^\s*(\[\s*)+['"]/.test(cell);
}

/** The items of a list of texts or numbers; undefined if the cell is none. */
export function listIn(cell: string): string[] | undefined {
  const trimmed = cell.trim();
  if (!trimmed.startsWith("[") || !trimmed.endsWith("]")) return undefined;
  try {
    const list: unknown = JSON.parse(trimmed);
    const isPlain = (item: unknown) => typeof item === "string" || typeof item === "number";
    return Array.isArray(list) && list.every(isPlain) ? list.map(String) : undefined;
  } catch {
    return pythonList(trimmed.slice(1, -1).trim());
  }
}

function pythonList(inner: string): string[] | undefined {
  const items: string[] = [];
  for (let at = 0; at < inner.length;) {
    ITEM.lastIndex = at;
    const found = ITEM.exec(inner);
    if (!found) return undefined;
    const quoted = found[1] ?? found[2];
    items.push(quoted === undefined ? found[3]! : unescaped(quoted));
    at = ITEM.lastIndex;
    if (at === inner.length) break;
    BETWEEN.lastIndex = at;
    if (!BETWEEN.test(inner)) return undefined;
    // a comma at the end is allowed
    at = BETWEEN.lastIndex;
  }
  return items;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };

function unescaped(text: string): string {
  return text.replace(/\\(?:x([\da-f]{2})|u([\da-f]{4})|U([\da-f]{8})|(.))/gis, (_, x, u, long, other) => {
    const hex = x ?? u ?? long;
    if (hex === undefined) return ESCAPES[other] ?? other;
    const code = parseInt(hex, 16);
    return code <= 0x10ffff ? String.fromCodePoint(code) : "\ufffd";
  });
}
