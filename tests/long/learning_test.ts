import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import { parseCurriculum } from "../../lib/batch/curriculum.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { fill } from "../../lib/inference/fill.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { textCorpus, trainingTexts } from "../../lib/text/corpus.ts";
import { plainText } from "../../lib/text/plain_text.ts";
import { stringSource } from "../../lib/text/source.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { characterTokenizer, scanCharacters } from "../../lib/tokenizer/character.ts";
import { trainTokenizer } from "../../lib/tokenizer/train_tokenizer.ts";
import { train } from "../../lib/train/trainer.ts";
import { baselines } from "../helpers/baselines.ts";
import { kindTest, longTest } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";

const stories = storiesCorpus();
const tokenizer = characterTokenizer(await scanCharacters(trainingTexts(stories)));
/** What is not asked of a run happens at its end alone. */
const atTheEnd = { evaluateEvery: { share: 1 }, saveEvery: { share: 1 }, sampleEvery: { share: 1 } };

// a tiny model reads and spells the stories after some 300,000 characters; the baselines know no context beyond the neighbours;
// that software Vulkan gives the CPU's losses is tested with the trainer, and that it learns, below
for (const curriculum of ["none", "16:25%,32:25%,64"]) {
  longTest(`train() with curriculum ${curriculum} learns stories far beyond unigrams and bigrams`, async (device) => {
    const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny" }));
    const events = await Array.fromAsync(train({
      ...atTheEnd,
      model,
      corpus: stories,
      tokenizer,
      budget: { tokens: 300_000 },
      curriculum: parseCurriculum(curriculum, { length: 64 }),
      batchTokens: 512,
      learningRate: { peak: 4e-3, schedule: "linear", warmup: { share: 0.05 } },
      evaluateTokens: 16_384,
    }));
    model.destroy();
    const { accuracy, loss } = events.findLast((event) => event.kind === "validation")!;
    const { unigram, bigram } = await baselines(stories, tokenizer);
    console.log(
      `      accuracy ${accuracy.toFixed(3)}, loss ${loss.toFixed(3)}; unigram ${unigram.toFixed(3)}, bigram ${
        bigram.toFixed(3)
      }`,
    );
    assertGreater(bigram, unigram);
    assertGreater(accuracy, bigram + 0.1);
  });
}

kindTest("fill() puts the letters of a trained word back", async (device) => {
  const text = "the cat sat on the mat and the dog ran to the log\n".repeat(400);
  const corpus = await textCorpus([stringSource("cats", text)]);
  const words = characterTokenizer(await scanCharacters(trainingTexts(corpus)));
  const model = createModel(
    device,
    modelConfig({ vocab: words.size, layers: 2, width: 32, heads: 2, hidden: 44, maxLength: 64 }),
  );
  for await (
    const _ of train({
      ...atTheEnd,
      model,
      corpus,
      tokenizer: words,
      budget: { steps: 250 },
      curriculum: [{ length: 32, share: 1 }],
      batchTokens: 256,
      learningRate: { peak: 4e-3, schedule: "linear", warmup: { share: 0.1 } },
      evaluateTokens: 512,
    })
  );
  const result = await fill({ model, tokenizer: words }, "the c[MASK]t sat on the m[MASK]t and");
  await assertRejects(() => fill({ model, tokenizer: words }, "no mask"), RangeError, "no [MASK]");
  await assertRejects(() => fill({ model, tokenizer: words }, "[MASK]" + "a".repeat(64)), RangeError, "longest is 64");
  model.destroy();
  assertEquals(result.filled, "the cat sat on the mat and");
  assertEquals(result.masks.map(({ position, candidates }) => [position, candidates.length]), [[5, 5], [20, 5]]);
  assertGreater(result.masks[0]!.candidates[0]!.probability, result.masks[0]!.candidates[1]!.probability);
});

Deno.test("train() learns which text follows which by what is written: 3,000 documents of a topic each", async () => {
  const topics = ["apple", "bread", "cloud", "dream", "eagle", "flame", "grape", "horse", "jewel", "kite"];
  const next = random(1);
  const pick = <T>(items: readonly T[]) => items[Math.floor(next() * items.length)]!;
  const sentence = (topic: string) =>
    `${Array.from({ length: 3 }, () => next() < 0.6 ? topic : pick(["the", "of", "and"])).join(" ")} ${topic}. `;
  const documents = Array.from({ length: 3000 }, () => {
    const topic = pick(topics);
    return Array.from({ length: 6 }, () => sentence(topic)).join("").replaceAll(/(^|\. )\w/g, (at) => at.toUpperCase());
  });
  const corpus = await textCorpus([plainText(stringSource("topics", documents.join("\n")))]);
  const tokenizer = await trainTokenizer(documents, { type: "wordpiece", size: 60 });
  const device = await openCpuDevice({ threads: 2 });
  const model = createModel(
    device,
    modelConfig({ vocab: tokenizer.size, preset: "bert", size: "tiny", nextSentence: true }),
  );
  const options = { model, corpus, tokenizer, pack: "pairs" as const, curriculum: [{ length: 32, share: 1 }] };
  const learningRate = { peak: 2e-3, schedule: "linear" as const, warmup: { share: 0.05 } };
  let accuracy = 0;
  for await (
    const event of train({ ...options, learningRate, budget: { steps: 300 }, evaluateEvery: { steps: 300 } })
  ) {
    if (event.kind === "validation") accuracy = event.nextSentence!.accuracy;
  }
  // one in ten foreign texts is of the same topic: 95 % is all that can be told
  assertGreater(accuracy, 0.75);
  model.destroy();
  device.destroy();
});
