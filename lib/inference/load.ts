/**
 * A trained model, ready to be used: by path or address.
 *
 * @module
 */

import type { PackMode } from "../batch/block.ts";
import { textWindows } from "../batch/text_windows.ts";
import type { Device } from "../device/device.ts";
import { type DeviceChoice, openDevice } from "../device/open_device.ts";
import { type ModelFolder, urlFolder } from "../format/model_folder.ts";
import { type OpenedModel, openModel } from "../format/open_model.ts";
import type { ModelPooling } from "../model/pooling.ts";
import { readPooling } from "../format/sentence_folder.ts";
import type { ModelConfig } from "../model/config.ts";
import { Model } from "../model/model.ts";
import { isMaskedHeadParameter } from "../model/heads/masked.ts";
import { isNextSentenceParameter } from "../model/heads/next_sentence.ts";
import { initialValues } from "../model/parameters.ts";
import type { Corpus, CorpusPart } from "../text/corpus.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { findModels } from "../files/find_models.ts";
import { type ContinueOptions, continueText } from "./continue_text.ts";
import { type Embedded, type EmbedOptions, embedTexts } from "./embed.ts";
import {
  type EmbeddedDocument,
  embedDocuments,
  type EmbedDocumentsOptions,
  type TextDocument,
} from "./embed_documents.ts";
import { fill, type Filled, type FillOptions, fillTexts } from "./fill.ts";
import type { ScoreOptions } from "../evaluate/masked_batches.ts";
import { scoreEachToken, scoreMasked } from "../evaluate/score.ts";
import { type Score, ScoreTotal } from "../evaluate/score_totals.ts";
import type { EachTokenOptions } from "../evaluate/token_batches.ts";

/** Options of {@linkcode load}. */
export interface LoadOptions {
  /**
   * Where the model runs: a device, which stays the caller's, or a kind of device.
   *
   * @default {"auto"}
   */
  device?: Device | DeviceChoice;
  /** Threads of the CPU device. Default: the machine's cores. */
  threads?: number | undefined;
  /**
   * System BLAS of the CPU device: a path, "auto" or "off".
   *
   * @default {"off"}
   */
  blas?: string | undefined;
}

/** Options of {@linkcode MaskedLanguageModel.evaluate}. */
export interface EvaluateOptions extends ScoreOptions, EachTokenOptions {
  /**
   * Which part of the corpus.
   *
   * @default {"validation"}
   */
  part?: CorpusPart | undefined;
  /** Tokens of a window. Default: 128, or the model's longest if that is shorter. */
  length?: number | undefined;
  /** Most tokens to read. Default: all. */
  tokens?: number | undefined;
  /**
   * How windows are filled.
   *
   * @default {"none"}
   */
  pack?: PackMode | undefined;
  /**
   * Mask each token in turn instead of a fixed share: gives the pseudo-perplexity.
   *
   * @default {false}
   */
  eachToken?: boolean | undefined;
}

/** Tokens of a window where nothing else is said. */
export const EVALUATION_LENGTH = 128;

/** A trained masked language model on a device. */
export class MaskedLanguageModel {
  /** Where it came from. */
  readonly place: string;
  /** The model. */
  readonly model: Model;
  /** Its vocabulary. */
  readonly tokenizer: Tokenizer;
  #pooling: ModelPooling | SyntaxError | undefined;
  #ownDevice: boolean;

  /** Takes a model over; with `ownDevice`, its device too. `pooling`: how its vectors are made, or why that is not known. */
  constructor(
    { place, model, tokenizer, pooling, ownDevice }: {
      place: string;
      model: Model;
      tokenizer: Tokenizer;
      pooling?: ModelPooling | SyntaxError | undefined;
      ownDevice: boolean;
    },
  ) {
    this.place = place;
    this.model = model;
    this.tokenizer = tokenizer;
    this.#pooling = pooling;
    this.#ownDevice = ownDevice;
  }

  /** Its configuration. */
  get config(): ModelConfig {
    return this.model.config;
  }

  /**
   * How its vectors are made, where its folder says that for sentence-transformers; undefined elsewhere.
   *
   * @throws {SyntaxError} if it makes them in a way that is not known here.
   */
  get pooling(): ModelPooling | undefined {
    if (this.#pooling instanceof SyntaxError) throw this.#pooling;
    return this.#pooling;
  }

  /** Fills every `[MASK]` of a text: see {@linkcode fill}. */
  fill(text: string, options?: FillOptions): Promise<Filled> {
    return fill(this, text, options);
  }

  /** Fills a stream of texts: see {@linkcode fillTexts}. */
  fillTexts(texts: Iterable<string> | AsyncIterable<string>, options?: FillOptions): AsyncGenerator<Filled> {
    return fillTexts(this, texts, options);
  }

  /** Goes on with a text: see {@linkcode continueText}. */
  continueText(beginning: string, options?: ContinueOptions): AsyncGenerator<string> {
    return continueText(this, beginning, options);
  }

  /** Vectors of texts: see {@linkcode embedTexts}. */
  async embed(texts: readonly string[], options?: EmbedOptions): Promise<Float32Array<ArrayBuffer>[]> {
    const vectors = [];
    for await (const { embedding } of this.embedTexts(texts, options)) vectors.push(embedding);
    return vectors;
  }

  /** Vectors of a stream of texts: see {@linkcode embedTexts}. */
  embedTexts(texts: Iterable<string> | AsyncIterable<string>, options?: EmbedOptions): AsyncGenerator<Embedded> {
    return embedTexts(this, texts, options);
  }

  /** Vectors of documents of any length, or of their chunks: see {@linkcode embedDocuments}. */
  embedDocuments(
    documents: Iterable<TextDocument> | AsyncIterable<TextDocument>,
    options?: EmbedDocumentsOptions,
  ): AsyncGenerator<EmbeddedDocument> {
    return embedDocuments(this, documents, options);
  }

  /** Masked loss, accuracy and perplexity on a text, repeatable to the bit: see {@linkcode scoreMasked}. */
  async evaluate(corpus: Corpus, options: EvaluateOptions = {}): Promise<Score> {
    const { part = "validation", eachToken = false, restOfWord, tokens, pack, ...masks } = options;
    const { length = Math.min(EVALUATION_LENGTH, this.config.maxLength) } = options;
    const { tokenizer } = this;
    const windows = textWindows({ corpus, part, tokenizer, length, tokens, pack, words: restOfWord });
    const total = new ScoreTotal();
    const scores = eachToken ? scoreEachToken(this, windows, { restOfWord }) : scoreMasked(this, windows, masks);
    for await (const score of scores) total.add(score);
    return total.score;
  }

  /** Gives the memory back, and the device if it was opened for this model. */
  destroy(): void {
    this.model.destroy();
    if (this.#ownDevice) this.model.device.destroy();
  }

  /** The same, for `using`. */
  [Symbol.dispose](): void {
    this.destroy();
  }
}

/**
 * Loads a model: a run's folder (its latest checkpoint), a checkpoint, any folder with a model of BERT's or ModernBERT's
 * classes, or the address of such a folder, which also works in browsers. Everything is checked before memory is taken, and
 * weights go to the device piece by piece. Models without a head for masked tokens, such as BertModel, give vectors only.
 *
 * @throws {RangeError} if there is no model.
 * @throws {SyntaxError} that says which file or tensor does not fit, and why.
 *
 * @example
 * ```ts ignore
 * import { load } from "@cloze/mlm";
 *
 * using model = await load("runs/modernbert-small-stories");
 * const { filled } = await model.fill("Ben has a red b[MASK]ll.");
 * console.log(filled);
 * ```
 */
export async function load(
  source: string | URL | ModelFolder,
  options: LoadOptions = {},
): Promise<MaskedLanguageModel> {
  const opened = await openModel(await folderOf(source));
  const { device: choice = "auto", threads, blas } = options;
  const ownDevice = typeof choice === "string";
  let device: Device;
  try {
    device = ownDevice ? (await openDevice(choice, { threads, blas })).device : choice;
  } catch (error) {
    await opened.weights.close();
    throw error;
  }
  try {
    const { folder: { place }, tokenizer } = opened;
    const pooling = await readPooling(opened.folder).catch(notPooled);
    return new MaskedLanguageModel({ place, tokenizer, pooling, ownDevice, model: await toDevice(opened, device) });
  } catch (error) {
    if (ownDevice) device.destroy();
    throw error;
  }
}

/** Of a model whose vectors are made in another way than those here, the rest can be used. */
export function notPooled(error: unknown): SyntaxError {
  if (error instanceof SyntaxError) return error;
  throw error;
}

/** The folder that a path or an address means. */
export async function folderOf(source: string | URL | ModelFolder): Promise<ModelFolder> {
  if (source instanceof URL) {
    return source.protocol === "file:" ? await folderOf(decodeURIComponent(source.pathname)) : urlFolder(source.href);
  }
  if (typeof source !== "string") return source;
  if (/^https?:\/\//i.test(source)) return urlFolder(source);
  // a web page has no files, but an address that others are relative to
  if (!("Deno" in globalThis)) return urlFolder(new URL(source, globalThis.location?.href).href);
  return (await findModels(source)).at(-1)!;
}

/** Bytes on their way to a graphics card, each of which has a second copy until it is there. */
const MOST_WAITING = 1 << 23;

/** Options of {@linkcode toDevice}. */
export interface ToDeviceOptions {
  /** Where a head is missing, makes one of random weights from this seed, to be trained. Default: there is none then. */
  headSeed?: number | undefined;
}

/**
 * Reads the weights of an opened model to a device. A folder may hold an encoder alone: then the model has no head, and gives
 * vectors only.
 *
 * @throws {SyntaxError} if a file ends too early, or a tensor is not finite.
 */
export async function toDevice(
  { config, weights }: Pick<OpenedModel, "config" | "weights">,
  device: Device,
  { headSeed }: ToDeviceOptions = {},
): Promise<Model> {
  let model: Model | undefined;
  try {
    model = new Model(device, config, { head: weights.head || headSeed !== undefined });
    const { store, step } = model;
    const isNew = (name: string) =>
      isNextSentenceParameter(name) ? !weights.nextSentence : isMaskedHeadParameter(name) && !weights.head;
    if (headSeed !== undefined) {
      for (const [name, values] of initialValues(config, headSeed, { only: isNew })) store.write(name, values, 0);
    }
    let waiting = 0;
    await weights.read(async (name, values, offset) => {
      if (isNextSentenceParameter(name) && !config.nextSentence) return;
      store.write(name, values, offset);
      waiting += values.byteLength;
      if (device.kind === "cpu" || waiting < MOST_WAITING) return;
      await device.read([step.clock]);
      waiting = 0;
    });
    return model;
  } catch (error) {
    await weights.close();
    model?.destroy();
    throw error;
  }
}
