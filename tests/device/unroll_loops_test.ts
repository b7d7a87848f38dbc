import { assertEquals, assertThrows } from "@std/assert";
import { unrollLoops } from "../../lib/device/webgpu/unroll_loops.ts";

Deno.test("unrollLoops() writes loops of constant length out, inner ones as well", () => {
  const code = unrollLoops(`const N: u32 = 2u;
const TWICE = 2u * N / 2u;
for (var i = 1u; i < 3u; i++) {
  for (var j = 0u; j < TWICE; j++) { f(i, j, ij); }
}`);
  assertEquals(
    code.split("\n").slice(2).join("\n").replaceAll(/\s+/g, " "),
    "{ { f(1u, 0u, ij); } { f(1u, 1u, ij); } } { { f(2u, 0u, ij); } { f(2u, 1u, ij); } }",
  );
});

Deno.test("unrollLoops() leaves what follows on its line", () => {
  const source = `// for (var i = 0u; i < 2u; i++) {
for (var i = 0u; i < 3u; i++) {
  a(i); // each
  b(i);
}
for (var i = 0u; i < 0u; i++) {
  never(i);
}
last();`;
  const lines = unrollLoops(source).split("\n");
  assertEquals(lines.length, source.split("\n").length);
  assertEquals([lines[2]!.trim(), lines[8]], ["a(0u);", "last();"]);
  assertEquals(lines.join(" ").includes("never"), false);
});

Deno.test("unrollLoops() leaves loops alone that are long, of unknown length, or left early", () => {
  for (
    const loop of [
      "for (var i = 0u; i < 17u; i++) { a(i); }",
      "for (var i = 0u; i < params.n; i++) { a(i); }",
      "for (var i = 0u; i < 4u; i++) { if (a(i)) { break; } }",
      "for (var i = first; i < 4u; i++) { a(i); }",
      "for (var i = 0u; i < 8u; i += 2u) { a(i); }",
    ]
  ) {
    assertEquals(unrollLoops(loop), loop);
  }
  assertThrows(() => unrollLoops("for (var i = 0u; i < 2u; i++) { a(i);"), SyntaxError, "has no end");
});
