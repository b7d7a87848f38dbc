/**
 * A tagger, which tells a class of each word: trained, loaded, used, measured, and written.
 *
 * @module
 */

import type { TextModel } from "../evaluate/text_model.ts";
import type { ModelFolder } from "../format/model_folder.ts";
import type { LoadOptions } from "../inference/load.ts";
import { inChunks } from "../inference/texts.ts";
import type { TrainingReport } from "./classifier.ts";
import type { ClassifierFiles } from "./classifier_files.ts";
import { cutWords, piecesKey } from "./examples.ts";
import { headMembers } from "./head_members.ts";
import { loadHead } from "./load_head.ts";
import { best, type ClassificationPrograms, classificationPrograms, pieceLogits, softmax } from "./predict_pieces.ts";
import { type ClassifierScore, scoreCounter } from "./scores.ts";
import { type ClassifierOptions, longestOf, type NamedExample, trainHead } from "./train_head.ts";

/** A sentence with a class of each word. */
export interface TaggedExample {
  /** Its words. */
  readonly words: readonly string[];
  /** The class of each. */
  readonly tags: readonly string[];
}

/** A word with what it was told to be. */
export interface TaggedWord {
  /** The word. */
  readonly word: string;
  /** Its most probable class. */
  readonly tag: string;
  /** How probable that is. */
  readonly probability: number;
}

/** A model that tells a class of each word. */
export interface Tagger extends TextModel, Disposable {
  /** Its classes. */
  readonly classes: readonly string[];
  /** Of one that was trained here. */
  readonly training?: TrainingReport | undefined;
  /**
   * Tells the classes of the words of a stream of sentences, in order, a few hundred at a time. Texts are cut into words at white
   * space. Long sentences are read in pieces.
   */
  predict(
    sentences: Iterable<string | readonly string[]> | AsyncIterable<string | readonly string[]>,
  ): AsyncGenerator<readonly TaggedWord[]>;
  /** How right it is on sentences with their classes. */
  evaluate(examples: Iterable<TaggedExample> | AsyncIterable<TaggedExample>): Promise<ClassifierScore>;
  /** The files of a Hugging Face folder, with a model card where one is given. */
  files(options?: { card?: string | undefined }): Promise<ClassifierFiles>;
  /** Gives the memory back, and the device if it was opened for this model. */
  destroy(): void;
}

/**
 * Trains a tagger: all weights of a pre-trained model, with a new head that tells a class of the first token of each word.
 * Sentences are held out as texts are by {@linkcode classifier}.
 *
 * @throws {RangeError} for a sentence with other than one class for each word, for fewer than two classes, or a loss that is not
 * finite.
 *
 * @example
 * ```ts
 * import { characterTokenizer, createModel, modelConfig, openDevice, tagger } from "@cloze/mlm";
 *
 * const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyzA ");
 * const { device } = await openDevice("cpu", { threads: 1 });
 * const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny", maxLength: 32 }));
 * const sentences = [{ words: ["Anna", "sees", "a", "dog"], tags: ["NAME", "VERB", "OTHER", "NOUN"] }];
 * const tells = await tagger({ model, tokenizer }, sentences, { steps: 20 });
 * for await (const words of tells.predict(["a dog sees Anna"])) console.log(words.map(({ tag }) => tag).join(" "));
 * tells.destroy();
 * model.destroy();
 * device.destroy();
 * ```
 */
export async function tagger(
  base: TextModel,
  examples: Iterable<TaggedExample> | AsyncIterable<TaggedExample>,
  options: ClassifierOptions = {},
): Promise<Tagger> {
  const longest = longestOf(base, options.longest);
  const named: NamedExample[] = [];
  for await (const { words, tags } of examples) {
    checkTags(words, tags);
    if (words.length > 0) named.push({ pieces: cutWords(base.tokenizer, words, longest), labels: tags });
  }
  const { model, heldOut, ...report } = await trainHead(base, named, { of: "token", options });
  const { classes } = model.model.config.classification!;
  const score = scoreCounter(classes);
  const programs = classificationPrograms(model.model);
  try {
    const sentences = heldOut.map((i) => named[i]!);
    const logits = await pieceLogits(sentences.flatMap(({ pieces }) => pieces), { ...model, programs });
    let at = 0;
    for (const { pieces, labels } of sentences) {
      const rows = logits.slice(at, at += pieces.length).flat();
      score.add(labels, rows.map((row) => classes[best(row)]!), piecesKey(pieces));
    }
  } finally {
    await programs.clear();
  }
  const training = { ...report, heldOut: heldOut.length > 0 ? score.score() : undefined };
  return wordTagger(model, { training, longest });
}

function checkTags(words: readonly string[], tags: readonly string[]): void {
  if (words.length === tags.length) return;
  throw new RangeError(`Cannot learn of ${words.length} words with ${tags.length} tags: each word has one`);
}

/**
 * Loads a tagger from a folder or address: BertForTokenClassification or ModernBertForTokenClassification.
 *
 * @throws {RangeError} if it is of another class.
 * @throws {SyntaxError} that says which file or tensor does not fit, and why.
 *
 * @example
 * ```ts ignore
 * import { loadTagger } from "@cloze/mlm";
 *
 * using tells = await loadTagger("names-tagger");
 * for await (const words of tells.predict(["Anna lives in Rome"])) console.log(words);
 * ```
 */
export async function loadTagger(source: string | URL | ModelFolder, options: LoadOptions = {}): Promise<Tagger> {
  const { ownDevice, ...model } = await loadHead(source, { ...options, of: "token" });
  return wordTagger(model, { ownDevice });
}

/** A model that tells classes of tokens, as a tagger. */
export function wordTagger(
  { model, tokenizer }: TextModel,
  { ownDevice = false, training, longest = model.config.maxLength }: {
    ownDevice?: boolean;
    training?: TrainingReport | undefined;
    longest?: number | undefined;
  } = {},
): Tagger {
  const members = headMembers({ model, tokenizer }, { ownDevice, training });
  const predict: Tagger["predict"] = (sentences) => predictWords({ model, tokenizer }, sentences, longest);
  return {
    ...members,
    predict,
    async evaluate(examples) {
      const score = scoreCounter(members.classes);
      const right: (readonly string[])[] = [];
      const sentences = async function* () {
        for await (const { words, tags } of examples) {
          checkTags(words, tags);
          right.push(tags);
          yield words;
        }
      };
      for await (const words of predict(sentences())) {
        const text = words.map(({ word }) => word).join("\n");
        score.add(right.shift()!, words.map(({ tag }) => tag), text);
      }
      return score.score();
    },
  };
}

async function* predictWords(
  textModel: TextModel,
  sentences: Iterable<string | readonly string[]> | AsyncIterable<string | readonly string[]>,
  longest: number,
): AsyncGenerator<readonly TaggedWord[]> {
  const programs = classificationPrograms(textModel.model);
  try {
    for await (const chunk of inChunks(inLines(sentences))) {
      const all = chunk.map((lines) => lines === "" ? [] : lines.split("\n"));
      yield* await taggedSentences(textModel, all, { longest, programs });
    }
  } finally {
    await programs.clear();
  }
}

async function taggedSentences(
  textModel: TextModel,
  sentences: readonly (readonly string[])[],
  { longest, programs }: { longest: number; programs: ClassificationPrograms },
): Promise<TaggedWord[][]> {
  const { classes } = textModel.model.config.classification!;
  const pieces = sentences.map((words) => cutWords(textModel.tokenizer, words, longest));
  const logits = await pieceLogits(pieces.flat(), { ...textModel, programs });
  let at = 0;
  return sentences.map((words, i) => {
    const rows = logits.slice(at, at += pieces[i]!.length).flat();
    return words.map((word, w) => {
      const shares = softmax(rows[w]!);
      const most = best(shares);
      return { word, tag: classes[most]!, probability: shares[most]! };
    });
  });
}

/** Sentences as texts with a word a line. */
async function* inLines(
  sentences: Iterable<string | readonly string[]> | AsyncIterable<string | readonly string[]>,
): AsyncGenerator<string> {
  for await (const sentence of sentences) {
    if (typeof sentence === "string") yield sentence.trim().replace(/\s+/g, "\n");
    else yield sentence.map((word) => word.replaceAll("\n", " ")).join("\n");
  }
}
