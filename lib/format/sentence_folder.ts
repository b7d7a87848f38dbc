/**
 * What sentence-transformers reads beside a model: how hidden states become the vector of a text. Version 2 up to 6 read what is
 * written here.
 *
 * @module
 */

import type { ModelConfig } from "../model/config.ts";
import type { ModelPooling } from "../model/pooling.ts";
import { classNameOf } from "./config_json.ts";
import { type ModelFolder, pathIn, readJson } from "./model_folder.ts";

/** The ways of pooling that sentence-transformers knows, by the names that versions before 6 gave them. */
const modes = {
  cls: "pooling_mode_cls_token",
  mean: "pooling_mode_mean_tokens",
  max: "pooling_mode_max_tokens",
  mean_sqrt_len_tokens: "pooling_mode_mean_sqrt_len_tokens",
  weightedmean: "pooling_mode_weightedmean_tokens",
  lasttoken: "pooling_mode_lasttoken",
} as const;

const POOLING = "1_Pooling";

/** Files by name, for the folder of a model; none for architectures that sentence-transformers cannot load. */
export function sentenceFiles(config: ModelConfig, { pool, normalize }: ModelPooling): Map<string, string> {
  if (!classNameOf(config)) return new Map();
  const module = (idx: number, path: string, type: string) => ({
    idx,
    name: String(idx),
    path,
    type: `sentence_transformers.models.${type}`,
  });
  const modules = [
    module(0, "", "Transformer"),
    module(1, POOLING, "Pooling"),
    ...(normalize ? [module(2, "2_Normalize", "Normalize")] : []),
  ];
  const pooling = {
    word_embedding_dimension: config.width,
    ...Object.fromEntries(Object.entries(modes).map(([name, key]) => [key, name === pool])),
    include_prompt: true,
  };
  const json = (value: unknown) => JSON.stringify(value, null, 2) + "\n";
  return new Map([
    ["modules.json", json(modules)],
    [`${POOLING}/config.json`, json(pooling)],
    ["sentence_bert_config.json", json({ max_seq_length: config.maxLength, do_lower_case: false })],
    [
      "config_sentence_transformers.json",
      json({ prompts: {}, default_prompt_name: null, similarity_fn_name: "cosine" }),
    ],
    ...(normalize ? [["2_Normalize/config.json", json({})] as const] : []),
  ]);
}

/**
 * How a folder of sentence-transformers makes vectors; undefined for one that says nothing of it.
 *
 * @throws {SyntaxError} if it makes them in a way that is not known here, so that others would come of it.
 */
export async function readPooling(folder: ModelFolder): Promise<ModelPooling | undefined> {
  const list = await readJson(folder, "modules.json");
  if (list === undefined) return undefined;
  const fail = (name: string, what: string) => new SyntaxError(`Cannot use ${pathIn(folder, name)}: ${what}`);
  const modules = Array.isArray(list) ? list.map(moduleOf) : [undefined];
  if (modules.includes(undefined)) throw fail("modules.json", "it is no list of modules");
  let pooling: ModelPooling = { pool: "mean", normalize: false };
  for (const { kind, path } of modules as Module[]) {
    if (kind === "pooling") pooling = { ...pooling, pool: await poolIn(folder, path) };
    else if (kind === "normalize") pooling = { ...pooling, normalize: true };
    else if (kind !== "transformer" && kind !== "dropout") {
      throw fail(
        "modules.json",
        `its vectors pass through a module "${kind}"; wanted Transformer, Pooling and Normalize, or --pool`,
      );
    }
  }
  return pooling;
}

interface Module {
  readonly kind: string;
  readonly path: string;
}

/** A module by the last part of its class's name. */
function moduleOf(value: unknown): Module | undefined {
  const { type, path } = (value ?? {}) as Record<string, unknown>;
  if (typeof type !== "string" || typeof path !== "string") return undefined;
  return { kind: type.split(".").at(-1)!.toLowerCase(), path };
}

async function poolIn(folder: ModelFolder, path: string): Promise<ModelPooling["pool"]> {
  const name = `${path}/config.json`;
  const config = (await readJson(folder, name) ?? {}) as Record<string, unknown>;
  const named = config.pooling_mode;
  const old = Object.entries(modes).flatMap(([mode, key]) => config[key] === true ? [mode] : []);
  const chosen = typeof named === "string" ? [named] : Array.isArray(named) ? named.map(String) : old;
  const [pool = "mean", ...others] = chosen;
  if (others.length === 0 && (pool === "mean" || pool === "cls")) return pool;
  throw new SyntaxError(
    `Cannot use ${pathIn(folder, name)}: its vectors are pooled by ${
      chosen.join(" and ")
    }; wanted mean or cls, as --pool names them`,
  );
}
