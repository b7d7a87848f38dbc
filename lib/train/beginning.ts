/**
 * What a run begins with: text that can be masked, or the state of a run before.
 *
 * @module
 */

import { surveyText, whyUnmaskable } from "../batch/survey.ts";
import type { Model } from "../model/model.ts";
import { optimizerOf, type OptimizerOptions, writeMoments } from "../optimizer/optimizer.ts";
import type { TrainingState } from "./events.ts";
import type { TrainingSettings, TrainOptions } from "./settings.ts";

/**
 * Throws where no token of the text can be masked: every step would have loss 0.
 *
 * @throws {RangeError} that says why.
 */
export async function checkMaskable(
  { neverMask }: TrainingSettings,
  { corpus, tokenizer }: Pick<TrainOptions, "corpus" | "tokenizer">,
): Promise<void> {
  const survey = await surveyText({ corpus, tokenizer, neverMask });
  if (survey.maskable > 0) return;
  throw new RangeError(`Cannot train on ${corpus.name}: ${whyUnmaskable(survey, neverMask)}`);
}

/**
 * Writes the weights and moments of a state that a run goes on from.
 *
 * @throws {RangeError} if the state is another optimizer's.
 */
export function restore({ store }: Model, state: TrainingState, options: OptimizerOptions): void {
  const [before, now] = [state.optimizer ?? "adamw", optimizerOf(options)];
  if (before !== now) {
    throw new RangeError(
      `Cannot go on with the optimizer ${now}: the state is one of ${before}, which keeps other moments`,
    );
  }
  store.writeAll(state.parameters);
  writeMoments(store, options, state);
}
