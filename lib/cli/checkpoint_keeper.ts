/**
 * Saves the checkpoints of a run, each with a model card that tells of it.
 *
 * @module
 */

import { type RunOrigin, saveCheckpoint } from "../train/checkpoint.ts";
import type { TrainingState, ValidationRecord } from "../train/events.ts";
import { modelCard } from "../train/model_card.ts";
import { stepOf } from "../files/checkpoint_folder.ts";
import { baseName } from "../files/paths.ts";
import type { Reporter } from "./reporter.ts";
import type { Run } from "./run.ts";
import { checkpointsIn } from "./run_folder.ts";

/** Keeps checkpoints of a run. */
export interface CheckpointKeeper extends Reporter {
  /** Saves a state, with the validations that were heard of. */
  save(state: TrainingState): Promise<void>;
}

/**
 * Saves what training hands out.
 *
 * @param device For people: what it runs on.
 * @param validations Those of before, in order.
 */
export function checkpointKeeper(
  run: Run,
  { device, validations }: { device: string; validations: readonly ValidationRecord[] },
): CheckpointKeeper {
  const curve = [...validations];
  const { config, tokenizer, keep, settings } = run;
  // texts are compared by the means of their tokens
  const pooling = settings.contrastive && { pool: "mean", normalize: false } as const;
  const storage = checkpointsIn(run.path);
  return {
    event(event) {
      if (event.kind === "validation") curve.push(event);
    },
    async save(state) {
      const origin = originOf(run, { device, curve, state });
      const best = (names: readonly string[]) => bestCheckpoint(names, curve)?.name;
      await saveCheckpoint(storage, { config, tokenizer, state, origin, pooling }, { keep, best });
    },
  };
}

/**
 * The checkpoint whose validation loss is the least, of those whose names are given: that of its own step or, where
 * validations and checkpoints do not meet, the latest before it. Undefined if nothing was validated.
 */
export function bestCheckpoint(
  names: readonly string[],
  curve: readonly ValidationRecord[],
): { name: string; validation: ValidationRecord } | undefined {
  let best: { name: string; validation: ValidationRecord } | undefined;
  for (const name of names) {
    const validation = curve.findLast(({ step }) => step <= (stepOf(name) ?? -1));
    // of several after the same validation, the first is the nearest
    if (validation && validation.loss < (best?.validation.loss ?? Infinity)) best = { name, validation };
  }
  return best;
}

/** What a checkpoint tells of its run. */
function originOf(
  { opened: { corpus }, config, tokenizer, settings, base, ratesBefore, path }: Run,
  { device, curve, state }: { device: string; curve: readonly ValidationRecord[]; state: TrainingState },
): RunOrigin {
  const about = { corpus: `${corpus.name}, ${corpus.description}`, device, base: base?.name };
  return {
    ...about,
    card: modelCard({ name: baseName(path), config, tokenizer, settings, ...about, curve, ratesBefore, state }),
  };
}
