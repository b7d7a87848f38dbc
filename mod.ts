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
export { pairCorpus, type PairCorpusOptions } from "./lib/text/pair_corpus.ts";
export type { TextPair } from "./lib/text/pairs.ts";
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
  type ClassificationConfig,
  type ClassifiedUnit,
  type ClassifierPool,
  type ModelConfig,
  modelConfig,
  type ModelOptions,
  type Preset,
  presets,
  type Size,
  sizes,
} from "./lib/model/config.ts";
export { createModel, type LastLayer, lastLayers, Model } from "./lib/model/model.ts";

// training
export { parseCurriculum, type Stage } from "./lib/batch/curriculum.ts";
export { TooFewTextsError, type ViewKind } from "./lib/batch/views.ts";
export type { AttentionGrowth } from "./lib/batch/pieces.ts";
export { TooShortError } from "./lib/batch/windows.ts";
export { contrastive, type ContrastiveOptions } from "./lib/train/contrastive.ts";
export { DivergedError } from "./lib/train/diverged.ts";
export type {
  OverflowRecord,
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
export type { LossScale } from "./lib/optimizer/loss_scale.ts";
export {
  type Budget,
  type LearningRate,
  type MaskRate,
  type Schedule,
  schedules,
  type Span,
} from "./lib/train/schedule.ts";
export { type ChosenRecipe, cpuBatch, type CpuRecipe } from "./lib/train/cpu_batch.ts";
export {
  type ContrastiveSettings,
  defaultSettings,
  muonSettings,
  type TrainingSettings,
  type TrainOptions,
} from "./lib/train/settings.ts";
export { train } from "./lib/train/trainer.ts";
export type { RankParts, Ranks, RankTraffic, ReduceOptions } from "./lib/mpi/ranks.ts";
export type { Background, Pending, Work } from "./lib/mpi/work.ts";
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
export {
  accuracyDifference,
  groupAccuracies,
  type PairAccuracy,
  pairAccuracy,
  type PairScore,
  type PairScoreOptions,
  scorePairs,
} from "./lib/evaluate/minimal_pairs.ts";
export { scoreEachToken, scoreMasked } from "./lib/evaluate/score.ts";
export type { ScoreOptions } from "./lib/evaluate/masked_batches.ts";
export type { TextModel } from "./lib/evaluate/text_model.ts";
export type { ModelPooling } from "./lib/model/pooling.ts";
export { type OnnxOptions, toOnnx } from "./lib/format/onnx_model.ts";
export { type ContinueOptions, continueText, type WritingOrder, writingOrders } from "./lib/inference/continue_text.ts";
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
export {
  type DocumentPassage,
  type PassageKind,
  passageKinds,
  type PassageOptions,
  passagesOf,
} from "./lib/inference/passages.ts";
export {
  type FoundPassage,
  type FoundVector,
  type IndexedDocument,
  type IndexedPassage,
  indexTexts,
  type IndexTextsOptions,
  nearestVectors,
  type SearchOptions,
  searchTexts,
  type VectorIndex,
} from "./lib/inference/vector_index.ts";
export { type Candidate, fill, type Filled, type FillOptions, fillTexts } from "./lib/inference/fill.ts";
export {
  type Classified,
  type ClassifiedExample,
  type Classifier,
  classifier,
  type ClassifyOptions,
  loadClassifier,
  type TrainingReport,
} from "./lib/classify/classifier.ts";
export type { ClassifierFiles } from "./lib/classify/classifier_files.ts";
export type { FineTuneEvent } from "./lib/classify/fine_tune.ts";
export type { FineTuneProgress, FineTuneState, LooksState, ParameterArrays } from "./lib/classify/fine_tune_state.ts";
export type { ClassifierScore, ClassScore } from "./lib/classify/scores.ts";
export type { ClassWeighting, FineTuneOptions, FineTuneSettings } from "./lib/classify/settings.ts";
export { loadTagger, type TaggedExample, type TaggedWord, type Tagger, tagger } from "./lib/classify/tagger.ts";
export type { ClassifierEvent, ClassifierOptions, HeadFitting, TrainingBegins } from "./lib/classify/train_head.ts";
export { type EvaluateOptions, load, type LoadOptions, MaskedLanguageModel } from "./lib/inference/load.ts";

// what a model's vectors know
export type { LabelledText } from "./lib/labelled/labelled_texts.ts";
export type { LabelledWords } from "./lib/labelled/sentence.ts";
export type { Examples, LabelledExample } from "./lib/probe/examples.ts";
export { probe, type ProbeOptions } from "./lib/probe/probe.ts";
export type { Probed, ProbeDifference, ProbeKind, ProbeResult } from "./lib/probe/probed.ts";
export type { Measure, ProbeScore, ScoreDifference } from "./lib/probe/scores.ts";
