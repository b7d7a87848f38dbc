/**
 * Pre-train BERT-style encoders by masked language modelling, in TypeScript on WebGPU.
 *
 * Text comes from a {@linkcode Corpus}, a {@linkcode Tokenizer} turns it into ids, {@linkcode train} masks it and
 * trains a {@linkcode Model} on a {@linkcode Device}, and {@linkcode load} takes a trained one, from here or elsewhere, to fill
 * masked places, to score texts and to embed them.
 *
 * The rest is in entry points of its own: `@cloze/mlm/text` (formats of text, windows and masks), `@cloze/mlm/tokenizer`,
 * `@cloze/mlm/format` (safetensors, Hugging Face's folders) and `@cloze/mlm/kernels` (devices, recorded programs). One rule names
 * all of it: what `open…` gives has to be closed or destroyed, `create…` makes new weights, `load…` reads weights, and a noun is a
 * plain value.
 *
 * @example Train a model and fill a mask
 * ```ts
 * import { characterTokenizer, createModel, fill, modelConfig, openDevice, storiesCorpus, train } from "@cloze/mlm";
 *
 * const corpus = storiesCorpus({ seed: 1 });
 * const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyzABCDEFGHIJL .,?\n");
 * const { device } = await openDevice("cpu", { threads: 1 });
 * const model = createModel(device, modelConfig({ size: "tiny", vocab: tokenizer.size }), { seed: 1 });
 * const curriculum = [{ length: 16, share: 1 }];
 * for await (const event of train({ model, corpus, tokenizer, curriculum, budget: { steps: 2 }, evaluateTokens: 256 })) {
 *   if (event.kind === "train") console.log(event.step, event.loss);
 * }
 * console.log((await fill({ model, tokenizer }, "Where is the ba[MASK]l?")).filled);
 * model.destroy();
 * device.destroy();
 * ```
 *
 * @module
 */

// text
export { type Corpus, textCorpus, type TextCorpusOptions, trainingTexts } from "./lib/text/corpus.ts";
export { fileSources } from "./lib/text/file_source.ts";
export { mixture } from "./lib/text/mixture.ts";
export { type ByteSource, stringSource } from "./lib/text/source.ts";
export { storiesCorpus } from "./lib/text/stories.ts";

// vocabularies
export { readTokenizer } from "./lib/format/tokenizer_folder.ts";
export { characterTokenizer, scanCharacters } from "./lib/tokenizer/character.ts";
export type { Tokenizer } from "./lib/tokenizer/tokenizer.ts";
export { trainTokenizer, type TrainTokenizerOptions } from "./lib/tokenizer/train_tokenizer.ts";

// devices
export type { Device } from "./lib/device/device.ts";
export { type DeviceChoice, openDevice, type OpenDeviceOptions, type OpenedDevice } from "./lib/device/open_device.ts";
export { TraceLog, type TraceSpan } from "./lib/device/trace.ts";
export type { ProductChoice, ProductTable } from "./lib/device/webgpu/choices.ts";
export type { AdapterPrint, TuneOptions, TuneReport } from "./lib/device/webgpu/tuner.ts";
export { NoAdapterError } from "./lib/device/webgpu/open_webgpu.ts";

// models
export {
  type ModelConfig,
  modelConfig,
  type ModelOptions,
  type Preset,
  presets,
  type Size,
  sizes,
} from "./lib/model/config.ts";
export { createModel, Model } from "./lib/model/model.ts";

// training
export { parseCurriculum, type Stage } from "./lib/batch/curriculum.ts";
export { TooShortError } from "./lib/batch/windows.ts";
export { DivergedError } from "./lib/train/diverged.ts";
export type {
  Phase,
  PhaseRecord,
  SkippedRecord,
  SpikeRecord,
  TimeRecord,
  TrainEvent,
  TrainingState,
  TrainRecord,
  ValidationRecord,
} from "./lib/train/events.ts";
export type { LossTrend } from "./lib/train/loss_trend.ts";
export {
  type Budget,
  type LearningRate,
  type MaskRate,
  type Schedule,
  schedules,
  type Span,
} from "./lib/train/schedule.ts";
export { defaultSettings, type TrainingSettings, type TrainOptions } from "./lib/train/settings.ts";
export { train } from "./lib/train/trainer.ts";
export type { RankParts, Ranks, RankTraffic, ReduceOptions } from "./lib/mpi/ranks.ts";
export { type WirePrecision, wirePrecisions } from "./lib/mpi/wire_precision.ts";

// checkpoints
export { type CheckpointStorage, folderStorage } from "./lib/files/checkpoint_folder.ts";
export {
  type Checkpoint,
  type KeepOptions,
  loadCheckpoint,
  type RunOrigin,
  saveCheckpoint,
} from "./lib/train/checkpoint.ts";

// trained models
export type { Evaluation, NextSentenceEvaluation, ScoreSums } from "./lib/evaluate/score_totals.ts";
export type { SampleCandidate, SampleToken } from "./lib/evaluate/evaluator.ts";
export type { EachTokenOptions } from "./lib/evaluate/token_batches.ts";
export { type Score, ScoreTotal, type WindowScore } from "./lib/evaluate/score_totals.ts";
export { scoreEachToken, scoreMasked } from "./lib/evaluate/score.ts";
export type { ScoreOptions } from "./lib/evaluate/masked_batches.ts";
export type { TextModel } from "./lib/evaluate/text_model.ts";
export { type OnnxOptions, toOnnx } from "./lib/format/onnx_model.ts";
export { type Embedded, type EmbedOptions, embedTexts, type PoolMode, poolModes } from "./lib/inference/embed.ts";
export {
  type DocumentPart,
  documentParts,
  type EmbeddedDocument,
  embedDocuments,
  type EmbedDocumentsOptions,
  type TextDocument,
  type VectorMean,
  vectorMean,
} from "./lib/inference/embed_documents.ts";
export { type Candidate, fill, type Filled, type FillOptions, fillTexts } from "./lib/inference/fill.ts";
export { type EvaluateOptions, load, type LoadOptions, MaskedLanguageModel } from "./lib/inference/load.ts";
