/**
 * What local steps cost in loss: a tiny model on the same text and as many tokens, two ranks (in one process) that bring their
 * weights together every N steps, over seeds.
 *
 * deno run -A --no-check bench/local_steps.ts TEXT [STEPS] [SEEDS] [N,N,...] [RANKS] [TOKENS]
 *
 * @module
 */

import { openCpuDevice } from "../lib/device/cpu/open_cpu.ts";
import { modelConfig } from "../lib/model/config.ts";
import { createModel } from "../lib/model/model.ts";
import { localRanks } from "../lib/mpi/local_ranks.ts";
import { textCorpus, trainingTexts } from "../lib/text/corpus.ts";
import { fileSources } from "../lib/text/file_source.ts";
import { characterTokenizer, scanCharacters } from "../lib/tokenizer/character.ts";
import { train } from "../lib/train/trainer.ts";

const [path, steps = "1000", seeds = "3", every = "1,10,50,200", size = "2", tokens = "1024"] = Deno.args;
if (path === undefined) throw new RangeError("Name a text");
const corpus = await textCorpus(await fileSources(path));
const tokenizer = characterTokenizer(await scanCharacters(trainingTexts(corpus)));
const device = await openCpuDevice({ threads: 1 });

/** Validation loss at the end. */
async function lossOf(syncEvery: number, seed: number): Promise<number> {
  const ends = await Promise.all(
    localRanks(Number(size)).map(async (ready) => {
      const ranks = await ready;
      const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny" }), { seed });
      const once = { share: 1 };
      const every = { evaluateEvery: once, saveEvery: once, sampleEvery: once };
      const budget = { steps: Number(steps) };
      const curriculum = [{ length: 32, share: 1 }];
      const batches = { batchTokens: Number(tokens) / ranks.size, accumulate: ranks.size, evaluateTokens: 8192 };
      let loss = NaN;
      for await (
        const event of train({
          model,
          corpus,
          tokenizer,
          ranks,
          seed,
          budget,
          curriculum,
          syncEvery,
          ...batches,
          ...every,
        })
      ) {
        if (event.kind === "validation") ({ loss } = event);
      }
      model.destroy();
      return loss;
    }),
  );
  return ends[0]!;
}

for (const n of every.split(",").map(Number)) {
  const losses: number[] = [];
  for (let seed = 1; seed <= Number(seeds); seed++) losses.push(await lossOf(n, seed));
  const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  console.log(`N ${n}: ${losses.map((loss) => loss.toFixed(4)).join(" ")}  mean ${mean.toFixed(4)}`);
}
device.destroy();
