import { assert, assertEquals } from "@std/assert";
import {
  byteCounter,
  elapsedLine,
  longWork,
  waitedFor,
  watchedCorpus,
  watchedTexts,
  watchedVocabulary,
  watchedWeights,
  workLine,
} from "../../lib/cli/long_work.ts";
import { fakeScreen } from "../helpers/screen.ts";
import { type LiveLines, openTerminal } from "../../lib/cli/terminal.ts";
import { watchedMeasure } from "../../lib/cli/score_table.ts";
import { textCorpus, textsOf } from "../../lib/text/corpus.ts";
import { stringSource } from "../../lib/text/source.ts";

/** A place that keeps what is shown, and a clock that is set by hand. */
function shownBy() {
  const shown: string[] = [];
  let [time, cleared] = [5000, 0];
  const place = {
    progress: (now: string | LiveLines) => void shown.push(typeof now === "string" ? now : now.line()),
    clear: () => void cleared++,
  };
  return { place, shown, now: () => time, pass: (ms: number) => time += ms, cleared: () => cleared };
}

Deno.test("longWork() is quiet for a second, then shows at most ten lines a second, and removes what it has shown", () => {
  const { place, shown, now, pass, cleared } = shownBy();
  const work = longWork(place, "counting words", { now });
  for (let done = 1; done <= 99; done++) {
    pass(10);
    work.at(done, { total: 400 });
  }
  assertEquals(shown, []);
  for (let done = 100; done <= 299; done++) {
    pass(10);
    work.at(done, { total: 400 });
  }
  assertEquals(shown.length, 20);
  assertEquals(shown[0], "counting words  25%  3s left");
  assertEquals(shown.at(-1), "counting words  73%  1s left");
  work.end();
  work.end();
  assertEquals(cleared(), 1);
  const quick = longWork(place, "quick", { now });
  quick.at(1, { total: 1 });
  quick.end();
  assertEquals([shown.length, cleared()], [20, 1]);
});

Deno.test("workLine() tells a share and the time left, or how much there is so far and since when", () => {
  assertEquals(workLine("a", { done: 34, total: 100, seconds: 6 }), "a  34%  12s left");
  // what has hardly begun says nothing of the end
  assertEquals(workLine("a", { done: 1, total: 1000, seconds: 6 }), "a  0%  6s");
  assertEquals(workLine("a", { done: 7, words: "7 lines", seconds: 61 }), "a  7 lines  1m01s");
  assertEquals(workLine("a", { done: 7, seconds: 2 }), "a  2s");
  // time goes on while nothing is heard, and what takes longer than was thought says since when
  assertEquals(workLine("a", { done: 50, total: 100, seconds: 6, since: 4 }), "a  50%  2s left");
  assertEquals(workLine("a", { done: 50, total: 100, seconds: 6, since: 7 }), "a  50%  13s");
  // a total that was too small
  assertEquals(workLine("a", { done: 7, total: 5, seconds: 2 }), "a  100%  0s left");
});

Deno.test("what is under way says for how long by itself, though nothing is heard of it", async () => {
  const { place, shown } = shownBy();
  const screen = fakeScreen({ columns: 40 });
  const terminal = openTerminal({ screen });
  terminal.progress(elapsedLine("timing"));
  const [silent, begun] = [longWork(place, "evaluating"), longWork(place, "reading")];
  begun.at(1, { total: 4 });
  await new Promise((done) => setTimeout(done, 1150));
  assertEquals(screen.lines(), ["timing  1s"]);
  silent.end();
  begun.end();
  terminal.clear();
  assertEquals(shown, ["evaluating  1s", "reading  25%  1s"]);
});

Deno.test("waitedFor() gives what the work gives, and removes its line after an error too", async () => {
  const { place, shown, cleared } = shownBy();
  const later = (ms: number) => new Promise((done) => setTimeout(done, ms));
  assertEquals(await waitedFor(place, "writing", () => Promise.resolve(3)), 3);
  assertEquals([shown.length, cleared()], [0, 0]);
  const failed = waitedFor(place, "writing", async () => {
    await later(1100);
    throw new Error("full");
  });
  assertEquals(await failed.catch((error) => error.message), "full");
  assertEquals([shown, cleared()], [["writing  1s"], 1]);
});

Deno.test("byteCounter() comes close to the bytes of text in any script", () => {
  for (const line of ["to be or not to be", "быть или не быть", "生存还是毁灭", "é", ""]) {
    const count = byteCounter();
    let bytes = 0;
    for (let i = 0; i < 1000; i++) bytes = count(line);
    const real = 1000 * (new TextEncoder().encode(line).length + 1);
    assert(Math.abs(bytes - real) <= 0.01 * real, `${line}: ${bytes} instead of ${real}`);
  }
});

Deno.test("watchedTexts() and watchedCorpus() pass on the text as it is, and know at the end that all of it was read", async () => {
  const text = "one line of text\n".repeat(3000);
  const validation = [stringSource("b.txt", "another text\n")];
  const corpus = await textCorpus([stringSource("a.txt", text)], { validation });
  const shares: number[] = [];
  const work = {
    at: (done: number) => void shares.push(done / corpus.trainingBytes!),
    end: () => void shares.push(NaN),
  };
  const read = await Array.fromAsync(
    watchedTexts(textsOf(corpus, "training"), { work, total: corpus.trainingBytes }),
  );
  assertEquals(read.join("\n") + "\n", text);
  assert(shares.at(-2)! > 0.97 && shares.at(-2)! <= 1, String(shares.at(-2)));
  assert(Number.isNaN(shares.at(-1)));
  const watched = watchedCorpus(corpus);
  await Array.fromAsync(textsOf(watched.corpus, "training"));
  assertEquals(watched.bytes(), text.length);
  await Array.fromAsync(textsOf(watched.corpus, "validation"));
  assertEquals(watched.bytes(), 13);
});

Deno.test("watchedVocabulary() and watchedWeights() say how far they are", async () => {
  const { place, shown } = shownBy();
  const vocabulary = watchedVocabulary(place, { total: 100, size: 8192 });
  vocabulary.progress("reading", 5);
  vocabulary.progress("joining", 200);
  vocabulary.end();
  assertEquals(shown, []);
  const told: [number, number | undefined][] = [];
  const work = {
    at: (done: number, { total }: { total?: number | undefined } = {}) => void told.push([done, total]),
    end: () => {},
  };
  const pieces = [new Float32Array(2), new Float32Array(3)];
  const weights = {
    bytes: 20,
    types: [],
    unused: [],
    head: true,
    nextSentence: false,
    close: () => Promise.resolve(),
    async read(sink: (name: string, values: Float32Array<ArrayBuffer>, offset: number) => void | Promise<void>) {
      for (const piece of pieces) await sink("a", piece, 0);
    },
  };
  const got: number[] = [];
  await watchedWeights(weights, { work, parameters: 5 }).read((_, values) => void got.push(values.length));
  assertEquals([got, told], [[2, 3], [[2, 5], [5, 5]]]);
});

Deno.test("watchedMeasure() tells how much of the text, or of what is to be read of it, was read", async () => {
  const validation = [stringSource("b.txt", "another text\n".repeat(100))];
  const corpus = await textCorpus([stringSource("a.txt", "one line of text\n".repeat(100))], { validation });
  const plan = { length: 10, tokensInTurn: 80, pack: "none", rule: "bert", maskings: ["masked", "pseudo"] } as const;
  const score = { loss: 2, accuracy: 0, perplexity: 1, predicted: 1, characters: 1 };
  const { place, shown, now, pass } = shownBy();
  const told = async (given: { tokens?: number; bytes?: number }, masking: "masked" | "pseudo") => {
    const watched = watchedMeasure({ ...plan, corpus, tokens: given.tokens }, { corpus, bytes: given.bytes }, {
      place,
      now,
    });
    watched.progress(masking, { ...score, windows: 1 });
    for await (const { text } of watched.plan.corpus.passages("validation")) {
      pass(100);
      watched.progress(masking, { ...score, windows: 2 });
      if (shown.length > 0) break;
      assertEquals(text, "another text");
    }
    watched.end();
    return shown.splice(0);
  };
  // ten of a hundred lines, of the validation text alone
  assertEquals(await told({ bytes: 3000 }, "masked"), ["evaluating, 15 % masked  10%  9s left"]);
  assertEquals(await told({ bytes: 3000, tokens: 40 }, "masked"), ["evaluating, 15 % masked  50%  1s left"]);
  assertEquals(await told({}, "pseudo"), ["evaluating, each token in turn  25%  3s left"]);
  assertEquals(await told({}, "masked"), ["evaluating, 15 % masked  2 windows, loss 2.0000  1s"]);
});
