/**
 * The training loop: steps are prepared ahead, submitted without waiting, and their results read back together.
 *
 * @module
 */

import { soloRank } from "../mpi/local_ranks.ts";
import type { TrainEvent } from "./events.ts";
import { tellReports } from "./report.ts";
import type { TrainOptions } from "./settings.ts";
import { TrainingLoop } from "./training_loop.ts";

/**
 * Trains a model and yields what happens. The caller may stop iterating at any time.
 *
 * When the text cannot be read on, or the device fails in a step before its update, a checkpoint of the state before that step is
 * yielded, where it can still be read; the error is thrown.
 *
 * Of several `ranks` each calls this with the same model, text and settings; all have the same weights after every step, and the first
 * alone yields samples and checkpoints.
 *
 * A step whose loss or gradient is NaN or infinite does not change the weights and is yielded as skipped.
 *
 * @throws {DivergedError} if five in a row are, or the validation loss or a weight is not finite.
 * @throws {RangeError} if no token of the text can be masked.
 *
 * @example
 * ```ts ignore
 * import { characterTokenizer, createModel, modelConfig, openDevice, scanCharacters, storiesCorpus, train, trainingTexts } from "@cloze/mlm";
 *
 * const corpus = storiesCorpus();
 * const tokenizer = characterTokenizer(await scanCharacters(trainingTexts(corpus)));
 * const { device } = await openDevice();
 * const model = createModel(device, modelConfig({ vocab: tokenizer.size, size: "tiny" }));
 * for await (const event of train({ model, corpus, tokenizer, budget: { steps: 3 } })) {
 *   if (event.kind === "train") console.log(event.step, event.loss);
 * }
 * model.destroy();
 * device.destroy();
 * ```
 */
export async function* train(options: TrainOptions): AsyncGenerator<TrainEvent, void, void> {
  const { tiles = false, syncEvery = 1 } = options;
  const ranks = options.ranks ?? (tiles || syncEvery > 1 ? await soloRank() : undefined);
  const loop = new TrainingLoop({ ...options, ranks });
  try {
    yield* tellReports(loop.reports(), loop);
  } finally {
    await loop.close();
  }
}
