import { assert, assertEquals } from "@std/assert";
import { sampleLines } from "../../lib/cli/sample_text.ts";
import { textWidth } from "../../lib/cli/text_width.ts";
import type { SampleToken } from "../../lib/evaluate/evaluator.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { trainTokenizer } from "../../lib/tokenizer/train_tokenizer.ts";
import type { Tokenizer } from "../../lib/tokenizer/tokenizer.ts";

const text = "The dogs were sleeping, and nobody was singing. 世界 ünï 😀 again.";

/** A text of which some tokens were masked, each with its prediction. */
function sampleOf(tokenizer: Tokenizer, guesses: Readonly<Record<number, number>>): SampleToken[] {
  return [...tokenizer.encode(text)].map((id, i) => {
    const token = { token: tokenizer.piece(id), id };
    const predictedId = guesses[i];
    return predictedId === undefined ? token : { ...token, predicted: tokenizer.piece(predictedId), predictedId };
  });
}

const plain = (sample: readonly SampleToken[], columns: number, tokenizer?: Tokenizer) =>
  sampleLines(sample, { terminal: { hasColour: false, columns }, tokenizer });

const wordPiece = await trainTokenizer(["dog dogs cat cats sleep sleeping singing were was the and nobody again"], {
  type: "wordpiece",
  size: 60,
});
const bpe = await trainTokenizer([text.repeat(3)], { type: "bpe", size: 300 });

Deno.test("sampleLines() join pieces to words: what was right, and what was predicted instead, without any notation", () => {
  const ids = [...wordPiece.encode("the dogs sleep")];
  const pieces = ids.map((id) => wordPiece.token(id));
  assert(pieces.some((piece) => piece.startsWith("##")), "the words are to be in pieces");
  const last = ids.at(-1)!;
  const other = [...wordPiece.encode("the cat")].at(-1)!;
  const sample = ids.map((id, i) => {
    const predictedId = i === 0 ? id : i === ids.length - 1 ? other : undefined;
    const predicted = predictedId === undefined ? {} : { predicted: wordPiece.piece(predictedId), predictedId };
    return { token: wordPiece.piece(id), id, ...predicted };
  });
  const [line] = plain(sample, 80, wordPiece);
  assert(line!.startsWith("  [the] dogs "), line);
  assert(/\[sleep → .+\]/.test(line!), line);
  assert(!line!.includes("#"));
  assert(last !== other);
});

Deno.test("sampleLines() decode characters that are several tokens", () => {
  const ids = [...bpe.encode(text)];
  assert(ids.some((id) => bpe.piece(id).includes("\ufffd")), "a character is to be in pieces");
  // nothing masked, and everything predicted right
  assertEquals(plain(sampleOf(bpe, {}), 200, bpe), [`  ${text}`]);
  const right = plain(sampleOf(bpe, { ...ids }), 200, bpe).join(" ");
  assert(right.includes("[😀]") && !right.includes("\ufffd") && !right.includes("→"), right);
});

Deno.test("sampleLines() of characters show words too, and white space that was masked", () => {
  const tokens = (text: string) => [...text].map((token): SampleToken => ({ token }));
  const guessed = (token: string, predicted: string): SampleToken => ({ token, predicted });
  const sample = [
    ...tokens("a"),
    guessed("b", "b"),
    guessed(" ", "x"),
    guessed("c", " "),
    ...tokens("d. e\nf"),
    guessed(" ", " "),
  ];
  assertEquals(plain(sample, 80), ["  [ab][␣ → x][cd → ␣d]. e↵ f[␣]"]);
  // a piece that goes on with a word, where one was to begin; a difference in white space alone
  assertEquals(plain([{ token: "a" }, guessed(" dog", "s")], 80), ["  a [dog → …s]"]);
  assertEquals(plain([guessed("dog", " dog")], 80), ["  [dog → ␣dog]"]);
});

Deno.test("sampleLines() are two at most, break between words, and say that there is more", () => {
  const tokenizer = characterTokenizer(text);
  const ids = [...tokenizer.encode(text)];
  const guesses = Object.fromEntries(ids.map((id, i) => [i, id]).filter((_, i) => i % 7 === 3));
  const long = Array.from({ length: 12 }, () => sampleOf(tokenizer, guesses)).flat();
  const whole = plain(sampleOf(tokenizer, guesses), 1000).join("").trim().split(" ");
  for (const columns of [20, 40, 60, 80, 200, Infinity]) {
    const lines = plain(long, columns);
    assertEquals(lines.length, 2);
    assert(lines.every((line) => textWidth(line) <= Math.min(columns, 200)), String(columns));
    assert(lines[1]!.endsWith(" …"));
    const words = lines.join(" ").split(/\s+/).filter((word) => word !== "" && word !== "…");
    assertEquals(words.filter((word) => !whole.some((other) => other.includes(word) || word.includes(other))), []);
  }
  // in a pipe as in a terminal of 80 columns, and colours change no character
  assertEquals(plain(long, Infinity), plain(long, 80));
  const coloured = sampleLines(long, { terminal: { hasColour: true, columns: 80 } }).map((line) =>
    // deno-lint-ignore no-control-regex
    line.replace(/\x1b\[\d+m/g, "")
  );
  assertEquals(coloured, plain(long, 80));
});
