/**
 * Steps on ranks: tokens a second, and what of the time goes into sums; under a launcher or alone.
 *
 * mpirun -n 2 deno run -A --no-check bench/mpi/step.ts [SIZE] [STEPS] [FORMAT] [BUCKET] [TOKENS]
 *
 * SIZE is a name, or layers and width as in 6x512; BUCKET are the gradients at least that are added up at a time while others are
 * computed, none: all at the end. Each rank has a batch of TOKENS, by default 1,024, whatever their number, and one thread. Two of it beside
 * each other without a launcher tell what two ranks could come to at most: cores that share a memory slow each other down.
 *
 * @module
 */

import process from "node:process";
import { joinLaunch } from "../../lib/cli/rank_team.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { modelConfig, type Size } from "../../lib/model/config.ts";
import { createModel } from "../../lib/model/model.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { trainingTexts } from "../../lib/text/corpus.ts";
import { characterTokenizer, scanCharacters } from "../../lib/tokenizer/character.ts";
import { train } from "../../lib/train/trainer.ts";
import type { WirePrecision } from "../../lib/mpi/wire_precision.ts";

const [size = "small", steps = "60", precision = "f32", bucket = "usual", tokens = "1024"] = Deno.args;
const { team } = await joinLaunch({ choice: "auto", patience: 120 });
const ranks = team?.ranks;
const corpus = storiesCorpus();
const tokenizer = characterTokenizer(await scanCharacters(trainingTexts(corpus, { most: 2000 })));
const device = await openCpuDevice({ threads: 1 });
const [layers, width] = size.split("x").map(Number);
const shape = width ? { layers: layers!, width, heads: width / 64 } : { size: size as Size };
const model = createModel(device, modelConfig({ vocab: tokenizer.size, ...shape }));
const accumulate = ranks?.size ?? 1;
const never = { steps: 1e9 };
const warm = Math.min(10, Math.ceil(Number(steps) / 3));
let [start, cpu, bytes, waited] = [0, 0, 0, 0];
const used = () => process.cpuUsage().user + process.cpuUsage().system;
const options = {
  model,
  corpus,
  tokenizer,
  ranks,
  tiles: true,
  accumulate,
  batchTokens: Number(tokens),
  evaluateTokens: 1024,
};
const events = train({
  ...options,
  budget: { steps: Number(steps) + warm },
  curriculum: [{ length: 64, share: 1 }],
  gradientPrecision: precision as WirePrecision,
  ...(bucket === "usual" ? {} : { gradientBucket: bucket === "none" ? Infinity : Number(bucket) }),
  evaluateEvery: never,
  saveEvery: never,
  sampleEvery: never,
});
let [milliseconds, processor, loss] = [0, 0, 0];
for await (const event of events) {
  if (event.kind !== "train") continue;
  loss = event.loss;
  if (event.step === warm) {
    [start, cpu] = [performance.now(), used()];
    [bytes, waited] = [ranks?.traffic.bytes ?? 0, ranks?.traffic.milliseconds ?? 0];
  }
  if (event.step === warm + Number(steps)) {
    [milliseconds, processor] = [performance.now() - start, (used() - cpu) / 1000];
    [bytes, waited] = [(ranks?.traffic.bytes ?? 0) - bytes, (ranks?.traffic.milliseconds ?? 0) - waited];
  }
}
const each = (value: number) => Number((value / Number(steps)).toPrecision(4));
if ((ranks?.rank ?? 0) === 0) {
  console.log(JSON.stringify({
    ranks: accumulate,
    size,
    precision,
    bucket,
    tokens: Number(tokens),
    parameters: model.store.count,
    milliseconds: each(milliseconds),
    processor: each(processor),
    bytes: each(bytes),
    waited: each(waited),
    loss,
  }));
}
model.destroy();
device.destroy();
await team?.close();
// as cli.ts ends: what MPI's own threads do while the runtime is taken down has crashed over TCP
Deno.exit(0);
