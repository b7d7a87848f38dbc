/**
 * Checkpoints: a Hugging Face folder with the state of training beside it, written whole or not at all.
 *
 * @module
 */

import { toConfigJson } from "../format/config_json.ts";
import { checkpointName, type CheckpointStorage, stepOf } from "../files/checkpoint_folder.ts";
import { type ModelFolder, pathIn, readJson } from "../format/model_folder.ts";
import { checkFinite } from "../format/finite.ts";
import { toHuggingFace } from "../format/tensor_names.ts";
import { checked } from "../sentences/fields.ts";
import { aboutFields, stateFields } from "./run_fields.ts";
import { openModel } from "../format/open_model.ts";
import type { ModelPooling } from "../model/pooling.ts";
import { sentenceFiles } from "../format/sentence_folder.ts";
import { encodeSafetensors, type HostTensor } from "../format/safetensors.ts";
import { readTensors } from "../format/tensor_file.ts";
import { tokenizerFiles } from "../format/tokenizer_writer.ts";
import { readWeights } from "../format/weights.ts";
import type { ModelConfig } from "../model/config.ts";
import type { ModelParameter } from "../model/parameter_list.ts";
import { modelParameters } from "../model/parameters.ts";
import { hasSecondMoment } from "../optimizer/optimizer.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TrainingState } from "./events.ts";
import type { FileSet } from "../files/write_folder.ts";

/** What a checkpoint holds. */
export interface Checkpoint {
  /** The model's configuration. */
  readonly config: ModelConfig;
  /** Its vocabulary. */
  readonly tokenizer: Tokenizer;
  /** Weights, moments and clock. */
  readonly state: TrainingState;
  /** What the folder says of where it comes from. */
  readonly origin?: RunOrigin | undefined;
  /** How its vectors are made, for sentence-transformers to read. Default: that is not said. */
  readonly pooling?: ModelPooling | undefined;
}

/** Where a model comes from. */
export interface RunOrigin {
  /** What it was trained on. */
  readonly corpus: string;
  /** What it was trained by. */
  readonly device: string;
  /** Model whose weights it began with; undefined: random ones. */
  readonly base?: string | undefined;
  /** Text of the README.md. */
  readonly card: string;
}

/** What a checkpoint notes of its training. */
export type RunAbout =
  & Pick<TrainingState, "step" | "tokens" | "seconds" | "evaluateTokens">
  & Partial<Pick<RunOrigin, "corpus" | "device" | "base">>;

/** Checkpoints that are kept where nothing else is said: one more than is needed, should the latest be damaged. */
export const KEPT_CHECKPOINTS = 2;

/** What {@linkcode saveCheckpoint} leaves. */
export interface KeepOptions {
  /**
   * The latest so many stay, at least one.
   *
   * @default {2}
   */
  keep?: number | undefined;
  /** Of all names, oldest first, one that stays besides. Default: none. */
  best?: ((names: readonly string[]) => string | undefined) | undefined;
}

/** Writes a checkpoint, then deletes older ones. Returns its name. */
export async function saveCheckpoint(
  storage: CheckpointStorage,
  checkpoint: Checkpoint,
  { keep = KEPT_CHECKPOINTS, best }: KeepOptions = {},
): Promise<string> {
  const name = checkpointName(checkpoint.state.step);
  if (!(await storage.list()).includes(name)) await storage.save(name, checkpointFiles(checkpoint));
  const names = await storage.list();
  const kept = best?.(names);
  for (const old of names.slice(0, -Math.max(1, keep))) if (old !== kept) await storage.remove(old);
  return name;
}

function checkpointFiles({ config, tokenizer, state, origin, pooling }: Checkpoint): FileSet {
  const text = (value: string) => [new TextEncoder().encode(value)];
  const json = (value: unknown) => text(JSON.stringify(value, null, 2) + "\n");
  const moments = new Map<string, HostTensor>();
  for (const { name, shape } of modelParameters(config)) {
    moments.set(`first.${name}`, { shape, data: state.firstMoment.get(name)! });
    const second = state.secondMoment.get(name);
    if (second) moments.set(`second.${name}`, { shape, data: second });
    const outer = state.outerMomentum?.get(name);
    if (outer) moments.set(`outer.${name}`, { shape, data: outer });
  }
  const { step, tokens, seconds, elapsed, evaluateTokens, trend, optimizer, lossScale, position } = state;
  const { corpus, device, base } = origin ?? {};
  return new Map([
    // the largest first: there is most to do while it goes to the disk
    ["optimizer.safetensors", encodeSafetensors(moments)],
    ["config.json", json(toConfigJson(config, tokenizer.special))],
    ["model.safetensors", encodeSafetensors(toHuggingFace(config, state.parameters))],
    ...tokenizerFiles(tokenizer, config.maxLength).entries().map(
      ([name, content]): [string, Uint8Array<ArrayBuffer>[]] => [name, text(content)],
    ),
    ...(pooling ? sentenceFiles(config, pooling) : new Map<string, string>()).entries().map(
      ([name, content]): [string, Uint8Array<ArrayBuffer>[]] => [name, text(content)],
    ),
    ...(origin ? [["README.md", text(origin.card)] as const] : []),
    [
      "training.json",
      json({
        step,
        tokens,
        seconds,
        elapsed,
        evaluateTokens,
        trend,
        optimizer,
        lossScale,
        corpus,
        device,
        base,
        position,
      }),
    ],
  ]);
}

/** A model without the state of training. */
export type SavedModel = Omit<Checkpoint, "state"> & { readonly parameters: TrainingState["parameters"] };

/** Reads the model of a checkpoint into memory. */
export async function loadModel(storage: CheckpointStorage, name: string): Promise<SavedModel> {
  const { config, tokenizer, weights, folder } = await openModel(storage.folder(name), { keepFiles: true });
  if (!weights.head) {
    await weights.close();
    throw new SyntaxError(`Cannot use ${folder.place}: it has no head for masked tokens, only an encoder`);
  }
  return { config, tokenizer, parameters: await readWeights(weights, config) };
}

/** What a folder notes of its training; undefined for models from elsewhere. */
export async function readAbout(folder: ModelFolder): Promise<RunAbout | undefined> {
  const json = await readJson(folder, "training.json") as RunAbout | undefined;
  if (json === undefined || aboutFields(json)) return undefined;
  const { step, tokens, seconds, evaluateTokens, corpus, device, base } = json;
  return {
    step,
    tokens,
    seconds,
    ...(evaluateTokens === undefined ? {} : { evaluateTokens }),
    ...(corpus ? { corpus } : {}),
    ...(device ? { device } : {}),
    ...(base ? { base } : {}),
  };
}

/** What parameters are called in the moments that earlier versions wrote. */
const formerNames: Readonly<Record<string, string>> = { "embeddings.tokenType": "embeddings.segment" };

/** Reads a checkpoint with the state of training. */
export async function loadCheckpoint(storage: CheckpointStorage, name: string): Promise<Checkpoint> {
  const { config, tokenizer, parameters } = await loadModel(storage, name);
  const folder = storage.folder(name);
  const fail = (file: string, what: string) => new SyntaxError(`Cannot resume from ${pathIn(folder, file)}: ${what}`);
  const json = await readJson(folder, "training.json");
  if (json === undefined) throw fail("training.json", "there is no such file");
  const says = `Cannot resume from ${pathIn(folder, "training.json")}`;
  const clock = checked<Omit<TrainingState, "parameters">>(json, stateFields, says);
  const moments = await readTensors(folder, "optimizer.safetensors");
  if (!moments) throw fail("optimizer.safetensors", "there is no such file");
  const { step, tokens, seconds, elapsed, evaluateTokens, trend, optimizer, lossScale, position } = clock;
  const moment = (which: string, has: (parameter: ModelParameter) => boolean = () => true) =>
    new Map(
      modelParameters(config).filter(has).map(({ name }) => {
        const tensor = moments.get(`${which}.${name}`) ?? moments.get(`${which}.${formerNames[name]}`);
        if (!tensor) throw fail("optimizer.safetensors", `the ${which} moment of ${name} is missing`);
        checkFinite(tensor.data, { path: pathIn(folder, "optimizer.safetensors"), name: `${which}.${name}` });
        return [name, tensor.data];
      }),
    );
  const told = stepOf(name);
  if (told !== undefined && told !== step) throw fail("training.json", `it is of step ${step}, its folder is ${name}`);
  const state = {
    step,
    tokens,
    seconds,
    ...(elapsed === undefined ? {} : { elapsed }),
    ...(evaluateTokens === undefined ? {} : { evaluateTokens }),
    ...(trend === undefined ? {} : { trend }),
    ...(lossScale === undefined ? {} : { lossScale }),
    ...(optimizer === undefined ? {} : { optimizer }),
    position,
    parameters,
  };
  const second = moment("second", (parameter) => hasSecondMoment(optimizer ?? "adamw", parameter));
  const hasOuter = moments.keys().some((name) => name.startsWith("outer."));
  const outer = hasOuter ? { outerMomentum: moment("outer") } : {};
  return { config, tokenizer, state: { ...state, firstMoment: moment("first"), secondMoment: second, ...outer } };
}
