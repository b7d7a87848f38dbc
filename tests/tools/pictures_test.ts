import { assert, assertEquals, assertGreater, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import { emptyDrawing } from "../../lib/cli/drawing.ts";
import { outputUntil, shownRows } from "../../tools/terminal_moment.ts";
import { terminalPicture } from "../../tools/terminal_picture.ts";
import { type Cell, screenAfter } from "../../tools/terminal_screen.ts";
import { fakeScreen } from "../helpers/screen.ts";

const textOf = (cells: readonly Cell[]) => cells.map(({ character }) => character).join("").trimEnd();

Deno.test("screenAfter() shows what a terminal shows of lines that are drawn again in place", () => {
  const [size, drawing] = [{ columns: 20, rows: 9 }, emptyDrawing()];
  const output = [
    drawing.replace(["bar ██", "step 1", "rate"], size),
    drawing.replace(["bar ███", "step 2"], size),
    drawing.replace(["bar ████", "step 3"], size, "a lasting line that is broken\n日本\n"),
  ].join("");
  const screen = fakeScreen(size);
  screen.write(output);
  assertEquals(screenAfter(output, size.columns).map(textOf), screen.lines());
  assertEquals(screen.lines().at(-1), "step 3");
});

Deno.test("screenAfter() keeps colours and weights, and refuses what it does not know", () => {
  const [row] = screenAfter("a\x1b[1mb\x1b[32mc\x1b[39md\x1b[22me\x1b[2m\x1b[31mf\x1b[0mg", 80);
  const styles = row!.map(({ style }) => style);
  const bold = { weight: "bold" };
  const dimRed = { weight: "dim", colour: "red" };
  assertEquals(styles as unknown, [{}, bold, { ...bold, colour: "green" }, bold, {}, dimRed, {}]);
  assertThrows(() => screenAfter("\x1b[44ma", 80), RangeError, "the code 44");
  assertThrows(() => screenAfter("\x1b[2;5Ha", 80), RangeError, "ends with H");
});

Deno.test("terminalPicture() sets each style at its column, and escapes text", () => {
  const rows = screenAfter("a <b> \x1b[32m██\x1b[39m & \x1b[1mc\x1b[22m\n\nd", 20);
  const picture = terminalPicture(rows, { columns: 20, title: "a & b" });
  assertStringIncludes(picture, ">a &lt;b&gt;</tspan>");
  assertStringIncludes(picture, "<title>a &amp; b</title>");
  // margin 14, 6 columns of 7.2; blocks are as wide as their columns
  assertStringIncludes(picture, '<tspan x="57.2" class="green" textLength="14.4" lengthAdjust="spacingAndGlyphs">██');
  assertStringIncludes(picture, 'class="bold">c</tspan>');
  assertEquals([...picture.matchAll(/<text /g)].length, 2);
});

Deno.test("outputUntil() ends with the first drawing that is far enough, shownRows() begins with the device", () => {
  const drawn = (percent: number) => `\x1b[1m9s left\x1b[22m  ${percent}%  bar\x1b[K\nstep\x1b[K\x1b[J`;
  const output = `Download 99%\ndevice  CPU\nloss 90%\n${drawn(10)}${drawn(70)}${drawn(80)}`;
  assert(outputUntil(output, 0.65).endsWith(drawn(70)));
  assertThrows(() => outputUntil(output, 0.9), RangeError, "Cannot find 90%");
  const rows = shownRows(screenAfter(`x\ndevice  CPU\n${"line\n".repeat(100)}last`, 80)).map(textOf);
  assertEquals([rows[0], rows[16], rows.at(-1), rows.length], ["device  CPU", "  …", "last", 37]);
});

Deno.test("the README's pictures are there, and small", async () => {
  const folder = new URL("../../docs/pictures/", import.meta.url);
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  let bytes = 0;
  for await (const { name } of Deno.readDir(folder)) {
    assertStringIncludes(readme, `(docs/pictures/${name})`);
    bytes += (await Deno.stat(new URL(name, folder))).size;
  }
  assertGreater(bytes, 20_000);
  assertLess(bytes, 150_000);
});
