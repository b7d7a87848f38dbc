import { assert, assertEquals, assertLess } from "@std/assert";
import { maskWindow, type Window } from "../../lib/batch/masking.ts";
import { maskedBatches, VALIDATION_MASKS } from "../../lib/evaluate/masked_batches.ts";
import type { TextModel } from "../../lib/evaluate/text_model.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { random } from "../helpers/random.ts";

const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz ");
/** What of a model decides on batches. */
const modelOf = (vocab: number) => ({ model: { config: { vocab } }, tokenizer }) as unknown as TextModel;

function windowsOf(count: number, length: number): Window[] {
  const next = random(count + length);
  const tokens = () => Uint32Array.from({ length }, () => 5 + Math.floor(next() * (tokenizer.size - 5)));
  return Array.from({ length: count }, (_, index) => ({ tokens: tokens(), epoch: 0, block: 0, index }));
}

for (
  const [count, length, vocab, expected] of [
    [3, 128, 32, [3]],
    [32, 128, 32, [32]],
    [39, 128, 32, [20, 19]],
    [10, 4096, 32, Array(10).fill(1)],
    [3, 10_000, 32, [1, 1, 1]],
    // 2²⁵ logits are 134 rows, which 893 tokens have masked
    [14, 128, 250_000, [5, 5, 4]],
  ] as const
) {
  Deno.test(`maskedBatches() puts ${count} windows of ${length} into ${expected.length} batches, as equal as may be`, async () => {
    const windows = windowsOf(count, length);
    const batches = await Array.fromAsync(maskedBatches(modelOf(vocab), windows));
    assertEquals(batches.map(({ batch }) => batch.windows), expected);
    assertEquals(batches.flatMap(({ windows }) => windows), windows);
    assertEquals(new Set(batches.map(({ shape }) => shape)).size, 1);
    const { shape } = batches[0]!;
    assertEquals([shape.windows, shape.length], [expected[0], length]);
    const most = Math.max(...batches.map(({ batch }) => batch.maskedRows.length));
    assert(shape.capacity >= most && shape.capacity < most + 4);
  });
}

Deno.test("maskedBatches() gives a long stream few programs with room for all, and the masks of each window", async () => {
  const windows = windowsOf(6000, 64);
  const batches = await Array.fromAsync(maskedBatches(modelOf(32), windows));
  async function* stream() {
    yield* windows;
  }
  assertEquals(await Array.fromAsync(maskedBatches(modelOf(32), stream())), batches);
  const shapes = [...new Set(batches.map(({ shape }) => shape))];
  assertLess(shapes.length, 5);
  assertEquals(shapes.map(({ capacity }) => capacity), shapes.map(({ capacity }) => capacity).sort((a, b) => a - b));
  for (const { batch: { windows, ids, maskedRows }, shape } of batches) {
    assert(windows <= shape.windows && maskedRows.length <= shape.capacity && ids.length === windows * 64);
  }
  const expected = windows.map((window) => maskWindow(window, { ...VALIDATION_MASKS, tokenizer }));
  const ids = batches.flatMap(({ batch }) =>
    Array.from({ length: batch.windows }, (_, w) => batch.ids.slice(64 * w, 64 * w + 64))
  );
  assertEquals(ids, expected.map(({ ids }) => ids));
});

Deno.test("maskedBatches() begins anew where the length changes", async () => {
  const windows = [...windowsOf(3, 32), ...windowsOf(2, 16), ...windowsOf(1, 32)];
  const batches = await Array.fromAsync(maskedBatches(modelOf(32), windows));
  assertEquals(batches.map(({ shape: { windows, length } }) => [windows, length]), [[3, 32], [2, 16], [1, 32]]);
});
