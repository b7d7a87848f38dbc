/**
 * The README.md of a checkpoint: what the model is, what it was trained on and how, and how well it does.
 *
 * @module
 */

import { counted } from "../sentences/counted.ts";
import { classNameOf } from "../format/config_json.ts";
import type { ModelConfig } from "../model/config.ts";
import { parameterCount } from "../model/parameters.ts";
import type { OptimizerOptions } from "../optimizer/optimizer.ts";
import { type Tokenizer, tokenizerNames } from "../tokenizer/tokenizer.ts";
import { describeBudget, planStages } from "./schedule.ts";
import type { TrainingSettings } from "./settings.ts";
import type { TrainingState, ValidationRecord } from "./events.ts";

/** What a model card tells. */
export interface ModelCardOptions {
  /** Name of the model. */
  name: string;
  /** Its configuration. */
  config: ModelConfig;
  /** Its vocabulary. */
  tokenizer: Tokenizer;
  /** How it was trained. */
  settings: TrainingSettings;
  /** What it was trained on, for people. */
  corpus: string;
  /** What it was trained by, for people. */
  device: string;
  /** Model whose weights it began with; undefined: random ones. */
  base?: string | undefined;
  /** Validations so far, in order. */
  curve: readonly ValidationRecord[];
  /** Learning rates before that of the settings, each with the steps that were done when it was left. */
  ratesBefore?: readonly { readonly peak: number; readonly until: number }[] | undefined;
  /** Where training is. */
  state: Pick<TrainingState, "step" | "tokens" | "seconds">;
}

/** Lines of the curve that a card shows. */
const MOST_LINES = 40;

/** A model card in Markdown, with the metadata that Hugging Face's hub reads in front. */
export function modelCard(options: ModelCardOptions): string {
  const { name, base, settings } = options;
  const what = settings.contrastive ? "A model that turns texts into vectors" : "A masked language model";
  const heading = base === undefined
    ? `${what}, trained from random weights by Cloze (jsr:@cloze/mlm).`
    : `${what}, trained on from ${base} by Cloze (jsr:@cloze/mlm).`;
  return [
    metadata(options),
    `# ${name}`,
    heading,
    facts(options),
    "## Training",
    training(options),
    "## Evaluation",
    evaluation(options),
    "## Use",
    use(options),
    "",
  ].join("\n\n").replace(/\n+$/, "\n");
}

/** What Hugging Face's hub reads. */
function metadata({ config, tokenizer, settings }: ModelCardOptions): string {
  const library = classNameOf(config) && (settings.contrastive ? "sentence-transformers" : "transformers");
  const task = settings.contrastive ? "sentence-similarity" : "fill-mask";
  return [
    "---",
    ...(library ? [`library_name: ${library}`] : []),
    `pipeline_tag: ${task}`,
    `mask_token: ${JSON.stringify(tokenizer.token(tokenizer.special["[MASK]"]))}`,
    "tags:",
    ...(settings.contrastive && library ? [`- ${library}`] : []),
    `- ${task}`,
    `- ${config.preset}`,
    "---",
  ].join("\n");
}

const grouped = (value: number) => Math.round(value).toLocaleString("en");
const share = (value: number) => `${(100 * value).toFixed(1)} %`;

function tableOf(rows: readonly (readonly string[])[]): string {
  const [head, ...body] = rows.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
  return [head, `|${" --- |".repeat(rows[0]!.length)}`, ...body].join("\n");
}

function facts({ config, tokenizer, corpus, device }: ModelCardOptions): string {
  const { preset, layers, width, heads, hidden, maxLength } = config;
  return tableOf([
    ["", ""],
    [
      "class",
      classNameOf(config) ?? "none in Hugging Face's libraries (labml.ai's annotated model); exported to ONNX only",
    ],
    ["encoder", `${preset}: ${layers} layers of width ${width}, ${heads} heads, feed-forward ${hidden}`],
    ["parameters", grouped(parameterCount(config))],
    ["longest text", `${grouped(maxLength)} tokens`],
    ["vocabulary", `${tokenizerNames[tokenizer.type]}, ${grouped(tokenizer.size)} tokens`],
    ["data", corpus],
    ["trained by", device],
  ]);
}

function training({ config, settings, ratesBefore = [], state }: ModelCardOptions): string {
  const { learningRate: { peak, schedule }, optimizer, maskRule, maskMode, pack, budget, contrastive } = settings;
  const rows = planStages(settings).map((stage) => [
    String(stage.length),
    share(stage.share),
    grouped(stage.tokens),
    ...(contrastive ? [] : [stage.maskRate.map(share).join(" → ")]),
  ]);
  // those that were left at once had no step
  const used = ratesBefore.filter(({ until }, i) => until > (ratesBefore[i - 1]?.until ?? 0));
  const rates = used.map((rate) => `${rate.peak.toPrecision(3)} until step ${grouped(rate.until)}`);
  return [
    `${contrastive ? "Comparing texts" : "Masked language modelling"} for ${counted(state.tokens, "token")} in ${
      counted(state.step, "step")
    } ` +
    `(${grouped(state.seconds)} s); planned were ${describeBudget(budget)}.`,
    tableOf([["length", "share", "tokens a step", ...(contrastive ? [] : ["masked"])], ...rows]),
    `${
      optimizerText(optimizer, peak)
    }AdamW (β ${optimizer.beta1}, ${optimizer.beta2}; weight decay ${optimizer.weightDecay}), learning rate ` +
    `${[...rates, peak.toPrecision(3)].join(", then ")}, ${schedule}; ` +
    (contrastive
      ? `in-batch softmax of cosines at temperature ${contrastive.temperature} (SimCSE), means of all tokens, dropout ` +
        `${config.dropout}; `
      : `masking by ${maskMode}, rule ${maskRule}; windows: ${pack}; `) +
    `seed ${settings.seed}.`,
  ].join("\n\n");
}

/** What is updated otherwise than by AdamW. */
function optimizerText({ muon }: OptimizerOptions, peak: number): string {
  if (!muon) return "";
  return `Muon (momentum ${muon.momentum}, learning rate ${(muon.relativeRate * peak).toPrecision(3)}${
    muon.every === undefined ? "" : `, an update every ${muon.every} steps`
  }) for the matrices of the ` +
    "layers; for all others ";
}

/** How the last validation went, in a sentence. */
function lastResult({ length, loss, accuracy, perplexity }: ValidationRecord, settings: TrainingSettings): string {
  const figures = `loss ${loss.toFixed(4)} nats, accuracy ${share(accuracy)}`;
  return settings.contrastive
    ? `On held-out texts of the same data, at most ${length} tokens of each: ${figures}, which is the share of texts whose other ` +
      "half, or pair, is the nearest of a batch."
    : `On held-out text of the same data, 15 % of the tokens masked, always the same ones, in windows of ${length}: ` +
      `${figures}, perplexity ${perplexity.toFixed(2)}.`;
}

function evaluation({ curve, settings }: ModelCardOptions): string {
  const last = curve.at(-1);
  if (!last) return "Not evaluated yet.";
  const every = Math.ceil(curve.length / MOST_LINES);
  const shown = curve.filter((_, i) => (curve.length - 1 - i) % every === 0);
  const rows = shown.map(({ step, tokens, loss, accuracy, perplexity }) => [
    grouped(step),
    grouped(tokens),
    loss.toFixed(4),
    share(accuracy),
    ...(settings.contrastive ? [] : [perplexity.toFixed(2)]),
  ]);
  return [
    lastResult(last, settings) +
    (last.nextSentence
      ? ` Which of two texts follows the other is told for ${share(last.nextSentence.accuracy)} of the pairs.`
      : ""),
    tableOf([["step", "tokens", "loss", "accuracy", ...(settings.contrastive ? [] : ["perplexity"])], ...rows]),
  ].join("\n\n");
}

function use({ config, tokenizer, settings }: ModelCardOptions): string {
  const mask = tokenizer.token(tokenizer.special["[MASK]"]);
  const code = (language: string, lines: readonly string[]) => ["```" + language, ...lines, "```"].join("\n");
  if (settings.contrastive) {
    return [...(classNameOf(config) ? [code("python", compared)] : []), code("sh", searched)].join("\n\n");
  }
  const shell = code("sh", [
    `deno run -A jsr:@cloze/mlm/cli fill FOLDER "some text with a ${mask}"`,
    "deno run -A jsr:@cloze/mlm/cli export FOLDER --onnx --out OUT   # for transformers.js and ONNX Runtime",
  ]);
  if (!classNameOf(config)) return shell;
  return [
    code("python", [
      "from transformers import pipeline",
      'fill = pipeline("fill-mask", model="FOLDER")',
      `print(fill("some text with a ${mask}"))`,
    ]),
    shell,
  ].join("\n\n");
}

const compared = [
  "from sentence_transformers import SentenceTransformer",
  'model = SentenceTransformer("FOLDER")',
  'print(model.similarity(model.encode(["one text"]), model.encode(["another", "a third"])))',
];

const searched = [
  "deno run -A jsr:@cloze/mlm/cli index DOCUMENTS --model FOLDER --out index",
  'deno run -A jsr:@cloze/mlm/cli search "some words" --index index',
];
