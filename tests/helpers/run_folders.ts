import { modelConfig } from "../../lib/model/config.ts";
import { defaultSettings, type TrainingSettings } from "../../lib/train/settings.ts";

/** A line of metrics for a step: its loss falls from 5, its length doubles after half of the steps. */
export function stepLine(
  step: number,
  { of = 1000, kind = "train", loss }: { of?: number; kind?: string; loss?: number } = {},
): string {
  const clock = { step, tokens: 1000 * step, seconds: step / 10, length: step <= of / 2 ? 32 : 64 };
  const rates = { maskRate: 0.15, learningRate: 1e-3, gradientNorm: 1, tokensPerSecond: 10_000 };
  return JSON.stringify({ kind, ...clock, ...rates, loss: loss ?? 5 - 3 * step / of, accuracy: step / of }) + "\n";
}

/** Lines of steps, with a validation at each tenth. */
export function stepLines(from: number, to: number, { of = to } = {}): string {
  const lines: string[] = [];
  for (let step = from; step <= to; step++) {
    lines.push(stepLine(step, { of, loss: 5 - 3 * step / of + (step % 2 ? 0.1 : -0.1) }));
    if (step % Math.ceil(of / 10) === 0) lines.push(stepLine(step, { of, kind: "validation" }));
  }
  return lines.join("");
}

/** A run's config.json, as far as a page reads it. */
export const runConfig = (learningRate: number, steps = 1000) => ({
  model: { preset: "modernbert", layers: 2 },
  training: { budget: { steps }, learningRate: { peak: learningRate, warmup: { share: 0.05 } } },
  text: { data: ["book.txt"] },
  device: { description: "CPU" },
});

/** Writes a run's folder. */
export async function writeRun(
  path: string,
  { learningRate = 1e-3, metrics = stepLines(1, 100), samples = "", steps = 1000 } = {},
): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  await Deno.writeTextFile(`${path}/config.json`, JSON.stringify(runConfig(learningRate, steps)));
  await Deno.writeTextFile(`${path}/metrics.jsonl`, metrics);
  if (samples !== "") await Deno.writeTextFile(`${path}/samples.jsonl`, samples);
}

/** A run's config.json, whole. */
export function wholeConfig(
  { training = {}, text = {}, ...rest }: {
    training?: Partial<TrainingSettings>;
    text?: object;
    files?: readonly object[];
    model?: object;
  } = {},
) {
  const settings = { ...defaultSettings({ preset: "modernbert", width: 128 }), budget: { steps: 100 } };
  return {
    format: 2,
    model: modelConfig({ preset: "modernbert", size: "small", vocab: 47 }),
    training: { ...settings, ...training },
    text: { data: ["stories"], ...text },
    files: [],
    device: { description: "CPU", settings: { kind: "cpu", fusedMultiplyAdd: true, blas: "off" } },
    ...rest,
  };
}

/** Writes a run's folder as `train` does, as far as its records go: a checkpoint's name and notes, no weights. */
export async function writeWholeRun(
  path: string,
  { config = wholeConfig(), metrics = stepLines(1, 100), end, checkpoint, vocabulary = "{}", evaluateTokens = 2048 }: {
    config?: object;
    metrics?: string;
    end?: "finished" | "stopped" | "diverged";
    checkpoint?: number;
    vocabulary?: string;
    evaluateTokens?: number;
  } = {},
): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  await Deno.writeTextFile(`${path}/config.json`, JSON.stringify(config));
  const line = end === undefined ? "" : JSON.stringify({ kind: "end", state: end, step: 100 }) + "\n";
  await Deno.writeTextFile(`${path}/metrics.jsonl`, metrics + line);
  if (checkpoint === undefined) return;
  const folder = `${path}/checkpoints/step-${String(checkpoint).padStart(8, "0")}`;
  await Deno.mkdir(folder, { recursive: true });
  const about = { step: checkpoint, tokens: 1000 * checkpoint, seconds: checkpoint / 10, evaluateTokens };
  await Deno.writeTextFile(`${folder}/training.json`, JSON.stringify({ ...about, corpus: "stories, built in" }));
  await Deno.writeTextFile(`${folder}/tokenizer.json`, vocabulary);
}
