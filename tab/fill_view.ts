/// <reference lib="dom" />
/**
 * Filling in a sentence.
 *
 * @module
 */

import { percent } from "../lib/page/client/figures.js";
import { visible } from "../lib/page/client/candidates.js";
import { byId, element } from "./elements.ts";
import type { FilledText } from "./messages.ts";

/** The sentence with what was filled in marked, where it can be told from the rest. */
function marked(text: string, { filled, places }: FilledText, mask: string): (string | Node)[] {
  const parts = text.split(mask);
  const tokens = places.map(({ candidates }) => candidates[0]!.token);
  const joined = parts.map((part, i) => part + (tokens[i] ?? "")).join("");
  if (parts.length !== places.length + 1 || joined !== filled) return [filled];
  return parts.flatMap((part, i) =>
    i < tokens.length ? [part, element("mark", { className: "right" }, tokens[i]!)] : [part]
  );
}

function table({ candidates }: FilledText["places"][number], number: number, all: number): HTMLTableElement {
  const rows = candidates.map(({ token, probability }) => {
    const bar = element("span", { className: "bar" });
    bar.style.width = `${Math.max(1, 100 * probability)}%`;
    return element(
      "tr",
      {},
      element("td", {}, visible(token)),
      element("td", { className: "number" }, percent(probability)),
      element("td", { className: "bars", ariaHidden: "true" }, bar),
    );
  });
  const caption = element("caption", {}, all === 1 ? "What could stand there" : `Mask ${number + 1} of ${all}`);
  return element("table", {}, caption, element("tbody", {}, ...rows));
}

/** Shows a sentence that was filled in. */
export function showFilled(text: string, result: FilledText, mask: string): void {
  const { places } = result;
  byId("filled").replaceChildren(
    element("p", {}, ...marked(text, result, mask)),
    element("div", { className: "places" }, ...places.map((place, i) => table(place, i, places.length))),
  );
}

/** How a mask is written from now on. */
export function showMask(mask: string): void {
  const input = byId<HTMLInputElement>("sentence");
  const before = byId("mask-name").textContent!;
  input.value = input.value.replaceAll(before, mask);
  byId("mask-name").textContent = mask;
  byId("insert").querySelector("span")!.textContent = mask;
  byId("mask-hint").querySelector("code")!.textContent = mask;
}

/** Sentences that are there at first, for each kind of vocabulary. */
const examples: Readonly<Record<string, string>> = {
  char: "Anna has a red b[MASK]ll.",
  wordpiece: "Anna has a red [MASK].",
  bpe: "Anna has a red[MASK].",
};

/** Changes the sentence that is there at first, where it is still there, to one that suits a vocabulary. */
export function suitExample(vocabulary: string): void {
  const input = byId<HTMLInputElement>("sentence");
  const example = examples[vocabulary];
  if (example && Object.values(examples).includes(input.value)) input.value = example;
}

/** Puts a mask where the cursor is, in the place of what is selected. */
export function insertMask(mask: string): void {
  const input = byId<HTMLInputElement>("sentence");
  input.setRangeText(mask, input.selectionStart ?? input.value.length, input.selectionEnd ?? input.value.length, "end");
  input.focus();
}
