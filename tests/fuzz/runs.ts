/**
 * Files of runs, damaged: their configuration, the state in their checkpoints, their metrics.
 */
import { WindowSource } from "../../lib/batch/windows.ts";
import { cutMetrics, readValidations } from "../../lib/cli/metrics_file.ts";
import { compareRuns } from "../../lib/cli/compare_runs.ts";
import { comparisonJson } from "../../lib/cli/compare_json.ts";
import { comparisonText } from "../../lib/cli/compare_text.ts";
import { incomparable, keyOf } from "../../lib/cli/evaluation_key.ts";
import { scalarRecord } from "../../lib/cli/event_records.ts";
import { writeCsv } from "../../lib/cli/metrics_rows.ts";
import { readRecord } from "../../lib/cli/run_record.ts";
import { runJson, runTable } from "../../lib/cli/run_table.ts";
import { scalarsOf } from "../../lib/cli/tensorboard.ts";
import { objectOf } from "../../lib/sentences/json_line.ts";
import { sameSettings } from "../../lib/cli/run_device.ts";
import type { RunConfig } from "../../lib/cli/run_folder.ts";
import type { CheckpointStorage } from "../../lib/files/checkpoint_folder.ts";
import { memoryFolder } from "../../lib/format/model_folder.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { initialValues } from "../../lib/model/parameters.ts";
import { checked } from "../../lib/sentences/fields.ts";
import { type Corpus, textCorpus } from "../../lib/text/corpus.ts";
import { mixture } from "../../lib/text/mixture.ts";
import { storiesCorpus } from "../../lib/text/stories.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { loadCheckpoint, readAbout, saveCheckpoint } from "../../lib/train/checkpoint.ts";
import { modelCard } from "../../lib/train/model_card.ts";
import { runFields } from "../../lib/train/run_fields.ts";
import { describeBudget, learningRateAt, planStages, progressOf } from "../../lib/train/schedule.ts";
import { defaultSettings, plannedEvaluateTokens } from "../../lib/train/settings.ts";
import { bytesSource } from "../helpers/text_sources.ts";
import type { Target } from "./fuzzer.ts";
import { below, damagedBytes, damagedJson, damagedText, type Json, type Next, pick } from "./mutations.ts";

const tokenizer = characterTokenizer("abc \n");
const config = modelConfig({ vocab: tokenizer.size, layers: 1, width: 8, heads: 2, hidden: 8, maxLength: 16 });
const settings = { ...defaultSettings({ preset: "modernbert", width: 8, length: 16 }), budget: { tokens: 5000 } };

const runs: Json[] = [
  {
    format: 2,
    model: config,
    training: settings,
    text: { data: ["/a.txt"], validation: 0.1, document: "line", skipBad: 3 },
    files: [{ name: "/a.txt", size: 12, head: "00", modified: "2026-01-01T00:00:00.000Z" }],
    device: { description: "CPU", settings: { kind: "cpu", fusedMultiplyAdd: true, blas: "off" } },
  },
  {
    format: 2,
    model: config,
    training: {
      ...settings,
      budget: { minutes: 1 },
      learningRate: { peak: 1, schedule: "noam", warmup: { steps: 100 } },
      saveEvery: { steps: 5 },
      evaluateTokens: 100,
    },
    text: { data: ["stories"], validation: "/b.txt" },
    files: [],
    device: { description: "x", settings: { kind: "webgpu", adapter: "x", matmul: "f32", products: {} } },
    devicesBefore: [{ description: "x", settings: { kind: "webgpu", adapter: "y", matmul: "f32" }, until: 4 }],
    init: "runs/a",
  },
].map((json) => JSON.parse(JSON.stringify(json)));

/** What a run that goes on computes of its configuration. */
function useRun(json: Json): void {
  const { training, device } = checked<RunConfig>(
    json,
    runFields,
    'Cannot resume "run": its config.json is not that of a run',
  );
  describeBudget(training.budget);
  plannedEvaluateTokens(training);
  sameSettings(device.settings, (runs[0] as unknown as RunConfig).device.settings);
  progressOf(training.budget, { step: 1, tokens: 1, seconds: 1 });
  learningRateAt(training.learningRate, { progress: 0.5, step: 1, stepShare: 0.1, width: 8 });
  for (const { steps } of planStages(training)) {
    if (steps !== undefined && !(steps >= 0)) throw new Error(`${steps} steps`);
  }
}

/** Text of which there is more than a window. */
const lines = (name: string) => bytesSource(name, "abc cab\nbca\nabcabc a b c\n".repeat(30));
const corpora: readonly Corpus[] = [
  await textCorpus([lines("a.txt"), lines("b.txt")]),
  await textCorpus([{ ...lines("a.txt"), size: undefined }]),
  mixture([{ corpus: await textCorpus([lines("a.txt")]), weight: 2 }, {
    corpus: await textCorpus([lines("b.txt")]),
    weight: 1,
  }]),
  storiesCorpus({ seed: 1 }),
];

/** Where a run may be in each corpus. */
const positions: Json[] = [];
for (const corpus of corpora) {
  const source = new WindowSource({ corpus, tokenizer, seed: 1, blockTokens: 100 });
  for (let i = 0; i < 12; i++) await source.next({ length: 16, count: 1 });
  positions.push(JSON.parse(JSON.stringify(source.position)));
  await source.close();
}

/** Files of a checkpoint. */
const saved = new Map<string, Uint8Array<ArrayBuffer>>();
{
  const storage = {
    place: "checkpoints",
    list: () => Promise.resolve([]),
    async save(_: string, files: ReadonlyMap<string, readonly Uint8Array<ArrayBuffer>[]>) {
      for (const [name, parts] of files) saved.set(name, await new Blob([...parts]).bytes());
    },
    remove: () => Promise.resolve(),
    folder: () => memoryFolder("checkpoints/step-00000003", new Map()),
  } satisfies CheckpointStorage as CheckpointStorage;
  const values = (seed: number) => initialValues(config, seed);
  const state = { step: 3, tokens: 30, seconds: 1, elapsed: 2, evaluateTokens: 64, position: positions[0] as never };
  const moments = { parameters: values(1), firstMoment: values(2), secondMoment: values(3) };
  const origin = { corpus: "a.txt", device: "CPU", base: undefined, card: "" };
  await saveCheckpoint(storage, { config, tokenizer, state: { ...state, ...moments }, origin });
}

interface State {
  files: Map<string, Uint8Array<ArrayBuffer>>;
  corpus: number;
}

function damagedState(next: Next): State {
  const files = new Map(saved);
  const corpus = below(next, corpora.length);
  const json = JSON.parse(new TextDecoder().decode(files.get("training.json")));
  const whole = { ...json, position: positions[corpus] };
  const changed = next() < 0.8
    ? { ...whole, ...(damagedJson(next() < 0.5 ? whole : { position: whole.position }, next) as Record<string, Json>) }
    : whole;
  files.set("training.json", new TextEncoder().encode(JSON.stringify(changed)));
  if (next() < 0.2) {
    const name = pick(next, ["optimizer.safetensors", "training.json", "optimizer.safetensors"]);
    files.set(name, damagedBytes(files.get(name)!, next, 600));
  }
  return { files, corpus };
}

async function useState({ files, corpus: index }: State): Promise<void> {
  const folder = memoryFolder("checkpoints/step-00000003", new Map([...files].map(([name, bytes]) => [name, [bytes]])));
  await readAbout(folder);
  const storage = { place: "checkpoints", folder: () => folder } as unknown as CheckpointStorage;
  const { state } = await loadCheckpoint(storage, "step-00000003");
  const corpus = corpora[index]!;
  const source = new WindowSource({ corpus, tokenizer, seed: 1, blockTokens: 100, position: state.position });
  try {
    await source.next({ length: 16, count: 3 });
  } finally {
    await source.close();
  }
}

const clock = { step: 1, tokens: 10, seconds: 1, length: 16, loss: 2, accuracy: 0.5 };
const noted = [
  { kind: "train", ...clock, maskRate: 0.15, learningRate: 0.001, gradientNorm: 1, tokensPerSecond: 10 },
  { kind: "validation", ...clock, perplexity: 7.4, paddingShare: 0.1 },
  { kind: "validation", ...clock, step: 2, perplexity: 7.4, paddingShare: 0, nextSentence: { loss: 1, accuracy: 0.5 } },
  { kind: "train", ...clock, step: 3, maskRate: 0.15, learningRate: 0.001, gradientNorm: 1, tokensPerSecond: 10 },
];

function damagedMetrics(next: Next): string {
  const texts = noted.map((line) => JSON.stringify(next() < 0.5 ? damagedJson(line, next) : line));
  const text = texts.join("\n") + pick(next, ["", "\n", '\n{"kind":"val', "\nnull\n"]);
  return next() < 0.3 ? damagedText(text, next) : text;
}

// in memory where that is a folder: what is written waits for the disk
const isShared = Deno.build.os === "linux" && (() => {
  try {
    return Deno.statSync("/dev/shm").isDirectory;
  } catch {
    return false;
  }
})();
const folder = Deno.makeTempDirSync({ prefix: "cloze-fuzz-", ...(isShared ? { dir: "/dev/shm" } : {}) });
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** Reads metrics as a resumed run does, and shows them in a model card. */
async function useMetrics(text: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/metrics.jsonl`, text);
  const before = await readValidations(folder);
  await cutMetrics(folder, 2);
  const curve = await readValidations(folder);
  if (before.some(({ step }) => step <= 2) !== curve.length > 0) throw new Error("validations were lost");
  const state = { step: 2, tokens: 20, seconds: 2 };
  modelCard({ name: "x", config, tokenizer, settings, corpus: "a", device: "b", curve, state });
}

interface DamagedRun {
  config: Json;
  metrics: string;
}

/** Lists and compares a run with itself, as it was meant, and makes tables of it: none of that fails for what is in the files. */
async function useRecord({ config, metrics }: DamagedRun): Promise<void> {
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
  await Deno.writeTextFile(`${folder}/metrics.jsonl`, metrics);
  const run = await readRecord(folder);
  runTable([run], 80);
  JSON.stringify(runJson(run));
  const other = { ...run, path: "other", config: runs[0] as unknown as RunConfig };
  const reasons = incomparable([run, other].map((run) => ({ path: run.path, key: keyOf(run) })));
  const comparison = compareRuns([run, other]);
  comparisonText(comparison, { reasons, width: 80 });
  JSON.stringify(comparisonJson(comparison, { reasons: [] }));
  const write = (line: string) => void line;
  for (const kind of ["train", "validation"] as const) await writeCsv(folder, { kind, write });
  for (const line of metrics.split("\n")) {
    const scalars = scalarsOf(objectOf(line) ?? {});
    if (scalars) scalarRecord({ wallTime: 1, step: 1 }, scalars);
  }
}

/** What is read of runs. */
export const runTargets: readonly Target[] = [
  { name: "run configuration", share: 4, make: (next) => damagedJson(pick(next, runs), next), use: useRun },
  { name: "training state", share: 4, make: damagedState, use: useState },
  { name: "metrics", share: 2, make: damagedMetrics, use: useMetrics },
  {
    name: "run record",
    share: 1,
    make: (next) => ({ config: damagedJson(pick(next, runs), next), metrics: damagedMetrics(next) }),
    use: useRecord,
  },
];
