/**
 * What training yields, as plain data.
 *
 * @module
 */

import type { WindowPosition } from "../batch/windows.ts";
import type { SampleToken } from "../evaluate/evaluator.ts";
import type { Moments, OptimizerName } from "../optimizer/optimizer.ts";
import type { Evaluation, NextSentenceEvaluation } from "../evaluate/score_totals.ts";
import type { LossScale } from "../optimizer/loss_scale.ts";
import type { LossTrend } from "./loss_trend.ts";

/** Everything that a run needs to go on as if it had never stopped. */
export interface TrainingState extends Moments {
  /** Steps that are behind. */
  readonly step: number;
  /** Tokens that are behind. */
  readonly tokens: number;
  /** Seconds of training that are behind. */
  readonly seconds: number;
  /** Seconds of a budget by the clock on the wall that are behind, validation and saving included. Default: `seconds`. */
  readonly elapsed?: number | undefined;
  /** Tokens that validation reads, once that is decided. */
  readonly evaluateTokens?: number | undefined;
  /** How the losses went so far, by which spikes are told. */
  readonly trend?: LossTrend | undefined;
  /** Where activations are stored in f16: what the loss is multiplied by. Default: what a run begins with. */
  readonly lossScale?: LossScale | undefined;
  /** Place in the corpus. */
  readonly position: WindowPosition;
  /** Weights by name. */
  readonly parameters: ReadonlyMap<string, Float32Array<ArrayBuffer>>;
  /** What the moments are of. Default: "adamw". */
  readonly optimizer?: OptimizerName | undefined;
  /** Momentum of the outer steps by name, where ranks train on their own in between. */
  readonly outerMomentum?: ReadonlyMap<string, Float32Array<ArrayBuffer>> | undefined;
}

/** What one step of training reported. */
export interface TrainRecord {
  /** Tells events apart. */
  readonly kind: "train";
  /** Steps done, this one included. */
  readonly step: number;
  /** Tokens seen, this step's included. */
  readonly tokens: number;
  /** Seconds of training, without validation and saving. */
  readonly seconds: number;
  /** Tokens in a window. */
  readonly length: number;
  /** Share of tokens masked. */
  readonly maskRate: number;
  /** Mean cross-entropy of the masked tokens, in nats. */
  readonly loss: number;
  /** Share of masked tokens predicted as they were. */
  readonly accuracy: number;
  /** Mean cross-entropy and accuracy of next sentence prediction, where it is trained. */
  readonly nextSentence?: NextSentenceEvaluation | undefined;
  /** Learning rate. */
  readonly learningRate: number;
  /** Global gradient norm before clipping. */
  readonly gradientNorm: number;
  /** Over the steps read back together with this one. */
  readonly tokensPerSecond: number;
  /** Where activations are stored in f16: what the loss was multiplied by. */
  readonly lossScale?: number | undefined;
}

/** A step whose loss or gradient is NaN or infinite: the device left the weights as they were. */
export interface SkippedRecord extends Omit<TrainRecord, "kind" | "accuracy" | "nextSentence"> {
  /** Tells events apart. */
  readonly kind: "skipped";
  /** Steps that were skipped one after the other, this one included. */
  readonly inARow: number;
  /** Steps of the run that were skipped, this one included. */
  readonly total: number;
}

/**
 * A step in f16 whose gradient overflowed, for the loss was multiplied by too much: the weights are as they were, and the next
 * step has half the factor. This is how the factor is found, and no fault of the run.
 */
export interface OverflowRecord extends Omit<TrainRecord, "kind" | "accuracy" | "nextSentence" | "gradientNorm"> {
  /** Tells events apart. */
  readonly kind: "overflow";
  /** What the loss was multiplied by. */
  readonly lossScale: number;
}

/** A loss far above those before it; told once, however long it stays there. */
export interface SpikeRecord extends Pick<TrainRecord, "step" | "tokens" | "loss" | "learningRate"> {
  /** Tells events apart. */
  readonly kind: "spike";
  /** About what the loss was before. */
  readonly usual: number;
}

/** Result of a validation. */
export interface ValidationRecord extends Omit<Evaluation, "predicted"> {
  /** Tells events apart. */
  readonly kind: "validation";
  /** Steps done. */
  readonly step: number;
  /** Tokens seen in training. */
  readonly tokens: number;
  /** Seconds of training. */
  readonly seconds: number;
  /** Tokens in a window. */
  readonly length: number;
  /** Share of padding in the training windows so far. */
  readonly paddingShare: number;
  /** Bytes of device memory that the model and its programs hold. */
  readonly deviceBytes?: number | undefined;
  /** Bytes of memory that the process has in the machine, where that is known. */
  readonly residentBytes?: number | undefined;
}

/** What training is at: what is said of it begins now. */
export type Phase = "preparing" | "compiling" | "training" | "validating" | "sampling" | "saving";

/** Training begins something else, or has come further in what it is at. */
export interface PhaseRecord {
  /** Tells events apart. */
  readonly kind: "phase";
  /** What it is at from now on. */
  readonly phase: Phase;
  /** Steps done. */
  readonly step: number;
  /** Share of it that is done, where that is known. */
  readonly share?: number | undefined;
}

/** What {@linkcode train} yields. */
export type TrainEvent =
  | PhaseRecord
  | TrainRecord
  | SkippedRecord
  | OverflowRecord
  | SpikeRecord
  | ValidationRecord
  | { readonly kind: "samples"; readonly step: number; readonly samples: SampleToken[][] }
  | { readonly kind: "checkpoint"; readonly state: TrainingState }
  | TimeRecord;

/** Where the time went since training began or was resumed, in seconds; the last event. */
export interface TimeRecord {
  /** Tells events apart. */
  readonly kind: "time";
  /** Everything. */
  readonly elapsed: number;
  /** Steps of training. */
  readonly training: number;
  /** Validation and samples. */
  readonly validation: number;
  /** What was done with checkpoints. */
  readonly saving: number;
}
