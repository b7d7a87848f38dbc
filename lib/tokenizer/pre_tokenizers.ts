/**
 * Pre-tokenizers: how a text is split into words before a vocabulary is looked at, as the Rust package "tokenizers" does it.
 *
 * @module
 */

import { bpePieces, toByteCharacters } from "./byte_level.ts";
import {
  characterOption,
  choiceOption,
  type Component,
  componentsOption,
  countOption,
  flagOption,
  typeName,
} from "./components.ts";
import { findAll, patternOf } from "./pattern.ts";
import { splitAtScripts } from "./scripts.ts";
import { type Matches, splitAt, splitBehaviors } from "./splitting.ts";
import { punctuation } from "./unicode_tables.ts";

/**
 * Splits a piece of text. `first` says whether it begins where the whole text begins, which some components treat differently; the
 * words themselves tell that from the first of them on.
 */
export type PreTokenizer = (text: string, first: boolean) => readonly string[];

/** Digits that the newest version of Unicode has and regular expressions may not know yet. */
const digits = "\\p{N}\\u{11de0}-\\u{11de9}\\u{16ff4}-\\u{16ff6}";
const bertWordPattern = new RegExp(`[^\\p{White_Space}${punctuation}]+|[${punctuation}]`, "gu");
const patterns = {
  words:
    /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}\p{White_Space}]+/gu,
  notSpace: /\P{White_Space}+/gu,
  punctuation: new RegExp(`[${punctuation}]`, "gu"),
  digit: new RegExp(`[${digits}]`, "gu"),
};

/** Words and single punctuation characters. */
export function bertWords(text: string): readonly string[] {
  return text.match(bertWordPattern) ?? [];
}

/** The same one by one, in no memory of their own. */
export function* eachBertWord(text: string): Generator<string> {
  for (const [word] of text.matchAll(bertWordPattern)) yield word;
}

/** Bounds of the matches of a native pattern that never matches nothing. */
function matchesOf(text: string, pattern: RegExp): Matches {
  const bounds: number[] = [];
  for (const match of text.matchAll(pattern)) bounds.push(match.index, match.index + match[0].length);
  return bounds;
}

/**
 * The pre-tokenizer that a component of tokenizer.json describes; undefined where it changes nothing.
 *
 * @throws {RangeError} that names the component if there is no such pre-tokenizer, or an option is not what it can be.
 */
export function preTokenizerOf(component: Component | null | undefined): PreTokenizer | undefined {
  if (component === null || component === undefined) return undefined;
  switch (component.type) {
    case "Sequence":
      return sequence(componentsOption(component, "pretokenizers").flatMap((step) => preTokenizerOf(step) ?? []));
    case "BertPreTokenizer":
      return bertWords;
    case "ByteLevel":
      return byteLevel(component);
    case "Whitespace":
      return (text) => text.match(patterns.words) ?? [];
    case "WhitespaceSplit":
      return (text) => text.match(patterns.notSpace) ?? [];
    case "Punctuation": {
      const behavior = choiceOption(component, "behavior", { choices: splitBehaviors, otherwise: "Isolated" });
      return (text) => splitAt(text, { matches: matchesOf(text, patterns.punctuation), behavior });
    }
    case "Digits": {
      const behavior = flagOption(component, "individual_digits", false) ? "Isolated" : "Contiguous";
      return (text) => splitAt(text, { matches: matchesOf(text, patterns.digit), behavior });
    }
    case "Metaspace":
      return metaspace(component);
    case "Split": {
      const pattern = patternOf(component);
      const behavior = choiceOption(component, "behavior", { choices: splitBehaviors });
      const invert = flagOption(component, "invert", false);
      return (text) => splitAt(text, { matches: findAll(pattern, text), behavior, invert });
    }
    case "CharDelimiterSplit": {
      const delimiter = characterOption(component, "delimiter");
      return (text) => text.split(delimiter).filter((piece) => piece !== "");
    }
    case "UnicodeScripts":
      return splitAtScripts;
    case "FixedLength": {
      const length = countOption(component, "length", 5);
      if (length === 0) throw new RangeError('"length" of its FixedLength is 0; it must be at least 1');
      return (text) => inLengths(text, length);
    }
    default:
      throw new RangeError(`its pre-tokenizer is ${typeName(component)}; ${knownPreTokenizers} can be read`);
  }
}

const knownPreTokenizers = "Sequence, BertPreTokenizer, ByteLevel, Whitespace, WhitespaceSplit, Punctuation, Digits, " +
  "Metaspace, Split, CharDelimiterSplit, UnicodeScripts and FixedLength";

function sequence(steps: readonly PreTokenizer[]): PreTokenizer | undefined {
  if (steps.length <= 1) return steps[0];
  return (text, first) => {
    let pieces: readonly string[] = [text];
    let atStart = first;
    for (const step of steps) {
      const before = pieces;
      pieces = before.flatMap((piece, i) => [...step(piece, atStart && i === 0)]);
      // what goes from the beginning takes the beginning along
      atStart &&= pieces.length > 0 && (before[0] === undefined || startsAlike(before[0], pieces[0]!));
    }
    return pieces;
  };
}

function startsAlike(text: string, piece: string): boolean {
  return text === "" || text.startsWith(piece) || !/^\p{White_Space}/u.test(text);
}

function byteLevel(component: Component): PreTokenizer {
  const [prefixed, split] = [flagOption(component, "add_prefix_space", true), flagOption(component, "use_regex", true)];
  return (text) => {
    if (prefixed && text !== "" && !text.startsWith(" ")) text = ` ${text}`;
    return split ? (text.match(bpePieces) ?? []).map(toByteCharacters) : [toByteCharacters(text)];
  };
}

/** When Metaspace puts its sign before a text. */
export type PrependScheme = "always" | "first" | "never";

/** How a Metaspace component says it, in its older form too. */
export function prependScheme(component: Component): PrependScheme {
  const old = flagOption(component, "add_prefix_space", true);
  return choiceOption(component, "prepend_scheme", {
    choices: ["always", "first", "never"],
    otherwise: old ? "always" : "never",
  });
}

function metaspace(component: Component): PreTokenizer {
  const sign = characterOption(component, "replacement", "▁");
  const [scheme, split] = [prependScheme(component), flagOption(component, "split", true)];
  return (text, first) => {
    text = text.replaceAll(" ", () => sign);
    if (text !== "" && !text.startsWith(sign) && (scheme === "always" || (scheme === "first" && first))) {
      text = sign + text;
    }
    if (!split) return [text];
    const pieces: string[] = [];
    let start = 0;
    for (let at = text.indexOf(sign, 1); at >= 0; at = text.indexOf(sign, at + sign.length)) {
      pieces.push(text.slice(start, at));
      start = at;
    }
    if (start < text.length) pieces.push(text.slice(start));
    return pieces;
  };
}

function inLengths(text: string, length: number): string[] {
  const characters = [...text];
  const pieces: string[] = [];
  for (let i = 0; i < characters.length; i += length) pieces.push(characters.slice(i, i + length).join(""));
  return pieces;
}
