import { assert, assertEquals, assertRejects } from "@std/assert";
import { cutWords } from "../../lib/classify/examples.ts";
import { loadClassifier } from "../../lib/classify/classifier.ts";
import { loadTagger, tagger } from "../../lib/classify/tagger.ts";
import type { ClassifierEvent } from "../../lib/classify/train_head.ts";
import { memoryFolder } from "../../lib/format/model_folder.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { trainTokenizer } from "../../lib/tokenizer/train_tokenizer.ts";
import { cpuTest, kindTest } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";
import { smallBase } from "../helpers/small_base.ts";

/** Sentences of words whose class is their first letter. */
function sentences(count: number, length = 5) {
  const next = random(2);
  return Array.from({ length: count }, () => {
    const words = Array.from({ length }, () => (next() < 0.5 ? "x" : "y") + "abc".slice(0, 1 + Math.floor(next() * 3)));
    return { words, tags: words.map((word) => `is ${word[0]}`) };
  });
}

for (const preset of ["bert", "modernbert"] as const) {
  kindTest(`tagger() learns words on a ${preset} model, and is the same when it is read back`, async (device) => {
    const base = smallBase(device, { preset, maxLength: 32 });
    const tells = await tagger(base, sentences(16), { steps: 12, learningRate: 4e-3, dropout: 0 });
    const asked = ["xa yb xab", ["ya", "xc"], "", "xa ".repeat(30)];
    const found = await Array.fromAsync(tells.predict(asked));
    assertEquals(found.map((words) => words.length), [3, 2, 0, 30]);
    assertEquals(found.slice(0, 2).flat().map(({ tag }) => tag), ["is x", "is y", "is x", "is y", "is x"]);
    assertEquals(found[0]!.map(({ word }) => word), ["xa", "yb", "xab"]);
    const score = await tells.evaluate([...sentences(4), { words: ["xa"], tags: ["new"] }]);
    assertEquals([score.count, score.unknown], [21, ["new"]]);
    const files = memoryFolder("tells", await tells.files());
    const again = await loadTagger(files, { device });
    assertEquals(await Array.fromAsync(again.predict(asked)), found);
    await assertRejects(
      () => loadClassifier(files, { device }),
      RangeError,
      "it tells classes of words; loadTagger loads it",
    );
    for (const one of [tells, again, base.model]) one.destroy();
  });
}

cpuTest("tagger() says what cannot be learned, and reads sentences that are longer than the model", async (device) => {
  const base = smallBase(device);
  const fails = (words: string[], tags: string[], what: string) =>
    assertRejects(() => tagger(base, [{ words, tags }], { steps: 1 }), RangeError, what);
  await fails(["a", "b"], ["T"], "Cannot learn of 2 words with 1 tags: each word has one");
  await fails(["a", "b"], ["T", "T"], 'the only label is "T", on 2 words');
  await fails([], [], "there is no word with a label");
  const tells = await tagger(base, sentences(40, 30), { steps: 2 });
  assertEquals(tells.training!.heldOut!.count, 8 * 30);
  tells.destroy();
  base.model.destroy();
});

cpuTest("tagger() can be interrupted while the head is fitted, and tells that it is", async (device) => {
  const base = smallBase(device);
  const controller = new AbortController();
  const heard: ClassifierEvent[] = [];
  const hear = (event: ClassifierEvent) => {
    heard.push(event);
    if (event.kind === "head" && event.share > 0) controller.abort();
  };
  const tells = await tagger(base, sentences(40), { hear, signal: controller.signal });
  assertEquals(heard.map(({ kind }) => kind), ["begin", "head", "head"]);
  assertEquals([tells.training!.steps, tells.training!.isInterrupted], [0, true]);
  for (const one of [tells, base.model]) one.destroy();
});

Deno.test("cutWords() gives every word its first token, of any vocabulary, and cuts between words", async () => {
  const letters = characterTokenizer("abcdefgh ");
  const words = ["abc", "d", "€", "efgh", "abcdefgh"];
  const [piece, ...others] = cutWords(letters, words, 64);
  assertEquals(others, []);
  const unknown = letters.special["[UNK]"];
  const firsts = [...piece!.rows!].map((row) => piece!.ids[row]!);
  assertEquals(firsts.map((id) => id === unknown ? "?" : letters.decode([id])), ["a", "d", "?", "e", "a"]);
  // together they are the words as a text
  assertEquals(letters.decode(piece!.ids.filter((id) => id !== unknown)), "abc d  efgh abcdefgh");
  const pieces = cutWords(letters, words, 8);
  assert(pieces.every(({ ids }) => ids.length <= 8));
  assertEquals(pieces.reduce((sum, { rows }) => sum + rows!.length, 0), words.length);
  const text = ["the red hat of the red house in the red garden"];
  for (const type of ["bpe", "wordpiece"] as const) {
    const tokenizer = await trainTokenizer(text, { type, size: 300 });
    const cut = cutWords(tokenizer, text[0]!.split(" "), 64)[0]!;
    assertEquals([type, cut.ids], [type, tokenizer.encode(text[0]!)]);
    const first = [...cut.rows!].map((row) => tokenizer.piece(cut.ids[row]!).trim()[0]);
    assertEquals([type, first.join("")], [type, "trhotrhitrg"]);
  }
});
