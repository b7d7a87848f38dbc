import { assert, assertEquals } from "@std/assert";
import { withOrderedMarks } from "../../lib/tokenizer/mark_order.ts";
import { normalForm } from "../../lib/tokenizer/normalizers.ts";
import { randomSequence } from "../../lib/random/philox.ts";

const marks: string[] = [];
for (let code = 0x300; code < 0x20000; code++) {
  const mark = String.fromCodePoint(code);
  if (/^\p{M}$/u.test(mark)) marks.push(mark);
}

Deno.test("withOrderedMarks() changes no normal form", () => {
  const random = randomSequence({ seed: 1, purpose: "shuffling", at: [0, 0] });
  for (let i = 0; i < 200; i++) {
    const run = Array.from({ length: 64 + random.below(100) }, () => marks[random.below(marks.length)]!).join("");
    const text = `a${run} b\u0323\u0301 c${run}`;
    const inOrder = withOrderedMarks(text);
    assert(inOrder !== text);
    for (const form of ["NFC", "NFD", "NFKC", "NFKD"] as const) {
      assertEquals(inOrder.normalize(form), text.normalize(form));
    }
  }
  for (const text of ["", "ab", "e\u0301\u0323", "\u0301\u0323".repeat(31)]) assertEquals(withOrderedMarks(text), text);
});

Deno.test("normalForm() of a long run of marks takes time by its length", () => {
  const start = performance.now();
  const run = normalForm(`a${"\u0301\u0323".repeat(200_000)}`, "NFD");
  assertEquals(run.length, 400_001);
  assertEquals([run[1], run[200_000], run[200_001]], ["\u0323", "\u0323", "\u0301"]);
  // the engine alone takes minutes
  assert(performance.now() - start < 5000);
});
