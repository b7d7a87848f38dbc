/**
 * Tokenizers written as Hugging Face's files: tokenizer.json, tokenizer_config.json, special_tokens_map.json, vocab.txt,
 * vocab.json and merges.txt.
 *
 * @module
 */

import type { BpeTokenizer } from "../tokenizer/bpe.ts";
import type { AddedToken } from "../tokenizer/added.ts";
import type { Component } from "../tokenizer/components.ts";
import { isPipeline } from "../tokenizer/pipeline.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { WordPieceTokenizer } from "../tokenizer/wordpiece.ts";
import { frameOf } from "./tokenizer_frame.ts";

/** Content of tokenizer.json. Characters are written as byte-pair encoding that has no merges. */
export function toTokenizerJson(tokenizer: Tokenizer): Record<string, unknown> {
  if (isPipeline(tokenizer)) return fromSource(tokenizer, tokenizer.source);
  const idOf = new Map(tokenizer.tokens.map((token, id) => [token, id]));
  const entry = (id: number, token: AddedToken, special: boolean) => ({
    id,
    content: token.content,
    single_word: token.singleWord ?? false,
    lstrip: token.lstrip ?? false,
    rstrip: token.rstrip ?? false,
    normalized: token.normalized ?? false,
    special,
  });
  const { added: also, specialForms: forms } = addedOf(tokenizer);
  const special = Object.values(tokenizer.special).map((id) => {
    const content = tokenizer.tokens[id]!;
    const form = [...forms, ...tokenizer.spacing ?? []].find((token) => token.content === content);
    return entry(id, form ?? { content }, true);
  });
  const added = [...special, ...also.map((token) => entry(idOf.get(token.content)!, token, token.special ?? false))]
    .sort((a, b) => a.id - b.id);
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    ...components(tokenizer),
    post_processor: frameJson(tokenizer),
  };
}

/** Of a tokenizer of other components, what it was read from, with the frame that it has now. */
function fromSource(tokenizer: Tokenizer, source: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const had = frameOf(source.post_processor as Component | null | undefined);
  const isSame = JSON.stringify(had) === JSON.stringify(tokenizer.frame);
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    ...source,
    ...(isSame ? {} : { post_processor: frameJson(tokenizer) }),
  };
}

/** Added tokens of a tokenizer that has options. */
function addedOf(tokenizer: Tokenizer): { added: readonly AddedToken[]; specialForms: readonly AddedToken[] } {
  if (tokenizer.type === "char") return { added: [], specialForms: [] };
  return (tokenizer as BpeTokenizer | WordPieceTokenizer).options;
}

/** Tokens that words are cut into: without added ones behind all others, where those get the same ids without being there. */
function vocabularyOf(tokenizer: Tokenizer): Record<string, number> {
  const { added } = addedOf(tokenizer);
  const apart = new Set(added.filter((token) => !token.inVocabulary).map(({ content }) => content));
  const { tokens } = tokenizer;
  const end = tokens.findLastIndex((token) => !apart.has(token)) + 1;
  const isLast = tokens.length - end === apart.size;
  return Object.fromEntries(tokens.slice(0, isLast ? end : tokens.length).map((token, id) => [token, id]));
}

/** What puts texts, and pairs of texts, between special tokens. */
function frameJson({ frame, tokens }: Tokenizer): Record<string, unknown> | null {
  if (!frame) return null;
  const { before, after } = frame;
  const special = (type: number) => (id: number) => ({ SpecialToken: { id: tokens[id], type_id: type } });
  const text = (id: string, type: number) => ({ Sequence: { id, type_id: type } });
  const single = [...before.map(special(0)), text("A", 0), ...after.map(special(0))];
  return {
    type: "TemplateProcessing",
    single,
    pair: [...single, text("B", 1), ...after.map(special(1))],
    special_tokens: Object.fromEntries(
      [...new Set([...before, ...after])].map((
        id,
      ) => [tokens[id], { id: tokens[id], ids: [id], tokens: [tokens[id]] }]),
    ),
  };
}

/** What differs from kind to kind. */
function components(tokenizer: Tokenizer): Record<string, unknown> {
  const vocab = vocabularyOf(tokenizer);
  const bpe = {
    type: "BPE",
    dropout: null,
    unk_token: null as string | null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    vocab,
    merges: [] as (readonly [string, string])[],
  };
  switch (tokenizer.type) {
    case "char":
      return {
        normalizer: null,
        pre_tokenizer: null,
        decoder: { type: "Fuse" },
        model: { ...bpe, unk_token: tokenizer.special["[UNK]"] === undefined ? null : "[UNK]" },
      };
    case "wordpiece": {
      const { lowercase, stripAccents, splitChinese, cleanText, prefix, unknown, longestWord } =
        (tokenizer as WordPieceTokenizer).options;
      return {
        normalizer: {
          type: "BertNormalizer",
          clean_text: cleanText,
          handle_chinese_chars: splitChinese,
          strip_accents: stripAccents === lowercase ? null : stripAccents,
          lowercase,
        },
        pre_tokenizer: { type: "BertPreTokenizer" },
        decoder: { type: "WordPiece", prefix, cleanup: true },
        model: {
          type: "WordPiece",
          unk_token: unknown,
          continuing_subword_prefix: prefix,
          max_input_chars_per_word: longestWord,
          vocab,
        },
      };
    }
    case "bpe": {
      const { options, merges } = tokenizer as BpeTokenizer;
      const level = {
        type: "ByteLevel",
        add_prefix_space: options.addPrefixSpace,
        trim_offsets: true,
        use_regex: true,
      };
      return {
        normalizer: options.compose ? { type: "NFC" } : null,
        pre_tokenizer: level,
        decoder: level,
        model: { ...bpe, ignore_merges: options.ignoreMerges, merges },
      };
    }
    default:
      throw new TypeError(`A tokenizer of ${tokenizer.type} has no tokenizer.json that it was read from`);
  }
}

const tokenNames = { pad: "[PAD]", unk: "[UNK]", cls: "[CLS]", sep: "[SEP]", mask: "[MASK]" } as const;

function presentTokens(tokenizer: Tokenizer): Record<string, string> {
  return Object.fromEntries(
    Object.entries(tokenNames).flatMap(([name, token]) => {
      const id = tokenizer.special[token];
      return id === undefined ? [] : [[`${name}_token`, tokenizer.token(id)]];
    }),
  );
}

/** Content of tokenizer_config.json. */
export function toTokenizerConfigJson(tokenizer: Tokenizer, maxLength: number): Record<string, unknown> {
  const isBert = tokenizer.type === "wordpiece" && !isPipeline(tokenizer);
  const bert = isBert ? (tokenizer as WordPieceTokenizer).options : undefined;
  return {
    // BertTokenizer would put [CLS] and [SEP] around texts, whatever tokenizer.json says
    tokenizer_class: bert && tokenizer.frame ? "BertTokenizer" : "PreTrainedTokenizerFast",
    model_max_length: maxLength,
    clean_up_tokenization_spaces: false,
    ...(bert
      ? {
        do_lower_case: bert.lowercase,
        strip_accents: bert.stripAccents === bert.lowercase ? null : bert.stripAccents,
        tokenize_chinese_chars: bert.splitChinese,
      }
      : {}),
    ...presentTokens(tokenizer),
  };
}

/** All files of a tokenizer, by name; of one that was read from files, those. */
export function tokenizerFiles(tokenizer: Tokenizer, maxLength: number): Map<string, string> {
  if (tokenizer.files) return new Map(tokenizer.files);
  const json = (value: unknown) => JSON.stringify(value, null, 2) + "\n";
  const files = new Map([
    ["tokenizer.json", json(toTokenizerJson(tokenizer))],
    ["tokenizer_config.json", json(toTokenizerConfigJson(tokenizer, maxLength))],
    ["special_tokens_map.json", json(presentTokens(tokenizer))],
  ]);
  if (isPipeline(tokenizer)) return files;
  if (tokenizer.type === "wordpiece") files.set("vocab.txt", tokenizer.tokens.map((token) => `${token}\n`).join(""));
  if (tokenizer.type === "bpe") {
    const { tokens, merges } = tokenizer as BpeTokenizer;
    files.set("vocab.json", json(Object.fromEntries(tokens.map((token, id) => [token, id]))));
    files.set("merges.txt", `#version: 0.2\n${merges.map((pair) => `${pair.join(" ")}\n`).join("")}`);
  }
  return files;
}
