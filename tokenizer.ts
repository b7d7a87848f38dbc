/**
 * Tokenizers, without a model or a GPU: training vocabularies of characters, WordPiece and byte-level BPE, reading those of Hugging
 * Face's files, and writing them.
 *
 * @example Train a vocabulary and write its files
 * ```ts
 * import { tokenizerFiles, trainTokenizer } from "@cloze/mlm/tokenizer";
 *
 * const lines = ["low lower lowest", "new newer newest"];
 * const tokenizer = await trainTokenizer(lines, { type: "wordpiece", size: 40 });
 * const ids = tokenizer.encode("newest");
 * console.log(Array.from(ids, (id) => tokenizer.token(id)), tokenizer.decode(ids));
 * console.log([...tokenizerFiles(tokenizer, 128).keys()]);
 * ```
 *
 * @module
 */

// vocabularies
export { type BpeOptions, type BpeTokenizer, bpeTokenizer } from "./lib/tokenizer/bpe.ts";
export {
  type CharacterTokenizer,
  characterTokenizer,
  characterTokenizerOf,
  scanCharacters,
} from "./lib/tokenizer/character.ts";
export { trainTokenizer, type TrainTokenizerOptions } from "./lib/tokenizer/train_tokenizer.ts";
export { type WordPieceOptions, type WordPieceTokenizer, wordPieceTokenizer } from "./lib/tokenizer/wordpiece.ts";
export {
  type Frame,
  type SpecialToken,
  specialTokens,
  type Tokenizer,
  type TokenizerType,
  tokenizerTypes,
  type VocabularyType,
} from "./lib/tokenizer/tokenizer.ts";

export type { Complete, VocabularyOptions } from "./lib/tokenizer/vocabulary_options.ts";

// special and added tokens
export { addTokens, type ExtendedTokenizer, type NewToken, type SkippedWord } from "./lib/format/add_tokens.ts";
export type { AddedToken } from "./lib/tokenizer/added.ts";
export {
  bertFrame,
  encodeFramed,
  encodeWithSpecials,
  type SpecialPiece,
  type SpecialSpelling,
  splitAtSpecials,
} from "./lib/tokenizer/special_tokens.ts";
export { CONTINUES, continuesOf, withoutWords } from "./lib/tokenizer/token_ids.ts";

// what BERT does to text
export { type BertNormalization, bertNormalize } from "./lib/tokenizer/normalizers.ts";
export { bertWords } from "./lib/tokenizer/pre_tokenizers.ts";

// files
export { readTokenizer, type ReadTokenizerOptions, vocabularyFiles } from "./lib/format/tokenizer_folder.ts";
export type { AddedJson } from "./lib/format/tokenizer_names.ts";
export {
  fromTokenizerJson,
  fromVocabJson,
  fromVocabTxt,
  type TokenizerJsonOptions,
} from "./lib/format/tokenizer_reader.ts";
export { tokenizerFiles, toTokenizerConfigJson, toTokenizerJson } from "./lib/format/tokenizer_writer.ts";
