/**
 * Going on with a text: masks behind it are filled one after the other, each in sight of those before (Wang and Cho, BERT has a
 * Mouth, and It Must Speak, 2019).
 *
 * @module
 */

import type { EvaluationProgram } from "../model/model.ts";
import type { TextModel } from "../evaluate/text_model.ts";
import { type ProgramCache, programCache } from "../model/program_cache.ts";
import type { BatchShape } from "../model/model.ts";
import { type RandomSequence, randomSequence } from "../random/philox.ts";
import { encodeWithSpecials, specialIds } from "../tokenizer/special_tokens.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { mostProbable } from "../evaluate/candidates.ts";
import { spelledMask } from "./fill.ts";
import { padTexts } from "./texts.ts";

/** Orders in which masks are filled: the place that the model is most certain of first, or from left to right. */
export const writingOrders = ["certain", "left"] as const;
/** An order in which masks are filled. */
export type WritingOrder = typeof writingOrders[number];

/** Options of {@linkcode continueText}. */
export interface ContinueOptions {
  /**
   * Tokens to write.
   *
   * @default {50}
   */
  tokens?: number | undefined;
  /**
   * Which mask is filled next.
   *
   * @default {"certain"}
   */
  order?: WritingOrder | undefined;
  /**
   * What logits are divided by before a token is drawn; 0 takes the most probable one.
   *
   * @default {0.7}
   */
  temperature?: number | undefined;
  /**
   * Most probable tokens that are drawn from.
   *
   * @default {40}
   */
  topK?: number | undefined;
  /**
   * Masks that stand behind the text at once: what is written next is chosen with them in sight.
   *
   * @default {12}
   */
  ahead?: number | undefined;
  /**
   * Seed of what is drawn: the same gives the same text on the same device.
   *
   * @default {1}
   */
  seed?: number | undefined;
}

/** Lengths are rounded up to a multiple of this, so that a program serves many steps. */
const LENGTH_STEP = 32;

/**
 * Goes on with a text and yields what is written, piece by piece and in reading order. Of a text that is longer than the model
 * reads, its end is in sight.
 *
 * @throws {RangeError} if the beginning holds a mask, the model has no head or reads too little, or its logits are not finite.
 *
 * @example
 * ```ts
 * import { characterTokenizer, continueText, createModel, modelConfig, openDevice } from "@cloze/mlm";
 *
 * const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz ");
 * const { device } = await openDevice("cpu", { threads: 1 });
 * const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny" }));
 * let text = "once upon a time ";
 * for await (const piece of continueText({ model, tokenizer }, text, { tokens: 8 })) text += piece;
 * console.log(text);
 * model.destroy();
 * device.destroy();
 * ```
 */
export async function* continueText(
  textModel: TextModel,
  beginning: string,
  { tokens = 50, order = "certain", temperature = 0.7, topK = 40, ahead = 12, seed = 1 }: ContinueOptions = {},
): AsyncGenerator<string> {
  const { model, tokenizer } = textModel;
  const mask = tokenizer.special["[MASK]"];
  const ids = [...encodeWithSpecials(tokenizer, beginning)];
  if (ids.includes(mask)) {
    throw new RangeError(`Cannot go on with a text that holds ${spelledMask(tokenizer)}: fill those first`);
  }
  const { before = [], after = [] } = tokenizer.frame ?? {};
  const room = model.config.maxLength - before.length - after.length;
  const block = Math.min(ahead, Math.floor(room / 2));
  if (block < 1) {
    throw new RangeError(`Cannot write with a model that reads ${model.config.maxLength} tokens: it is too few`);
  }
  const programs = programCache((shape: BatchShape) => model.compileEvaluation(shape));
  const told = pieceTeller(tokenizer, ids);
  const start = ids.length;
  try {
    for (let step = 0; step < tokens; step++) {
      // a block is filled before the next begins; from left to right there are always as many masks
      const open = ids.flatMap((id, i) => i >= start && id === mask ? [i] : []);
      const wanted = Math.min(block, start + tokens - ids.length + open.length);
      if (open.length === 0 || order === "left") {
        for (; open.length < wanted; ids.push(mask)) open.push(ids.length);
      }
      const first = Math.max(0, ids.length - room);
      const text = Uint32Array.from([...before, ...ids.slice(first), ...after]);
      const places = open.map((i) => before.length + i - first);
      const logits = await maskedLogits(textModel, { text, places, block, programs });
      const random = randomSequence({ seed, purpose: "writing", at: [step, 0] });
      const { place, id } = chosen(logits, { tokenizer, order, temperature, topK, random });
      ids[open[place]!] = id;
      const written = ids.indexOf(mask, start);
      const piece = told(ids.slice(0, written < 0 ? ids.length : written), step === tokens - 1);
      if (piece !== "") yield piece;
    }
  } finally {
    await programs.clear();
  }
}

/** Logits of the masked places of a text. */
async function maskedLogits(
  { model, tokenizer }: TextModel,
  { text, places, block, programs }: {
    text: Uint32Array<ArrayBuffer>;
    places: readonly number[];
    block: number;
    programs: ProgramCache<BatchShape, EvaluationProgram>;
  },
): Promise<Float32Array[]> {
  const { maxLength, vocab } = model.config;
  const length = Math.min(maxLength, Math.ceil((text.length + 1) / LENGTH_STEP) * LENGTH_STEP);
  const capacity = Math.ceil(block / 4) * 4;
  const program = await programs.get({ windows: 1, length, capacity, documents: true });
  const batch = padTexts([text], { length, padding: tokenizer.special["[PAD]"] });
  const maskedRows = Uint32Array.from(places);
  program.write({ ...batch, original: batch.ids, maskedRows, labels: new Uint32Array(places.length) });
  program.program.run();
  const [bytes] = await model.device.read([program.logits]);
  const all = new Float32Array(bytes!);
  const stride = all.length / capacity;
  return places.map((_, i) => all.subarray(i * stride, i * stride + vocab));
}

/** Which place is filled, and with what. */
function chosen(
  logits: readonly Float32Array[],
  { tokenizer, order, temperature, topK, random }:
    & { tokenizer: Tokenizer; random: RandomSequence }
    & Required<{ [Key in "order" | "temperature" | "topK"]: NonNullable<ContinueOptions[Key]> }>,
): { place: number; id: number } {
  const candidates = logits.map((row) => bestTokens(row, { tokenizer, count: topK }));
  const certainties = candidates.map(([best]) => best!.probability);
  const place = order === "left" ? 0 : certainties.indexOf(Math.max(...certainties));
  const some = candidates[place]!;
  if (temperature <= 0) return { place, id: some[0]!.id };
  const weights = some.map(({ probability }) => (probability / some[0]!.probability) ** (1 / temperature));
  let left = random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
  const drawn = weights.findIndex((weight) => (left -= weight) < 0);
  return { place, id: some[drawn < 0 ? 0 : drawn]!.id };
}

/** The most probable ordinary tokens, with their probabilities among all. */
function bestTokens(
  logits: Float32Array,
  { tokenizer, count }: { tokenizer: Tokenizer; count: number },
): readonly { id: number; probability: number }[] {
  const special = specialIds(tokenizer);
  const best = mostProbable(logits, { count, isCandidate: (id) => id < tokenizer.size && !special.has(id) });
  if (best && best.length > 0) return best;
  throw new RangeError("Cannot write: the model's logits are not finite; its numbers overflow 32 bits");
}

/** Tells what ids add to those of before as text; what may be part of a character waits. */
function pieceTeller(tokenizer: Tokenizer, beginning: readonly number[]) {
  let told = tokenizer.decode(beginning);
  let count = beginning.length;
  return (ids: readonly number[], isLast: boolean): string => {
    const text = tokenizer.decode(ids);
    // a character has four bytes at most: what is longer broken stays so
    if (!isLast && text.endsWith("\ufffd") && ids.length - count < 4) return "";
    const piece = text.startsWith(told)
      ? text.slice(told.length)
      : ids.slice(count).map((id) => tokenizer.piece(id)).join("");
    [told, count] = [text, ids.length];
    return piece;
  };
}
