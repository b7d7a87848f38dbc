/**
 * What vocabularies of every kind are told beside their tokens.
 *
 * @module
 */

import type { AddedToken } from "./added.ts";
import type { SpecialSpelling } from "./special_tokens.ts";

/** What vocabularies of every kind are told beside their tokens. */
export interface VocabularyOptions {
  /** Tokens beside the special ones that are found in text before it is split, such as runs of spaces. */
  added?: readonly AddedToken[] | undefined;
  /** Special tokens that are not called by BERT's names. */
  spelling?: SpecialSpelling | undefined;
  /** How special tokens are found in text, where that is not as they are spelled and no more. */
  specialForms?: readonly AddedToken[] | undefined;
}

/** Options with their defaults in place of what is not said. */
export type Complete<Options> = { readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> };

/** The defaults. */
export function vocabularyOptions(
  { added = [], spelling = {}, specialForms = [] }: VocabularyOptions,
): Complete<VocabularyOptions> {
  return { added, spelling, specialForms };
}
