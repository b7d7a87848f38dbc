/**
 * What is known of the classes that transformers reads tokenizers with: how they cut words, what they put around texts, how
 * they call their special tokens.
 *
 * @module
 */

import type { SpecialToken } from "../tokenizer/tokenizer.ts";

/** Special tokens by BERT's names, as a class calls them. */
export type SpecialNames = Readonly<Record<SpecialToken, string>>;

/** What a class does where no tokenizer.json says it. */
export interface TokenizerClass {
  /** The vocabulary's file: BERT's words of vocab.txt, or GPT-2's bytes of vocab.json and merges.txt. */
  readonly layout: "vocab.txt" | "vocab.json";
  /** Names of the special tokens. */
  readonly names: SpecialNames;
  /** Whether texts are put between special tokens. */
  readonly framed: boolean;
  /** Whether the mask takes the white space before it along. */
  readonly spacedMask: boolean;
}

/** BERT's names. */
export const bertNames: SpecialNames = {
  "[PAD]": "[PAD]",
  "[UNK]": "[UNK]",
  "[CLS]": "[CLS]",
  "[SEP]": "[SEP]",
  "[MASK]": "[MASK]",
};
/** RoBERTa's names. */
const robertaNames: SpecialNames = {
  "[PAD]": "<pad>",
  "[UNK]": "<unk>",
  "[CLS]": "<s>",
  "[SEP]": "</s>",
  "[MASK]": "<mask>",
};

/** BERT's class, which a vocab.txt is read with where no class is named. */
export const bertClass: TokenizerClass = { layout: "vocab.txt", names: bertNames, framed: true, spacedMask: false };
/** RoBERTa's class, which a vocab.json is read with where no class is named. */
export const robertaClass: TokenizerClass = {
  layout: "vocab.json",
  names: robertaNames,
  framed: true,
  spacedMask: true,
};

const likeBert = "Bert DistilBert Electra MobileBert ConvBert LayoutLM Lxmert RetriBert Realm SqueezeBert Splinter " +
  "DPRContextEncoder DPRQuestionEncoder DPRReader";
const likeRoberta = "Roberta Bart Longformer LED Mvp";

const classes: Readonly<Record<string, TokenizerClass>> = {
  ...Object.fromEntries(likeBert.split(" ").map((name) => [`${name}Tokenizer`, bertClass])),
  ...Object.fromEntries(likeRoberta.split(" ").map((name) => [`${name}Tokenizer`, robertaClass])),
  MPNetTokenizer: {
    layout: "vocab.txt",
    names: { ...robertaNames, "[UNK]": "[UNK]" },
    framed: true,
    spacedMask: true,
  },
  FunnelTokenizer: {
    layout: "vocab.txt",
    names: { "[PAD]": "<pad>", "[UNK]": "<unk>", "[CLS]": "<cls>", "[SEP]": "<sep>", "[MASK]": "<mask>" },
    framed: true,
    spacedMask: false,
  },
  DebertaTokenizer: { layout: "vocab.json", names: bertNames, framed: true, spacedMask: true },
  GPT2Tokenizer: { layout: "vocab.json", names: robertaNames, framed: false, spacedMask: false },
};

/** What a class's name is without what says that it is written in Rust. */
export function plainClassName(name: string): string {
  return name.replace(/Fast$/, "");
}

/** What is known of a class, by its name with or without "Fast"; undefined: nothing. */
export function tokenizerClass(name: string): TokenizerClass | undefined {
  const plain = plainClassName(name);
  return Object.hasOwn(classes, plain) ? classes[plain] : undefined;
}

/** Classes of kinds of models, for folders whose tokenizer names none. */
const classOfModel: Readonly<Record<string, string>> = {
  bert: "BertTokenizer",
  distilbert: "DistilBertTokenizer",
  electra: "ElectraTokenizer",
  mobilebert: "MobileBertTokenizer",
  convbert: "ConvBertTokenizer",
  mpnet: "MPNetTokenizer",
  funnel: "FunnelTokenizer",
  roberta: "RobertaTokenizer",
  bart: "BartTokenizer",
  longformer: "LongformerTokenizer",
  deberta: "DebertaTokenizer",
  gpt2: "GPT2Tokenizer",
  ctrl: "CTRLTokenizer",
  flaubert: "FlaubertTokenizer",
  xlm: "XLMTokenizer",
  canine: "CanineTokenizer",
  "bert-japanese": "BertJapaneseTokenizer",
};

/** The class that transformers takes for a kind of model, as config.json calls it. */
export function classForModel(modelType: unknown): string | undefined {
  return typeof modelType === "string" && Object.hasOwn(classOfModel, modelType) ? classOfModel[modelType] : undefined;
}

/** Classes that other software cuts words for, whatever files are there: which part it is. */
const cutElsewhere: Readonly<Record<string, string>> = {
  PhobertTokenizer: "its words are cut by VnCoreNLP before",
  BertweetTokenizer: "its words are cut by NLTK's TweetTokenizer and emoji are spelled out",
  FlaubertTokenizer: "its words are cut by Moses",
  XLMTokenizer: "its words are cut by Moses",
  FSMTTokenizer: "its words are cut by Moses",
  BioGptTokenizer: "its words are cut by Moses",
  CTRLTokenizer: 'its words are cut by Python code and their pieces end in "@@"',
  TransfoXLTokenizer: "its words are cut by Moses",
  RoFormerTokenizer: "its words are cut by jieba",
  CpmTokenizer: "its words are cut by jieba",
  CpmAntTokenizer: "its words are cut by jieba",
  TapasTokenizer: "its texts are tables",
  CanineTokenizer: "it has no vocabulary: code points are hashed",
  ByT5Tokenizer: "it has no vocabulary: its ids are bytes",
  PerceiverTokenizer: "it has no vocabulary: its ids are bytes",
  EsmTokenizer: "its words are cut by Python code",
  BertGenerationTokenizer: "its pieces are in a SentencePiece model",
  ProphetNetTokenizer: "its words are cut by Python code",
};

/** Classes that other software cuts words for unless there is a tokenizer.json. */
const cutElsewhereWithoutJson: Readonly<Record<string, string>> = {
  HerbertTokenizer: "its words are cut by Moses",
  OpenAIGPTTokenizer: "its words are cut by spaCy",
  CLIPTokenizer: 'its pieces end in "</w>"',
  AlbertTokenizer: "its pieces are in a SentencePiece model",
  CamembertTokenizer: "its pieces are in a SentencePiece model",
  XLMRobertaTokenizer: "its pieces are in a SentencePiece model",
  DebertaV2Tokenizer: "its pieces are in a SentencePiece model",
  T5Tokenizer: "its pieces are in a SentencePiece model",
  XLNetTokenizer: "its pieces are in a SentencePiece model",
  BigBirdTokenizer: "its pieces are in a SentencePiece model",
  RemBertTokenizer: "its pieces are in a SentencePiece model",
  LlamaTokenizer: "its pieces are in a SentencePiece model",
};

const savedFast = "a tokenizer.json, as a class whose name ends in Fast saves it, would do";

/** Why a class cannot be read; undefined: it can. */
export function classRefusal(
  name: string,
  { config, hasJson }: { config: Readonly<Record<string, unknown>>; hasJson: boolean },
): string | undefined {
  const plain = plainClassName(name);
  if (plain === "BertJapaneseTokenizer") return japaneseRefusal(name, config);
  const elsewhere = own(cutElsewhere, plain);
  if (elsewhere !== undefined) {
    return `its class is ${name}: ${elsewhere}, which is not done here; text that is cut already, with tokenizer_class ` +
      "PreTrainedTokenizerFast and a tokenizer.json of its own, would do";
  }
  if (hasJson) return undefined;
  const without = own(cutElsewhereWithoutJson, plain);
  return without === undefined ? undefined : `its class is ${name}: ${without}; ${savedFast}`;
}

const own = (table: Readonly<Record<string, string>>, name: string) =>
  Object.hasOwn(table, name) ? table[name] : undefined;

/** Japanese BERT cuts words as BERT does only where it is told to. */
function japaneseRefusal(name: string, config: Readonly<Record<string, unknown>>): string | undefined {
  const { word_tokenizer_type: words = "basic", subword_tokenizer_type: pieces = "wordpiece" } = config;
  const software: Readonly<Record<string, string>> = { mecab: "MeCab", sudachi: "Sudachi", jumanpp: "Juman++" };
  if (words !== "basic") {
    const by = own(software, String(words)) ?? JSON.stringify(words);
    return `its class is ${name}: words are cut by ${by} (word_tokenizer_type), which is not done here; ` +
      'text that is cut already, with word_tokenizer_type "basic", would do';
  }
  if (pieces === "wordpiece") return undefined;
  return `its class is ${name}: its pieces are of the kind ${JSON.stringify(pieces)} (subword_tokenizer_type), ` +
    'which is not done here; "wordpiece" would do';
}

/** Why a class has no layout that a vocabulary without tokenizer.json can be read by. */
export function unknownClass(name: string): string {
  return `its class ${name} is not known, and words may be cut otherwise than BERT or RoBERTa do; ${savedFast}`;
}

/** Files of other software that a folder may have instead, with what they are. */
export const foreignFiles: readonly (readonly [name: string, what: string])[] = [
  ["spiece.model", "a SentencePiece model"],
  ["sentencepiece.bpe.model", "a SentencePiece model"],
  ["sentencepiece.model", "a SentencePiece model"],
  ["tokenizer.model", "a SentencePiece or tiktoken model"],
  ["spm.model", "a SentencePiece model"],
  ["bpe.codes", "a vocabulary of fastBPE"],
  ["vocab.pkl", "a vocabulary of Transformer-XL"],
  ["vocab.bpe", "a vocabulary of GPT-2 under its old name"],
];
