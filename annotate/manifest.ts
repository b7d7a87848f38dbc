/**
 * What the site shows, in reading order.
 *
 * @module
 */

/** A source, or what is shown of it. */
export interface Part {
  /** Path from the root of the repository. */
  readonly file: string;
  /** Declarations that are shown, `Class.member` for one of a class; without it the whole file. */
  readonly only?: readonly string[];
}

/** A page: an introduction in `annotate/NAME.md`, whose first line is the title, and sources. */
export interface Page {
  /** Name of the page and of its introduction. */
  readonly name: string;
  /** Sources, in reading order. */
  readonly parts: readonly Part[];
}

/** The pages. */
export const pages: readonly Page[] = [
  { name: "index", parts: [{ file: "lib/train/trainer.ts" }, { file: "lib/train/submit_step.ts" }] },
  {
    name: "masking",
    parts: [
      { file: "lib/batch/masking.ts" },
      { file: "lib/batch/loader.ts", only: ["maskBatch"] },
      { file: "lib/random/philox.ts", only: ["philox", "purposes"] },
    ],
  },
  {
    name: "windows",
    parts: [
      { file: "lib/batch/windows.ts", only: ["WindowPosition", "WindowSource"] },
      { file: "lib/batch/packing.ts", only: ["cutThrough", "cutApart", "packBestFit"] },
      { file: "lib/batch/curriculum.ts", only: ["Stage", "defaultCurriculum", "stageAt"] },
      {
        file: "lib/train/schedule.ts",
        only: ["Clock", "progressOf", "maskRateAt", "stepSize", "StepPlan", "planStep"],
      },
    ],
  },
  {
    name: "attention",
    parts: [
      { file: "lib/ops/attention.ts" },
      { file: "kernels/attention_common.wgsl" },
      { file: "kernels/attention.wgsl" },
      { file: "kernels/attention_backward_query.wgsl" },
      { file: "kernels/attention_backward_key_value.wgsl" },
    ],
  },
  {
    name: "step",
    parts: [
      { file: "lib/model/encoder.ts", only: ["encode", "encoderLayer", "block"] },
      { file: "lib/model/heads/masked.ts", only: ["recordMaskedHead"] },
      { file: "lib/ops/linear.ts" },
      { file: "lib/ops/cross_entropy.ts", only: ["crossEntropy"] },
      { file: "kernels/cross_entropy.wgsl" },
      {
        file: "lib/graph/graph.ts",
        only: [
          "Graph.call",
          "Graph.onBackward",
          "Graph.gradient",
          "Graph.gradientOf",
          "Graph.passGradient",
          "Graph.backward",
        ],
      },
      { file: "lib/graph/plan.ts" },
    ],
  },
  {
    name: "optimizer",
    parts: [
      { file: "lib/optimizer/adamw.ts" },
      { file: "kernels/record_step.wgsl" },
      { file: "kernels/adamw.wgsl" },
      { file: "lib/optimizer/muon.ts" },
      { file: "lib/optimizer/newton_schulz.ts" },
      { file: "kernels/muon_momentum.wgsl" },
      { file: "kernels/muon_direction.wgsl" },
      { file: "kernels/muon_update.wgsl" },
      { file: "lib/optimizer/step.ts" },
      { file: "lib/train/schedule.ts", only: ["schedules", "LearningRate", "DECAY", "learningRateAt"] },
    ],
  },
  {
    name: "program",
    parts: [
      { file: "lib/model/model.ts", only: ["Model.compileTraining", "Model.writeStep", "Model.readRecords"] },
      { file: "lib/tensor/tensor.ts", only: ["Tensor", "Parameter", "OpCall", "KernelCall"] },
      { file: "lib/graph/graph.ts", only: ["Graph.compile"] },
      { file: "lib/device/device.ts", only: ["Recording", "Program", "Device"] },
      { file: "lib/device/webgpu/webgpu_device.ts", only: ["WebGpuDevice.#build", "WebGpuDevice.#run"] },
      { file: "lib/device/webgpu/pass_timer.ts", only: ["encode", "dispatch"] },
      { file: "lib/device/cpu/cpu_program.ts", only: ["buildProgram", "pieceSize"] },
      { file: "lib/train/step_queue.ts", only: ["PreparedStep", "stepQueue"] },
    ],
  },
];
