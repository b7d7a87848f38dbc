import { random } from "./random.ts";

/** Ranges of code points of many scripts, with what is delicate in each. */
const scripts: readonly (readonly [first: number, last: number])[] = [
  [0x61, 0x7a],
  [0x41, 0x5a],
  [0xc0, 0x17f], // accented Latin
  [0x370, 0x3ff], // Greek, with the final sigma
  [0x400, 0x45f], // Cyrillic
  [0x591, 0x5f4], // Hebrew and its points
  [0x610, 0x6ff], // Arabic and its marks
  [0x900, 0x97f], // Devanagari
  [0xe01, 0xe5b], // Thai
  [0x1100, 0x11ff], // Hangul by letters
  [0x1e00, 0x1eff], // Vietnamese and others
  [0x3041, 0x30ff], // Kana
  [0x4e00, 0x4fff], // Chinese
  [0xac00, 0xad00], // Hangul by syllables
  [0x300, 0x36f], // combining marks
  [0x1f300, 0x1f64f], // emoji
];
const oddities = [
  "\u200d",
  "\ufe0f",
  "\u{1f3fd}",
  "\ufffd",
  "\ufeff",
  "\u00ad",
  "\0",
  "\u0007",
  "\ud800",
  "\udc00",
  "İ",
  "ß",
  "Σ",
  "ﬁ",
  "²",
  "½",
  "\ue000",
];
const spaces = [" ", " ", " ", " ", " ", " ", "  ", "\t", "\u00a0", "\u3000", "\u2009", "\u2028", "\r"];
const punctuation = [..."....,,,,!?;:'\"()[]{}<>-–—…«»„“”’‘/\\@#$%^&*_+=|~`。、「」¿¡·।"];

/** Lines of words in many scripts, some of them torn, about `characters` in all; the same for the same seed. */
export function mixedText(characters: number, seed: number): string[] {
  const next = random(seed);
  const below = (count: number) => Math.floor(next() * count);
  const pick = <T>(items: readonly T[]) => items[below(items.length)]!;
  // texts repeat their words
  const words = Array.from({ length: 20_000 }, () => {
    const [first, last] = pick(scripts);
    const length = 1 + below(8);
    let word = "";
    for (let i = 0; i < length; i++) {
      word += String.fromCodePoint(first + below(last - first + 1));
      if (next() < 0.01) word += pick(oddities);
    }
    return word;
  });
  const lines: string[] = [];
  let written = 0;
  while (written < characters) {
    let line = "";
    const count = below(24);
    for (let i = 0; i < count; i++) {
      const word = next() < 0.1 ? String(below(100_000)) : words[Math.floor(words.length * next() ** 2)]!;
      line += word + (next() < 0.15 ? pick(punctuation) : "") + (next() < 0.03 ? "'s" : "") + pick(spaces);
    }
    lines.push(line);
    written += line.length + 1;
  }
  return lines;
}
