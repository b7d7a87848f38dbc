import { assert, assertEquals, assertThrows } from "@std/assert";
import { parseRunName, runNameFrom } from "../../lib/cli/run_name.ts";

const outside = [
  "../x",
  "a/b",
  "a\\b",
  "..",
  ".",
  "/",
  "/etc",
  "",
  " ",
  "\t",
  "a\nb",
  "a\u001b[31m",
  "a\u0000b",
  "a\u009bb",
];
const unseen = ["a\u202eb", "a\u2066b", "a\u2028b", "a\u200fb", "a\u007fb", "a\rb"];
const windows = ["con", "NUL", "aux.txt", "COM1", "lpt9.x", "a:b", "a?", "a*", "a|b", "<a>", 'a"b', "a.", "a "];

Deno.test("parseRunName() takes one name, and no way out of --out", () => {
  for (const name of [...outside, ...unseen]) {
    for (const on of [true, false]) {
      assertThrows(() => parseRunName(name, { windows: on }), RangeError, "write one name");
    }
  }
  for (const name of windows) {
    assertThrows(() => parseRunName(name, { windows: true }), RangeError, "Windows has no such names");
    assertEquals(parseRunName(name, { windows: false }), name);
  }
  for (const name of ["x", "bert-law.2", ".hidden", "...", "café 2", "名前", "console", "com", "a..b", "-x"]) {
    if (name !== "...") assertEquals(parseRunName(name, { windows: true }), name);
    assertEquals(parseRunName(name, { windows: false }), name);
  }
});

Deno.test("runNameFrom() makes a name that may be taken of anything", () => {
  for (const words of [...outside, ...unseen, ...windows, "\ud800", "x".repeat(5000), "ä".repeat(5000)]) {
    const name = runNameFrom(words);
    assertEquals(parseRunName(name, { windows: true }), name);
    assert(new TextEncoder().encode(`${name}-1000`).length < 255);
  }
  assertEquals(runNameFrom("modernbert-small-shakespeare"), "modernbert-small-shakespeare");
  assertEquals(runNameFrom("bert-a\u001b[31m/b"), "bert-a-[31m-b");
});
