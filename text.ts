/**
 * Text, without a model or a GPU: sources of bytes, the formats in which texts are stored, corpora, and the way from there to
 * masked windows.
 *
 * @example Mask a text, in any program that reads streams
 * ```ts
 * import { maskStream, stringSource, textStream, windowStream } from "@cloze/mlm/text";
 * import { trainTokenizer } from "@cloze/mlm/tokenizer";
 *
 * const poem = stringSource("poem.txt", "to be or not to be\nthat is the question\n".repeat(50));
 * const tokenizer = await trainTokenizer(textStream(poem), { type: "wordpiece", size: 60 });
 * const masked = textStream(poem)
 *   .pipeThrough(windowStream({ tokenizer, length: 16, words: true }))
 *   .pipeThrough(maskStream({ tokenizer, rate: 0.15, mode: "word", seed: 1 }));
 * for await (const { ids } of masked) console.log(tokenizer.decode(ids));
 * ```
 *
 * @module
 */

// bytes
export { type Compression, decompressed } from "./lib/text/decompress.ts";
export {
  type FileOptions,
  fileSource,
  fileSources,
  type LeftOut,
  standardInputSource,
} from "./lib/text/file_source.ts";
export { urlSource } from "./lib/text/url_source.ts";
export type { FetchLimits } from "./lib/access/guarded_fetch.ts";
export {
  BadRecords,
  type Beside,
  BrokenDataError,
  type ByteSource,
  type Passage,
  type ReadOptions,
  strict,
  stringSource,
  type TextSource,
} from "./lib/text/source.ts";

// formats
export { commaSeparated, type TableOptions } from "./lib/text/csv.ts";
export { jsonSource } from "./lib/text/json.ts";
export { jsonLines } from "./lib/text/json_lines.ts";
export { parquet } from "./lib/text/parquet.ts";
export { type DocumentKind, documentKinds, plainText } from "./lib/text/plain_text.ts";
export { type PairFormat, pairFormats, type TextPair, type TextPairOptions, textPairs } from "./lib/text/pairs.ts";
export { type TextFormat, textFormats, type TextOptions, textSource } from "./lib/text/text_source.ts";

// labelled data
export { type Classes, classesOf } from "./lib/labelled/classes.ts";
export {
  type LabelledFormat,
  labelledFormats,
  type LabelledOptions,
  type LabelledText,
  labelledTexts,
} from "./lib/labelled/labelled_texts.ts";
export {
  type LabelledWordFormat,
  labelledWordFormats,
  labelledWords,
  type LabelledWordsOptions,
} from "./lib/labelled/labelled_words.ts";
export type { LabelledWords } from "./lib/labelled/sentence.ts";

// corpora
export {
  type Corpus,
  type CorpusPart,
  type CorpusPassage,
  type CorpusPosition,
  textCorpus,
  type TextCorpusOptions,
  textsOf,
  textStream,
  trainingTexts,
} from "./lib/text/corpus.ts";
export { pairCorpus, type PairCorpusOptions } from "./lib/text/pair_corpus.ts";
export { mixture, type WeightedCorpus } from "./lib/text/mixture.ts";
export { storiesCorpus } from "./lib/text/stories.ts";

// windows and masks
export { chunkTexts } from "./lib/inference/chunk_texts.ts";
export type { Batch } from "./lib/batch/batch.ts";
export {
  type MaskedWindow,
  type MaskMode,
  type MaskOptions,
  type MaskRule,
  maskWindow,
  neverMasked,
  type Window,
} from "./lib/batch/masking.ts";
export type { PackMode } from "./lib/batch/block.ts";
export { maskStream, windowStream, type WindowStreamOptions } from "./lib/batch/streams.ts";
export { type SurveyOptions, surveyText, type TextSurvey } from "./lib/batch/survey.ts";
export { type TextWindowOptions, textWindows } from "./lib/batch/text_windows.ts";
export { TooShortError, type WindowOptions, type WindowPosition, WindowSource } from "./lib/batch/windows.ts";
