// The results of the server are those of the commands, whatever else is in a batch.
import { assert, assertEquals } from "@std/assert";
import type { Corpus } from "../../lib/text/corpus.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { ask, config, withServer } from "./serve_model.ts";

/** Sums of a few dozen numbers of size 1 in another order differ by a few units of the last of 24 bits. */
const tolerance = { atol: 2e-6, rtol: 2e-6 };

const texts = [
  "the red [MASK] run",
  "a cat",
  "[MASK] dog [MASK] the cats , the dogs and the red red cab [MASK] .",
  "the [MASK]",
  "a b a b a b a b a b [MASK] a b a b a b a",
];

interface Masks {
  readonly masks: readonly { readonly candidates: readonly { readonly id: number; readonly probability: number }[] }[];
}
const ids = ({ masks }: Masks) => masks.map(({ candidates }) => candidates.map(({ id }) => id));
const probabilities = ({ masks }: Masks) =>
  masks.flatMap(({ candidates }) => candidates.map(({ probability }) => probability));

Deno.test("serveModel() fills as fill does, together and alone", () =>
  withServer({}, async (server, model) => {
    const { json: { results } } = await ask(server, "/fill", { texts, topK: 4 });
    const wanted = await Array.fromAsync(model.fillTexts(texts, { topK: 4 }));
    for (const [i, own] of wanted.entries()) {
      const { json: { results: [alone] } } = await ask(server, "/fill", { texts: [texts[i]], topK: 4 });
      for (const found of [results[i], alone]) {
        assertEquals([found.text, found.filled, ids(found)], [own.text, own.filled, ids(own)]);
        assertEquals(
          found.masks.map(({ position }: { position: number }) => position),
          own.masks.map((m) => m.position),
        );
        assertClose(probabilities(found), probabilities(own), tolerance);
      }
    }
    assertEquals(results[1].masks, []);
  }));

Deno.test("serveModel() embeds as embed does, with each option", () =>
  withServer({}, async (server, model) => {
    const long = "the red cab . ".repeat(40);
    const all = [...texts, long, ""];
    for (const pool of ["mean", "cls"] as const) {
      const { json: { results } } = await ask(server, "/embed", { texts: all, pool });
      const wanted = await Array.fromAsync(model.embedTexts(all, { pool }));
      for (const [i, { text, embedding, tokens, omitted }] of wanted.entries()) {
        assertEquals([results[i].text, results[i].tokens, results[i].omitted], [text, tokens, omitted]);
        assertClose(results[i].embedding, embedding, tolerance);
      }
    }
    const { json: { results: [whole, short] } } = await ask(server, "/embed", {
      texts: [long, "a cat"],
      whole: true,
      normalize: true,
    });
    const documents = [{ name: "long", parts: [long] }, { name: "short", parts: ["a cat"] }];
    const [one, other] = await Array.fromAsync(model.embedDocuments(documents));
    assertEquals([whole.tokens, whole.omitted, short.tokens], [one!.tokens, 0, other!.tokens]);
    const scaled = (vector: Float32Array) => vector.map((value) => value / Math.hypot(...vector));
    assertClose(whole.embedding, scaled(one!.embedding), tolerance);
    assertClose(short.embedding, scaled(other!.embedding), tolerance);
  }));

Deno.test("serveModel() scores as eval --pseudo does with a line to a window", () =>
  withServer({}, async (server, model) => {
    const lines = ["the red cats run .", "a dog", "the dogs , the cabs and the red cat a b a b"];
    const corpus: Corpus = {
      name: "lines",
      description: "",
      endless: false,
      async *passages() {
        for (const text of lines) yield { text, after: "document", position: { pass: 0, place: 0 } } as never;
      },
    };
    for (const words of [false, true]) {
      const { json: { results } } = await ask(server, "/score", { texts: lines, words, tokens: true });
      const score = await model.evaluate(corpus, {
        part: "training",
        pack: "line",
        length: config.maxLength,
        eachToken: true,
        restOfWord: words,
      });
      const sum = (
        of: (result: { loss: number; predicted: number; logLikelihood: number; accuracy: number }) => number,
      ) => results.map(of).reduce((a: number, b: number) => a + b, 0);
      assertEquals(sum(({ predicted }) => predicted), score.predicted);
      assertClose([-sum(({ logLikelihood }) => logLikelihood)], [score.loss * score.predicted], tolerance);
      assertClose(
        [sum(({ accuracy, predicted }) => accuracy * predicted)],
        [score.accuracy * score.predicted],
        tolerance,
      );
      for (const { tokens, loss, perplexity, predicted } of results) {
        const losses: number[] = tokens.map(({ loss }: { loss: number }) => loss);
        assertClose([losses.reduce((a, b) => a + b, 0) / predicted, Math.log(perplexity)], [loss, loss], tolerance);
      }
    }
    // a long text in pieces, each as a text of its own
    const piece = "a b ".repeat((config.maxLength - 2) / 2).trim();
    const { json: { results: [both, one] } } = await ask(server, "/score", { texts: [`${piece} ${piece}`, piece] });
    assertEquals([both.pieces, one.pieces, both.predicted], [2, 1, 2 * one.predicted]);
    assertClose([both.logLikelihood], [2 * one.logLikelihood], tolerance);
  }));

Deno.test("serveModel() gives the same results to many at once as to one alone, with and without batches", async () => {
  const requests = Array.from({ length: 24 }, (_, i) => {
    const text = `${"the cat , ".repeat(i % 5)}a [MASK] ${"dogs . ".repeat(i % 3)}`;
    return i % 3 === 0
      ? ["/score", { texts: [text.replace("[MASK]", "cab")] }] as const
      : i % 3 === 1
      ? ["/embed", { texts: [text, "a"] }] as const
      : ["/fill", { texts: [text] }] as const;
  });
  const numbers = (value: unknown): number[] =>
    typeof value === "number"
      ? [value]
      : typeof value === "object" && value
      ? Object.values(value).flatMap(numbers)
      : [];
  const answers: number[][][] = [];
  for (const batchTokens of [1024, 1]) {
    await withServer({ batchTokens }, async (server) => {
      const together = await Promise.all(requests.map(([path, body]) => ask(server, path, body)));
      const { text } = await ask(server, "/metrics");
      const [, batches] = /cloze_batches_total\{task="score"\} (\d+)/.exec(text)!;
      const [, sequences] = /cloze_sequences_total\{task="score"\} (\d+)/.exec(text)!;
      assertEquals(Number(batches) < Number(sequences) / 2, batchTokens > 1);
      answers.push(together.map(({ json }) => numbers(json)));
      if (batchTokens > 1) return;
      const alone = [];
      for (const [path, body] of requests) alone.push(numbers((await ask(server, path, body)).json));
      answers.push(alone);
    });
  }
  assert(answers[0]!.flat().length > 300);
  for (const others of answers.slice(1)) assertClose(others.flat(), answers[0]!.flat(), { atol: 2e-5, rtol: 2e-5 });
});
