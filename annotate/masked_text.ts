/**
 * A text as a model gets to see it, masked by the function that the page is about.
 *
 * @module
 */

import { type MaskedWindow, maskWindow } from "../lib/batch/masking.ts";
import { findSpecials } from "../lib/tokenizer/special_tokens.ts";
import { escapeHtml } from "./html.ts";
import { settingsOf } from "./results.ts";

const SPECIAL = ["[PAD]", "[MASK]"];

/** A word of the text: what stands there now, and what it was where that is asked for. */
function wordHtml(seen: string, original: string, isAsked: boolean): string {
  if (!isAsked) return escapeHtml(seen);
  const kind = seen === "[MASK]" ? "hidden" : seen === original ? "kept" : "random";
  return `<mark class="${kind}">${escapeHtml(seen)}</mark>`;
}

function passHtml(
  { ids, maskedPositions }: MaskedWindow,
  words: readonly string[],
  vocabulary: readonly string[],
): string {
  const asked = new Set(maskedPositions);
  const seen = [...ids].map((id, i) => wordHtml(vocabulary[id]!, words[i]!, asked.has(i)));
  const text = seen.join(" ").replace(/ (?=(?:<mark[^>]*>)?[,.?!;:])/g, "");
  return `<li>${text}</li>`;
}

/** What a block of Markdown asks for: `text`, and how many `passes` over it are shown. Its words are the vocabulary. */
export function maskedHtml(block: string): string {
  const { needed } = settingsOf(block);
  const words = needed("text").split(" ");
  const vocabulary = [...new Set([...SPECIAL, ...words])];
  const idOf = (word: string) => vocabulary.indexOf(word);
  const tokenizer = { size: vocabulary.length, special: findSpecials(idOf) };
  const tokens = Uint32Array.from(words, idOf);
  const passes = Array.from({ length: Number(needed("passes")) }, (_, epoch) => {
    const masked = maskWindow({ tokens, epoch, block: 0, index: 0 }, {
      tokenizer,
      rate: 0.15,
      seed: Number(needed("seed")),
    });
    return passHtml(masked, words, vocabulary);
  });
  return `<figure><ol class="passes">${passes.join("\n")}</ol><figcaption>${passes.length} passes over one text: ` +
    `<mark class="hidden">[MASK]</mark>, <mark class="random">a random word</mark>, <mark class="kept">left as it was</mark>; ` +
    `all of these are asked for</figcaption></figure>\n`;
}
