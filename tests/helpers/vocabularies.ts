import { bertFrame } from "../../lib/tokenizer/special_tokens.ts";
import type { Tokenizer } from "../../lib/tokenizer/tokenizer.ts";
import { trainTokenizer } from "../../lib/tokenizer/train_tokenizer.ts";
import { mixedText } from "./mixed_text.ts";

/** Small vocabularies of every kind; those with a frame put texts between [CLS] and [SEP]. */
export async function vocabularies(): Promise<Record<string, Tokenizer>> {
  const lines = ["the ball is in the garden, and where is the red kite?", ...mixedText(20_000, 3)];
  const char = await trainTokenizer(lines, { type: "char", size: 90 });
  const wordpiece = await trainTokenizer(lines, { type: "wordpiece", size: 400 });
  const bpe = await trainTokenizer(lines, { type: "bpe", size: 400 });
  const framed = (tokenizer: Tokenizer) => ({ ...tokenizer, frame: bertFrame(tokenizer.special) });
  return { char, wordpiece, bpe, "framed wordpiece": framed(wordpiece), "framed bpe": framed(bpe) };
}
