/**
 * Pre-train BERT-style encoders by masked language modelling, in TypeScript on WebGPU.
 *
 * Text comes from a {@linkcode Corpus}, a {@linkcode Tokenizer} turns it into ids, {@linkcode train} masks it and
 * trains a {@linkcode Model} on a {@linkcode Device}, and {@linkcode load} takes a trained one, from here or elsewhere, to fill
 * masked places, to score texts and to embed them.
 *
 * @module
 */

export * from "./lib/batch/batch.ts";
export * from "./lib/batch/curriculum.ts";
export * from "./lib/batch/loader.ts";
export * from "./lib/batch/masking.ts";
export * from "./lib/batch/packing.ts";
export * from "./lib/random/philox.ts";
export * from "./lib/batch/streams.ts";
export * from "./lib/batch/survey.ts";
export * from "./lib/batch/text_windows.ts";
export * from "./lib/batch/windows.ts";
export * from "./lib/device/device.ts";
export * from "./lib/tensor/tensor.ts";
export * from "./lib/device/open_device.ts";
export { type CpuOptions, openCpuDevice } from "./lib/device/cpu/cpu_device.ts";
export type { KernelTime } from "./lib/device/profile.ts";
export { NoAdapterError, openWebGpuDevice, type WebGpuOptions } from "./lib/device/webgpu/webgpu_device.ts";
export type { MatmulVariant } from "./lib/device/webgpu/kernel_sources.ts";
export * from "./lib/format/add_tokens.ts";
export * from "./lib/format/config_json.ts";
export * from "./lib/format/model_folder.ts";
export * from "./lib/format/tensor_names.ts";
export * from "./lib/format/open_model.ts";
export { type OnnxOptions, toOnnx } from "./lib/format/onnx_model.ts";
export {
  type FoundTensor,
  fromHuggingFace,
  type PlacedTensors,
  type PlaceOptions,
  placeTensors,
  usualName,
} from "./lib/format/place_tensors.ts";
export * from "./lib/format/safetensors.ts";
export * from "./lib/format/tokenizer_folder.ts";
export * from "./lib/format/tokenizer_writer.ts";
export type { AddedJson } from "./lib/format/tokenizer_names.ts";
export * from "./lib/format/tokenizer_reader.ts";
export * from "./lib/format/weights.ts";
export * from "./lib/graph/graph.ts";
export * from "./lib/optimizer/parameter_store.ts";
export * from "./lib/inference/chunk_texts.ts";
export * from "./lib/inference/embed.ts";
export * from "./lib/inference/embed_documents.ts";
export * from "./lib/inference/fill.ts";
export * from "./lib/inference/load.ts";
export * from "./lib/evaluate/score.ts";
export type { TextModel } from "./lib/evaluate/text_model.ts";
export * from "./lib/model/config.ts";
export * from "./lib/model/model.ts";
export * from "./lib/model/parameters.ts";
export type { AdamWOptions, StepTensors } from "./lib/optimizer/adamw.ts";
export { type Activation, activations } from "./lib/ops/linear.ts";
export * from "./lib/text/corpus.ts";
export * from "./lib/text/mixture.ts";
export * from "./lib/text/csv.ts";
export * from "./lib/text/decompress.ts";
export * from "./lib/text/file_source.ts";
export * from "./lib/text/text_source.ts";
export * from "./lib/text/parquet.ts";
export * from "./lib/text/json_lines.ts";
export * from "./lib/text/plain_text.ts";
export * from "./lib/text/source.ts";
export * from "./lib/text/stories.ts";
export { type BpeOptions, type BpeTokenizer, bpeTokenizer } from "./lib/tokenizer/bpe.ts";
export * from "./lib/tokenizer/character.ts";
export type { AddedToken } from "./lib/tokenizer/added.ts";
export { type BertNormalization, bertNormalize } from "./lib/tokenizer/normalizers.ts";
export { bertWords } from "./lib/tokenizer/pre_tokenizers.ts";
export {
  bertFrame,
  encodeFramed,
  encodeWithSpecials,
  type SpecialPiece,
  type SpecialSpelling,
  splitAtSpecials,
} from "./lib/tokenizer/special_tokens.ts";
export { CONTINUES, withoutWords } from "./lib/tokenizer/token_ids.ts";
export {
  type Frame,
  type SpecialToken,
  specialTokens,
  type Tokenizer,
  type TokenizerType,
  tokenizerTypes,
  type VocabularyType,
} from "./lib/tokenizer/tokenizer.ts";
export * from "./lib/tokenizer/train_tokenizer.ts";
export { type WordPieceOptions, type WordPieceTokenizer, wordPieceTokenizer } from "./lib/tokenizer/wordpiece.ts";
export * from "./lib/train/checkpoint.ts";
export * from "./lib/evaluate/evaluator.ts";
export * from "./lib/files/checkpoint_folder.ts";
export * from "./lib/files/file_folder.ts";
export * from "./lib/files/find_models.ts";
export * from "./lib/train/model_card.ts";
export * from "./lib/train/schedule.ts";
export * from "./lib/train/settings.ts";
export * from "./lib/train/events.ts";
export * from "./lib/train/trainer.ts";
export { DivergedError } from "./lib/train/training_loop.ts";
export * from "./lib/files/write_files.ts";
