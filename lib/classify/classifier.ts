/**
 * A classifier of texts: trained, loaded, used, measured, and written.
 *
 * @module
 */

import type { TextModel } from "../evaluate/text_model.ts";
import type { ModelFolder } from "../format/model_folder.ts";
import type { LoadOptions } from "../inference/load.ts";
import { inChunks } from "../inference/texts.ts";
import { counted } from "../sentences/counted.ts";
import type { ClassifierFiles } from "./classifier_files.ts";
import { type CutOptions, cutText, piecesKey } from "./examples.ts";
import { headMembers } from "./head_members.ts";
import { loadHead } from "./load_head.ts";
import { best, classificationPrograms, pieceLogits, softmax } from "./predict_pieces.ts";
import { type ClassifierScore, scoreCounter } from "./scores.ts";
import type { FineTuneSettings } from "./settings.ts";
import { framedFor } from "./start.ts";
import { type ClassifierOptions, longestOf, type NamedExample, trainHead } from "./train_head.ts";

/** A text and the class that it belongs to. */
export interface ClassifiedExample {
  /** The text. */
  readonly text: string;
  /** Name of its class. */
  readonly label: string;
}

/** A text with what it was told to be. */
export interface Classified {
  /** The text as given. */
  readonly text: string;
  /** The most probable class. */
  readonly label: string;
  /** How probable it is. */
  readonly probability: number;
  /** All classes, the most probable first. */
  readonly probabilities: readonly { readonly label: string; readonly probability: number }[];
  /** Tokens that did not fit the model's longest text and were left out. */
  readonly omitted: number;
}

/** Options of {@linkcode Classifier.predict}. */
export interface ClassifyOptions {
  /**
   * Take all of a text that is too long, in pieces whose logits are averaged, instead of its beginning.
   *
   * @default {false}
   */
  readonly windows?: boolean | undefined;
}

/** What is known of a training. */
export interface TrainingReport {
  /** How it was trained. */
  readonly settings: FineTuneSettings;
  /** Steps that were done. */
  readonly steps: number;
  /** The step whose weights the model has: that of the best look, without any the last one. */
  readonly bestStep: number;
  /** Texts, or sentences, that were learned. */
  readonly examples: number;
  /** Whether it was ended by its signal, before its last step. */
  readonly isInterrupted: boolean;
  /** How right it is on what was held out; undefined where nothing was, or an interrupt left no time to measure it. */
  readonly heldOut: ClassifierScore | undefined;
}

/** A model that tells classes of texts. */
export interface Classifier extends TextModel, Disposable {
  /** Its classes. */
  readonly classes: readonly string[];
  /** Of one that was trained here. */
  readonly training?: TrainingReport | undefined;
  /** Tells the classes of a stream of texts, in order, a few hundred at a time. */
  predict(texts: Iterable<string> | AsyncIterable<string>, options?: ClassifyOptions): AsyncGenerator<Classified>;
  /** How right it is on texts with their classes. */
  evaluate(
    examples: Iterable<ClassifiedExample> | AsyncIterable<ClassifiedExample>,
    options?: ClassifyOptions,
  ): Promise<ClassifierScore>;
  /** The files of a Hugging Face folder, with a model card where one is given. */
  files(options?: { card?: string | undefined }): Promise<ClassifierFiles>;
  /** Gives the memory back, and the device if it was opened for this model. */
  destroy(): void;
}

/**
 * Trains a classifier of texts: all weights of a pre-trained model, with a new head. The model that it begins with stays as it
 * is. Of few examples all are learned; of more some are held out, and the weights are kept that told those best.
 *
 * @throws {RangeError} for fewer than two classes, for labels that look like amounts, or a loss that is not finite.
 *
 * @example
 * ```ts
 * import { characterTokenizer, classifier, createModel, modelConfig, openDevice } from "@cloze/mlm";
 *
 * const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz ");
 * const { device } = await openDevice("cpu", { threads: 1 });
 * const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny", maxLength: 32 }));
 * const texts = ["a fine film", "fine and warm", "a dull film", "dull and cold"];
 * const examples = texts.map((text) => ({ text, label: text.includes("fine") ? "good" : "bad" }));
 * const tells = await classifier({ model, tokenizer }, examples, { steps: 20 });
 * for await (const { text, label } of tells.predict(["fine", "so dull"])) console.log(label, text);
 * tells.destroy();
 * model.destroy();
 * device.destroy();
 * ```
 */
export async function classifier(
  base: TextModel,
  examples: Iterable<ClassifiedExample> | AsyncIterable<ClassifiedExample>,
  options: ClassifierOptions & ClassifyOptions = {},
): Promise<Classifier> {
  const { note, windows = false, pool = "mean" } = options;
  const longest = longestOf(base, options.longest);
  const tokenizer = framedFor(base.tokenizer, { preset: base.model.config.preset, of: "text", pool });
  const named: (NamedExample & { readonly isCut: boolean })[] = [];
  const lengths = cutCounter(longest);
  let empty = 0;
  for await (const { text, label } of examples) {
    if (text.trim() === "") {
      empty++;
      continue;
    }
    const { pieces, omitted } = cutText(tokenizer, text, { longest, windows });
    lengths.add(omitted);
    named.push({ pieces, labels: [label], isCut: omitted > 0 });
  }
  if (empty > 0) note?.(`${counted(empty, "text")} ${empty === 1 ? "is" : "are"} empty and left out`);
  if (lengths.sentence) note?.(lengths.sentence);
  const { model, heldOut, ...report } = await trainHead(base, named, { of: "text", options });
  const { classes } = model.model.config.classification!;
  const score = scoreCounter(classes);
  const programs = classificationPrograms(model.model);
  try {
    const pieces = heldOut.flatMap((i) => named[i]!.pieces);
    const logits = await pieceLogits(pieces, { ...model, programs });
    let at = 0;
    for (const i of heldOut) {
      const own = logits.slice(at, at += named[i]!.pieces.length).map(([first]) => first!);
      const { labels, pieces, isCut } = named[i]!;
      score.add(labels, [classes[best(mean(own))]!], piecesKey(pieces), isCut);
    }
  } finally {
    await programs.clear();
  }
  const training = { ...report, heldOut: heldOut.length > 0 ? score.score() : undefined };
  return textClassifier(model, { training, longest });
}

/**
 * Loads a classifier of texts from a folder or address: BertForSequenceClassification or ModernBertForSequenceClassification.
 *
 * @throws {RangeError} if it is of another class.
 * @throws {SyntaxError} that says which file or tensor does not fit, and why.
 *
 * @example
 * ```ts ignore
 * import { loadClassifier } from "@cloze/mlm";
 *
 * using tells = await loadClassifier("reviews-classifier");
 * for await (const { text, label, probability } of tells.predict(["it broke at once"])) console.log(label, probability, text);
 * ```
 */
export async function loadClassifier(
  source: string | URL | ModelFolder,
  options: LoadOptions = {},
): Promise<Classifier> {
  const { ownDevice, ...model } = await loadHead(source, { ...options, of: "text" });
  return textClassifier(model, { ownDevice });
}

/** A model that tells classes of texts, as a classifier. */
export function textClassifier(
  { model, tokenizer }: TextModel,
  { ownDevice = false, training, longest = model.config.maxLength }: {
    ownDevice?: boolean;
    training?: TrainingReport | undefined;
    longest?: number | undefined;
  } = {},
): Classifier {
  const members = headMembers({ model, tokenizer }, { ownDevice, training });
  const predict: Classifier["predict"] = (texts, { windows } = {}) =>
    predictTexts({ model, tokenizer }, texts, { windows, longest });
  return {
    ...members,
    predict,
    async evaluate(examples, options) {
      const score = scoreCounter(members.classes);
      const labels: string[] = [];
      const texts = async function* () {
        for await (const { text, label } of examples) {
          labels.push(label);
          yield text;
        }
      };
      for await (const { text, label, omitted } of predict(texts(), options)) {
        score.add([labels.shift()!], [label], text, omitted > 0);
      }
      return score.score();
    },
  };
}

async function* predictTexts(
  textModel: TextModel,
  texts: Iterable<string> | AsyncIterable<string>,
  options: CutOptions,
): AsyncGenerator<Classified> {
  const { model, tokenizer } = textModel;
  const { classes } = model.config.classification!;
  const programs = classificationPrograms(model);
  try {
    for await (const chunk of inChunks(texts)) {
      const cut = chunk.map((text) => cutText(tokenizer, text, options));
      const logits = await pieceLogits(cut.flatMap(({ pieces }) => pieces), { ...textModel, programs });
      let at = 0;
      for (const [i, { pieces, omitted }] of cut.entries()) {
        const own = logits.slice(at, at += pieces.length).map(([first]) => first!);
        yield { text: chunk[i]!, ...ranked(mean(own), classes), omitted };
      }
    }
  } finally {
    await programs.clear();
  }
}

/** Mean of the logits of a text's pieces. */
function mean(logits: readonly Float32Array[]): Float64Array {
  return Float64Array.from(logits[0]!, (_, c) => logits.reduce((sum, row) => sum + row[c]!, 0) / logits.length);
}

/** Classes by their probabilities, the most probable first. */
export function ranked(
  logits: ArrayLike<number>,
  classes: readonly string[],
): Pick<Classified, "label" | "probability" | "probabilities"> {
  const shares = softmax(logits);
  const order = [...shares.keys()].sort((a, b) => shares[b]! - shares[a]! || a - b);
  const probabilities = order.map((c) => ({ label: classes[c]!, probability: shares[c]! }));
  return { ...probabilities[0]!, probabilities };
}

/** Counts texts that were cut off. */
export function cutCounter(longest: number) {
  let [count, most] = [0, 0];
  return {
    add(omitted: number) {
      if (omitted > 0) count++;
      most = Math.max(most, omitted);
    },
    get sentence(): string | undefined {
      if (count === 0) return undefined;
      const is = count === 1 ? "is" : "are";
      return `${counted(count, "text")} ${is} longer than ${longest} tokens, by up to ${
        most.toLocaleString("en")
      }, and cut off; ` +
        "in windows all of a text is read";
    },
  };
}
