/**
 * Checkpoints: a Hugging Face folder with the state of training beside it, written whole or not at all.
 *
 * @module
 */

import { fromConfigJson, fromHuggingFace, toConfigJson, toHuggingFace } from "../format/hugging_face.ts";
import { decodeSafetensors, encodeSafetensors, type HostTensor } from "../format/safetensors.ts";
import { fromTokenizerJson, tokenizerFiles } from "../format/tokenizer_json.ts";
import type { ModelConfig } from "../model/config.ts";
import { modelParameters } from "../model/parameters.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TrainingState } from "./trainer.ts";

/** Files by name, each in pieces to be written one after the other. */
export type FileSet = ReadonlyMap<string, readonly Uint8Array<ArrayBuffer>[]>;

/** Where checkpoints are kept: named sets of files, each of which appears whole or not at all. */
export interface CheckpointStorage {
  /** For people: where this is. */
  readonly place: string;
  /** Names, oldest first. */
  list(): Promise<string[]>;
  /** Writes a set of files under a new name. */
  save(name: string, files: FileSet): Promise<void>;
  /** Reads a file of a set. */
  read(name: string, file: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Deletes a set. */
  remove(name: string): Promise<void>;
}

/** What a checkpoint holds. */
export interface Checkpoint {
  /** The model's configuration. */
  readonly config: ModelConfig;
  /** Its vocabulary. */
  readonly tokenizer: Tokenizer;
  /** Weights, moments and clock. */
  readonly state: TrainingState;
}

/** Checkpoints that are kept; with two, there is a good one even while the next is being written. */
const KEPT = 2;

/** Writes a checkpoint, then deletes all but the latest two. Returns its name. */
export async function saveCheckpoint(
  storage: CheckpointStorage,
  { config, tokenizer, state }: Checkpoint,
): Promise<string> {
  const name = `step-${String(state.step).padStart(8, "0")}`;
  if (!(await storage.list()).includes(name)) await storage.save(name, checkpointFiles({ config, tokenizer, state }));
  for (const old of (await storage.list()).slice(0, -KEPT)) await storage.remove(old);
  return name;
}

function checkpointFiles({ config, tokenizer, state }: Checkpoint): FileSet {
  const json = (value: unknown) => [new TextEncoder().encode(JSON.stringify(value, null, 2) + "\n")];
  const shapes = new Map(modelParameters(config).map(({ name, shape }) => [name, shape]));
  const moments = new Map<string, HostTensor>();
  for (const [name, shape] of shapes) {
    moments.set(`first.${name}`, { shape, data: state.firstMoment.get(name)! });
    moments.set(`second.${name}`, { shape, data: state.secondMoment.get(name)! });
  }
  const { step, tokens, seconds, position } = state;
  return new Map([
    ["config.json", json(toConfigJson(config, tokenizer.special))],
    ["model.safetensors", encodeSafetensors(toHuggingFace(config, state.parameters))],
    ...tokenizerFiles(tokenizer, config.maxLength).entries().map((
      [name, text],
    ): [string, Uint8Array<ArrayBuffer>[]] => [
      name,
      [new TextEncoder().encode(text)],
    ]),
    ["optimizer.safetensors", encodeSafetensors(moments)],
    ["training.json", json({ step, tokens, seconds, position })],
  ]);
}

/** A model without the state of training. */
export type SavedModel = Omit<Checkpoint, "state"> & { readonly parameters: TrainingState["parameters"] };

/** Reads the model of a checkpoint. */
export async function loadModel(storage: CheckpointStorage, name: string): Promise<SavedModel> {
  const path = (file: string) => `${storage.place}/${name}/${file}`;
  const json = async (file: string) => parseJson(await storage.read(name, file), path(file));
  const config = fromConfigJson(await json("config.json") as Record<string, unknown>, path("config.json"));
  const tokenizer = fromTokenizerJson(await json("tokenizer.json"), path("tokenizer.json"));
  if (tokenizer.size !== config.vocab) {
    throw new SyntaxError(
      `Cannot use ${path("tokenizer.json")}: it has ${tokenizer.size} tokens, the model's vocabulary ${config.vocab}`,
    );
  }
  const file = path("model.safetensors");
  const { tensors } = decodeSafetensors(await storage.read(name, "model.safetensors"), file);
  return { config, tokenizer, parameters: fromHuggingFace(config, tensors, file) };
}

/** Reads a checkpoint with the state of training. */
export async function loadCheckpoint(storage: CheckpointStorage, name: string): Promise<Checkpoint> {
  const { config, tokenizer, parameters } = await loadModel(storage, name);
  const file = `${storage.place}/${name}/training.json`;
  const clock = parseJson(await storage.read(name, "training.json"), file) as Omit<TrainingState, "parameters">;
  const moments = decodeSafetensors(
    await storage.read(name, "optimizer.safetensors"),
    `${storage.place}/${name}/optimizer.safetensors`,
  ).tensors;
  const moment = (which: string) =>
    new Map(
      modelParameters(config).map((parameter) => {
        const tensor = moments.get(`${which}.${parameter.name}`);
        if (!tensor) {
          throw new SyntaxError(`Cannot resume from ${file}: the ${which} moment of ${parameter.name} is missing`);
        }
        return [parameter.name, tensor.data];
      }),
    );
  const { step, tokens, seconds, position } = clock;
  if (![step, tokens, seconds, position?.block].every(Number.isFinite)) {
    throw new SyntaxError(`Cannot resume from ${file}: its clock is incomplete`);
  }
  const state = { step, tokens, seconds, position, parameters };
  return { config, tokenizer, state: { ...state, firstMoment: moment("first"), secondMoment: moment("second") } };
}

function parseJson(bytes: Uint8Array, file: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new SyntaxError(`Cannot read ${file}: it is no JSON`);
  }
}
