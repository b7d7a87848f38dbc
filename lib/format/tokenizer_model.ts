/**
 * The model of a tokenizer.json: how words become tokens.
 *
 * @module
 */

import { bpeModel } from "../tokenizer/bpe_model.ts";
import { type Component, countOption, flagOption } from "../tokenizer/components.ts";
import type { WordModel } from "../tokenizer/pipeline.ts";
import { IdBuffer, withoutWords } from "../tokenizer/token_ids.ts";
import { unigramModel } from "../tokenizer/unigram.ts";
import { wordLevelModel } from "../tokenizer/word_level.ts";
import { wordPieces } from "../tokenizer/wordpiece.ts";
import { isObject } from "./tokenizer_names.ts";

/** Kinds of models. */
const modelTypes = ["WordPiece", "BPE", "WordLevel", "Unigram"] as const;

/** A model as read. */
export interface ModelJson {
  /** Its kind. */
  readonly type: typeof modelTypes[number];
  /** Ids of its tokens. */
  readonly vocab: ReadonlyMap<string, number>;
  /** How many tokens it has. */
  readonly size: number;
  /** Of Unigram, its pieces in order of their ids, with the logarithms of their probabilities. */
  readonly pieces: readonly (readonly [string, number])[];
  /** Of BPE, pairs in the order in which they are joined. */
  readonly merges: readonly (readonly [string, string])[];
  /** What stands for what it cannot write. */
  readonly unknown: string | undefined;
  /** Begins tokens that go on with a word. */
  readonly prefix: string;
  /** Ends tokens that end a word. */
  readonly suffix: string;
  /** Code points of the longest word that is cut. */
  readonly longestWord: number;
  /** Unknown characters side by side are one. */
  readonly fuseUnknown: boolean;
  /** What it cannot write is written as bytes. */
  readonly byteFallback: boolean;
  /** A word that is a token stays whole. */
  readonly ignoreMerges: boolean;
}

/**
 * Reads a model.
 *
 * @throws {RangeError} that names what of it cannot be read.
 */
export function modelJson(component: Component | null | undefined): ModelJson {
  const type = typeOf(component);
  if (!component || type === undefined) {
    throw new RangeError(
      `it has no vocabulary of ${modelTypes.join(", ")} (model type ${JSON.stringify(component?.type ?? null)})`,
    );
  }
  if (typeof component.dropout === "number" && component.dropout > 0) {
    throw new RangeError(`its model leaves merges out at random (dropout ${component.dropout}); null would do`);
  }
  const pieces = type === "Unigram" ? piecesOf(component) : [];
  const vocab = type === "Unigram"
    ? new Map(pieces.map(([piece], id) => [piece, id]))
    : new Map(Object.entries(component.vocab as Record<string, number>));
  return {
    type,
    vocab,
    size: type === "Unigram" ? pieces.length : vocab.size,
    pieces,
    merges: type === "BPE" ? mergesOf(component.merges) : [],
    unknown: type === "Unigram" ? unknownPiece(component, pieces) : optionalText(component, "unk_token"),
    prefix: optionalText(component, "continuing_subword_prefix") ?? (type === "WordPiece" ? "##" : ""),
    suffix: optionalText(component, "end_of_word_suffix") ?? "",
    longestWord: countOption(component, "max_input_chars_per_word", 100),
    fuseUnknown: flagOption(component, "fuse_unk", false),
    byteFallback: flagOption(component, "byte_fallback", false),
    ignoreMerges: flagOption(component, "ignore_merges", false),
  };
}

/** Older files name no type; what they have tells it. */
function typeOf(component: Component | null | undefined): ModelJson["type"] | undefined {
  if (!isObject(component)) return undefined;
  const type = component.type === undefined || component.type === null
    ? Array.isArray(component.vocab)
      ? "Unigram"
      : component.merges !== undefined
      ? "BPE"
      : component.continuing_subword_prefix
      ? "WordPiece"
      : "WordLevel"
    : modelTypes.find((type) => type === component.type);
  return (type === "Unigram" ? Array.isArray(component.vocab) : isObject(component.vocab)) ? type : undefined;
}

function optionalText(component: Component, name: string): string | undefined {
  const value = component[name] ?? undefined;
  if (value !== undefined && typeof value !== "string") {
    throw new RangeError(`"${name}" of its model is ${JSON.stringify(value)}; it must be text`);
  }
  return value;
}

function piecesOf(component: Component): (readonly [string, number])[] {
  return (component.vocab as unknown[]).map((entry, id) => {
    if (!Array.isArray(entry) || typeof entry[0] !== "string" || typeof entry[1] !== "number") {
      throw new RangeError(`entry ${id} of its vocabulary is no piece with a number`);
    }
    return [entry[0], asRead(entry[1])] as const;
  });
}

/**
 * A number as the Rust package reads it: its digits as one number, divided by a power of ten. The last bit may differ from what
 * is nearest, and decides between ways to cut that are equally probable.
 */
function asRead(value: number): number {
  const number = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value));
  if (!number) return value;
  const [, sign, whole, fraction = "", exponent = "0"] = number;
  const digits = Number(whole! + fraction);
  const power = Number(exponent) - fraction.length;
  if (Math.abs(power) > 300) return value;
  const read = power < 0 ? digits / Number(`1e${-power}`) : digits * Number(`1e${power}`);
  return sign ? -read : read;
}

function unknownPiece(component: Component, pieces: readonly (readonly [string, number])[]): string | undefined {
  const id = component.unk_id ?? undefined;
  if (id === undefined) return undefined;
  const piece = typeof id === "number" ? pieces[id] : undefined;
  if (!piece) throw new RangeError(`"unk_id" of its model is ${JSON.stringify(id)}, of ${pieces.length} pieces`);
  return piece[0];
}

function mergesOf(value: unknown): (readonly [string, string])[] {
  if (!Array.isArray(value ?? [])) throw new RangeError("its merges are no list");
  return ((value ?? []) as unknown[]).map((merge) => {
    const pair = typeof merge === "string" ? merge.split(" ") : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || pair.some((side) => typeof side !== "string")) {
      throw new RangeError(`its merge ${JSON.stringify(merge)} is no pair`);
    }
    return pair as unknown as readonly [string, string];
  });
}

/**
 * What makes ids of words. Tokens that are hidden are no pieces of text.
 *
 * @throws {RangeError} if the unknown token or a part of a merge is missing.
 */
export function wordModelOf(model: ModelJson, hidden: ReadonlySet<string>): WordModel {
  const { vocab, prefix, suffix, longestWord, fuseUnknown, byteFallback, ignoreMerges, merges } = model;
  const unknown = model.unknown === undefined ? undefined : vocab.get(model.unknown);
  if (model.unknown !== undefined && unknown === undefined) {
    throw new RangeError(`its vocabulary lacks its unknown token ${JSON.stringify(model.unknown)} (unk_token)`);
  }
  const idOf = new Map([...vocab].filter(([token]) => !hidden.has(token)));
  switch (model.type) {
    case "WordLevel":
      return wordLevelModel({ idOf, unknown });
    case "Unigram": {
      const ids = new Set([...hidden].flatMap((token) => vocab.get(token) ?? []));
      return unigramModel({ pieces: model.pieces, hidden: ids, unknown: unknownId(model), byteFallback });
    }
    case "BPE": {
      const visible = {
        idOf,
        mergeIds: vocab,
        merges,
        unknown,
        prefix,
        suffix,
        fuseUnknown,
        byteFallback,
        ignoreMerges,
      };
      return bpeModel(visible);
    }
    case "WordPiece": {
      const tokens: string[] = [];
      for (const [token, id] of idOf) tokens[id] = token;
      const cut = wordPieces(tokens, { prefix, longestWord, unknown, apart: [] });
      return (word) => {
        const out = new IdBuffer(8);
        cut(word, out);
        return withoutWords(out.take());
      };
    }
  }
}

/** Of pieces that are there twice, the one that is named counts as unknown. */
function unknownId({ pieces, unknown }: ModelJson): number | undefined {
  const id = pieces.findIndex(([piece]) => piece === unknown);
  return id < 0 ? undefined : id;
}
