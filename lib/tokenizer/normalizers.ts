/**
 * Normalizers: what is done to a text before it is split, as the Rust package "tokenizers" does it.
 *
 * @module
 */

import { choiceOption, type Component, componentsOption, flagOption, textOption, typeName } from "./components.ts";
import { withOrderedMarks } from "./mark_order.ts";
import { patternOf, replaceAll } from "./pattern.ts";
import { precompiledNormalizer } from "./precompiled.ts";
import { toByteCharacters } from "./byte_level.ts";
import { apart, marks, nonspacing, removed } from "./unicode_tables.ts";

/** Text to text. */
export type Normalizer = (text: string) => string;

/** Unicode's normal forms. */
export type NormalForm = "NFC" | "NFD" | "NFKC" | "NFKD";

const isApart = new RegExp(`[${apart}]`, "u");
const cutApart = new RegExp(`([${apart}])`, "u");
const simple = /^[\0-\x7f]*$/;

/** A normal form of a text, by the older version of Unicode that vocabularies are made with. */
export function normalForm(text: string, form: NormalForm): string {
  if (simple.test(text)) return text;
  const normal = (piece: string) => withOrderedMarks(piece).normalize(form);
  if (!isApart.test(text)) return normal(text);
  return text.split(cutApart).map((piece, i) => i % 2 === 1 ? piece : normal(piece)).join("");
}

/** Letters whose lower case is not the same for itself as in a word, or unknown to older versions of Unicode. */
const special = /[Σ\ua7ce\ua7d2\ua7d4\u{16ea0}-\u{16eb8}]/u;
const everySpecial = new RegExp(special, "gu");

/** Lower case, each letter for itself: Σ is σ at the end of a word too. */
function lowerCase(text: string): string {
  if (simple.test(text) || !special.test(text)) return text.toLowerCase();
  return text.replace(everySpecial, (letter) => {
    if (letter === "Σ") return "σ";
    const codePoint = letter.codePointAt(0)!;
    return String.fromCodePoint(codePoint + (codePoint > 0xffff ? 0x1b : 1));
  }).toLowerCase();
}

/** How BERT prepares text. */
export interface BertNormalization {
  /**
   * Lower case.
   *
   * @default {true}
   */
  lowercase?: boolean | undefined;
  /** Remove accents. Default: as `lowercase`. */
  stripAccents?: boolean | undefined;
  /**
   * Set Chinese characters apart as words of their own.
   *
   * @default {true}
   */
  splitChinese?: boolean | undefined;
  /**
   * Remove control characters.
   *
   * @default {true}
   */
  cleanText?: boolean | undefined;
}

const everyRemoved = new RegExp(`[${removed}]`, "gu");
const everySpace = /\p{White_Space}/gu;
// one range begins at U+2B920, as in the package
const chinese =
  /[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/gu;
const everyNonspacing = new RegExp(`[${nonspacing}]`, "gu");
const everyMark = new RegExp(`[${marks}]`, "gu");
const printable = /^[\x20-\x7e]*$/;

/** Text as BERT sees it: cleaned, Chinese characters apart, without accents, lower case. */
export function bertNormalize(text: string, options: BertNormalization): string {
  const { lowercase = true, stripAccents = lowercase, splitChinese = true, cleanText = true } = options;
  if (printable.test(text)) return lowercase ? text.toLowerCase() : text;
  if (!text.isWellFormed()) text = text.toWellFormed();
  if (cleanText) text = text.replace(everyRemoved, "").replace(everySpace, " ");
  if (splitChinese) text = text.replace(chinese, " $& ");
  if (stripAccents) text = normalForm(text, "NFD").replace(everyNonspacing, "");
  return lowercase ? lowerCase(text) : text;
}

/**
 * The normalizer that a component of tokenizer.json describes; undefined where it changes nothing.
 *
 * @throws {RangeError} that names the component if there is no such normalizer, or an option is not what it can be.
 */
export function normalizerOf(component: Component | null | undefined): Normalizer | undefined {
  if (component === null || component === undefined) return undefined;
  switch (component.type) {
    case "Sequence": {
      const steps = componentsOption(component, "normalizers").flatMap((step) => normalizerOf(step) ?? []);
      if (steps.length <= 1) return steps[0];
      return (text) => steps.reduce((text, step) => step(text), text);
    }
    case "BertNormalizer": {
      const lowercase = flagOption(component, "lowercase", true);
      const options = {
        lowercase,
        stripAccents: flagOption(component, "strip_accents", lowercase),
        splitChinese: flagOption(component, "handle_chinese_chars", true),
        cleanText: flagOption(component, "clean_text", true),
      };
      return (text) => bertNormalize(text, options);
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const form = choiceOption(component, "type", { choices: ["NFC", "NFD", "NFKC", "NFKD"] });
      return (text) => normalForm(text, form);
    }
    case "Lowercase":
      return lowerCase;
    case "StripAccents":
      return (text) => simple.test(text) ? text : text.replace(everyMark, "");
    case "Strip": {
      const [left, right] = [flagOption(component, "strip_left", true), flagOption(component, "strip_right", true)];
      return (text) => stripSpace(text, { left, right });
    }
    case "Replace": {
      const [pattern, content] = [patternOf(component), textOption(component, "content")];
      return (text) => replaceAll(pattern, { text, content });
    }
    case "Prepend": {
      const before = textOption(component, "prepend");
      return (text) => text === "" ? text : before + text;
    }
    case "Nmt":
      return (text) => text.replace(nmtRemoved, "").replace(nmtSpaces, " ");
    case "Precompiled":
      return precompiledNormalizer(textOption(component, "precompiled_charsmap", ""));
    case "ByteLevel":
      return toByteCharacters;
    default:
      throw new RangeError(`its normalizer is ${typeName(component)}; ${knownNormalizers} can be read`);
  }
}

const knownNormalizers = "Sequence, BertNormalizer, NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, " +
  "Prepend, Nmt, Precompiled and ByteLevel";
// deno-lint-ignore no-control-regex
const nmtRemoved = /[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]/g;
const nmtSpaces = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g;
const isSpace = /\p{White_Space}/u;

/** Without the white space at its ends; by hand, for a pattern may look at inner white space again and again. */
function stripSpace(text: string, { left, right }: { left: boolean; right: boolean }): string {
  let [start, end] = [0, text.length];
  if (left) { while (start < end && isSpace.test(text[start]!)) start++; }
  if (right) { while (end > start && isSpace.test(text[end - 1]!)) end--; }
  return text.slice(start, end);
}
