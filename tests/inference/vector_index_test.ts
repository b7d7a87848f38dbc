import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type PassageOptions, passagesOf } from "../../lib/inference/passages.ts";
import { indexTexts, nearestVectors, searchTexts } from "../../lib/inference/vector_index.ts";
import { whiteningOf } from "../../lib/inference/whitening.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { cpuTest } from "../helpers/devices.ts";
import { normal, random } from "../helpers/random.ts";

const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ #.,-\n");
const cut = (text: string, options: Partial<PassageOptions> = {}) =>
  [...passagesOf(text, { tokenizer, length: 400, ...options })].map(({ line, text }) => [line, text]);
const long = "this paragraph is long enough to be a passage all by itself, for it has more than eighty characters";

Deno.test("passagesOf() cuts at blank lines, with the line each begins in, headings before what they head", () => {
  const text = `# Title\n\n${long}\nand goes on\n\n  \n\n## Two\n\n## Three\n${long}\n\n---\n`;
  assertEquals(cut(text), [
    [1, `# Title\n\n${long}\nand goes on`],
    [8, `## Two\n\n## Three\n${long}`],
  ]);
  assertEquals(cut("short\n\nends"), [[1, "short\n\nends"]]);
  assertEquals(cut(" \n\n--- \n"), []);
  assertEquals(cut(`${long}\n\nshort end\n`), [[1, long], [3, "short end"]]);
});

Deno.test("passagesOf() keeps short sentences apart, questions with their answers, and marked sections apart", () => {
  assertEquals(cut("The key is under the mat.\n\nThe cat is on it.\n\nWhere?\n\nThere."), [
    [1, "The key is under the mat."],
    [3, "The cat is on it."],
    [5, "Where?\n\nThere."],
  ]);
  assertEquals(cut("keys one\n\nkeys two\n\n# Head A\n\nalpha beta\n\n# Head B\n\ngamma"), [
    [1, "keys one\n\nkeys two"],
    [5, "# Head A\n\nalpha beta"],
    [9, "# Head B\n\ngamma"],
  ]);
  const ends = [
    "\u201eDer Weg ist weit.\u201c",
    "\u300c\u9375\u306f\u4e0b\u3067\u3059\u3002\u300d",
    "\u00ab La cl\u00e9 est l\u00e0. \u00bb",
    "Here.[1]",
    "\u1019\u104b",
    "(so it is.)",
  ];
  for (const sentence of ends) assertEquals(cut(`${sentence}\n\nThen.`).map(([, text]) => text), [sentence, "Then."]);
  for (const question of ["\u00bfD\u00f3nde?", "\u3069\u3053\uff1f"]) {
    assertEquals(cut(`${question}\n\nThere.`).length, 1);
  }
  assertEquals(cut("# A\none\n\n# B\ntwo"), [[1, "# A\none"], [4, "# B\ntwo"]]);
  // without any sign of where a passage ends, each has eighty characters or a little more
  const lines = Array.from({ length: 20 }, (_, i) => `entry number ${i}`).join("\n\n");
  assert(cut(lines).every(([, text]) => (text as string).length < 120) && cut(lines).length >= 3);
});

Deno.test("passagesOf() cuts windows between words, of so many tokens at most, with so many in common", () => {
  const text = "one two three four\nfive six seven eight nine ten";
  assertEquals(cut(text, { by: "window", length: 14, overlap: 6 }), [
    [1, "one two three"],
    [1, "three four"],
    [1, "four\nfive six"],
    [2, "six seven"],
    [2, "seven eight"],
    [2, "eight nine ten"],
  ]);
  assertEquals(cut(text, { by: "window", length: 14, overlap: 0 }).map(([, text]) => text), [
    "one two three",
    "four\nfive six",
    "seven eight",
    "nine ten",
  ]);
  assertThrows(() => cut(text, { length: 4, overlap: 4 }), RangeError, "Cannot cut passages of 4 tokens");
});

Deno.test("passagesOf() loses nothing and goes on, whatever a text is made of", () => {
  const next = random(3);
  for (let i = 0; i < 200; i++) {
    const text = Array.from({ length: 60 }, () => "ab \n漢😀"[Math.floor(next() * 5)] ?? "x").join("").repeat(2);
    for (const by of ["paragraph", "window"] as const) {
      const passages = cut(text, { by, length: 3 + i % 9, overlap: i % 3 });
      const words = (all: string) => new Set(all.match(/\p{L}/gu));
      assertEquals(words(passages.map(([, text]) => text).join(" ")), words(text));
      for (const [line, passage] of passages as [number, string][]) {
        const from = text.split("\n").slice(line - 1).join("\n");
        assert(from.includes(passage) && from.split("\n")[0]!.includes(passage.split("\n")[0]!), JSON.stringify(text));
      }
    }
  }
});

/** Inverse of a matrix [size][size], by Gauss and Jordan. */
function inverse(matrix: readonly (readonly number[])[]): number[][] {
  const size = matrix.length;
  const rows = matrix.map((row, i) => [...row, ...row.map((_, j) => Number(i === j))]);
  for (let i = 0; i < size; i++) {
    const pivot = rows[i]![i]!;
    rows[i] = rows[i]!.map((value) => value / pivot);
    for (let k = 0; k < size; k++) {
      const factor = rows[k]![i]!;
      if (k !== i) rows[k] = rows[k]!.map((value, j) => value - factor * rows[i]![j]!);
    }
  }
  return rows.map((row) => row.slice(size));
}

Deno.test("nearestVectors() finds the rows with the highest cosines, as they are and by the inverse of their covariance", () => {
  const [rows, width] = [300, 10];
  // they lie to one side, and vary in one direction most of all
  const vectors = normal(rows * width, { seed: 1 }).map((value, i) =>
    (i % width === 3 ? 4 : 1) * value + (i % width === 0 ? 5 : 0)
  );
  const query = normal(width, { seed: 2 });
  const unit = (values: Float32Array) => [...values].map((value) => value / Math.hypot(...values));
  const all = Array.from({ length: rows }, (_, row) => vectors.subarray(row * width, (row + 1) * width));
  const units = all.map(unit);
  const columns = [...Array(width).keys()];
  const mean = columns.map((i) => units.reduce((sum, vector) => sum + vector[i]! / rows, 0));
  const covariance = columns.map((i) =>
    columns.map((j) => units.reduce((sum, vector) => sum + (vector[i]! - mean[i]!) * (vector[j]! - mean[j]!) / rows, 0))
  );
  const variance = columns.reduce((sum, i) => sum + covariance[i]![i]! / width, 0);
  const precision = inverse(covariance.map((row, i) => row.map((value, j) => value + (i === j ? 0.1 * variance : 0))));
  const spaces = [
    { whiten: false, place: unit, metric: columns.map((i) => columns.map((j) => Number(i === j))) },
    {
      whiten: true,
      place: (values: Float32Array) => unit(values).map((value, i) => value - mean[i]!),
      metric: precision,
    },
  ];
  for (const { whiten, place, metric } of spaces) {
    const product = (a: number[], b: number[]) =>
      a.reduce((sum, x, i) => sum + x * b.reduce((other, y, j) => other + metric[i]![j]! * y, 0), 0);
    const q = place(query);
    const expected = all.map((vector, row) => {
      const v = place(vector);
      return { row, score: product(v, q) / Math.sqrt(product(v, v) * product(q, q)) };
    }).sort((a, b) => b.score - a.score).slice(0, 7);
    const found = nearestVectors({ vectors, width, whiten })(query, 7);
    assertEquals(found.map(({ row }) => row), expected.map(({ row }) => row));
    for (const [i, { score }] of found.entries()) assertAlmostEquals(score, expected[i]!.score, 1e-5);
  }
  assertEquals(vectors[0]! > 1, true, "the vectors that were given stay as they are");
});

Deno.test("whiteningOf() knows vectors that are all equal, and measures a part of very many", () => {
  const same = new Float32Array(40).fill(2);
  const vector = Float64Array.of(3, 4, 0, 0);
  whiteningOf(same, 4)(vector);
  for (const [i, value] of [0.6, 0.8, 0, 0].entries()) assertAlmostEquals(vector[i]!, value, 1e-12);
  const many = normal(9000 * 4, { seed: 3 });
  const own = Float64Array.from(many.subarray(0, 4));
  whiteningOf(many, 4)(own);
  assert(own.every(Number.isFinite));
});

Deno.test("nearestVectors() keeps the order of equal rows, finds fewer where there are fewer, and knows vectors of zeros", () => {
  const near = nearestVectors({ vectors: Float32Array.of(1, 0, 0, 0, 1, 0, 0, 1), width: 2, whiten: false });
  assertEquals(near(Float32Array.of(2, 0), 9).map(({ row }) => row), [0, 2, 1, 3]);
  assertEquals(near(Float32Array.of(2, 0), 2).map(({ score }) => score), [1, 1]);
  assertThrows(() => near(Float32Array.of(1), 1), RangeError, "a vector of 1 numbers among those of 2");
  // less the mean of all, one vector would be nothing
  const alone = nearestVectors({ vectors: Float32Array.of(3, 4), width: 2, whiten: true });
  assertAlmostEquals(alone(Float32Array.of(1, 0), 1)[0]!.score, 0.6, 1e-6);
});

cpuTest("searchTexts() finds a passage by itself, first of all", async (device) => {
  const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny", maxLength: 64 }));
  const texts = ["rain falls", "a cat sat on a mat", "keys hang here", "ships go by"];
  const documents = texts.map((text, i) => ({ name: `${i}.txt`, text }));
  const index = await indexTexts({ model, tokenizer }, documents);
  assertEquals(
    index.passages.map(({ name, line, text }) => [name, line, text]),
    texts.map((text, i) => [`${i}.txt`, 1, text]),
  );
  for (const [i, text] of texts.entries()) {
    const [first, ...others] = await searchTexts({ model, tokenizer }, index, text, { top: 3 });
    assertEquals([first!.name, others.length], [`${i}.txt`, 2]);
    assertAlmostEquals(first!.score, 1, 1e-5);
  }
  await assertRejects(
    () => indexTexts({ model, tokenizer }, [{ name: "a", text: " - " }]),
    RangeError,
    "there is no text in them",
  );
  model.destroy();
});
