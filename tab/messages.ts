/**
 * What the page and the worker that trains tell each other.
 *
 * @module
 */

import type { LastLayer } from "../lib/model/model.ts";
import type { DeviceChoice } from "../mod.ts";

/** How long a run is. */
export type TabBudget = { readonly minutes: number } | { readonly steps: number };

/** What a visitor chooses for a run. */
export interface TabSettings {
  /** Where it computes. */
  readonly device: DeviceChoice;
  /** Size of a new model. */
  readonly size: "tiny" | "small";
  /** Kind of a new model's vocabulary. */
  readonly vocabulary: "char" | "wordpiece" | "bpe";
  /** Tokens of a vocabulary that is trained. */
  readonly vocabularySize: number;
  /** How long to train. */
  readonly budget: TabBudget;
  /** Tokens of a window at the end of the curriculum. */
  readonly length: number;
  /** Tokens of a batch. */
  readonly batchTokens: number;
  /** Highest learning rate; undefined: what suits the model. */
  readonly learningRate?: number | undefined;
  /** Seed of everything that is drawn. */
  readonly seed: number;
}

/** By what a text is known again. */
export interface TextMark {
  /** UTF-16 units. */
  readonly characters: number;
  /** CRC-32 of its UTF-8. */
  readonly crc: number;
}

/** What a saved run notes beside its checkpoint. */
export interface TabNote {
  /** Settings of the run. */
  readonly settings: TabSettings;
  /** The text that it reads. */
  readonly text: TextMark;
  /** What its last layer is computed for; undefined in runs of before: whole batches. */
  readonly lastLayer?: LastLayer | undefined;
}

/** Files of a folder by name. */
export type TabFiles = ReadonlyMap<string, Blob>;

/** Where a model is loaded from. */
export type ModelPlace = { readonly address: string } | { readonly name: string; readonly files: TabFiles };

/** How a run begins: from random weights, from those of the model that is there, or where it was stopped. */
export type RunStart = "new" | "further" | "on";

/** What the page asks for. */
export type TabRequest =
  | { readonly kind: "train"; readonly start: RunStart; readonly text: string; readonly settings: TabSettings }
  | { readonly kind: "stop" }
  | { readonly kind: "facts" }
  | { readonly kind: "fill"; readonly text: string }
  | { readonly kind: "save"; readonly name: string }
  | { readonly kind: "load"; readonly from: ModelPlace; readonly device: DeviceChoice };

/** What is known of the model that is there. */
export interface ModelFacts {
  /** For people: size and vocabulary. */
  readonly description: string;
  /** Kind of vocabulary. */
  readonly vocabulary: string;
  /** How its mask is written. */
  readonly mask: string;
  /** Where it computes. */
  readonly device: string;
  /** Bytes of memory that the tab's devices hold for it. */
  readonly deviceBytes: number;
  /** Steps of training that are known. */
  readonly step: number;
  /** Of a run that was stopped: its settings and its text. */
  readonly unfinished?: TabNote | undefined;
}

/** A place with its candidates. */
export interface FilledPlace {
  /** Candidates, the most probable first. */
  readonly candidates: readonly { readonly token: string; readonly probability: number }[];
}

/** A text with its masks filled. */
export interface FilledText {
  /** The text with the best candidates in it. */
  readonly filled: string;
  /** Each mask. */
  readonly places: readonly FilledPlace[];
}

/** What each request is answered with. */
export interface TabAnswers {
  train: ModelFacts;
  stop: undefined;
  facts: ModelFacts | undefined;
  fill: FilledText;
  save: TabFiles;
  load: ModelFacts;
}

/** What happens during a run. */
export type TabEvent =
  | { readonly kind: "model"; readonly facts: ModelFacts }
  | { readonly kind: "notice"; readonly text: string }
  | { readonly kind: "phase"; readonly phase: string }
  | {
    readonly kind: "lines";
    readonly metrics: readonly string[];
    readonly samples: readonly string[];
    readonly done: number;
  };

/** What the page sends. */
export interface ToWorker {
  readonly id: number;
  readonly request: TabRequest;
}

/** What the worker sends. */
export type FromWorker =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly problem: string }
  | { readonly event: TabEvent };
