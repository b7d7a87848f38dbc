/**
 * Where a tokenizer's folder names special tokens and keeps added ones: tokenizer_config.json, special_tokens_map.json and
 * added_tokens.json, in the order in which transformers believes them.
 *
 * @module
 */

import type { SpecialSpelling } from "../tokenizer/special_tokens.ts";
import type { SpecialToken } from "../tokenizer/tokenizer.ts";

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** An added token as tokenizer.json writes it. */
export interface AddedJson {
  /** The token. */
  readonly content: string;
  /** Its id; the vocabulary's own counts where it has the token. */
  readonly id?: number;
  /** A special token. */
  readonly special?: boolean;
  /** Only as a word of its own. */
  readonly single_word?: boolean;
  /** With the white space before it. */
  readonly lstrip?: boolean;
  /** With the white space after it. */
  readonly rstrip?: boolean;
  /** Found in normalized text. */
  readonly normalized?: boolean;
}

/** What the files beside a vocabulary say. */
export interface FolderNames {
  /** How special tokens are spelled, where a file says so. */
  readonly spelling: SpecialSpelling;
  /** Tokens that are found in text beside those of a tokenizer.json, in order of the ids that they would get. */
  readonly added: readonly AddedJson[];
  /** Special tokens that are found in text where the vocabulary has them; a model needs none of them. */
  readonly named: readonly string[];
}

/** Options of {@linkcode folderNames}. */
export interface NameFiles {
  /** Content of tokenizer_config.json. */
  readonly config: JsonObject;
  /** Content of special_tokens_map.json. */
  readonly map: JsonObject;
  /** Content of added_tokens.json. */
  readonly added: JsonObject;
}

const roles: Readonly<Record<string, SpecialToken | undefined>> = {
  bos_token: undefined,
  eos_token: undefined,
  unk_token: "[UNK]",
  sep_token: "[SEP]",
  pad_token: "[PAD]",
  cls_token: "[CLS]",
  mask_token: "[MASK]",
};

/** Names and added tokens of a folder. */
export function folderNames({ config, map, added }: NameFiles): FolderNames {
  const listed = isObject(config.added_tokens_decoder) ? config.added_tokens_decoder : undefined;
  // files that list added tokens in tokenizer_config.json say everything there
  const named: JsonObject = listed ? { ...map, ...withoutNulls(config) } : { ...config, ...withoutNulls(map) };
  const spelling: Partial<Record<SpecialToken, string>> = {};
  const tokens = new Map<string, AddedJson>();
  const others: string[] = [];
  const kept = listed
    ? Object.entries(listed).map(([id, token]) => tokenOf(token, { id: Number(id) }))
    : Object.entries(added).map(([content, id]) => tokenOf(content, { id: Number(id) }));
  for (const token of kept.filter((token) => token !== undefined).sort((a, b) => a.id! - b.id!)) {
    tokens.set(token.content, token);
  }
  for (const [key, role] of Object.entries(roles)) {
    const token = tokenOf(named[key], { special: true });
    if (!token) continue;
    if (role === undefined && !tokens.has(token.content)) {
      others.push(token.content);
      continue;
    }
    if (role !== undefined) spelling[role] = token.content;
    tokens.set(token.content, asSpecial(tokens.get(token.content), token));
  }
  for (const value of extraSpecials(named)) {
    const token = tokenOf(value, { special: true });
    if (token) tokens.set(token.content, asSpecial(tokens.get(token.content), token));
  }
  return { spelling, added: [...tokens.values()], named: others };
}

/** A token that is special is found in text as it stands, unless it is said otherwise. */
function asSpecial(known: AddedJson | undefined, token: AddedJson): AddedJson {
  return known ? { normalized: false, ...token, ...known, special: true } : token;
}

function extraSpecials(named: JsonObject): unknown[] {
  return [named.additional_special_tokens, named.extra_special_tokens]
    .flatMap((list) => Array.isArray(list) ? list : isObject(list) ? Object.values(list) : []);
}

/** A token given as text or as an object; undefined if it is neither. */
function tokenOf(value: unknown, more: Partial<AddedJson>): AddedJson | undefined {
  if (typeof value === "string") return value === "" ? undefined : { content: value, ...more };
  if (!isObject(value) || typeof value.content !== "string" || value.content === "") return undefined;
  const flag = (key: string) => typeof value[key] === "boolean" ? { [key]: value[key] } : {};
  return {
    content: value.content,
    ...flag("special"),
    ...flag("single_word"),
    ...flag("lstrip"),
    ...flag("rstrip"),
    ...flag("normalized"),
    ...more,
  };
}

function withoutNulls(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
