import { assert } from "@std/assert";
import { parquetWriteBuffer } from "hyparquet-writer";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { textSource } from "../../lib/text/text_source.ts";
import { BadRecords } from "../../lib/text/source.ts";
import { bytesSource, withoutEscapes } from "../helpers/text_sources.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const rows = ["one, two", 'three "four"', "fünf\nsechs", "sieben"];
const csv = `id,text\n${rows.map((row, i) => `${i},"${row.replaceAll('"', '""')}"`).join("\n")}\n`;
const jsonl = rows.map((text) => JSON.stringify({ text })).join("\n");
const plain = "one\ntwo\nthree words here\nvier\n".repeat(4);
const utf16 = new Uint8Array(new Uint16Array([0xfeff, ...[...plain].map((letter) => letter.charCodeAt(0))]).buffer);
const two = (pack: (bytes: Uint8Array) => Uint8Array, text: string) =>
  Uint8Array.from([...pack(encode(text)), ...pack(encode(text))]);
const columnData = [{ name: "text", data: rows, type: "STRING" as const }];

const files: Readonly<Record<string, Uint8Array>> = {
  "a.txt": encode(plain),
  "a.txt.gz": two(gzipSync, plain),
  "a.txt.zst": two(zstdCompressSync, plain),
  "a.txt.br": brotliCompressSync(encode(plain)),
  "a.csv": encode(csv),
  "a.tsv": encode(csv.replaceAll(",", "\t")),
  "a.jsonl": encode(jsonl),
  "list.json": encode(`[${jsonl.replaceAll("\n", ",\n ")}]`),
  "pretty.json": encode(rows.map((text) => JSON.stringify({ text, n: [1, { a: null }] }, null, 2)).join("\n")),
  "data.json": encode(JSON.stringify({ version: 1, data: rows.map((text) => ({ text })) })),
  "columns.json": encode(JSON.stringify({ text: rows, id: [1, 2, 3, 4] })),
  "utf16.txt": utf16,
  "a.parquet": new Uint8Array(parquetWriteBuffer({ columnData })),
};

/** Reads a file; what it says instead, if it cannot be read. Anything but a sentence of ours fails. */
async function outcome(name: string, bytes: Uint8Array, allowed: number): Promise<string[] | string> {
  try {
    const source = await textSource(bytesSource(name, bytes, 50));
    const bad = new BadRecords(allowed);
    const passages = await Array.fromAsync(source.read({ start: 0, end: source.size, bad }));
    return passages.map(({ text }) => text);
  } catch (error) {
    assert(error instanceof SyntaxError || error instanceof RangeError, String(error));
    assert(error.message.startsWith(`Cannot `) && error.message.includes(name), error.message);
    return error.message;
  }
}

for (const [name, bytes] of Object.entries(files)) {
  Deno.test(`textSource() of ${name} with any byte changed or missing gives text or one sentence`, async () => {
    await withoutEscapes(async () => {
      const right = await outcome(name, bytes, 0);
      assert(Array.isArray(right) && right.length >= 4, String(right));
      for (let i = 0; i < bytes.length; i++) {
        const cut = await outcome(name, bytes.slice(0, i), 0);
        // of a text that is cut off whatever is given is a part of the whole; by tabs, a quote without an end is text
        if (Array.isArray(cut) && name !== "a.tsv") assert(right.join("\n").startsWith(cut.join("\n")), `${i}: ${cut}`);
        for (const flip of [1 << (i % 8), 0xff]) {
          await outcome(name, bytes.map((byte, j) => j === i ? byte ^ flip : byte), i % 2 === 0 ? 0 : 1000);
        }
      }
    });
  });
}
