import { assert, assertEquals, assertRejects } from "@std/assert";
import type { BpeTokenizer } from "../../lib/tokenizer/bpe.ts";
import { trainTokenizer } from "../../lib/tokenizer/train_tokenizer.ts";

/** The plain way: count all pairs of all words again for every merge; of equals take the one of the older symbols. */
function plainMerges(words: readonly string[], count: number): [string, string][] {
  const split = words.map((word) => [...word]);
  const merges: [string, string][] = [];
  const symbolsByAge = [...new Set(words.join(""))].sort();
  const age = (symbol: string) => symbolsByAge.indexOf(symbol);
  while (merges.length < count) {
    const counts = new Map<string, number>();
    for (const symbols of split) {
      for (let i = 0; i + 1 < symbols.length; i++) {
        const key = `${symbols[i]} ${symbols[i + 1]}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    const best = Math.max(...counts.values());
    const ties = [...counts].filter(([, count]) => count === best).map(([key]) => key.split(" ") as [string, string]);
    ties.sort((a, b) => age(a[0]) - age(b[0]) || age(a[1]) - age(b[1]));
    const [left, right] = ties[0]!;
    merges.push([left, right]);
    symbolsByAge.push(left + right);
    for (const symbols of split) {
      for (let i = 0; i + 1 < symbols.length; i++) {
        if (symbols[i] === left && symbols[i + 1] === right) symbols.splice(i, 2, left + right);
      }
    }
  }
  return merges;
}

Deno.test("trainTokenizer() joins the pairs that counting everything anew would join", async () => {
  const words = ["banana", "bandana", "ananas", "cabana", "nab"].flatMap((word, i) => Array(3 + 7 * i * i).fill(word));
  const expected = plainMerges(words, 12);
  const trained = await trainTokenizer(words, { type: "bpe", size: 5 + 256 + 12 }) as BpeTokenizer;
  assertEquals(trained.merges, expected);
});

Deno.test("trainTokenizer() of WordPiece learns whole words and pieces that go on", async () => {
  const lines = Array(20).fill("playing played player playing play");
  const tokenizer = await trainTokenizer(lines, { type: "wordpiece", size: 60 });
  const tokens = (text: string) => Array.from(tokenizer.encode(text), (id) => tokenizer.token(id));
  assertEquals(tokens("Play playing"), ["play", "playing"]);
  assertEquals(tokens("played!"), ["played", "[UNK]"]);
  assert(tokenizer.tokens.some((token) => token.startsWith("##")));
});

Deno.test("trainTokenizer() stops where the text supports no more, and repeats itself", async () => {
  const lines = ["to be or not to be", "that is the question"];
  for (const type of ["char", "wordpiece", "bpe"] as const) {
    const tokenizer = await trainTokenizer(lines, { type, size: 5000 });
    assert(tokenizer.size < 400);
    assertEquals((await trainTokenizer(lines, { type, size: 5000 })).tokens, tokenizer.tokens);
  }
});

Deno.test("trainTokenizer() of characters keeps the most frequent ones and the line break", async () => {
  const tokenizer = await trainTokenizer(["aaabbc"], { type: "char", size: 8 });
  assertEquals(tokenizer.tokens.slice(5), ["\n", "a", "b"]);
});

Deno.test("trainTokenizer() says what is wrong", async () => {
  const cases = [
    [["text"], { type: "char", size: 5 }, "Cannot train a vocabulary of 5"],
    [["text"], { type: "bpe", size: 200 }, "special tokens and bytes alone are 261"],
    [[], { type: "wordpiece" }, "Cannot train a vocabulary without text"],
    [["", "  "], { type: "wordpiece" }, "Cannot train a vocabulary without text"],
  ] as const;
  for (const [lines, options, message] of cases) {
    await assertRejects(() => trainTokenizer(lines, options), RangeError, message);
  }
});
