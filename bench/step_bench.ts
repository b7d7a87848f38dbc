/**
 * A whole training step: forward, backward and update, in tokens a second; "cpu" in WebAssembly alone, "blas" with the
 * matrix products by a system BLAS. `deno bench -A bench/step_bench.ts`
 */
import { capacityFor } from "../lib/batch/masking.ts";
import { modelConfig, type ModelOptions } from "../lib/model/config.ts";
import { createModel } from "../lib/model/model.ts";
import { benchDevice, cpuDevice, median, reportAtEnd, withoutGpu } from "./helpers.ts";
import { madeUpBatch, madeUpTokenizer } from "./made_up_batch.ts";

const optimizer = { beta1: 0.9, beta2: 0.98, epsilon: 1e-8, weightDecay: 0.01, clip: 1 };
const tokenizer = madeUpTokenizer(70);
const results: string[] = [];

/** Steps submitted before waiting once. */
const STEPS = 3;

function benchStep(
  name: string,
  options: Omit<ModelOptions, "vocab">,
  { length, tokens }: { length: number; tokens: number },
) {
  const windows = tokens / length;
  const capacity = capacityFor({ windows, length, rate: 0.15 });
  const prepare = async (kind: "webgpu" | "cpu" | "blas") => {
    const model = createModel(
      await (kind === "webgpu" ? benchDevice() : cpuDevice(kind === "cpu" ? "off" : "auto")),
      modelConfig({ ...options, vocab: tokenizer.size, maxLength: length }),
    );
    const program = await model.compileTraining({ windows, length, capacity }, optimizer);
    const batch = madeUpBatch({ windows, length, capacity }, { tokenizer });
    const step = () => {
      model.writeStep({
        seed: 1,
        step: 0,
        microStep: 0,
        lossScale: 1 / batch.labels.length,
        learningRate: 1e-4,
        optimizer,
      });
      program.write(batch);
      program.program.run();
    };
    const wait = () => model.readRecords({ first: 0, end: 1 });
    step();
    await wait();
    return { step, wait };
  };
  for (const kind of ["cpu", "blas", "webgpu"] as const) {
    let prepared: ReturnType<typeof prepare> | undefined;
    const rates: number[] = [];
    Deno.bench({
      name: `${kind}: ${name}, length ${length}, ${tokens} tokens a step`,
      group: name,
      ignore: kind === "webgpu" && withoutGpu,
      n: 5,
      warmup: 1,
      async fn(b) {
        const { step, wait } = await (prepared ??= prepare(kind));
        b.start();
        const start = performance.now();
        for (let i = 0; i < STEPS; i++) step();
        await wait();
        rates.push(1000 * STEPS * tokens / (performance.now() - start));
        b.end();
      },
    });
    globalThis.addEventListener("unload", () => {
      if (rates.length === 0) return;
      results.push(`${kind.padEnd(7)} ${name}, length ${length}: ${median(rates).toFixed(0)} tokens/s (median)`);
    });
  }
}

benchStep("modernbert tiny", { size: "tiny" }, { length: 64, tokens: 1024 });
benchStep("modernbert small", { size: "small" }, { length: 64, tokens: 2048 });
benchStep("modernbert small", { size: "small" }, { length: 16, tokens: 2048 });
benchStep("modernbert small", { size: "small" }, { length: 256, tokens: 2048 });
benchStep("bert 4 × 128, hidden 512", { preset: "bert", size: "small" }, { length: 64, tokens: 2048 });
benchStep("bert 6 × 256, hidden 1024", { preset: "bert", size: "mini" }, { length: 128, tokens: 2048 });
benchStep("labml", { preset: "labml" }, { length: 32, tokens: 2048 });
benchStep("without dropout, labml", { preset: "labml", dropout: 0 }, { length: 32, tokens: 2048 });

globalThis.addEventListener("unload", () => console.log(`\n${results.join("\n")}`));
reportAtEnd();
