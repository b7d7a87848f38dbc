import { assert, assertEquals } from "@std/assert";
import { linePieces } from "../../lib/cli/standard_streams.ts";
import { tokenizerFiles } from "../../lib/format/tokenizer_writer.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { runShell } from "../helpers/run_cli.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

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

Deno.test("tokenizer encode and decode give a line that comes in pieces back as it was", () =>
  inTemporaryFolder(async (cwd) => {
    const tokenizer = characterTokenizer("abc ");
    for (const [name, text] of tokenizerFiles(tokenizer, 64)) await Deno.writeTextFile(`${cwd}/${name}`, text);
    const repeated = "ab  c [MASK]";
    const input = `${repeated.repeat(130_000)}\n\n${"c".repeat(1_200_000)}\nabc\n`;
    await Deno.writeTextFile(`${cwd}/in`, input);
    const line = "$CLOZE tokenizer encode . < in > ids && $CLOZE tokenizer decode . < ids > out";
    const { code, err } = await runShell(line, { cwd });
    assertEquals([code, err], [0, ""]);
    assertEquals(await Deno.readTextFile(`${cwd}/out`) === input, true);
    const lines = (await Deno.readTextFile(`${cwd}/ids`)).split("\n");
    const tokens = [...repeated.slice(0, 6), "[MASK]"].map((token) => tokenizer.tokens.indexOf(token));
    assertEquals(lines[0] === `${tokens.join(" ")} `.repeat(130_000).trimEnd(), true);
    assertEquals(lines.slice(1).map(({ length }) => length), [0, 2_399_999, 5, 0]);
  }));
