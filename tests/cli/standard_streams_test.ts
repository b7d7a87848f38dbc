import { assert, assertEquals } from "@std/assert";
import { linePieces } from "../../lib/cli/standard_streams.ts";

const piecesOf = (chunks: readonly string[], longest?: number) =>
  Array.fromAsync(linePieces(ReadableStream.from(chunks), longest));

Deno.test("linePieces() cuts at line breaks wherever chunks end", async () => {
  const text = "one\r\ntwo\n\nthree\rthree\nlast";
  for (const size of [1, 2, 3, 7, 100]) {
    const pieces = await piecesOf(text.match(new RegExp(`[\\s\\S]{1,${size}}`, "g"))!);
    assertEquals(pieces.map(({ text }) => text), ["one", "two", "", "three\rthree", "last"]);
    assert(pieces.every(({ isLast }) => isLast));
  }
  assertEquals((await piecesOf(["a\nb\n"])).map(({ text }) => text), ["a", "b"]);
  assertEquals(await piecesOf([]), []);
});

Deno.test("linePieces() gives a long line in pieces, and nothing of it gets lost", async () => {
  for (const text of ["x".repeat(1000) + "\r\nshort\n", "x".repeat(99), `${"y\r".repeat(500)}\n${"z".repeat(64)}\n`]) {
    for (const size of [1, 16, 33]) {
      const pieces = await piecesOf(text.match(new RegExp(`[^]{1,${size}}`, "g"))!, 50);
      assert(pieces.every((piece) => piece.text.length <= 100));
      const joined = pieces.map((piece) => piece.text + (piece.isLast ? "\n" : "")).join("");
      assertEquals(joined, text.replaceAll("\r\n", "\n").replace(/(?<!\n)$/, "\n"));
    }
  }
});
