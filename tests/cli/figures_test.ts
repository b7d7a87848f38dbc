import { assertAlmostEquals, assertEquals } from "@std/assert";
import { duration, grouped, percent, rate, shortCount, shortShare } from "../../lib/cli/figures.ts";
import { parseCount, parseShare } from "../../lib/cli/flag_values.ts";
import { paint, table } from "../../lib/cli/terminal.ts";

Deno.test("duration(), grouped(), percent() and rate() read well", () => {
  assertEquals([0, 42.4, 60, 185, 7620].map(duration), ["0s", "42s", "1m00s", "3m05s", "2h07m"]);
  assertEquals(grouped(1234567.2), "1,234,567");
  assertEquals([percent(0.1534), percent(1, 0)], ["15.3%", "100%"]);
  assertEquals([rate(0.00198), rate(0)], ["1.98e-3", "0"]);
});

Deno.test("table() aligns numbers to the right and words to the left", () => {
  assertEquals(table([["run", "n"], ["世界", "1"], ["abcdef", "20"]]), "  run      n\n  世界     1\n  abcdef  20");
  assertEquals(table([["n", "word"], ["1", "a"], ["10", "bcdef"]]), "   n  word\n   1  a\n  10  bcdef");
  assertEquals(paint({ hasColour: false }, "bold", "x"), "x");
});

Deno.test("shortCount() and shortShare() are what flags read again", () => {
  for (const count of [1, 500, 9999, 20_000, 1_500_000, 3_000_000, 1e9, 25e9]) {
    assertEquals(parseCount(shortCount(count)), count);
  }
  for (const share of [0, 0.05, 0.1, 0.125, 1 / 3, 1]) assertAlmostEquals(parseShare(shortShare(share)), share, 1e-5);
  assertEquals(
    [994_999, 995_000, 999_999, 999_999_999, 1e9, 2.52e9, 9999.4, 9999.6].map(shortCount),
    ["990k", "1M", "1M", "1B", "1B", "2.5B", "9999", "10k"],
  );
  assertEquals([shortCount(3_000_000), shortCount(123_456), shortShare(0.15)], ["3M", "120k", "15%"]);
});
