/**
 * What an average of the last weights of a run is worth beside the last weights themselves, at a rate that falls to 0:
 * `small` on characters as a CPU trains it by default, over seeds.
 *
 * `deno run -A --no-check bench/averaging.ts TEXT [--tokens 500k] [--seeds 2] [--schedule linear]`
 */
import { flag, UsageError } from "../lib/cli/flags.ts";
import { parseChoice, parseCount } from "../lib/cli/flag_values.ts";
import { openCpuDevice } from "../lib/device/cpu/open_cpu.ts";
import { createEvaluator } from "../lib/evaluate/evaluator.ts";
import { modelConfig } from "../lib/model/config.ts";
import { createModel, type Model } from "../lib/model/model.ts";
import { textCorpus, trainingTexts } from "../lib/text/corpus.ts";
import { fileSources } from "../lib/text/file_source.ts";
import { characterTokenizer, scanCharacters } from "../lib/tokenizer/character.ts";
import { cpuBatch } from "../lib/train/cpu_batch.ts";
import { defaultSettings } from "../lib/train/settings.ts";
import { train } from "../lib/train/trainer.ts";
import { optionsOf } from "./script.ts";

/** Share of the run between two sets of weights that are averaged. */
const EVERY = 0.01;
/** Shares of the run whose weights an average holds. */
const TAILS = [0.05, 0.1, 0.2, 0.3];

const flags = {
  tokens: { ...flag("N", "tokens of each run", parseCount), default: 500_000 },
  seeds: { ...flag("N", "seeds", parseCount), default: 2 },
  schedule: {
    ...flag("NAME", "linear, trapezoidal or cosine", parseChoice(["linear", "trapezoidal", "cosine"] as const)),
    default: "linear" as const,
  },
};
const parsed = await optionsOf("What averaging the last weights of a run is worth.", { Options: flags });
const [path] = parsed.positional;
if (path === undefined) throw new UsageError("Name a text");
const corpus = await textCorpus(await fileSources(path));
const tokenizer = characterTokenizer(await scanCharacters(trainingTexts(corpus)));
const device = await openCpuDevice({ threads: 1, blas: "auto" });
const config = modelConfig({ vocab: tokenizer.size, size: "small" });
const budget = { tokens: parsed.get(flags.tokens) };
const defaults = cpuBatch(defaultSettings(config), { config, budget })!;
const length = defaults.curriculum.at(-1)!.length;

type Weights = ReadonlyMap<string, Float32Array>;

/** Trains `model`; the weights of the last part of the run, in order. */
async function lastWeights(model: Model, seed: number): Promise<Weights[]> {
  const last: Weights[] = [];
  const once = { share: 1 };
  const schedule = parsed.get(flags.schedule);
  for await (
    const event of train({
      ...{ ...defaults, model, corpus, tokenizer, seed, budget },
      learningRate: { ...defaults.learningRate, schedule },
      ...{ evaluateEvery: once, sampleEvery: once, saveEvery: { share: EVERY } },
    })
  ) {
    if (event.kind !== "checkpoint") continue;
    last.push(event.state.parameters);
    if (last.length > Math.round(Math.max(...TAILS) / EVERY)) last.shift();
  }
  return last;
}

/** The mean of sets of weights. */
function meanOf(sets: readonly Weights[]): Map<string, Float32Array> {
  return new Map(
    [...sets[0]!].map(([name, { length }]) => {
      const sum = new Float64Array(length);
      for (const set of sets) set.get(name)!.forEach((value, i) => sum[i]! += value / sets.length);
      return [name, Float32Array.from(sum)];
    }),
  );
}

for (let seed = 1; seed <= parsed.get(flags.seeds); seed++) {
  const model = createModel(device, config, { seed });
  const last = await lastWeights(model, seed);
  const evaluator = await createEvaluator({ ...{ model, corpus, tokenizer, length }, tokens: 32_768 });
  const lossOf = async (sets: readonly Weights[]) => {
    model.writeParameters(meanOf(sets));
    return (await evaluator.evaluate()).loss.toFixed(4);
  };
  const told = [`last ${await lossOf(last.slice(-1))}`];
  for (const tail of TAILS) told.push(`mean of ${tail * 100} % ${await lossOf(last.slice(-Math.round(tail / EVERY)))}`);
  console.log(`seed ${seed}: ${told.join(", ")}`);
  await evaluator.destroy();
  model.destroy();
}
device.destroy();
