/**
 * Special tokens: which ids they have, and texts in which they stand for themselves.
 *
 * @module
 */

import { type AddedSplitter, type AddedToken, splitterAt } from "./added.ts";
import { joinIds } from "./token_ids.ts";
import { type Frame, type SpecialToken, specialTokens, type Tokenizer } from "./tokenizer.ts";

/** How a vocabulary spells the special tokens that it does not call by BERT's names. */
export type SpecialSpelling = Readonly<Partial<Record<SpecialToken, string>>>;

/**
 * Ids of the special tokens of a vocabulary.
 *
 * @throws {RangeError} without [PAD] and [MASK].
 */
export function findSpecials(
  idOf: (token: string) => number | undefined,
  spelling: SpecialSpelling = {},
): Tokenizer["special"] {
  const found = specialTokens.flatMap((name) => {
    const id = idOf(spelling[name] ?? name);
    return id === undefined ? [] : [[name, id] as const];
  });
  const special = Object.fromEntries(found) as Tokenizer["special"];
  if (special["[PAD]"] === undefined || special["[MASK]"] === undefined) {
    const { "[PAD]": pad = "[PAD]", "[MASK]": mask = "[MASK]" } = spelling;
    const missing = [["[PAD]", pad], ["[MASK]", mask]].filter(([name]) => special[name as SpecialToken] === undefined);
    throw new RangeError(
      `A tokenizer needs the special tokens ${pad} and ${mask}: ` +
        `${missing.map(([, own]) => `"${own}"`).join(" and ")} ${
          missing.length > 1 ? "are" : "is"
        } not in the vocabulary ` +
        "(other names can be given as pad_token and mask_token in tokenizer_config.json or special_tokens_map.json)",
    );
  }
  return special;
}

const specialCache = new WeakMap<object, ReadonlySet<number>>();

/** Ids of a tokenizer's special tokens; made once. */
export function specialIds(tokenizer: Pick<Tokenizer, "special">): ReadonlySet<number> {
  let special = specialCache.get(tokenizer);
  if (!special) specialCache.set(tokenizer, special = new Set<number>(Object.values(tokenizer.special)));
  return special;
}

/** A piece of a text in which special tokens stand for themselves. */
export interface SpecialPiece {
  /** As it stands in the text. */
  readonly text: string;
  /** Id of the special token that it is. */
  readonly special?: number;
}

/** Cuts a text at special tokens such as [MASK], in the vocabulary's own spelling or in BERT's. */
export function splitAtSpecials(tokenizer: Tokenizer, text: string): SpecialPiece[] {
  const { split, idOf } = finderOf(tokenizer);
  return split(text).map(({ text, token }) => token === undefined ? { text } : { text, special: idOf.get(token)! });
}

/** Token ids of a text in which special tokens stand for themselves: see {@linkcode splitAtSpecials}. */
export function encodeWithSpecials(tokenizer: Tokenizer, text: string): Uint32Array<ArrayBuffer> {
  if (tokenizer.encodeWhole) return tokenizer.encodeWhole(finderOf(tokenizer).respell(text));
  return joinIds(
    splitAtSpecials(tokenizer, text).map(({ text, special }) =>
      special === undefined ? tokenizer.encode(text) : Uint32Array.of(special)
    ),
  );
}

interface SpecialFinder {
  readonly split: AddedSplitter;
  readonly idOf: ReadonlyMap<string, number>;
  /** BERT's names as the vocabulary spells them. */
  readonly respell: (text: string) => string;
}

const finders = new WeakMap<Tokenizer, SpecialFinder>();

function finderOf(tokenizer: Tokenizer): SpecialFinder {
  let finder = finders.get(tokenizer);
  if (!finder) finders.set(tokenizer, finder = specialFinder(tokenizer));
  return finder;
}

function specialFinder(tokenizer: Tokenizer): SpecialFinder {
  const idOf = new Map<string, number>();
  const spellings: AddedToken[] = [];
  const others: [string, string][] = [];
  for (const [name, id] of Object.entries(tokenizer.special)) {
    const own = tokenizer.token(id);
    if (name !== own && !tokenizer.tokens.includes(name)) others.push([name, own]);
    const spacing = tokenizer.spacing?.find(({ content }) => content === own);
    for (const content of new Set([name, own])) {
      idOf.set(content, id);
      spellings.push({ ...spacing, content });
    }
  }
  return {
    split: splitterAt(spellings) ?? ((text) => [{ text, start: 0 }]),
    idOf,
    respell: (text) => others.reduce((text, [name, own]) => text.replaceAll(name, () => own), text),
  };
}

/** Ids of a text as a model reads it: special tokens stand for themselves, and the frame is around it. */
export function encodeFramed(tokenizer: Tokenizer, text: string): Uint32Array<ArrayBuffer> {
  const { before = [], after = [] } = tokenizer.frame ?? {};
  return joinIds([Uint32Array.from(before), encodeWithSpecials(tokenizer, text), Uint32Array.from(after)]);
}

/** The frame of BERT, [CLS] before and [SEP] after it; undefined where the vocabulary lacks one of them. */
export function bertFrame(special: Tokenizer["special"]): Frame | undefined {
  const { "[CLS]": first, "[SEP]": last } = special;
  return first === undefined || last === undefined ? undefined : { before: [first], after: [last] };
}
