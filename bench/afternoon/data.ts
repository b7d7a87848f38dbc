/**
 * What is learned from and tested on: the Brown corpus, mails, and one declaration in many languages.
 *
 * @module
 */

import type { LabelledText } from "../../lib/labelled/labelled_texts.ts";
import type { LabelledWords } from "../../lib/labelled/sentence.ts";

/** One of the 500 texts of the Brown corpus. */
export interface BrownText {
  /** Its name, such as ca01. */
  readonly name: string;
  /** One of 15. */
  readonly genre: string;
  /** Its sentences, tagged. */
  readonly sentences: readonly LabelledWords[];
}

/** The Brown corpus (Francis and Kučera, 1964), its tags without what they say of titles, headlines and foreign words. */
export async function brownTexts(folder: string): Promise<BrownText[]> {
  const lines = (await Deno.readTextFile(`${folder}/cats.txt`)).trim().split("\n");
  return await Promise.all(lines.map(async (line) => {
    const [name, genre] = line.split(" ") as [string, string];
    const text = await Deno.readTextFile(`${folder}/${name}`);
    const sentences = text.split("\n").filter((line) => line.trim() !== "").map((line, i) => {
      const pairs = line.trim().split(/\s+/).map((pair) => {
        const slash = pair.lastIndexOf("/");
        return [pair.slice(0, slash), plainTag(pair.slice(slash + 1))] as const;
      });
      return {
        words: pairs.map(([word]) => word),
        tags: pairs.map(([, tag]) => tag),
        source: `${name}, line ${i + 1}`,
      };
    });
    return { name, genre, sentences };
  }));
}

const plainTag = (tag: string) => tag.replace(/^fw-/, "").replace(/(-(tl|hl|nc))+$/, "").replace(/\+.*$/, "") || tag;

/** Words as people write them, without spaces before commas. */
export function written(words: readonly string[]): string {
  return words.join(" ").replace(/ ([.,;:!?)']|''|n't)/g, "$1").replace(/(``|\() /g, "$1");
}

/** Words of a passage. */
const PASSAGE = 80;

/** Passages of a text, so many of them, evenly over it. */
export function passages({ name, genre, sentences }: BrownText, count: number): LabelledText[] {
  const words = sentences.flatMap(({ words }) => words);
  return Array.from({ length: count }, (_, i) => {
    const start = Math.floor(i * Math.max(0, words.length - PASSAGE) / count);
    return { text: written(words.slice(start, start + PASSAGE)), label: genre, source: name };
  });
}

/** Mails without their headers, which would tell; those without a body are left out. */
export async function mails(folder: string): Promise<LabelledText[]> {
  const found: LabelledText[] = [];
  for (const group of ["easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1", "spam-2"]) {
    const place = `${folder}/data/${group}`;
    const names = (await Array.fromAsync(Deno.readDir(place))).map(({ name }) => name).filter((name) =>
      name.endsWith(".txt")
    );
    for (const name of names.sort()) {
      const mail = new TextDecoder("latin1").decode(await Deno.readFile(`${place}/${name}`));
      const body = mail.slice(Math.max(0, mail.search(/\r?\n\r?\n/))).replace(/<[^>]*>/g, " ").replace(/\s+/g, " ")
        .trim();
      if (body === "") continue;
      found.push({ text: body, label: group.startsWith("spam") ? "spam" : "ham", source: `${group}/${name}` });
    }
  }
  return found;
}

/** Paragraphs of the declaration in a language, in order. */
export interface Declaration {
  /** Code of the language. */
  readonly language: string;
  /** Its paragraphs. */
  readonly paragraphs: readonly string[];
}

/** The declaration in every so manieth of the languages that have all of it. */
export async function declarations(folder: string, every: number): Promise<Declaration[]> {
  const place = `${folder}/declaration`;
  const names = (await Array.fromAsync(Deno.readDir(place))).map(({ name }) => name).filter((name) =>
    /^[a-z]{3}\.html$/.test(name)
  ).sort();
  const all: Declaration[] = [];
  for (const name of names) {
    const html = await Deno.readTextFile(`${place}/${name}`);
    const paragraphs = [...html.matchAll(/<p>([^<]+)<\/p>/g)].map(([, text]) => plainText(text!)).filter((text) =>
      text.length > 20
    );
    if (paragraphs.length >= 50) all.push({ language: name.replace(/\.html$/, ""), paragraphs });
  }
  return all.filter((_, i) => i % every === 0);
}

const entities: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

function plainText(html: string): string {
  const text = html.replace(/&(\w+);/g, (whole, name) => entities[name] ?? whole);
  return text.replace(/&#x([0-9a-f]+);/gi, (_, code) => String.fromCodePoint(parseInt(code, 16))).replace(/\s+/g, " ")
    .trim();
}
