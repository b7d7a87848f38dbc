/**
 * Names that other trainers give to options, so that who comes from there is told the name here.
 *
 * @module
 */

/** Names elsewhere by the names here. */
const elsewhere: Readonly<Record<string, readonly string[]>> = {
  "batch-tokens": [
    "batch",
    "batch-size",
    "train-batch-size",
    "per-device-train-batch-size",
    "per-device-batch-size",
    "bs",
  ],
  lr: ["learning-rate", "peak-lr", "max-lr", "rate"],
  length: [
    ["context", "context-length", "context-size", "ctx", "block-size", "max-seq-length", "max-seq-len"],
    ["seq-length", "seq-len", "sequence-length", "window", "window-size"],
  ].flat(),
  "max-length": ["max-position-embeddings", "max-positions"],
  epochs: ["epoch", "num-epochs", "num-train-epochs", "n-epochs", "passes"],
  steps: ["step", "max-steps", "num-steps", "iters", "iterations", "max-iters", "train-steps"],
  minutes: ["time", "max-time", "duration", "hours", "seconds", "time-limit"],
  tokens: ["max-tokens", "num-tokens", "train-tokens", "budget"],
  accumulate: ["gradient-accumulation-steps", "grad-accum", "accumulation", "accumulate-grad-batches"],
  schedule: ["lr-scheduler", "lr-scheduler-type", "scheduler", "lr-schedule"],
  warmup: ["warmup-steps", "warmup-ratio", "warmup-share", "num-warmup-steps"],
  "weight-decay": ["wd", "decay", "l2"],
  clip: ["max-grad-norm", "grad-clip", "clip-grad", "gradient-clip"],
  "mask-rate": ["mlm-probability", "mask-prob", "mask-probability", "mask-ratio", "mlm-prob"],
  "mask-mode": ["whole-word", "whole-word-mask", "wwm", "mask-strategy", "masking"],
  out: ["output", "output-dir", "output-folder", "save-dir", "out-dir", "o"],
  resume: ["resume-from-checkpoint", "continue", "checkpoint", "load"],
  data: [
    "train-file",
    "train-data",
    "dataset",
    "corpus",
    "input",
    "files",
    "file",
    "text",
    "text-file",
    "path",
    "data-dir",
  ],
  file: ["data", "input", "text-file", "path"],
  validation: [
    "validation-file",
    "val-data",
    "eval-data",
    "valid",
    "val",
    "test-file",
    "validation-split",
    "eval-file",
  ],
  init: ["model", "model-name-or-path", "pretrained", "from-pretrained", "base-model", "init-from"],
  tokenizer: ["tokenizer-name", "tokenizer-type"],
  vocab: ["vocab-size", "vocabulary", "vocab-file", "vocabulary-size"],
  size: ["vocab-size", "vocab", "vocabulary-size"],
  type: ["tokenizer", "tokenizer-type", "model-type", "kind"],
  layers: ["num-layers", "n-layers", "n-layer", "num-hidden-layers", "depth", "layer"],
  width: ["hidden-size", "n-embd", "d-model", "dim", "embedding-size", "embed-dim"],
  heads: ["num-heads", "n-heads", "n-head", "num-attention-heads", "head"],
  hidden: ["intermediate-size", "ffn-size", "ffn-dim", "d-ff"],
  preset: ["arch", "architecture", "model-type"],
  "eval-every": ["eval-steps", "eval-interval", "evaluation-steps", "logging-steps", "log-every"],
  "eval-tokens": ["eval-iters", "max-eval-samples"],
  "save-every": ["save-steps", "save-interval", "checkpoint-every"],
  field: ["text-column", "column", "text-field", "text-column-name", "key"],
  device: ["gpu", "cuda", "backend", "cpu"],
  threads: ["num-threads", "workers", "cores", "num-workers", "jobs"],
  name: ["run-name", "exp-name", "experiment"],
  seed: ["random-seed", "random-state"],
  "top-k": ["k", "top", "n", "topk", "candidates"],
  cased: ["case-sensitive", "no-lowercase", "keep-case"],
  pool: ["pooling", "pooling-mode"],
  normalize: ["normalise", "norm", "unit"],
  json: ["jsonl", "output-format"],
};

/** The option among the known ones that goes by another name elsewhere. */
export function knownElsewhere(name: string, known: readonly string[]): string | undefined {
  return known.find((own) => elsewhere[own]?.includes(name));
}
