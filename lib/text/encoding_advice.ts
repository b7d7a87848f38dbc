/**
 * What to do with text in an encoding that is not read.
 *
 * @module
 */

import type { Bytes } from "./byte_reader.ts";

/** Encodings that are named, by the name in which they are found: for people, and for iconv. */
const encodings: Readonly<Record<string, readonly [string, string]>> = {
  "ISO-8859-1": ["Latin-1 (windows-1252)", "windows-1252"],
  "windows-1252": ["Latin-1 (windows-1252)", "windows-1252"],
  "ISO-8859-2": ["Latin-2 (ISO 8859-2)", "iso-8859-2"],
  "windows-1250": ["windows-1250", "windows-1250"],
  "windows-1251": ["windows-1251", "windows-1251"],
  "ISO-8859-5": ["ISO 8859-5", "iso-8859-5"],
  "KOI8-R": ["KOI8-R", "koi8-r"],
  "ISO-8859-9": ["Latin-5 (windows-1254)", "windows-1254"],
  "Shift_JIS": ["Shift JIS", "cp932"],
  "EUC-JP": ["EUC-JP", "euc-jp"],
  "EUC-KR": ["EUC-KR", "cp949"],
  "GB18030": ["GB18030", "gb18030"],
  "Big5": ["Big5", "big5-hkscs"],
};

/** Encodings of more than one byte a character: there is no doubt, or it is another. */
const wide = new Set(["Shift_JIS", "EUC-JP", "EUC-KR", "GB18030", "Big5"]);
/** How sure one must be, in percent, and by how much surer than of the next. */
const SURE = { wide: 90, narrow: 30, ahead: 10 };

/** A sentence's end that says how to convert text; empty where its encoding is not certain. */
export async function encodingAdvice(bytes: Bytes): Promise<string> {
  if (isMostlyUtf8(bytes)) return "";
  // imported where it is used: most text needs none of it
  const { analyse } = await import("chardet");
  const [best, next] = analyse(bytes).filter(({ name }) =>
    Object.hasOwn(encodings, name) || !/^(ASCII|UTF)/.test(name)
  );
  if (best && Object.hasOwn(encodings, best.name)) {
    const isWide = wide.has(best.name);
    const lead = best.confidence - (next && !sameLetters(best.name, next.name) ? next.confidence : 0);
    const isSure = best.confidence >= (isWide ? SURE.wide : SURE.narrow) && lead >= SURE.ahead;
    if (isSure && isPlausible(bytes, encodings[best.name]![1])) return advice(best.name);
  }
  return latinAdvice(bytes);
}

const latin = new Set(["ISO-8859-1", "windows-1252"]);
const sameLetters = (a: string, b: string) => latin.has(a) && latin.has(b);

function advice(name: string): string {
  const [said, forIconv] = encodings[name]!;
  return `; it looks like ${said}: convert it first, with iconv -f ${forIconv} -t utf-8`;
}

/** Letters that windows-1250, 1252 and 1254 have in common, and ÿ, which is none in the first. */
const sharedLetters = new Set([..."áâäçéëíîóôöúüßÿÁÂÄÇÉËÍÎÓÔÖÚÜ"].map((letter) => letter.charCodeAt(0)));

/** The same for a few words: lone letters of Western European languages between those of ASCII, which UTF-8 never has. */
export function latinAdvice(bytes: Uint8Array): string {
  const high = [...bytes.keys()].filter((i) => bytes[i]! >= 0x80);
  const isLone = (i: number) =>
    sharedLetters.has(bytes[i]!) && (bytes[i + 1] ?? 0) < 0x80 && (bytes[i - 1] ?? 0) < 0x80;
  return high.length > 0 && high.every(isLone) ? advice("windows-1252") : "";
}

/** Whether most of what is not ASCII is UTF-8, so that single bytes are broken. */
function isMostlyUtf8(bytes: Bytes): boolean {
  let valid = 0;
  let invalid = 0;
  for (const character of new TextDecoder().decode(bytes)) {
    if (character === "\ufffd") invalid++;
    else if (character > "\x7f") valid++;
  }
  return valid > 2 * invalid;
}

const wideLabels = new Set(["shift_jis", "euc-jp", "euc-kr", "gb18030", "big5"]);
/** What no text has. */
const oddAnywhere = /[\ufffd\x80-\x9f]/g;
/** The same, signs within a word, and capitals after small letters. */
const oddInWords = /[\ufffd\x80-\x9f]|\p{L}(?=\P{ASCII})[^\p{L}\p{M}’‘·–—\s]\p{L}|\p{Ll}(?=\P{ASCII})\p{Lu}/gu;

/** Whether words look like words: no sign within one, no capital after a small letter. */
function isPlausible(bytes: Bytes, encoding: string): boolean {
  // TextDecoder's names
  const label = { cp932: "shift_jis", cp949: "euc-kr", "big5-hkscs": "big5" }[encoding] ?? encoding;
  const text = new TextDecoder(label).decode(bytes);
  const high = text.match(/\P{ASCII}/gu)?.length ?? 0;
  const odd = text.match(wideLabels.has(label) ? oddAnywhere : oddInWords)?.length ?? 0;
  if (odd > high / 50) return false;
  if (encoding !== "windows-1252") return true;
  // in other encodings of Western languages common letters stand where here are rare ones
  const rare = text.match(/[ŠšŽžŸƒ]/g)?.length ?? 0;
  return rare <= high / 4;
}
