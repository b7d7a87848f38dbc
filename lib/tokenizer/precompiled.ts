/**
 * SentencePiece's table of replacements: a double array (Aoe, 1989, in Yata's layout) over UTF-8 whose values are offsets in
 * a list of texts.
 *
 * @module
 */

/** Bytes from which on a cluster of characters is looked up character by character only. */
const LONG_CLUSTER = 6;

/** Marks of the newest version of Unicode, which cutting into clusters may not know yet. */
const laterMarks =
  "\\u1acf-\\u1add\\u1ae0-\\u1aeb\\u{10efa}\\u{10efb}\\u{11b60}-\\u{11b67}\\u{1e6e3}\\u{1e6e6}\\u{1e6ee}\\u{1e6ef}\\u{1e6f5}";
const everyLater = new RegExp(`[${laterMarks}\\u{11a3a}]`, "gu");

/** What clusters are made of after their first character, and what takes the next along: marks, joiners, modifiers. */
const joining =
  "\\p{M}\\p{Cf}\\p{Emoji_Modifier}\\u0600-\\u0605\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u0d4e\\u0e33\\u0eb3\\u1160-\\u11ff\\uff9e\\uff9f" +
  "\\u{111c2}\\u{111c3}\\u{113d1}\\u{1193f}\\u{11941}\\u{11a84}-\\u{11a89}\\u{11d46}\\u{11f02}" + laterMarks;
const hasClusters = new RegExp(`\\r\\n|[${joining}]`, "u");
/** Stretches of clusters, with the characters that they begin and end with. */
const everyStretch = new RegExp(`\\r\\n|(?:[^${joining}]?[${joining}]+)+[^${joining}]?`, "gu");

/** Longest stretch that is remembered, and how many are. */
const LONGEST_STRETCH = 48;
const MOST_STRETCHES = 1 << 15;

/** Bits of a unit of the array: its character, which no leaf has; whether a leaf follows; whether its offset is a long one. */
const [LABEL, HAS_LEAF, LONG_OFFSET] = [0x8000_00ff, 1 << 8, 1 << 9];
/** Bits of a leaf that are its value. */
const VALUE = 0x7fff_ffff;

const encoder = new TextEncoder();

/**
 * The normalizer of a table in base64; undefined where the table is empty.
 *
 * @throws {RangeError} if it is no such table.
 */
export function precompiledNormalizer(base64: string): ((text: string) => string) | undefined {
  if (base64 === "") return undefined;
  const find = readTable(base64);
  const known = new Map<string, string | undefined>();
  const look = (chunk: string) => {
    if (known.has(chunk)) return known.get(chunk);
    const found = find(encoder.encode(chunk));
    if (known.size < 1 << 16) known.set(chunk, found);
    return found;
  };
  // most text is of characters that stay as they are
  const stay = Array.from({ length: 0x80 }, (_, code) => String.fromCharCode(code))
    .filter((character) => look(character) === undefined && character !== "\r")
    .map((character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
  const unchanged = new RegExp(`^[${stay.join("") || "[]"}]*$`);
  const byCharacter = (text: string) => {
    let out = "";
    for (const character of text) out += look(character) ?? character;
    return out;
  };
  const byCluster = (stretch: string) => {
    let out = "";
    for (const { index, segment: { length } } of segmenter().segment(stretch.replace(everyLater, knownFor))) {
      const segment = stretch.slice(index, index + length);
      const isShort = length < LONG_CLUSTER && encoder.encode(segment).length < LONG_CLUSTER;
      out += (isShort ? look(segment) : undefined) ?? byCharacter(segment);
    }
    return out;
  };
  const stretches = new Map<string, string>();
  const rememberedStretch = (stretch: string) => {
    const before = stretches.get(stretch);
    if (before !== undefined) return before;
    const out = byCluster(stretch);
    if (stretches.size >= MOST_STRETCHES) stretches.clear();
    if (stretch.length <= LONGEST_STRETCH) stretches.set(stretch, out);
    return out;
  };
  return (text) => {
    if (unchanged.test(text) && !text.includes("\r\n")) return text;
    if (!hasClusters.test(text)) return byCharacter(text);
    let out = "";
    let at = 0;
    for (const { 0: stretch, index } of text.matchAll(everyStretch)) {
      out += byCharacter(text.slice(at, index)) + rememberedStretch(stretch);
      at = index + stretch.length;
    }
    return out + byCharacter(text.slice(at));
  };
}

/** A character that goes with others as a later one does, and is as long. */
function knownFor(later: string): string {
  if (later === "\u{11a3a}") return "\u{10400}";
  return later.length === 1 ? "\u0301" : "\u{101fd}";
}

let clusters: Intl.Segmenter | undefined;
const segmenter = () => clusters ??= new Intl.Segmenter("en", { granularity: "grapheme" });

/** What replaces the shortest entry that bytes begin with. */
function readTable(base64: string): (bytes: Uint8Array) => string | undefined {
  const wrong = () => new RangeError("its Precompiled normalizer has no table that can be read");
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    throw wrong();
  }
  if (bytes.length < 4) throw wrong();
  const view = new DataView(bytes.buffer);
  const size = view.getUint32(0, true);
  if (size % 4 !== 0 || 4 + size > bytes.length || size === 0) throw wrong();
  const units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
  const texts = bytes.subarray(4 + size);
  const decoder = new TextDecoder();
  const textAt = (start: number) => {
    const end = texts.indexOf(0, start);
    return decoder.decode(texts.subarray(start, end < 0 ? texts.length : end));
  };
  const offset = (unit: number) => (unit >>> 10) << (unit & LONG_OFFSET ? 8 : 0);
  return (key) => {
    let node = offset(units[0]!);
    for (const byte of key) {
      if (byte === 0) break;
      node ^= byte;
      const unit = units[node];
      if (unit === undefined || (unit & LABEL) >>> 0 !== byte) return undefined;
      node ^= offset(unit);
      const leaf = units[node];
      if (unit & HAS_LEAF && leaf !== undefined) return textAt(leaf & VALUE);
    }
    return undefined;
  };
}
