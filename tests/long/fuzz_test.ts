import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fuzz } from "../fuzz/fuzz.ts";
import { FuzzFailure, runCase, seedOf, type Target, targetOf, whyNoSentence } from "../fuzz/fuzzer.ts";

Deno.test("whatever is read that is damaged is read after all, or refused with one sentence", async () => {
  const { cases, fine, refused } = await fuzz({ seed: 1, cases: 20_000 });
  assertEquals([cases, fine + refused], [20_000, 20_000]);
  // damage that nothing notices, or that everything does, would test nothing
  assert(fine > 2000 && refused > 2000, `${fine} were read, ${refused} refused`);
});

const target = (use: () => unknown): Target => ({ name: "x", share: 1, make: () => "input", use });

Deno.test("runCase() fails for whatever is no sentence of this package, and for what takes too much", async () => {
  const at = { seed: 1, number: 5 };
  assertEquals(await runCase(target(() => 5), at), true);
  const sentence = () => {
    throw new SyntaxError('Cannot use x: "\n" is odd');
  };
  assertEquals(await runCase(target(sentence), at), false);
  const wrong: (() => unknown)[] = [
    () => (undefined as unknown as { x: 1 }).x,
    () => JSON.parse("{"),
    () => Deno.readTextFileSync("/nowhere/at/all"),
    () => {
      throw "odd";
    },
    () => {
      throw new RangeError("Cannot use x: it is undefined");
    },
    () => {
      throw new RangeError(`Cannot use x: ${"it is odd ".repeat(200)}`);
    },
  ];
  for (const use of wrong) await assertRejects(() => runCase(target(use), at), FuzzFailure, "x, seed 1, case 5: ");
  const held: Uint8Array[] = [];
  await assertRejects(
    () => runCase(target(() => held.push(new Uint8Array(300 << 20))), at),
    FuzzFailure,
    "MB for 10 bytes",
  );
  assertMatch(whyNoSentence(new Error("oops"))!, /no sentence/);
});

Deno.test("a case is the same whoever runs it, and every target gets its share", () => {
  const targets = [target(() => 1), { ...target(() => 1), name: "y", share: 3 }];
  const names = Array.from({ length: 400 }, (_, number) => targetOf(targets, number).name);
  assertEquals(names.filter((name) => name === "y").length, 300);
  const seeds = new Set(Array.from({ length: 10_000 }, (_, number) => seedOf(1, number)));
  assertEquals(seeds.size, 10_000);
});
