/**
 * Saves the checkpoints of a run, each with a model card that tells of it.
 *
 * @module
 */

import { type RunOrigin, saveCheckpoint } from "../train/checkpoint.ts";
import type { TrainingState, ValidationRecord } from "../train/events.ts";
import { modelCard } from "../train/model_card.ts";
import { baseName } from "../files/paths.ts";
import type { Reporter } from "./reporter.ts";
import type { Run } from "./run.ts";
import { checkpointsIn } from "./run_folder.ts";

/**
 * Saves what training hands out.
 *
 * @param device For people: what it runs on.
 * @param validations Those of before, in order.
 */
export function checkpointKeeper(
  run: Run,
  { device, validations }: { device: string; validations: readonly ValidationRecord[] },
): Reporter {
  const curve = [...validations];
  const { config, tokenizer } = run;
  const storage = checkpointsIn(run.path);
  return {
    async event(event) {
      if (event.kind === "validation") curve.push(event);
      if (event.kind !== "checkpoint") return;
      const { state } = event;
      await saveCheckpoint(storage, { config, tokenizer, state, origin: originOf(run, { device, curve, state }) });
    },
  };
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
