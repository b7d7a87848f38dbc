/**
 * Logits of pieces of text, in batches of like length.
 *
 * @module
 */

import { batchesOf } from "../inference/texts.ts";
import { type ClassificationProgram, compileClassification } from "../model/classification_program.ts";
import type { Model } from "../model/model.ts";
import { type ProgramCache, programCache } from "../model/program_cache.ts";
import type { Texts, TextShape } from "../model/text_inputs.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { Piece } from "./examples.ts";

/** Programs that tell classes. */
export type ClassificationPrograms = ProgramCache<TextShape, ClassificationProgram>;

/** An empty cache of them. */
export const classificationPrograms = (model: Model): ClassificationPrograms =>
  programCache((shape: TextShape) => compileClassification(model, shape));

/** Numbers of a piece: a row for the text, or for each of its rows. */
export type PieceRows = readonly Float32Array[];

/**
 * Logits of the classes of each piece, in order.
 *
 * @throws {RangeError} if one is not finite.
 */
export async function pieceLogits(
  pieces: readonly Piece[],
  { model, tokenizer, programs }: {
    model: Model;
    tokenizer: Tokenizer;
    programs: ClassificationPrograms;
  },
): Promise<PieceRows[]> {
  const columns = model.config.classification!.classes.length;
  return await pieceRows(pieces, { model, tokenizer, programs, columns, resultOf: ({ logits }) => logits });
}

/** A program that reads texts. */
interface TextProgram {
  readonly program: { run(): void };
  write(texts: Texts): void;
  destroy(): void;
}

/**
 * The first columns of a program's result for each piece, in order: one row for the text, or for each of its rows.
 *
 * @throws {RangeError} if a number is not finite.
 */
export async function pieceRows<Program extends TextProgram>(
  pieces: readonly Piece[],
  { model, tokenizer, programs, columns, resultOf }: {
    model: Model;
    tokenizer: Tokenizer;
    programs: ProgramCache<TextShape, Program>;
    columns: number;
    /** [windows or rows, columns padded to a multiple of 4]. */
    resultOf: (program: Program) => Tensor;
  },
): Promise<PieceRows[]> {
  const { maxLength } = model.config;
  const stride = Math.ceil(columns / 4) * 4;
  const results: PieceRows[] = [];
  const padding = tokenizer.special["[PAD]"];
  for (const batch of batchesOf(pieces.map(({ ids }) => ids), { padding, maxLength })) {
    const { windows, length, documents } = batch;
    const program = await programs.get({ windows, length, documents: documents !== undefined });
    program.write(batch);
    program.program.run();
    const [bytes] = await model.device.read([resultOf(program)]);
    const all = new Float32Array(bytes!);
    const at = (unit: number) => all.slice(unit * stride, unit * stride + columns);
    for (const [w, member] of batch.members.entries()) {
      const { rows } = pieces[member]!;
      const found = rows ? Array.from(rows, (row) => at(w * length + row)) : [at(w)];
      if (!found.every((row) => row.every(Number.isFinite))) {
        throw new RangeError(
          "Cannot tell classes: what the model computes is not finite; its numbers overflow 32 bits",
        );
      }
      results[member] = found;
    }
  }
  return results;
}

/** Probabilities of classes, in float64. */
export function softmax(logits: ArrayLike<number>): Float64Array<ArrayBuffer> {
  const values = Float64Array.from(logits);
  const most = values.reduce((a, b) => Math.max(a, b));
  const exps = values.map((value) => Math.exp(value - most));
  const sum = exps.reduce((a, b) => a + b);
  return exps.map((value) => value / sum);
}

/** Number of the largest value, of several the first. */
export function best(values: ArrayLike<number>): number {
  let found = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[found]!) found = i;
  return found;
}
