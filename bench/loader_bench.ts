/**
 * The text side, which needs no GPU: reading, tokenising, shuffling and masking, in tokens a second.
 * `deno bench -A bench/loader_bench.ts`
 */
import { groupByToken } from "../lib/batch/batch.ts";
import { loadBatch } from "../lib/batch/loader.ts";
import { maskWindow } from "../lib/batch/masking.ts";
import { WindowSource } from "../lib/batch/windows.ts";
import { textCorpus, textsOf, trainingTexts } from "../lib/text/corpus.ts";
import { stringSource } from "../lib/text/source.ts";
import { storiesCorpus } from "../lib/text/stories.ts";
import { characterTokenizer, scanCharacters } from "../lib/tokenizer/character.ts";

const stories = storiesCorpus();
const lines: string[] = [];
for await (const line of textsOf(stories, "training")) {
  lines.push(line);
  if (lines.length === 5000) break;
}
const text = lines.join("\n");
const corpus = await textCorpus([stringSource("stories", text)]);
const tokenizer = characterTokenizer(await scanCharacters(trainingTexts(corpus)));
const ids = tokenizer.encode(text);
const results: string[] = [];

function benchTokens(name: string, tokens: number, run: () => unknown): void {
  const times: number[] = [];
  Deno.bench({
    name,
    group: "text",
    n: 10,
    warmup: 2,
    async fn() {
      const start = performance.now();
      await run();
      times.push(performance.now() - start);
    },
  });
  globalThis.addEventListener("unload", () => {
    const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
    if (median) results.push(`${name}: ${(tokens / median / 1000).toFixed(2)} million tokens/s (median)`);
  });
}

const PART = 1 << 18;
benchTokens("encode characters", text.length, () => tokenizer.encode(text));
benchTokens("read, decode and split lines", text.length, async () => {
  for await (const _ of corpus.passages("training"));
});
benchTokens("mask windows of 64", PART, () => {
  for (let index = 0; index < PART / 64; index++) {
    const tokens = ids.subarray(index * 64, index * 64 + 64);
    maskWindow({ tokens, epoch: 0, block: 0, index }, { tokenizer, rate: 0.15, seed: 1 });
  }
});
benchTokens("group a batch by token", PART, () => {
  for (let at = 0; at < PART; at += 2048) groupByToken(ids.subarray(at, at + 2048));
});
benchTokens("whole loader, from the corpus to masked batches", PART, async () => {
  const source = new WindowSource({ corpus, tokenizer, seed: 1, blockTokens: PART });
  for (let i = 0; i < PART / 2048; i++) {
    await loadBatch(source, { windows: 32, length: 64, capacity: 512, tokenizer, rate: 0.15, seed: 1 });
  }
  await source.close();
});

globalThis.addEventListener("unload", () => console.log(`\n${results.join("\n")}`));
