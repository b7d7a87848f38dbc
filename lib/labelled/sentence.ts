/**
 * A sentence with a label on each word.
 *
 * @module
 */

/** A sentence as words with a label each. */
export interface LabelledWords {
  /** Its words, in order; none is empty. */
  readonly words: readonly string[];
  /** The label of each. */
  readonly tags: readonly string[];
  /** Where it stands: `news.conll, line 3`. */
  readonly source: string;
}

/** A sentence, or what is wrong with it. */
export type TaggedSentence = LabelledWords | {
  readonly problem: string;
  readonly place: string;
  /** Names of the record's fields, where it has none of the tags. */
  readonly fields?: readonly string[] | undefined;
};
