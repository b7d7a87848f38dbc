import { assert, assertEquals } from "@std/assert";
import { encodeVisible, hasMask } from "../../lib/inference/visible.ts";
import { encodeFramed } from "../../lib/tokenizer/special_tokens.ts";
import type { Tokenizer } from "../../lib/tokenizer/tokenizer.ts";
import { trainTokenizer } from "../../lib/tokenizer/train_tokenizer.ts";

const words = "the quick brown fox jumps over the lazy dog. ";

for (const type of ["char", "wordpiece", "bpe"] as const) {
  Deno.test(`encodeVisible() of a long text has what can be seen of all of it (${type})`, async () => {
    const tokenizer = await trainTokenizer([words.repeat(9)], { type, size: 400 });
    let most = 0;
    const counted: Tokenizer = {
      ...tokenizer,
      encode: (text) => (most = Math.max(most, text.length), tokenizer.encode(text)),
      ...(tokenizer.encodeWhole &&
        { encodeWhole: (text: string) => (most = Math.max(most, text.length), tokenizer.encodeWhole!(text)) }),
    };
    for (const text of [words.repeat(5000), "x".repeat(100_000) + words.repeat(1000), `${words}[MASK]`.repeat(2000)]) {
      const all = encodeFramed(tokenizer, text);
      const { ids, isWhole } = encodeVisible(counted, text, { longest: 100, always: 1000 });
      assertEquals(isWhole, ids.length === all.length);
      assertEquals(ids.slice(0, 100), all.slice(0, 100));
    }
    most = 0;
    const { isWhole } = encodeVisible(counted, words.repeat(1_000_000), { longest: 100 });
    assert(!isWhole && most <= 1 << 20, `${most}`);
    assert(hasMask(tokenizer, words.repeat(100_000) + "[MASK]") && !hasMask(tokenizer, words));
  });
}
