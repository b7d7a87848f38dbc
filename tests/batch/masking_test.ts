import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { capacityFor, maskWindow, neverMasked, type Window, windowRates } from "../../lib/batch/masking.ts";
import { maskBatch } from "../../lib/batch/loader.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { CONTINUES, withoutWords } from "../../lib/tokenizer/token_ids.ts";
import { random } from "../helpers/random.ts";

const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz .");
const mask = tokenizer.special["[MASK]"];
const isSpecial = (id: number) => id < 5;

function windows(count: number, { length = 64, special = 0 } = {}): Window[] {
  const next = random(1);
  return Array.from({ length: count }, (_, index) => ({
    tokens: Uint32Array.from(
      { length },
      () => next() < special ? Math.floor(next() * 5) : 5 + Math.floor(next() * (tokenizer.size - 5)),
    ),
    epoch: index % 3,
    block: index % 7,
    index,
  }));
}

/** Five standard deviations of a share of n draws: a false alarm once in 1.7 million. */
const fiveSigma = (share: number, n: number) => 5 * Math.sqrt(share * (1 - share) / n);

for (
  const { rule, rate, shares } of [
    { rule: "bert", rate: 0.15, shares: { mask: 0.8, random: 0.1, kept: 0.1 } },
    { rule: "bert", rate: 0.3, shares: { mask: 0.8, random: 0.1, kept: 0.1 } },
    { rule: "labml", rate: 0.15, shares: { mask: 0.81, random: 0.1, kept: 0.09 } },
  ] as const
) {
  Deno.test(`maskWindow() selects ${rate} of 1,280,000 tokens and splits them by rule ${rule}`, () => {
    const counts = { all: 0, selected: 0, mask: 0, random: 0, kept: 0 };
    const drawn = new Map<number, number>();
    for (const window of windows(20_000)) {
      const { ids, maskedPositions: positions } = maskWindow(window, { tokenizer, rate, rule, seed: 1 });
      counts.all += ids.length;
      counts.selected += positions.length;
      for (const position of positions) {
        const id = ids[position]!;
        if (id === mask) counts.mask++;
        else if (id === window.tokens[position]) counts.kept++;
        else {
          counts.random++;
          drawn.set(id, (drawn.get(id) ?? 0) + 1);
        }
      }
      for (const [position, id] of ids.entries()) {
        if (!positions.includes(position)) assertEquals(id, window.tokens[position]);
      }
    }
    // a window without any selected token gets one: (1 - rate)^64 of them
    const expected = rate + (1 - rate) ** 64 / 64;
    assertAlmostEquals(counts.selected / counts.all, expected, fiveSigma(rate, counts.all));
    // a random draw is now and then the token itself, which counts as kept here; labml may draw [MASK] as well
    const choices = rule === "bert" ? tokenizer.size - 5 : tokenizer.size;
    const same = shares.random / choices;
    const maskDrawn = rule === "labml" ? same : 0;
    const share = (n: number) => n / counts.selected;
    assertAlmostEquals(share(counts.mask), shares.mask + maskDrawn, fiveSigma(shares.mask, counts.selected));
    assertAlmostEquals(share(counts.kept), shares.kept + same, fiveSigma(shares.kept, counts.selected));
    assertAlmostEquals(
      share(counts.random),
      shares.random - same - maskDrawn,
      fiveSigma(shares.random, counts.selected),
    );
    if (rule === "bert") {
      assert(![...drawn.keys()].some(isSpecial));
      assertEquals(drawn.size, choices);
      for (const count of drawn.values()) {
        assertAlmostEquals(count / counts.random, 1 / choices, fiveSigma(1 / choices, counts.random));
      }
    }
  });
}

Deno.test("maskWindow() never selects special tokens", () => {
  for (const window of windows(2000, { special: 0.5 })) {
    const { maskedPositions: positions } = maskWindow(window, { tokenizer, rate: 0.5, seed: 1 });
    assert(positions.every((position) => !isSpecial(window.tokens[position]!)));
  }
});

Deno.test("maskWindow() always selects a token, unless all are special", () => {
  for (const window of windows(2000, { length: 3 })) {
    const { maskedPositions: positions } = maskWindow(window, { tokenizer, rate: 0.01, seed: 1 });
    assert(positions.length >= 1);
  }
  const special = { tokens: Uint32Array.of(0, 2, 3), epoch: 0, block: 0, index: 0 };
  assertEquals(maskWindow(special, { tokenizer, rate: 0.9, seed: 1 }).maskedPositions, []);
});

Deno.test("maskWindow() depends on seed, epoch, block and index, and on nothing else", () => {
  const window = windows(1)[0]!;
  const at = (change: Partial<Window>, seed = 1) =>
    String(maskWindow({ ...window, ...change }, { tokenizer, rate: 0.3, seed }).ids);
  assertEquals(at({}), at({}));
  for (const other of [at({ epoch: 1 }), at({ block: 1 }), at({ index: 1 }), at({}, 2)]) assert(other !== at({}));
});

Deno.test("maskBatch() masks windows the same in any order and company", () => {
  const all = windows(40);
  const options = { tokenizer, rate: 0.15, seed: 3, capacity: 10_000 };
  const rowsOf = (list: Window[]) => {
    const { batch } = maskBatch(list, options);
    return new Map(list.map((window, i) => [window.index, String(batch.ids.subarray(i * 64, i * 64 + 64))]));
  };
  const forward = rowsOf(all);
  const backward = rowsOf([...all].reverse());
  const alone = rowsOf([all[17]!]);
  for (const [index, ids] of forward) assertEquals(backward.get(index), ids);
  assertEquals(alone.get(17), forward.get(17));
});

Deno.test("maskBatch() leaves tokens unmasked for which there is no room", () => {
  const { batch, dropped } = maskBatch(windows(4), { tokenizer, rate: 0.5, seed: 1, capacity: 20 });
  assertEquals(batch.maskedRows.length, 20);
  assert(dropped > 50);
  const last = batch.maskedRows.at(-1)!;
  assertEquals(batch.ids.subarray(last + 1), batch.original.subarray(last + 1));
  for (const [index, row] of batch.maskedRows.entries()) assertEquals(batch.labels[index], batch.original[row]);
});

Deno.test("capacityFor() has room for every batch of a long run", () => {
  const shape = { windows: 16, length: 64, rate: 0.15 };
  const capacity = capacityFor(shape);
  let most = 0;
  for (let i = 0; i < 2000; i++) {
    const list = windows(16).map((window) => ({ ...window, block: 100 + i }));
    most = Math.max(most, maskBatch(list, { tokenizer, rate: 0.15, seed: 1, capacity: 1024 }).batch.maskedRows.length);
  }
  assert(most <= capacity, `${most} masked, room for ${capacity}`);
  assert(capacity < 1.5 * 1024 * 0.15);
  assertEquals(capacityFor({ windows: 1, length: 4, rate: 1 }), 4);
});

Deno.test("maskWindow() rejects a rate of 0", () => {
  assertThrows(
    () => maskWindow(windows(1)[0]!, { tokenizer, rate: 0, seed: 1 }),
    RangeError,
    "Cannot mask a share of 0",
  );
});

/** Windows of words of one to six tokens. */
function wordWindows(count: number, length = 64): (Window & { continues: Uint8Array })[] {
  const next = random(2);
  return windows(count, { length }).map((window) => {
    const continues = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const end = Math.min(length, at + 1 + Math.floor(6 * next()));
      continues.fill(1, at + 1, end);
      at = end;
    }
    return { ...window, continues };
  });
}

Deno.test("maskWindow() selects whole words, in the right share, and replaces each token by a draw of its own", () => {
  const counts = { all: 0, selected: 0, mask: 0, kept: 0, mixed: 0 };
  for (const window of wordWindows(20_000)) {
    const { ids, maskedPositions: positions } = maskWindow(window, { tokenizer, rate: 0.15, mode: "word", seed: 1 });
    const selected = new Set(positions);
    counts.all += ids.length;
    counts.selected += positions.length;
    for (let first = 0; first < ids.length;) {
      let end = first + 1;
      while (end < ids.length && window.continues[end]) end++;
      const inside = positions.filter((position) => position >= first && position < end);
      assert(inside.length === 0 || inside.length === end - first);
      const kinds = new Set(inside.map((position) => ids[position] === mask));
      if (kinds.size === 2) counts.mixed++;
      first = end;
    }
    for (const position of selected) {
      if (ids[position] === mask) counts.mask++;
      else if (ids[position] === window.tokens[position]) counts.kept++;
    }
  }
  // words of 1 to 6 tokens, each as a whole: the variance is E[L²] / E[L] = 91 / 21 times that of single tokens
  assertAlmostEquals(counts.selected / counts.all, 0.15, Math.sqrt(91 / 21) * fiveSigma(0.15, counts.all) + 1e-4);
  const same = 0.1 / (tokenizer.size - 5);
  assertAlmostEquals(counts.mask / counts.selected, 0.8, fiveSigma(0.8, counts.selected));
  assertAlmostEquals(counts.kept / counts.selected, 0.1 + same, fiveSigma(0.1, counts.selected));
  assert(counts.mixed > 1000);
});

Deno.test("maskWindow() selects spans of geometric lengths up to ten, and exactly the share", () => {
  const counts = { all: 0, selected: 0, mask: 0 };
  const runs = new Map<number, number>();
  for (const window of windows(20_000)) {
    const { ids, maskedPositions: positions } = maskWindow(window, { tokenizer, rate: 0.15, mode: "span", seed: 1 });
    // 0.15 · 64 = 9.6: nine or ten
    assert(positions.length === 9 || positions.length === 10);
    counts.all += ids.length;
    counts.selected += positions.length;
    counts.mask += positions.filter((position) => ids[position] === mask).length;
    for (let i = 0; i < positions.length;) {
      let end = i + 1;
      while (positions[end] === positions[end - 1]! + 1) end++;
      runs.set(end - i, (runs.get(end - i) ?? 0) + 1);
      i = end;
    }
  }
  assertAlmostEquals(counts.selected / counts.all, 0.15, fiveSigma(0.6, 20_000) / 64);
  // a span is replaced in one way: about 20,000 · 9.6 / 3 spans decide
  assertAlmostEquals(counts.mask / counts.selected, 0.8, 2 * fiveSigma(0.8, 60_000));
  const spans = [...runs.values()].reduce((sum, count) => sum + count);
  // mean of the truncated geometric distribution is 3.8; the budget cuts the last span, the window's end some others
  const mean = counts.selected / spans;
  assert(mean > 2.8 && mean < 4, `mean run ${mean}`);
  assertEquals(Math.max(...runs.keys()) <= 10, true);
});

for (const mode of ["token", "word", "span"] as const) {
  Deno.test(`maskWindow() never selects special tokens nor words that it is told not to (${mode})`, () => {
    const never = neverMasked(tokenizer, ["ab", "q"]);
    const text = "ab cab q abc ab qq ab";
    for (let index = 0; index < 500; index++) {
      const words = tokenizer.encodeWords(text);
      const tokens = withoutWords(words);
      tokens[3] = tokenizer.special["[SEP]"]!;
      const continues = Uint8Array.from(words, (id) => id >= CONTINUES ? 1 : 0);
      const window = { tokens, continues, epoch: 0, block: 0, index };
      const { maskedPositions: positions } = maskWindow(window, { tokenizer, rate: 0.9, mode, never, seed: 1 });
      assert(positions.length > 0);
      // "ab" at 0, 13 and 19, "q" at 7, the special token at 3
      for (const position of [0, 1, 3, 7, 13, 14, 19, 20]) assert(!positions.includes(position), `${position}`);
    }
  });

  Deno.test(`maskWindow() always selects something, depends on its counter alone, and rejects nothing but the share (${mode})`, () => {
    for (const window of wordWindows(300)) {
      const options = { tokenizer, rate: 0.01, mode, seed: 3 };
      const masked = maskWindow(window, options);
      assert(masked.maskedPositions.length > 0);
      assertEquals(maskWindow(window, options), masked);
      assertEquals(masked.maskedPositions, [...masked.maskedPositions].sort((a, b) => a - b));
    }
    const special = { tokens: new Uint32Array(8), epoch: 0, block: 0, index: 0 };
    assertEquals(maskWindow(special, { tokenizer, rate: 0.9, mode, seed: 1 }).maskedPositions, []);
    const [window] = wordWindows(1);
    assertEquals(maskWindow(window!, { tokenizer, rate: 1, mode, seed: 1 }).maskedPositions.length, 64);
  });
}

Deno.test("capacityFor() has room for whole words", () => {
  const shape = { windows: 32, length: 64, rate: 0.15, mode: "word" as const };
  const capacity = capacityFor(shape);
  for (let i = 0; i < 50; i++) {
    const list = wordWindows(32).map((window) => ({ ...window, epoch: i }));
    assertEquals(maskBatch(list, { tokenizer, ...shape, seed: 1, capacity }).dropped, 0);
  }
});

Deno.test("windowRates() spreads rates evenly around their mean, a stratum for each window", () => {
  const seed = 3;
  const rates = windows(4000).map((_, i, all) => windowRates(all.slice(i, i + 8), { rate: 0.3, spread: 0.5, seed }))
    .filter((rates) => rates.length === 8);
  for (const batch of rates) {
    for (const [i, rate] of batch.entries()) {
      // strata of a width of 2 · 0.15 / 8
      assert(rate > 0.15 + i * 0.0375 && rate < 0.15 + (i + 1) * 0.0375, `${i}: ${rate}`);
    }
    const mean = batch.reduce((sum, rate) => sum + rate, 0) / 8;
    assert(Math.abs(mean - 0.3) <= 0.0375 / 2, `${mean}`);
  }
  // the draw within a stratum is uniform: its mean over so many batches has this standard error
  const firsts = rates.map(([first]) => (first! - 0.15) / 0.0375);
  const mean = firsts.reduce((sum, share) => sum + share, 0) / firsts.length;
  assertAlmostEquals(mean, 0.5, 5 / Math.sqrt(12 * firsts.length));
});

Deno.test("windowRates() are the same for all without a spread, and stay above 0 and at most 1 with the widest", () => {
  const all = windows(3);
  assertEquals(windowRates(all, { rate: 0.2, seed: 1 }), [0.2, 0.2, 0.2]);
  for (const rate of [0.001, 0.5, 0.9, 1]) {
    for (const own of windowRates(windows(64), { rate, spread: 1, seed: 1 })) assert(own > 0 && own <= 1, `${own}`);
  }
  const other = windowRates(all.slice(1), { rate: 0.2, spread: 1, seed: 1 });
  assert(other[0] !== windowRates(all, { rate: 0.2, spread: 1, seed: 1 })[0]);
  assertEquals(other, windowRates(all.slice(1), { rate: 0.2, spread: 1, seed: 1 }));
});

Deno.test("maskBatch() masks the windows of a batch by their rates, within the room that capacityFor() gives", () => {
  const shape = { windows: 8, length: 64, rate: 0.4, spread: 1 };
  const capacity = capacityFor(shape);
  const all = windows(8 * 500);
  const counts = new Array(8).fill(0);
  for (let i = 0; i < all.length; i += 8) {
    const { batch, dropped } = maskBatch(all.slice(i, i + 8), { ...shape, tokenizer, seed: 1, capacity });
    assertEquals(dropped, 0);
    for (const row of batch.maskedRows) counts[Math.floor(row / 64)]++;
  }
  const tokens = 500 * 64;
  for (const [i, count] of counts.entries()) {
    const rate = 0.8 * (i + 0.5) / 8;
    // the draws within a stratum add to the spread of so many tokens
    assertAlmostEquals(count / tokens, rate, fiveSigma(rate, tokens) + 5 * 0.1 / Math.sqrt(12 * 500));
  }
});
