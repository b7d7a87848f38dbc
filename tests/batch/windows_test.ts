import { assert, assertEquals, assertRejects } from "@std/assert";
import { WindowSource } from "../../lib/batch/windows.ts";
import type { Corpus } from "../../lib/text/corpus.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";

const tokenizer = characterTokenizer("0123456789 \n");

/** Numbered lines, so that every window tells where it came from. */
function numbered(count: number): Corpus {
  return {
    name: "numbers",
    description: "",
    endless: false,
    async *passages(_part, from = 0) {
      for (let i = Number(from); i < count; i++) {
        yield { text: String(i).padStart(6, "0"), after: "document", next: i + 1 };
      }
      await Promise.resolve();
    },
  };
}

function source(
  count: number,
  options: { position?: WindowSource["position"]; blockTokens?: number; seed?: number } = {},
) {
  return new WindowSource({ corpus: numbered(count), tokenizer, seed: 1, blockTokens: 7000, ...options });
}

const text = (windows: { tokens: Uint32Array }[]) => windows.map(({ tokens }) => tokenizer.decode(tokens));

Deno.test("WindowSource gives every token of a pass at most once, in random order", async () => {
  const windows = await source(3000).next({ length: 16, count: 1200 });
  const first = windows.filter(({ epoch }) => epoch === 0);
  assert(first.length > 1200 * 0.99);
  const seen = new Set(text(first));
  assertEquals(seen.size, first.length);
  const places = text(first).map((window) => Number(/\d{6}/.exec(window)![0]));
  const rising = places.filter((place, i) => i > 0 && place > places[i - 1]!).length;
  assert(rising > 0.4 * places.length && rising < 0.6 * places.length);
});

Deno.test("WindowSource goes on with the next pass, cut anew", async () => {
  const reader = source(100);
  const windows = await reader.next({ length: 16, count: 100 });
  assertEquals(new Set(windows.map(({ epoch }) => epoch)), new Set([0, 1, 2]));
  const starts = new Set(windows.map(({ tokens }) => tokens.indexOf(tokenizer.encode("\n")[0]!) % 7));
  assert(starts.size > 1);
});

Deno.test("WindowSource goes on from a saved position with the very same windows", async () => {
  for (const taken of [1, 5, 499, 500, 1300]) {
    const reader = source(3000);
    await reader.next({ length: 16, count: taken });
    const { position } = reader;
    const expected = [
      ...await reader.next({ length: 16, count: 700 }),
      ...await reader.next({ length: 32, count: 100 }),
    ];
    const resumed = source(3000, { position });
    const actual = [
      ...await resumed.next({ length: 16, count: 700 }),
      ...await resumed.next({ length: 32, count: 100 }),
    ];
    assertEquals(text(actual), text(expected));
    assertEquals(
      actual.map(({ epoch, block, index }) => [epoch, block, index]),
      expected.map((w) => [w.epoch, w.block, w.index]),
    );
    assertEquals(resumed.position, reader.position);
  }
});

Deno.test("WindowSource begins a new block when the length changes", async () => {
  const reader = source(3000);
  await reader.next({ length: 16, count: 3 });
  const [window] = await reader.next({ length: 32, count: 1 });
  assertEquals(window!.tokens.length, 32);
  assertEquals(window!.block, 1);
});

Deno.test("WindowSource holds only the block in memory", async () => {
  let read = 0;
  const corpus: Corpus = {
    name: "endless",
    description: "",
    endless: true,
    async *passages() {
      while (true) {
        read++;
        yield { text: "012345", after: "document", next: read };
      }
    },
  };
  const reader = new WindowSource({ corpus, tokenizer, seed: 1, blockTokens: 700 });
  await reader.next({ length: 16, count: 10 });
  await reader.close();
  assertEquals(read, 100);
});

Deno.test("WindowSource says when the text is shorter than a window", async () => {
  await assertRejects(
    () => source(2).next({ length: 16, count: 1 }),
    RangeError,
    "Cannot train on windows of 16 tokens: the training text has only 14",
  );
  assertEquals((await source(2).next({ length: 14, count: 2 })).length, 2);
});
