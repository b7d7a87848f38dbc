import { assertEquals } from "@std/assert";
import { skippedLines } from "../../lib/cli/open_corpus.ts";
import { counted } from "../../lib/sentences/counted.ts";
import { BadRecords } from "../../lib/text/source.ts";

Deno.test("counted() has one of one, and several of others", () => {
  const told = [0, 1, 2, 1234, 1.5].map((count) => counted(count, "step"));
  assertEquals(told, ["0 steps", "1 step", "2 steps", "1,234 steps", "1.5 steps"]);
  assertEquals(skippedLines(new BadRecords(9)), []);
  const bad = new BadRecords(9);
  const last = [1, 2].map((count) => {
    bad.skip(`record ${count}`, `${count}`);
    return skippedLines(bad).at(-1);
  });
  assertEquals(last, ["1 record was skipped", "2 records were skipped"]);
});
