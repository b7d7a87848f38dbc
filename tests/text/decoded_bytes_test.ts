import { assertEquals, assertRejects } from "@std/assert";
import { decodedBytes } from "../../lib/text/decoded_bytes.ts";

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.slice(at, at + size));
}

Deno.test("decodedBytes() gives the text of bytes, wherever chunks part its characters", async () => {
  const text = "a ä 漢\n😀\ufeff é";
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 2, 3, 5, 100]) {
    assertEquals((await Array.fromAsync(decodedBytes(pieces(bytes, size), "x"))).join(""), text);
  }
});

Deno.test("decodedBytes() refuses what is no UTF-8 in the sentence that files get", async () => {
  const latin = Uint8Array.of(...new TextEncoder().encode("ä\n"), 99, 97, 102, 0xe9, 10);
  for (const size of [1, 4, 100]) {
    const said = await assertRejects(() => Array.fromAsync(decodedBytes(pieces(latin, size), "standard input")));
    assertEquals(
      (said as Error).message.replace(/; it looks.*/, ""),
      "Cannot read standard input as UTF-8: invalid byte at offset 6 (line 2)",
    );
  }
  const said = await assertRejects(() => Array.fromAsync(decodedBytes(pieces(latin, 100), "x")), SyntaxError);
  assertEquals(
    said.message.slice(-72),
    "; it looks like Latin-1 (windows-1252): convert it first, with iconv -f windows-1252 -t utf-8".slice(-72),
  );
  const torn = Uint8Array.of(97, 0xe6, 0xbc);
  await assertRejects(() => Array.fromAsync(decodedBytes(pieces(torn, 1), "x")), SyntaxError, "offset 1 (line 1)");
});
