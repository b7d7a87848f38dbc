/**
 * The flags of `classify`.
 *
 * @module
 */

import { trimmed } from "../files/paths.ts";
import { type ClassWeighting, classWeightings } from "../classify/settings.ts";
import { poolModes } from "../inference/embed.ts";
import { checkpoint } from "./checkpoint_choice.ts";
import { parseChoice, parseCount, parseExtent, parseFew, parseNumber, parseShare } from "./flag_values.ts";
import { flag, flagSwitch } from "./flags.ts";
import { busyDeviceFlags, json } from "./opened_model.ts";
import { labelledFlags } from "./open_labelled.ts";
import { trainFlags } from "./train_flags.ts";

const path = (value: string) => value;

/** What is read. */
export const readFlags = {
  ...labelledFlags,
  data: {
    ...labelledFlags.data,
    help: "of train and eval: labelled data, a file, folder, glob, URL or -; may be repeated",
  },
  file: flag("PATH", "of predict: the lines, records or rows of a file; - for standard input", path),
  windows: flagSwitch("read all of long texts, in pieces whose logits are averaged, instead of their beginning"),
  checkpoint,
};

/** How a classifier is trained. */
export const fineTuneFlags = {
  out: flag("FOLDER", "where the classifier goes; it must not exist yet (required)", trimmed),
  resume: flag("FOLDER", "instead of all else: go on with a training for FOLDER that was cut short", trimmed),
  test: {
    ...flag("PATH", "labelled data that the classifier is measured on at the end; may be repeated", path),
    repeatable: true,
  },
  validation: flag(
    "SHARE",
    "held out to stop early (default: none of fewer than 40, 20% of fewer than 500, else 10%)",
    parseShare,
  ),
  "class-weights": {
    ...flag("HOW", "none, or balanced: every class counts the same however rare", parseChoice(classWeightings)),
    default: "none" as ClassWeighting,
  },
  epochs: flag(
    "N",
    "passes over the data (default: 3, or as many as make 200 steps, 600 with some held out, up to 100)",
    (value) => parseNumber(value, { example: 3 }),
  ),
  steps: flag("N", "steps, instead of passes", parseCount),
  batch: flag("N", "texts of a step (default: 16 of fewer than 500 texts, else 32)", parseFew),
  lr: flag(
    "RATE",
    "peak of the learning rate (default: 5e-5 at width 768, more the narrower, at most 1e-3)",
    parseNumber,
  ),
  patience: flag("N", "looks at what is held out, about 20 in all, that may be no better (default: 5)", parseFew),
  length: flag("N", "most tokens of a text (default: the model's longest)", parseExtent),
  pool: flag(
    "KIND",
    "of ModernBERT: mean of all tokens, or cls, the first one (default: mean)",
    parseChoice(poolModes),
  ),
  dropout: flag(
    "SHARE",
    "share of activations dropped (default: the model's own; of BERT without any 10%)",
    parseShare,
  ),
  seed: { ...trainFlags.seed, help: "seed of all random numbers (default: 1)" },
};

/** How it is told. */
export const tellFlags = {
  top: { ...flag("N", "of predict: most probable classes that are told of a text", parseFew), default: 10 },
  json: { ...json, help: "of eval: print JSON" },
};

/** All of them, under headings. */
export const classifyGroups = {
  Options: { ...readFlags, ...tellFlags },
  "Options of train": fineTuneFlags,
  Device: busyDeviceFlags,
};
