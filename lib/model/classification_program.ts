/**
 * Programs that tell classes of texts, or learn to.
 *
 * @module
 */

import type { AdamWOptions } from "../optimizer/adamw.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type ClassifiedTexts, recordClassificationHead } from "./heads/classification.ts";
import type { HeadProgram, Model } from "./model.ts";
import type { TextShape } from "./text_inputs.ts";

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
  const { device, config: { classification } } = model;
  if (!classification) throw new RangeError("Cannot tell classes: this model has no head for them");
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
