/**
 * Programs that tell classes of texts, or learn to.
 *
 * @module
 */

import type { AdamWOptions } from "../optimizer/adamw.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ClassifiedTexts, recordClassFeatures, recordClassificationHead } from "./heads/classification.ts";
import type { HeadProgram, Model } from "./model.ts";
import type { Texts, TextShape } from "./text_inputs.ts";

/** Tells classes of texts of one shape, and where it is compiled so, learns them. */
export interface ClassificationProgram {
  /** The underlying program: section "gradients", and in training "update". */
  readonly program: HeadProgram<unknown>["program"];
  /** Logits, [windows or rows, classes padded to a multiple of 4]; in training their gradient replaces them. */
  readonly logits: Tensor;
  /** Writes texts, of which there may be fewer than there is room for, and in training their classes. */
  write(texts: ClassifiedTexts): void;
  /** Gives the memory back. */
  destroy(): void;
}

/**
 * Compiles a model that tells classes, for texts of a shape; with an optimizer, to train all its weights.
 *
 * @throws {RangeError} if the model has no head for classes.
 */
export async function compileClassification(
  model: Model,
  shape: TextShape,
  { optimizer }: { optimizer?: AdamWOptions | undefined } = {},
): Promise<ClassificationProgram> {
  const { device } = model;
  const classification = classificationOf(model);
  const { program, head, write, destroy } = await model.compileHead(
    // the mean of a text is that of its bounds
    { ...shape, documents: true },
    (context, hidden, step) => recordClassificationHead(context, hidden, { classification, shape, step }),
    { optimizer },
  );
  head.writeConstants(device);
  return {
    program,
    logits: head.logits,
    destroy,
    write(texts) {
      write(texts);
      head.write(device, texts);
    },
  };
}

/** Makes what a head's last product reads of texts of one shape. */
export interface ClassFeaturesProgram {
  /** The underlying program. */
  readonly program: HeadProgram<unknown>["program"];
  /** A vector of each window or row: [windows or rows, width]. */
  readonly features: Tensor;
  /** Writes texts, of which there may be fewer than there is room for. */
  write(texts: Texts): void;
  /** Gives the memory back. */
  destroy(): void;
}

/**
 * Compiles a model that tells classes up to its last product, which makes logits of features.
 *
 * @throws {RangeError} if the model has no head for classes.
 */
export async function compileClassFeatures(model: Model, shape: TextShape): Promise<ClassFeaturesProgram> {
  const classification = classificationOf(model);
  const { head: { features, writeConstants }, ...program } = await model.compileHead(
    { ...shape, documents: true },
    (context, hidden) => {
      const head = recordClassFeatures(context, hidden, { classification, shape });
      context.graph.keep(head.features);
      return head;
    },
  );
  writeConstants(model.device);
  return { ...program, features };
}

function classificationOf({ config: { classification } }: Model) {
  if (!classification) throw new RangeError("Cannot tell classes: this model has no head for them");
  return classification;
}
