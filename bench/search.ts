/**
 * How often a search finds a passage: by some of its own words, by words of the text after it, and by all of that. Each paragraph is
 * cut in two; its first half is the passage. Vectors are compared as they are, less their mean, and whitened with several ridges.
 * `deno run -A bench/search.ts MODEL [TEXT]`
 */
import * as cloze from "../mod.ts";
import { type SpaceMap, whiteningOf } from "../lib/inference/whitening.ts";

const [model, path = "../shared/data/wikitext2-valid.txt"] = Deno.args;
if (model === undefined) throw new Error("Usage: bench/search.ts MODEL [TEXT]");
/** Characters below which a line is a heading, or has no halves worth the name. */
const SHORTEST = 200;
/** Ridges that are tried, in mean variances. */
const RIDGES = [30, 10, 3, 1, 0.3, 0.1, 0.03];

const paragraphs = Deno.readTextFileSync(path).split("\n").map((line) => line.trim()).filter((line) =>
  line.length >= SHORTEST && !line.startsWith("=")
);
const halves = paragraphs.map((text) => {
  const middle = text.indexOf(" ", text.length >> 1);
  return { first: text.slice(0, middle), second: text.slice(middle + 1) };
});
/** So many words that follow one another, at a place of their own in each text. */
const some = (count: number) => (text: string, i: number) => {
  const words = text.split(" ");
  const at = (i * 7) % Math.max(1, words.length - count);
  return words.slice(at, at + count).join(" ");
};
using loaded = await cloze.load(model, { device: "cpu" });
const width = loaded.config.width;

async function vectorsOf(texts: readonly string[]): Promise<Float32Array[]> {
  return await Array.fromAsync(cloze.embedTexts(loaded, texts), ({ embedding }) => embedding);
}

const passages = await vectorsOf(halves.map(({ first }) => first));
const queries = new Map([
  ["4 of its words", await vectorsOf(halves.map(({ first }, i) => some(4)(first, i)))],
  ["8 of its words", await vectorsOf(halves.map(({ first }, i) => some(8)(first, i)))],
  ["8 words of the rest", await vectorsOf(halves.map(({ second }, i) => some(8)(second, i)))],
  ["all of the rest", await vectorsOf(halves.map(({ second }) => second))],
]);
const all = new Float32Array(passages.length * width);
for (const [i, vector] of passages.entries()) all.set(vector, i * width);

/** Shares of queries whose passage is the nearest, and among the ten nearest. */
function found(asked: readonly Float32Array[], space: SpaceMap): string {
  const unit = (vector: Float32Array) => {
    const copy = Float64Array.from(vector);
    space(copy);
    const norm = Math.hypot(...copy) || 1;
    return copy.map((x) => x / norm);
  };
  const there = passages.map(unit);
  let [first, ten] = [0, 0];
  for (const [i, query] of asked.map(unit).entries()) {
    const cosines = there.map((passage) => passage.reduce((sum, x, k) => sum + x * query[k]!, 0));
    const rank = cosines.filter((cosine) => cosine > cosines[i]!).length;
    first += Number(rank === 0);
    ten += Number(rank < 10);
  }
  const percent = (count: number) => (100 * count / asked.length).toFixed(1);
  return `${percent(first)} · ${percent(ten)}`;
}

const mean = cloze.vectorMean(width);
for (const vector of passages) mean.add(vector);
const spaces: [string, SpaceMap][] = [
  ["as they are", () => {}],
  ["less their mean", (vector) => {
    const copy = Float32Array.from(vector);
    mean.removeFrom(copy);
    vector.set(copy);
  }],
  ...RIDGES.map((ridge): [string, SpaceMap] => [`whitened, ridge ${ridge}`, whiteningOf(all, width, { ridge })]),
];
console.log(`${model}: ${passages.length} passages; found first · among ten, %\n`);
console.log(`| vectors | ${[...queries.keys()].join(" | ")} |\n| --- |${" --- |".repeat(queries.size)}`);
for (const [name, space] of spaces) {
  console.log(`| ${name} | ${[...queries.values()].map((asked) => found(asked, space)).join(" | ")} |`);
}
