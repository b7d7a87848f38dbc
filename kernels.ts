/**
 * What kernels run on and in: devices, tensors, operations with their gradients, and recorded programs; for those who write kernels,
 * or models of their own.
 *
 * @example Record an operation once and run it
 * ```ts
 * import { geglu, Graph, openCpuDevice } from "@cloze/mlm/kernels";
 *
 * const device = await openCpuDevice({ threads: 1 });
 * const graph = new Graph({ training: false });
 * const x = graph.persistent("x", [1, 8]);
 * const y = graph.keep(geglu(graph, x));
 * const program = await graph.compile(device);
 * device.write(x, Float32Array.of(1, 2, 3, 4, 1, 1, 1, 1));
 * program.run();
 * const [bytes] = await device.read([y]);
 * console.log(new Float32Array(bytes!)); // GELU of the first half, times the second
 * program.destroy();
 * device.destroy();
 * ```
 *
 * @module
 */

// devices
export { type CpuOptions, openCpuDevice } from "./lib/device/cpu/open_cpu.ts";
export {
  allocateTensor,
  type CpuSettings,
  type Device,
  DeviceError,
  type DeviceSettings,
  KernelError,
  type Program,
  type Recording,
  type Staged,
  type WebGpuSettings,
} from "./lib/device/device.ts";
export { deviceChoices } from "./lib/device/open_device.ts";
export type { KernelTime } from "./lib/device/profile.ts";
export type {
  AttentionBlocks,
  AttentionPass,
  AttentionTable,
  AttentionVariant,
  MatmulVariant,
  ProductChoice,
  ProductTable,
  Tile,
} from "./lib/device/webgpu/choices.ts";
export { TraceLog, type TraceSpan } from "./lib/device/trace.ts";
export type { AdapterPrint, TuneOptions, TuneReport } from "./lib/device/webgpu/tuner.ts";
export { NoAdapterError, openWebGpuDevice, type WebGpuOptions } from "./lib/device/webgpu/open_webgpu.ts";

// recording
export { type CallOptions, type GradientTarget, Graph, type GraphOptions } from "./lib/graph/graph.ts";
export { philox } from "./lib/random/philox.ts";
export {
  type DataType,
  type DeviceBuffer,
  type KernelCall,
  type OpCall,
  type OpChoices,
  type Parameter,
  type Precision,
  precisions,
  sizeOf,
  type Storage,
  type Tensor,
} from "./lib/tensor/tensor.ts";

// operations
export { attention, type AttentionOptions } from "./lib/ops/attention.ts";
export { crossEntropy, type CrossEntropyOptions, type CrossEntropyResult } from "./lib/ops/cross_entropy.ts";
export { type Dropout, dropout } from "./lib/ops/dropout.ts";
export { embedding, type EmbeddingOptions, type TokenInputs } from "./lib/ops/embedding.ts";
export { gatherRows, type RowSelection } from "./lib/ops/gather_rows.ts";
export { geglu } from "./lib/ops/geglu.ts";
export { l2Normalise } from "./lib/ops/l2_normalise.ts";
export { layerNorm, type LayerNormOptions } from "./lib/ops/layer_norm.ts";
export { type Activation, activations } from "./lib/tensor/activations.ts";
export { linear, type LinearOptions } from "./lib/ops/linear.ts";
export { meanPool } from "./lib/ops/mean_pool.ts";
export { padColumns } from "./lib/ops/pad_columns.ts";
export { rotary, rotaryAngles, type RotaryOptions } from "./lib/ops/rotary.ts";
export { similarities } from "./lib/ops/similarities.ts";

// parameters, the optimizer, and what a model compiles
export type { EncoderContext } from "./lib/model/encoder.ts";
export type { NextSentenceHead } from "./lib/model/heads/next_sentence.ts";
export type {
  BatchShape,
  Contrast,
  EncoderProgram,
  EvaluationProgram,
  HeadProgram,
  HeadRecorder,
  ModelStepInput,
  StepProgram,
  StepRecords,
  TrainingProgram,
} from "./lib/model/model.ts";
export type { GradientBucket } from "./lib/model/buckets.ts";
export type { Texts, TextShape } from "./lib/model/text_inputs.ts";
export { adamW, type AdamWOptions } from "./lib/optimizer/adamw.ts";
export { muon, type MuonOptions, type UpdateSection, updateSection } from "./lib/optimizer/muon.ts";
export { type Moments, type OptimizerName, type OptimizerOptions, optimizers } from "./lib/optimizer/optimizer.ts";
export type { FinishedStep, StepInput, StepRecord, StepTensors } from "./lib/optimizer/step.ts";
export { type FlatRange, type ParameterSpec, ParameterStore } from "./lib/optimizer/parameter_store.ts";
