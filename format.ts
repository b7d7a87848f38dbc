/**
 * Formats of models: safetensors, Hugging Face's folders and names, ONNX; folders on disk, in memory and at addresses.
 *
 * @example Write tensors as safetensors, and read them back
 * ```ts
 * import { decodeSafetensors, encodeSafetensors } from "@cloze/mlm/format";
 *
 * const pieces = encodeSafetensors(new Map([["x", { shape: [2], data: Float32Array.of(1, 2) }]]));
 * const bytes = await new Blob(pieces).bytes();
 * console.log(decodeSafetensors(bytes).tensors.get("x")); // { shape: [2], data: [1, 2] }
 * ```
 *
 * @module
 */

// folders
export { fileFolder } from "./lib/files/file_folder.ts";
export { findModels } from "./lib/files/find_models.ts";
export { WriteError, type WriteOptions } from "./lib/files/write_files.ts";
export { type FileSet, writeFolder } from "./lib/files/write_folder.ts";
export { type FileReader, memoryFolder, type ModelFolder, readJson, urlFolder } from "./lib/format/model_folder.ts";
export type { FetchLimits } from "./lib/access/guarded_fetch.ts";
export { type OpenedModel, openModel, type OpenOptions } from "./lib/format/open_model.ts";
export { modelCard, type ModelCardOptions } from "./lib/train/model_card.ts";

// configurations and weights
export { fromConfigJson, toConfigJson } from "./lib/format/config_json.ts";
export { type FoundTensor, fromHuggingFace } from "./lib/format/place_tensors.ts";
export {
  decodeSafetensors,
  encodeSafetensors,
  type HostTensor,
  type SafetensorsFile,
  type TensorEntry,
  type WeightType,
  weightTypes,
} from "./lib/format/safetensors.ts";
export { type Parameters, toHuggingFace } from "./lib/format/tensor_names.ts";
export { openWeights, readWeights, type Weights, type WeightSink } from "./lib/format/weights.ts";
export { type BiasPlace, biasPlaces, type LocalAttention } from "./lib/model/config.ts";
export { initialValues, modelParameters, parameterCount } from "./lib/model/parameters.ts";
export type { ModelParameter, ParameterRole } from "./lib/model/parameter_list.ts";

// ONNX
export { type OnnxOptions, toOnnx } from "./lib/format/onnx_model.ts";

// sentence-transformers
export type { ModelPooling } from "./lib/model/pooling.ts";
export { readPooling, sentenceFiles } from "./lib/format/sentence_folder.ts";
