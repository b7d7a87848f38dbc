/**
 * Character vocabularies as Hugging Face's tokenizer.json: byte-pair encoding that has no merges, so that every character
 * stays a token.
 *
 * @module
 */

import { type CharacterTokenizer, characterTokenizer } from "../tokenizer/character.ts";
import { type SpecialToken, specialTokens } from "../tokenizer/tokenizer.ts";

/** Content of tokenizer.json. */
export function toTokenizerJson(tokenizer: CharacterTokenizer): Record<string, unknown> {
  const added = Object.entries(tokenizer.special).map(([content, id]) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: "Fuse" },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: tokenizer.special["[UNK]"] === undefined ? null : "[UNK]",
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokenizer.tokens.map((token, id) => [token, id])),
      merges: [],
    },
  };
}

/** Content of tokenizer_config.json. */
export function toTokenizerConfigJson(tokenizer: CharacterTokenizer, maxLength: number): Record<string, unknown> {
  const names = { pad: "[PAD]", unk: "[UNK]", cls: "[CLS]", sep: "[SEP]", mask: "[MASK]" } as const;
  const present = Object.entries(names).filter(([, token]) => tokenizer.special[token] !== undefined);
  return {
    tokenizer_class: "PreTrainedTokenizerFast",
    model_max_length: maxLength,
    clean_up_tokenization_spaces: false,
    ...Object.fromEntries(present.map(([name, token]) => [`${name}_token`, token])),
  };
}

/**
 * The tokenizer that a tokenizer.json of this project describes.
 *
 * @throws {SyntaxError} if it is of another kind.
 */
export function fromTokenizerJson(json: unknown, name = "tokenizer.json"): CharacterTokenizer {
  const fail = (what: string) => new SyntaxError(`Cannot use ${name}: ${what}`);
  const { model } = (json ?? {}) as { model?: { type?: string; vocab?: Record<string, number>; merges?: unknown[] } };
  if (model?.type !== "BPE" || !model.vocab || model.merges?.length !== 0) {
    throw fail("it is no character vocabulary, the only kind that can be read");
  }
  const tokens = Object.entries(model.vocab).sort((a, b) => a[1] - b[1]).map(([token]) => token);
  const isSpecial = (token: string): token is SpecialToken => (specialTokens as readonly string[]).includes(token);
  const specials = tokens.filter(isSpecial);
  const tokenizer = characterTokenizer(tokens.filter((token) => !isSpecial(token)), { specials });
  if (String(tokenizer.tokens) !== String(tokens)) throw fail("its tokens are not in the order of their code points");
  return tokenizer;
}
