import { assert, assertEquals, assertThrows } from "@std/assert";
import { compilePattern, findAll } from "../../lib/tokenizer/pattern.ts";
import { preTokenizerOf } from "../../lib/tokenizer/pre_tokenizers.ts";
import { random } from "../helpers/random.ts";
import { jsonOf, rustTokenizer, withoutRust } from "../helpers/rust_tokenizers.ts";
import { unicodeTexts } from "../helpers/unicode_text.ts";

const part = (Regex: string) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false });

/** Pieces of texts by the Rust package and by us. */
function assertSplitAlike(pattern: string, texts: readonly string[]): void {
  const rust = rustTokenizer(jsonOf({ pre_tokenizer: part(pattern) })).getPreTokenizer();
  const ours = preTokenizerOf(part(pattern))!;
  for (const text of texts) {
    const found = ours(text.toWellFormed(), true);
    const right = rust.preTokenizeString(text).map(([piece]) => piece).filter((piece) => piece !== "");
    if (found.join("\0") !== right.join("\0")) assertEquals(found, right, `${pattern} in ${JSON.stringify(text)}`);
  }
}

const known = [
  String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`,
  String
    .raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  String
    .raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  // the same by the other matcher
  String.raw`(?:'s|'t| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)`,
  String.raw`\w+`,
  String.raw`\W`,
  String.raw`\d+|\s|\h`,
  String.raw`\b`,
  String.raw`\B.`,
  String.raw`[[:alpha:]]+|[[:^space:]&&[^a-z]]`,
  String.raw`\p{Han}+|\p{^Latin}|\P{L}`,
  String.raw`(?<=\p{L})(?=\p{N})|(?<!a|bb)b`,
  String.raw`(?>a|ab)b|.{2}?c`,
  String.raw`^.|.$|\A.|.\z|.\Z`,
  String.raw`(?m).+b(?i)B`,
  String.raw`a++b?|\p{M}{2,}|.{,3}x`,
];
for (const pattern of known) {
  Deno.test({
    name: `findAll() finds what the Rust package finds of ${pattern}`,
    ignore: withoutRust,
    fn() {
      const texts = unicodeTexts(3).filter((_, i) => i % 4 === 0);
      assertSplitAlike(pattern, [...texts, "it's IT'S don't we'Ll x'ſ", "a\nb\n", "\r\n\n a", "ab12 aab bb3\n"]);
    },
  });
}

/** A pattern of small parts, and with them of everything that can be nested. */
function madeUp(next: () => number, depth = 2): string {
  const pick = <T>(items: readonly T[]) => items[Math.floor(next() * items.length)]!;
  const atom = (): string =>
    depth > 0 && next() < 0.35
      ? pick([
        (p: string) => `(?:${p})`,
        (p: string) => `(${p})`,
        (p: string) => `(?>${p})`,
        (p: string) => `(?=${p})`,
      ])(
        madeUp(next, depth - 1),
      )
      : pick([
        "a",
        "b",
        "c",
        ".",
        "[ab]",
        "[^a]",
        "\\w",
        "\\s",
        "\\b",
        "^",
        "$",
        "(?!a)",
        "(?<=b)",
        "(?<!ab)",
        "é",
        "😀",
      ]);
  const quantified = () => {
    const node = atom();
    const isCondition = /^(\\b|\^|\$|\(\?[=!<])/.test(node);
    return node +
      (isCondition ? "" : pick(["", "", "", "*", "+", "?", "*?", "+?", "??", "{1,2}", "{2}", "++", "{0,2}?"]));
  };
  return Array.from(
    { length: 1 + Math.floor(3 * next()) },
    () => Array.from({ length: 1 + Math.floor(3 * next()) }, quantified).join(""),
  ).join("|");
}

/** Whether a pattern repeats no conditions, and counts no repeats of what may be empty. */
function isPattern(pattern: string): boolean {
  try {
    compilePattern(pattern);
    rustTokenizer(jsonOf({ pre_tokenizer: part(pattern) }));
    return true;
  } catch {
    return false;
  }
}

Deno.test({
  name: "findAll() finds what the Rust package finds of made-up patterns",
  ignore: withoutRust,
  fn() {
    const next = random(22);
    const texts = Array.from(
      { length: 12 },
      () => Array.from({ length: Math.floor(12 * next()) }, () => "aaabbc é😀\n"[Math.floor(11 * next())]).join(""),
    );
    let compared = 0;
    for (let i = 0; i < 1500; i++) {
      const pattern = madeUp(next);
      if (!isPattern(pattern)) continue;
      assertSplitAlike(pattern, texts);
      compared++;
    }
    assert(compared > 900, `${compared} patterns`);
  },
});

Deno.test("findAll() takes no longer than the text is long", () => {
  const long = "a".repeat(50_000);
  const patterns = [
    "(a+)+$",
    "(a|a)*b",
    "(?:a*)*b",
    "(a|aa)+\\z",
    "a*a*a*a*b",
    "(?=(a+)+b)a",
    "(?>a+)b",
    "(?:(?:ab?){3})*c",
    "(?<!aa)a+x",
  ];
  for (const pattern of patterns) {
    const started = performance.now();
    findAll(compilePattern(pattern), `${long}!`);
    const milliseconds = performance.now() - started;
    assert(milliseconds < 2000, `${pattern}: ${milliseconds.toFixed()} ms`);
  }
});

Deno.test("compilePattern() names what it cannot read", () => {
  const cases: [string, string][] = [
    [String.raw`(a)\1`, String.raw`has the back reference \1`],
    [String.raw`(?<x>a)\k<x>`, String.raw`has the back reference \k`],
    [String.raw`\Ga`, String.raw`has \G`],
    [String.raw`\X`, "which cannot be read"],
    ["(?x) a", 'the option "x"'],
    ["(?~a)", "which cannot be read"],
    ["a{1,5000}", "more than 1000 repeats"],
    ["(?<=a+)b", "looks behind at text of no fixed length"],
    [String.raw`\p{Nonsense}`, String.raw`\p{Nonsense}`],
    ["(?i:ss)", '"ss" without regard to case'],
    ["(?:a?){3}", "{3} of what may be empty"],
    ["(?:^)*", '"*" behind a condition'],
    ["(a", "a group without end"],
    ["[a", "a class without end"],
    ["a)", '")" without a group'],
    ["*a", '"*" behind nothing'],
    ["(?i:ß)", "without regard to case"],
  ];
  for (const [pattern, message] of cases) assertThrows(() => compilePattern(pattern), RangeError, message);
});
