/**
 * Vocabularies without a tokenizer.json, vocab.txt or vocab.json with merges.txt, as the tokenizer.json that they stand for.
 *
 * @module
 */

import type { SpecialSpelling } from "../tokenizer/special_tokens.ts";
import type { SpecialToken } from "../tokenizer/tokenizer.ts";
import type { TokenizerClass } from "./tokenizer_class.ts";
import { isObject, type JsonObject } from "./tokenizer_names.ts";

/** What is said beside a vocabulary. */
export interface LayoutOptions {
  /** What the class does. */
  readonly kind: TokenizerClass;
  /** Content of tokenizer_config.json. */
  readonly config: JsonObject;
  /** Names of special tokens, where a file says so. */
  readonly spelling: SpecialSpelling;
}

/** The tokenizer.json of a vocab.txt, a token a line; of a token that is there twice the last line counts. */
export function vocabTxtJson(text: string, { kind, config, spelling }: LayoutOptions): JsonObject {
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  const vocab = Object.fromEntries(lines.map((token, id) => [token, id]));
  const names = { ...kind.names, ...spelling };
  return {
    added_tokens: specialsOf(vocab, names, kind),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: flag(config.tokenize_chinese_chars, true),
      strip_accents: typeof config.strip_accents === "boolean" ? config.strip_accents : null,
      lowercase: flag(config.do_lower_case, true),
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: frameOf(vocab, names, kind),
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: names["[UNK]"],
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

/**
 * The tokenizer.json of a vocab.json and the text of a merges.txt.
 *
 * @throws {RangeError} if its pieces are of another kind than bytes.
 */
export function vocabJsonJson(
  vocab: unknown,
  merges: string,
  { kind, config, spelling }: LayoutOptions,
): JsonObject {
  const pairs = merges.split(/\r?\n/).filter((line, i) => line !== "" && !(i === 0 && line.startsWith("#version")));
  if (pairs.some((pair) => pair.endsWith("</w>"))) {
    throw new RangeError(
      'its pieces end in "</w>", which is not GPT-2\'s kind; a tokenizer.json, as a class whose name ends in Fast saves it, ' +
        "would do",
    );
  }
  const names = { ...kind.names, ...spelling };
  const known = isObject(vocab) ? vocab as Readonly<Record<string, number>> : {};
  const prefixed = flag(config.add_prefix_space, false);
  const level = { type: "ByteLevel", add_prefix_space: prefixed, trim_offsets: true, use_regex: true };
  return {
    added_tokens: specialsOf(known, names, kind),
    normalizer: null,
    pre_tokenizer: level,
    post_processor: frameOf(known, names, kind),
    decoder: level,
    model: { type: "BPE", vocab, merges: pairs },
  };
}

type Names = Readonly<Record<SpecialToken, string>>;
type Ids = Readonly<Record<string, number>>;

/** The special tokens that a vocabulary has. */
function specialsOf(vocab: Ids, names: Names, { spacedMask }: TokenizerClass): JsonObject[] {
  return [...new Set(Object.values(names))].filter((content) => Object.hasOwn(vocab, content)).map((content) => ({
    id: vocab[content],
    content,
    single_word: false,
    lstrip: spacedMask && content === names["[MASK]"],
    rstrip: false,
    normalized: false,
    special: true,
  }));
}

/** The class's frame, where the vocabulary has its tokens. */
function frameOf(vocab: Ids, names: Names, { framed }: TokenizerClass): JsonObject | null {
  const [cls, sep] = [names["[CLS]"], names["[SEP]"]];
  if (!framed || !Object.hasOwn(vocab, cls) || !Object.hasOwn(vocab, sep)) return null;
  return { type: "BertProcessing", cls: [cls, vocab[cls]], sep: [sep, vocab[sep]] };
}

function flag(value: unknown, otherwise: boolean): boolean {
  return typeof value === "boolean" ? value : otherwise;
}
