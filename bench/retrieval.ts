/**
 * Retrieval of a paragraph by its other half: means of a masked language model's hidden states against the same after it was
 * trained by comparing texts, random weights, character n-grams, and the model's own tokens counted in vectors of its width, which
 * says how much room there is. Paragraphs that are retrieved were never trained on.
 * `deno run -A bench/retrieval.ts TEXT [MASKED_TOKENS] [COMPARED_TOKENS] [SIZE]`, by default 1,000,000, 500,000 and small.
 */
import * as cloze from "../mod.ts";
import { whiteningOf } from "../lib/inference/whitening.ts";
import { randomSequence } from "../lib/random/philox.ts";
import { bertFrame } from "../lib/tokenizer/special_tokens.ts";

const [path = "../shared/data/wikitext2-valid.txt", masked = "1000000", compared = "500000", size = "small"] =
  Deno.args;
/** Texts of a batch that are compared. */
const TEXTS = 32;
/** Characters below which a line is a heading, or has no halves worth the name. */
const SHORTEST = 200;
/** Of so many paragraphs one is retrieved: new ones, of articles that others were trained on. */
const HELD_OUT = 5;

const paragraphs = Deno.readTextFileSync(path).split("\n").map((line) => line.trim()).filter((line) =>
  line.length >= SHORTEST && !line.startsWith("=")
);
const isHeldOut = (_: string, i: number) => i % HELD_OUT === HELD_OUT - 1;
const known = paragraphs.filter((text, i) => !isHeldOut(text, i));
const corpus = await cloze.textCorpus([cloze.stringSource("wikipedia.txt", known.join("\n"))]);
const halves = paragraphs.filter(isHeldOut).map((text) => {
  const middle = text.indexOf(" ", text.length >> 1);
  return [text.slice(0, middle), text.slice(middle + 1)] as const;
});
const plain = await cloze.trainTokenizer(cloze.trainingTexts(corpus), { type: "wordpiece", size: 4096 });
const tokenizer = { ...plain, frame: bertFrame(plain.special)! };
const { device, reason } = await cloze.openDevice("cpu");
const config = cloze.modelConfig({ vocab: tokenizer.size, size: size as cloze.Size, maxLength: 256, dropout: 0.1 });

type Vector = ArrayLike<number>;

/** Share of first halves whose second half is the nearest, and mean reciprocal rank among the first ten. */
function retrieval(vectors: readonly (readonly [Vector, Vector])[]): { first: number; reciprocal: number } {
  const unit = (vector: Vector) => {
    const norm = Math.hypot(...Array.from(vector)) || 1;
    return Float64Array.from(vector, (x) => x / norm);
  };
  const [queries, answers] = [0, 1].map((half) => vectors.map((pair) => unit(pair[half as 0 | 1])));
  let [first, reciprocal] = [0, 0];
  for (const [i, query] of queries!.entries()) {
    const cosines = answers!.map((answer) => {
      let sum = 0;
      for (let k = 0; k < query.length; k++) sum += query[k]! * answer[k]!;
      return sum;
    });
    const rank = cosines.filter((cosine) => cosine > cosines[i]!).length;
    first += Number(rank === 0) / queries!.length;
    reciprocal += rank < 10 ? 1 / (rank + 1) / queries!.length : 0;
  }
  return { first, reciprocal };
}

/** The halves as vectors of a model, as they are and without what all have in common. */
async function embedded(model: cloze.Model): Promise<(readonly [Float32Array, Float32Array])[]> {
  const texts = halves.flat();
  const vectors = await Array.fromAsync(cloze.embedTexts({ model, tokenizer }, texts), ({ embedding }) => embedding);
  return halves.map((_, i) => [vectors[2 * i]!, vectors[2 * i + 1]!] as const);
}

/** The halves as counts of character trigrams, weighted by how rare they are (tf-idf) and hashed. */
function trigrams(): (readonly [Vector, Vector])[] {
  const SIZE = 1 << 13;
  const counts = halves.flat().map((text) => {
    const vector = new Float64Array(SIZE);
    const padded = ` ${text.toLowerCase()} `;
    for (let i = 0; i + 3 <= padded.length; i++) {
      let hash = 0;
      for (let k = 0; k < 3; k++) hash = (Math.imul(hash, 31) + padded.charCodeAt(i + k)) | 0;
      vector[(hash >>> 0) % SIZE]!++;
    }
    return vector;
  });
  const documents = new Float64Array(SIZE);
  for (const vector of counts) vector.forEach((count, i) => documents[i]! += Number(count > 0));
  for (const vector of counts) {
    vector.forEach((count, i) => vector[i] = count && Math.log1p(count) * Math.log(counts.length / documents[i]!));
  }
  return halves.map((_, i) => [counts[2 * i]!, counts[2 * i + 1]!] as const);
}

/**
 * The halves as counts of tokens, each count a step of its own in a random direction: what words alone can tell in vectors of a
 * width, all counting the same or by how rare they are among the paragraphs that are trained on.
 */
function tokenCounts(width: number, byRarity: boolean): (readonly [Vector, Vector])[] {
  const random = randomSequence({ seed: 1, purpose: "initialisation", at: [0, 0] });
  const directions = Array.from({ length: tokenizer.size }, () => Float64Array.from({ length: width }, random.normal));
  const documents = new Float64Array(tokenizer.size);
  for (const text of known) for (const id of new Set(tokenizer.encode(text))) documents[id]!++;
  const vectorOf = (text: string) => {
    const vector = new Float64Array(width);
    for (const [id, { length }] of Map.groupBy(tokenizer.encode(text), (id) => id)) {
      const rarity = Math.log((1 + known.length) / (1 + documents[id]!));
      const weight = byRarity ? (1 + Math.log(length)) * rarity : length;
      for (let i = 0; i < width; i++) vector[i]! += weight * directions[id]![i]!;
    }
    return vector;
  };
  return halves.map(([first, second]) => [vectorOf(first), vectorOf(second)] as const);
}

function tell(name: string, vectors: readonly (readonly [Vector, Vector])[], seconds = 0): void {
  const { first, reciprocal } = retrieval(vectors);
  const error = Math.sqrt(first * (1 - first) / vectors.length);
  const percent = (share: number) => (100 * share).toFixed(1);
  console.log(
    `| ${name} | ${percent(first)} ± ${percent(error)} | ${reciprocal.toFixed(3)} | ${seconds.toFixed(0)} s |`,
  );
}

/** Where all vectors vary as much in each direction, as `search` compares those of such models. */
function whitened(vectors: readonly (readonly [Float32Array, Float32Array])[]): (readonly [Vector, Vector])[] {
  const all = new Float32Array(2 * vectors.length * config.width);
  for (const [i, vector] of vectors.flat().entries()) all.set(vector, i * config.width);
  const space = whiteningOf(all, config.width);
  const map = (vector: Float32Array) => {
    const copy = Float64Array.from(vector);
    space(copy);
    return copy;
  };
  return vectors.map(([a, b]) => [map(a), map(b)] as const);
}

function withoutMean(vectors: readonly (readonly [Float32Array, Float32Array])[]) {
  const mean = cloze.vectorMean(config.width);
  for (const vector of vectors.flat()) mean.add(vector);
  const copies = vectors.map(([a, b]) => [a.slice(), b.slice()] as const);
  for (const vector of copies.flat()) mean.removeFrom(vector);
  return copies;
}

async function trained(events: AsyncIterable<cloze.TrainEvent>): Promise<number> {
  const start = performance.now();
  for await (const event of events) {
    if (event.kind === "validation") {
      console.error(`  step ${event.step}: loss ${event.loss.toFixed(3)}, accuracy ${event.accuracy.toFixed(3)}`);
    }
  }
  return (performance.now() - start) / 1000;
}

console.log(`${halves.length} paragraphs to choose from, ${known.length} trained on; ${reason}\n`);
console.log("| vectors | first | reciprocal rank | training |\n| --- | --- | --- | --- |");
tell("character trigrams, tf-idf", trigrams());
for (const width of new Set([config.width, 256])) {
  tell(`tokens counted in ${width} dimensions`, tokenCounts(width, false));
  tell(`the same, by how rare they are`, tokenCounts(width, true));
}
const model = cloze.createModel(device, config, { seed: 1 });
const random = await embedded(model);
tell("mean pooling, random weights", random);
tell("the same, whitened as by search", whitened(random));
const start = await model.readParameters();
const how = { corpus, tokenizer, evaluateEvery: { share: 0.5 }, saveEvery: { share: 1 }, sampleEvery: { share: 1 } };
const texts = { length: 64, batchTokens: 2 * TEXTS * 64 };
const budget = { tokens: Number(compared) };
// dropout is for comparing; a model of this size predicts better without
const plainModel = cloze.createModel(device, { ...config, dropout: 0 });
plainModel.writeParameters(start);
const seconds = await trained(cloze.train({ model: plainModel, ...how, budget: { tokens: Number(masked) } }));
const before = await plainModel.readParameters();
const vectors = await embedded(plainModel);
tell("mean pooling, masked language model", vectors, seconds);
tell("the same, --remove-mean", withoutMean(vectors), seconds);
tell("the same, whitened as by search", whitened(vectors), seconds);
for (const views of ["dropout", "halves"] as const) {
  model.writeParameters(before);
  const more = await trained(cloze.contrastive({ model, ...how, ...texts, budget, views }));
  const compared = await embedded(model);
  tell(`the same model, then compared by ${views}`, compared, seconds + more);
  tell("the same, whitened", whitened(compared), seconds + more);
}
model.writeParameters(start);
const alone = await trained(cloze.contrastive({ model, ...how, ...texts, budget, views: "halves" }));
tell("compared by halves, from random weights", await embedded(model), alone);
model.destroy();
plainModel.destroy();
device.destroy();
