/**
 * Patterns that texts are split at or changed by. Those that are known to be quick in every text run as regular expressions, all
 * others by a matcher of our own, whose time grows with the text and no faster.
 *
 * @module
 */

import { compileMatcher, type Finder } from "./pattern_matcher.ts";
import { parsePattern, type PatternNode } from "./pattern_syntax.ts";
import type { Component } from "./components.ts";

/** Finds a pattern's matches. */
export type Pattern = Finder;

/** Patterns of well-known tokenizers, which go back over a run of characters at most once. */
const wellKnown: ReadonlySet<string> = new Set([
  // GPT-2
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  String.raw`'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  // cl100k and Llama 3; Qwen
  String
    .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  String
    .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  // o200k
  String
    .raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
]);

/**
 * A pattern in Oniguruma's syntax.
 *
 * @throws {RangeError} that names what of it cannot be read.
 */
export function compilePattern(source: string): Pattern {
  const tree = parsePattern(source);
  if (!wellKnown.has(source) && !isPlain(tree)) return compileMatcher(tree, source);
  const native = new RegExp(nativeOf(tree), "gv");
  return (text) => (from) => {
    native.lastIndex = from;
    const match = native.exec(text);
    return match ? [match.index, match.index + match[0].length] : undefined;
  };
}

/**
 * The pattern of a component: {"String": …} stands for itself, {"Regex": …} is one.
 *
 * @throws {RangeError} if it is neither, or cannot be read.
 */
export function patternOf(component: Component): Pattern {
  const { String: text, Regex: regex } = (component.pattern ?? {}) as { String?: unknown; Regex?: unknown };
  if (typeof regex === "string") return compilePattern(regex);
  if (typeof text === "string") return literalPattern(text);
  throw new RangeError(`the pattern of its ${component.type} is neither a string nor a regular expression`);
}

function literalPattern(wanted: string): Pattern {
  return (text) => (from) => {
    const at = text.indexOf(wanted, from);
    return at < 0 || from > text.length ? undefined : [at, at + wanted.length];
  };
}

/** Where matches begin and end, one after the other; one without characters is none where another ends. */
export function findAll(pattern: Pattern, text: string): number[] {
  const bounds: number[] = [];
  if (text === "") return bounds;
  const find = pattern(text);
  let last = -1;
  for (let from = 0; from <= text.length;) {
    const match = find(from);
    if (!match) break;
    const [start, end] = match;
    if (start === end && end === last) {
      from += (text.codePointAt(from) ?? 0) > 0xffff ? 2 : 1;
      continue;
    }
    bounds.push(start, end);
    from = last = end;
  }
  return bounds;
}

/** A text with all matches replaced. */
export function replaceAll(pattern: Pattern, { text, content }: { text: string; content: string }): string {
  const bounds = findAll(pattern, text);
  if (bounds.length === 0) return text;
  let out = "";
  let at = 0;
  for (let i = 0; i < bounds.length; i += 2) {
    out += text.slice(at, bounds[i]!) + content;
    at = bounds[i + 1]!;
  }
  return out + text.slice(at);
}

/** Whether each branch takes a few characters and then at most one run of a class: it never goes back far. */
function isPlain(tree: PatternNode): boolean {
  const branches = tree.kind === "either" ? tree.nodes : [tree];
  return branches.every((branch) => {
    const nodes = branch.kind === "sequence" ? branch.nodes : [branch];
    return nodes.every((node, i) =>
      node.kind === "set" ||
      (node.kind === "repeat" && node.node.kind === "set" && (i + 1 === nodes.length || (node.max <= 8 && i < 4)))
    );
  });
}

/** A tree as a regular expression. */
function nativeOf(node: PatternNode): string {
  switch (node.kind) {
    case "set":
      return node.fold ? `(?i:${node.set})` : node.set;
    case "sequence":
      return node.nodes.map(nativeOf).join("");
    case "either":
      return `(?:${node.nodes.map(nativeOf).join("|")})`;
    case "repeat":
      return `(?:${nativeOf(node.node)}){${node.min},${node.max === Infinity ? "" : node.max}}${node.lazy ? "?" : ""}`;
    case "look":
      return `(?${node.behind ? "<" : ""}${node.negative ? "!" : "="}${nativeOf(node.node)})`;
    case "atomic":
    case "assert":
      throw new TypeError(`No pattern that runs as a regular expression has a part of the kind ${node.kind}`);
  }
}
