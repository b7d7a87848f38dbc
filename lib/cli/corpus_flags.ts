/**
 * The flags that say which text, and how it is read.
 *
 * @module
 */

import type { CorpusChoice } from "./open_corpus.ts";
import { definedOnly, type ParsedFlags } from "./flags.ts";
import { trainFlags } from "./train_flags.ts";

const { data, document, field, format, pairs, "skip-bad": skipBad, validation } = trainFlags;

/** Flags of every command that reads a corpus. */
export const textFlags = { data, document, field, format, "skip-bad": skipBad };

/** The text that the flags ask for; a command may describe --data in its own way. */
export function corpusChoice(parsed: ParsedFlags, named: typeof data = data): CorpusChoice {
  const choice = {
    document: parsed.get(document),
    field: parsed.get(field),
    format: parsed.get(format),
    validation: parsed.get(validation),
    skipBad: parsed.get(skipBad),
    pairs: parsed.get(pairs),
  };
  return { data: parsed.all(named), ...definedOnly(choice) };
}
