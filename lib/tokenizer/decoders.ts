/**
 * Decoders: from tokens back to text, as the Rust package "tokenizers" does it.
 *
 * @module
 */

import { byteOf } from "./byte_level.ts";
import {
  characterOption,
  type Component,
  componentsOption,
  countOption,
  flagOption,
  textOption,
  typeName,
} from "./components.ts";
import { patternOf, replaceAll } from "./pattern.ts";
import { prependScheme } from "./pre_tokenizers.ts";

/** Tokens to texts that belong one after the other. */
export type Decoder = (tokens: readonly string[]) => readonly string[];

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * The decoder that a component of tokenizer.json describes; undefined where there is none, and tokens have spaces between.
 *
 * @throws {RangeError} that names the component if there is no such decoder, or an option is not what it can be.
 */
export function decoderOf(component: Component | null | undefined): Decoder | undefined {
  if (component === null || component === undefined) return undefined;
  switch (component.type) {
    case "Sequence": {
      const steps = componentsOption(component, "decoders").flatMap((step) => decoderOf(step) ?? []);
      return (tokens) => steps.reduce((tokens, step) => step(tokens), tokens);
    }
    case "ByteLevel":
      return byteLevelDecoder;
    case "WordPiece":
      return wordPieceDecoder(textOption(component, "prefix", "##"), flagOption(component, "cleanup", true));
    case "Metaspace": {
      const sign = characterOption(component, "replacement", "▁");
      const keepsFirst = prependScheme(component) === "never";
      return (tokens) => tokens.map((token, i) => token.replaceAll(sign, i === 0 && !keepsFirst ? "" : " "));
    }
    case "BPEDecoder": {
      const suffix = textOption(component, "suffix", "</w>");
      return (tokens) => tokens.map((token, i) => replaceText(token, suffix, i + 1 === tokens.length ? "" : " "));
    }
    case "ByteFallback":
      return byteFallbackDecoder;
    case "Fuse":
      return (tokens) => [tokens.join("")];
    case "Strip": {
      const content = characterOption(component, "content", " ");
      const [start, stop] = [countOption(component, "start", 0), countOption(component, "stop", 0)];
      return (tokens) => tokens.map((token) => stripCharacter(token, { content, start, stop }));
    }
    case "Replace": {
      const [pattern, content] = [patternOf(component), textOption(component, "content")];
      return (tokens) => tokens.map((text) => replaceAll(pattern, { text, content }));
    }
    case "CTC":
      return ctcDecoder(component);
    default:
      throw new RangeError(`its decoder is ${typeName(component)}; ${knownDecoders} can be read`);
  }
}

const knownDecoders =
  "Sequence, ByteLevel, WordPiece, Metaspace, BPEDecoder, ByteFallback, Fuse, Strip, Replace and CTC";

const replaceText = (text: string, old: string, by: string) => old === "" ? text : text.replaceAll(old, () => by);

function byteLevelDecoder(tokens: readonly string[]): string[] {
  const bytes: number[] = [];
  for (const token of tokens) {
    const own: number[] = [];
    for (const character of token) own.push(byteOf.get(character) ?? -1);
    // a token that is not of such characters stands for itself
    for (const byte of own.includes(-1) ? encoder.encode(token) : own) bytes.push(byte);
  }
  return [decoder.decode(Uint8Array.from(bytes))];
}

function wordPieceDecoder(prefix: string, cleanup: boolean): Decoder {
  return (tokens) =>
    tokens.map((token, i) => {
      const goesOn = i > 0 && token.startsWith(prefix);
      const text = i === 0 ? token : goesOn ? token.slice(prefix.length) : ` ${token}`;
      return cleanup ? tidied(text) : text;
    });
}

const untidy = [
  [" .", "."],
  [" ?", "?"],
  [" !", "!"],
  [" ,", ","],
  [" ' ", "'"],
  [" n't", "n't"],
  [" 'm", "'m"],
  [" do not", " don't"],
  [" 's", "'s"],
  [" 've", "'ve"],
  [" 're", "'re"],
] as const;

function tidied(text: string): string {
  return untidy.reduce((text, [wide, close]) => text.replaceAll(wide, close), text);
}

function byteFallbackDecoder(tokens: readonly string[]): string[] {
  const texts: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length === 0) return;
    const text = wellFormed(bytes);
    if (text === undefined) texts.push(...bytes.map(() => "\ufffd"));
    else texts.push(text);
    bytes = [];
  };
  for (const token of tokens) {
    const byte = /^<0x([0-9a-f]{2})>$/i.exec(token);
    if (byte) bytes.push(parseInt(byte[1]!, 16));
    else {
      flush();
      texts.push(token);
    }
  }
  flush();
  return texts;
}

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function wellFormed(bytes: readonly number[]): string | undefined {
  try {
    return strict.decode(Uint8Array.from(bytes));
  } catch {
    return undefined;
  }
}

/** Without at most so many of a character at each end. */
function stripCharacter(
  token: string,
  { content, start, stop }: { content: string; start: number; stop: number },
): string {
  const characters = [...token];
  let [first, last] = [0, characters.length];
  while (first < Math.min(start, characters.length) && characters[first] === content) first++;
  for (let i = 0; i < stop && last > first && characters[last - 1] === content; i++) last--;
  return characters.slice(first, last).join("");
}

function ctcDecoder(component: Component): Decoder {
  const pad = textOption(component, "pad_token", "<pad>");
  const delimiter = textOption(component, "word_delimiter_token", "|");
  const cleanup = flagOption(component, "cleanup", true);
  return (tokens) =>
    tokens.filter((token, i) => token !== tokens[i - 1]).flatMap((token) => {
      let text = replaceText(token, pad, "");
      if (cleanup) text = replaceText(tidied(text), delimiter, " ");
      return text === "" ? [] : [text];
    });
}
