import { assert, assertEquals, assertRejects } from "@std/assert";
import { pairViews, TooFewTextsError, viewBatch, viewsOf, windowViews } from "../../lib/batch/views.ts";
import { WindowSource } from "../../lib/batch/windows.ts";
import { textCorpus } from "../../lib/text/corpus.ts";
import { stringSource } from "../../lib/text/source.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { bertFrame } from "../../lib/tokenizer/special_tokens.ts";

const plain = characterTokenizer("abcdefghijklmnopqrstuvwxyz ");
const tokenizer = { ...plain, frame: bertFrame(plain.special)! };
const [cls, sep] = [tokenizer.special["[CLS]"]!, tokenizer.special["[SEP]"]!];
const ids = (text: string) => [cls, ...tokenizer.encode(text), sep];
const text = (view: Uint32Array) => tokenizer.decode(view.filter((id) => id !== cls && id !== sep));

/** Lines of two words, none of which is in two lines. */
const lines = Array.from({ length: 40 }, (_, i) => {
  const [a, b] = ["abcdefgh"[i % 8]!, "ijklm"[Math.floor(i / 8)]!];
  return `${a}${b} ${b}${a}`;
});

async function corpusOf(texts: readonly string[]) {
  return await textCorpus([stringSource("lines", texts.join("\n") + "\n")], { validationShare: 0.001 });
}

async function sourceOf(texts: readonly string[], kind: "dropout" | "halves", position?: WindowSource["position"]) {
  const corpus = await corpusOf(texts);
  const source = new WindowSource({ corpus, tokenizer, words: true, pack: "line", seed: 1, position });
  return windowViews(source, { kind, tokenizer, seed: 1 });
}

const pairs = Array.from({ length: 7 }, (_, i) => ({
  first: "abcdefg"[i]!.repeat(3),
  second: "hijklmn"[i]!.repeat(i + 1),
  place: `line ${i + 2}`,
}));

Deno.test("windowViews() gives each text twice, or its halves, cut where a word begins, between the marks around texts", async () => {
  const twice = await sourceOf(lines, "dropout");
  for (const { first, second } of await twice.next({ length: 16, count: 8 })) {
    assertEquals(first, second);
    assertEquals([first[0], first.at(-1)], [cls, sep]);
    assert(lines.includes(text(first)));
  }
  const halves = await sourceOf(lines, "halves");
  for (const { first, second } of await halves.next({ length: 16, count: 8 })) {
    assert(lines.includes(text(first) + text(second)), text(first) + text(second));
    assertEquals([first[0], first.at(-1), second[0], second.at(-1)], [cls, sep, cls, sep]);
  }
});

Deno.test("viewsOf() cuts halves at the word nearest to the middle, and anywhere in a text of one word", () => {
  const window = (text: string, continues: string) => ({
    tokens: Uint32Array.from(ids(text)),
    continues: Uint8Array.from(`0${continues}0`, Number),
    epoch: 0,
    block: 0,
    index: 0,
  });
  const halves = (text: string, continues: string) =>
    viewsOf(window(text, continues), { kind: "halves", tokenizer, seed: 1 });
  const nearest = halves("aabbbbb", "0101111")!;
  assertEquals([text(nearest.first), text(nearest.second)], ["aa", "bbbbb"]);
  const one = halves("aaaaa", "01111")!;
  assertEquals([text(one.first), text(one.second)], ["aa", "aaa"]);
  assertEquals(halves("a", "0"), undefined);
});

Deno.test("windowViews() reads halves as long as whole texts, and cuts what is longer", async () => {
  const long = ["a".repeat(12) + " " + "b".repeat(12), "c".repeat(90), "d".repeat(3) + " " + "e".repeat(3)];
  const source = await sourceOf(long, "halves");
  const views = await source.next({ length: 15, count: 3 });
  assert(
    views.flatMap(({ first, second }) => [first, second]).every((view) => view.length <= 15 && view.at(-1) === sep),
  );
  assert(views.some(({ first }) => first.length === 14 || first.length === 15));
});

for (const kind of ["dropout", "halves"] as const) {
  Deno.test(`windowViews() of ${kind} go on at a position with the very same views`, async () => {
    const whole = await sourceOf(lines, kind);
    await whole.next({ length: 16, count: 5 });
    const { position } = whole;
    const after = [await whole.next({ length: 16, count: 9 }), await whole.next({ length: 16, count: 9 })];
    const resumed = await sourceOf(lines, kind, position);
    assertEquals([await resumed.next({ length: 16, count: 9 }), await resumed.next({ length: 16, count: 9 })], after);
    assertEquals(resumed.position, whole.position);
  });
}

Deno.test("windowViews() never have a text in a batch twice, and say where there are too few", async () => {
  const source = await sourceOf([...lines.slice(0, 6), ...lines.slice(0, 6), "x"], "halves");
  for (let batch = 0; batch < 4; batch++) {
    const views = await source.next({ length: 16, count: 6 });
    assertEquals(new Set(views.map(({ first, second }) => text(first) + text(second))).size, 6);
  }
  await assertRejects(
    () => source.next({ length: 16, count: 7 }),
    TooFewTextsError,
    "Cannot compare 7 texts in a batch: only 6 of this corpus are different and long enough",
  );
});

Deno.test("pairViews() give every pair once a pass, in another order each, and go on at a position", async () => {
  const source = pairViews(pairs, { tokenizer, seed: 3 });
  const pass = async () => (await source.next({ length: 8, count: 7 })).map(({ first }) => text(first));
  const [one, two] = [await pass(), await pass()];
  assertEquals([...one].sort(), pairs.map(({ first }) => first));
  assertEquals([...two].sort(), pairs.map(({ first }) => first));
  assert(String(one) !== String(two));
  await source.next({ length: 8, count: 3 });
  const resumed = pairViews(pairs, { tokenizer, seed: 3, position: source.position });
  assertEquals(await resumed.next({ length: 8, count: 7 }), await source.next({ length: 8, count: 7 }));
  // the longest second text is cut, and ends as texts do
  const views = await source.next({ length: 6, count: 7 });
  assert(views.every(({ second }) => second.length <= 6 && second.at(-1) === sep));
});

Deno.test("viewBatch() puts first views before second ones, padded, each with its bounds and its partner", () => {
  const [a, b, c, d] = ["a", "bcd", "ef", "g"].map((text) => Uint32Array.from(ids(text)));
  const batch = viewBatch([{ first: a!, second: b! }, { first: c!, second: d! }], { length: 5, padding: 0 });
  assertEquals([batch.windows, batch.length, [...batch.labels], batch.maskedRows.length], [4, 5, [0, 1], 0]);
  const rows = (window: number) => [...batch.ids.subarray(5 * window, 5 * window + 5)];
  assertEquals(rows(0), [...a!, 0, 0]);
  assertEquals(rows(1), [...c!, 0]);
  assertEquals(rows(2), [...b!]);
  assertEquals([...batch.documents!.subarray(0, 10)], [0, 3, 0, 3, 0, 3, 3, 5, 3, 5]);
  assertEquals([...batch.documents!.subarray(20, 30)], [0, 5, 0, 5, 0, 5, 0, 5, 0, 5]);
});

Deno.test("viewsOf() cuts halves whose lengths tell nothing of one another, the same ones again", () => {
  const word = "ab ".repeat(30);
  const viewsAt = (index: number, seed = 1) =>
    viewsOf({ tokens: Uint32Array.from(ids(word)), epoch: 0, block: 0, index }, { kind: "halves", tokenizer, seed })!;
  const lengths = Array.from({ length: 400 }, (_, i) => {
    const { first, second } = viewsAt(i);
    assert(word.startsWith(text(first)) && word.endsWith(text(second)), `${text(first)} | ${text(second)}`);
    return [first.length, second.length] as const;
  });
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [a, b] = [0, 1].map((which) => lengths.map((pair) => pair[which as 0 | 1]));
  const spread = (values: readonly number[]) => mean(values.map((value) => (value - mean(values)) ** 2)) ** 0.5;
  const together = mean(a!.map((value, i) => (value - mean(a!)) * (b![i]! - mean(b!)))) / spread(a!) / spread(b!);
  // of all texts as long as this one: a part that is longer leaves less for the other
  assert(spread(a!) > 5 && spread(b!) > 5 && together > -0.8 && together < 0.1, `${together}`);
  assertEquals(viewsAt(7), viewsAt(7));
  assert(
    String(viewsAt(7).first) !== String(viewsAt(7, 2).first) ||
      String(viewsAt(7).second) !== String(viewsAt(7, 2).second),
  );
});
