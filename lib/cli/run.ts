/**
 * What a run is made of, new or resumed.
 *
 * @module
 */

import type { Device } from "../device/device.ts";
import type { OpenedDevice } from "../device/open_device.ts";
import type { NewToken } from "../format/add_tokens.ts";
import type { OpenedModel } from "../format/open_model.ts";
import { toDevice } from "../inference/load.ts";
import type { ModelConfig } from "../model/config.ts";
import { createModel, Model } from "../model/model.ts";
import { initialiseTokens } from "../model/new_tokens.ts";
import { setAside } from "../files/checkpoint_folder.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TrainingState } from "../train/events.ts";
import type { TrainingSettings } from "../train/settings.ts";
import { cutMetrics } from "./metrics_file.ts";
import { noteRates } from "./learning_rates.ts";
import type { OpenedCorpus } from "./open_corpus.ts";
import { sameSettings } from "./run_device.ts";
import type { RankTeam } from "./rank_team.ts";
import type { RunClaim } from "./run_claim.ts";
import { changeDevice, changeRun, createRun, type FormerRate, type RunDevice } from "./run_folder.ts";

/** Everything that a run is made of, in the order in which it is used. */
export interface Run {
  /** The text. */
  readonly opened: OpenedCorpus;
  /** Device that was opened for it already. */
  readonly device?: OpenedDevice | undefined;
  /** Device that it ran on so far, if it is resumed. */
  readonly before: RunDevice | undefined;
  /** The vocabulary. */
  readonly tokenizer: Tokenizer;
  /** The model that is trained on, and the tokens that it gets. */
  readonly base: Base | undefined;
  /** The model. */
  readonly config: ModelConfig;
  /** How it is trained. */
  readonly settings: TrainingSettings;
  /** What the user should know of the text. */
  readonly notices: readonly string[];
  /** Where it was left, if it is resumed. */
  readonly state: TrainingState | undefined;
  /** Learning rates that it had before, if it is resumed. */
  readonly ratesBefore?: readonly FormerRate[] | undefined;
  /** Path of its folder. */
  readonly path: string;
  /** Its folder, which is this process's alone. */
  readonly claim: RunClaim;
  /** Checkpoints that are kept; undefined: as many as usual. */
  readonly keep: number | undefined;
  /** The processes that train it together. Default: this one alone. */
  readonly team?: RankTeam | undefined;
  /** Names of checkpoints after the one that it goes on from, which cannot be read. Default: none. */
  readonly damaged?: readonly string[];
}

/** A model that is trained on. */
export interface Base {
  /** Where it is. */
  readonly name: string;
  /** The model; its weights are still to be read. Undefined in a resumed run. */
  readonly opened: OpenedModel | undefined;
  /** What its vocabulary gets more. */
  readonly added: readonly NewToken[];
}

/** The model that a run begins or goes on with; its saved state is written by the loop. */
export async function modelOf({ config, settings, state, base }: Run, device: Device): Promise<Model> {
  if (state) return new Model(device, config);
  if (!base?.opened) return createModel(device, config, settings);
  const model = await toDevice({ ...base.opened, config }, device, { headSeed: settings.seed });
  await initialiseTokens(model, base.added);
  return model;
}

/** Whether this process keeps the run's folder and says what happens. */
export function isFirst({ team }: Pick<Run, "team">): boolean {
  return (team?.ranks.rank ?? 0) === 0;
}

/** Makes the run's folder, or takes back in it what came after the checkpoint that it goes on from. */
export async function enterFolder(run: Run, { description, settings }: Device): Promise<void> {
  const { opened, before, base, config, state, path, claim, keep, damaged = [] } = run;
  if (!isFirst(run)) return;
  const device = { description, settings };
  claim.enter();
  if (!state) {
    const { choice: text, files } = opened;
    const init = base?.name;
    await createRun(path, { format: 2, model: config, training: run.settings, text, files, init, keep, device });
    return;
  }
  await cutMetrics(path, state.step);
  for (const name of damaged) await setAside(`${path}/checkpoints/${name}`, "damaged");
  // ranks may have put it into tiles
  await changeRun(path, { keep, ...(run.settings.tiles ? { training: run.settings } : {}) });
  if (before && !sameSettings(before.settings, settings)) await changeDevice(path, device, state.step);
  await noteRates(path, { learningRate: run.settings.learningRate, ratesBefore: run.ratesBefore });
}
