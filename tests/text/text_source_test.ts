import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { looksLike } from "../../lib/text/looks.ts";
import { BadRecords } from "../../lib/text/source.ts";
// texts in other encodings, made by Python's codecs, as hexadecimal digits; what iconv calls the encoding, or none
import encodings from "../fixtures/encodings.json" with { type: "json" };
import { textsIn } from "../helpers/text_sources.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const hex = (digits: string) => Uint8Array.fromHex(digits.replaceAll(" ", ""));
/** A file with these first bytes and others that are no text behind. */
const file = (digits: string) =>
  Uint8Array.from([...hex(digits), ...Array.from({ length: 600 }, (_, i) => (i * 37) & 255)]);

const prose = "The quick brown fox.\nIt jumps over the lazy dog.\nThen it sleeps.\n";
const expected = prose.trimEnd().split("\n");

/** First bytes, the name of what they are, and the way out. */
const kinds: readonly [string, string, RegExp][] = [
  ["fd377a585a0000", "an xz file", /with xz -dc FILE \| … --data -$/],
  ["425a6839314159265359", "a bzip2 file", /with bzip2 -dc FILE \|/],
  ["04224d1864", "an lz4 file", /with lz4 -dc FILE \|/],
  ["4c5a495001", "an lzip file", /with lzip -dc FILE \|/],
  ["5d00008000ffffffffffffffff", "an lzma file", /with xz --format=lzma -dc FILE \|/],
  ["1f9d90", "a file of compress", /with gzip -dc FILE \|/],
  ["ff060000734e61507059", "a snappy file", /with snzip -dc FILE \|/],
  ["377abcaf271c", "a 7z archive", /with 7z x -so FILE \|/],
  ["526172211a0700", "a RAR archive", /with unrar p -inul FILE \|/],
  ["504b0304140000", "a zip archive", /with unzip -p FILE \|/],
  ["255044462d312e34", "a PDF document", /with pdftotext FILE - \|/],
  ["7b5c727466310a", "an RTF document", /with unrtf --text FILE \|/],
  ["d0cf11e0a1b11ae1", "an old Office document", /saved as plain text/],
  ["4f524300", "an ORC file", /as JSON lines or parquet first/],
  ["4152524f57310000", "an Arrow (Feather) file", /as JSON lines or parquet first/],
  ["4f626a0104", "an Avro file", /as JSON lines or parquet first/],
  ["53514c69746520666f726d6174203300", "an SQLite database", /with sqlite3 -json FILE/],
  ["80049500", "a Python pickle", /with Python/],
  ["934e554d505901", "a NumPy array", /with NumPy/],
  ["894844460d0a1a0a", "an HDF5 file", /with h5py/],
  ["89504e470d0a1a0a", "a PNG image", /which holds no text/],
  ["ffd8ffe0", "a JPEG image", /which holds no text/],
  ["7f454c46", "a program (ELF)", /which holds no text/],
  ["2000000000000000 7b22", "a safetensors file", /holds the weights of a model/],
  ["789c", "zlib data", /with pigz -dcz FILE \|/],
];

Deno.test("textSource() names files that hold no text, and the way out, whatever they are called", async () => {
  for (const [digits, name, advice] of kinds) {
    for (const path of ["a", "a.txt", "a.jsonl", "a.csv", "a.json", "a.parquet"]) {
      const error = await assertRejects(
        () => textsIn(path, file(digits)),
        SyntaxError,
        `Cannot read ${path}: it is ${name}`,
      );
      assertMatch(error.message, new RegExp(advice.source.replaceAll("FILE", path)));
      assert(!/Latin/.test(error.message));
    }
    await assertRejects(() => textsIn("a.txt.gz", gzipSync(file(digits))), SyntaxError, `it is ${name}`);
  }
  const xz = file("fd377a585a0000");
  await assertRejects(() => textsIn("standard input", xz), SyntaxError, "with xz -dc - | … --data -");
  await assertRejects(() => textsIn("my file.xz", xz), SyntaxError, "with xz -dc 'my file.xz' | …");
  const address = "https://example.org/a.xz";
  await assertRejects(() => textsIn(address, xz), SyntaxError, `with curl -sL ${address} | xz -dc - | …`);
});

Deno.test("textSource() names documents that are zip archives, and tar archives", async () => {
  const zip = (...names: string[]) =>
    Uint8Array.from([...hex("504b0304140000000000"), ...encode(names.join("\0\0")), 0]);
  for (
    const [name, bytes, said] of [
      ["a.docx", zip("[Content_Types].xml", "word/document.xml"), "a Word document (.docx)"],
      ["a", zip("[Content_Types].xml", "xl/workbook.xml"), "an Excel table (.xlsx)"],
      ["a.epub", zip("mimetypeapplication/epub+zip"), "an EPUB book"],
      ["a.odt", zip("mimetypeapplication/vnd.oasis.opendocument.text"), "an OpenDocument text (.odt)"],
    ] as const
  ) await assertRejects(() => textsIn(name, bytes), SyntaxError, said);
  const tar = new Uint8Array(1024);
  tar.set(encode("a.txt"));
  tar.set(encode("ustar"), 257);
  for (const [name, bytes] of [["a.tar", tar], ["a.tar.gz", gzipSync(tar)], ["a.tgz", gzipSync(tar)]] as const) {
    await assertRejects(
      () => textsIn(name, bytes),
      SyntaxError,
      `it is a tar archive: unpack it first, with tar -xOf ${name}`,
    );
  }
});

Deno.test("textSource() reads text that begins like another kind of file", async () => {
  for (
    const start of [
      "PK",
      "ORC",
      "ID3",
      "Rar!",
      "BZh",
      "fLaC",
      "OggS",
      "LZIP",
      "GGUF",
      "x",
      "%PD",
      "PAR",
      "SQLite",
      "MM",
    ]
  ) {
    assertEquals(await textsIn("a.txt", `${start} – ein Wort\nzwei\n`), [`${start} – ein Wort`, "zwei"]);
  }
});

Deno.test("textSource() decompresses what is compressed under any name, and text that is called compressed", async () => {
  for (const pack of [gzipSync, zstdCompressSync]) {
    for (const name of ["a", "a.txt", "a.gz", "a.zst", "a.txt.gz"]) {
      assertEquals(await textsIn(name, pack(prose)), expected);
    }
    assertEquals(await textsIn("a.csv", pack("id,text\n1,one\n")), ["one"]);
  }
  for (const name of ["a.txt.gz", "a.zst", "a.br"]) assertEquals(await textsIn(name, prose), expected);
  assertEquals(await textsIn("a.jsonl.gz", '{"text": "one"}\n{"text": "two"}\n'), ["one", "two"]);
  const other = Uint8Array.from({ length: 300 }, (_, i) => (i * 89 + 7) & 255);
  await assertRejects(() => textsIn("a.txt.gz", other), SyntaxError, "it is no gzip file, though it is called one");
  await assertRejects(() => textsIn("a.zst", other), SyntaxError, "it is no zstd file, though it is called one");
  for (const name of ["a.txt", "a.txt.gz"]) assertEquals(await textsIn(name, ""), []);
});

Deno.test("textSource() calls binary files so, unless one insists", async () => {
  for (const bytes of [encode("a\0b\n"), Uint8Array.from({ length: 300 }, (_, i) => (i * 89 + 7) & 255)]) {
    for (const name of ["a.txt", "a.csv", "a.jsonl", "standard input"]) {
      await assertRejects(
        () => textsIn(name, bytes),
        SyntaxError,
        `Cannot read ${name}: it is a binary file, not text`,
      );
    }
  }
  assertEquals(await textsIn("a.txt", "a\0b\n", { format: "text" }), ["a\0b"]);
  // one stray byte makes no binary file of a text
  assertEquals((await textsIn("a.txt", `${prose.repeat(100)}\0`)).length, 301);
});

const json = '{"text": "one", "id": 1}\n{"text": "two", "id": 2}\n';
/** Text that is called plain and is not, with the format that reads it. */
const disguised: readonly [string, string, string | undefined][] = [
  [json, "JSON lines with fields text, id", "jsonl"],
  [`[${json.trim().replace("\n", ",")}]`, "JSON with fields text, id", "json"],
  [JSON.stringify([{ text: "one" }, { text: "two" }], null, 2), "JSON with fields text", "json"],
  [JSON.stringify({ data: Array(20_000).fill({ text: "one" }) }), "JSON", "json"],
  ["id,text\n1,one\n2,two\n", "a table with columns id, text", "csv"],
  ["id;text\n1;one\n2;two\n", "a table with columns id, text", "csv"],
  ["id\ttext\n1\tone\n2\ttwo\n", "a table with columns id, text", "tsv"],
  ["sentence\tlabel\nbad movie\t0\ngood movie\t1\n", "a table with columns sentence, label", "tsv"],
  ["<!DOCTYPE html>\n<html><body><p>One.</p></body></html>\n", "HTML", undefined],
  ['<?xml version="1.0"?>\n<doc><p>One.</p></doc>\n', "XML", undefined],
  ["<doc><p>One.</p><p>Two.</p><p>Three.</p></doc>\n", "markup", undefined],
];

Deno.test("textSource() never takes another format for plain text without a word", async () => {
  for (const [text, what, format] of disguised) {
    for (const name of ["a.txt", "a", "standard input", "a.log"]) {
      for (const bytes of [encode(text), gzipSync(text)]) {
        await assertRejects(
          () => textsIn(name, bytes),
          SyntaxError,
          `Cannot use ${name} as plain text: it looks like ${what}`,
        );
        assert((await textsIn(name, bytes, { format: "text" })).length > 0);
        if (format === undefined || what.includes("sentence")) continue;
        const texts = await textsIn(name, bytes, { format: format as "json" });
        assertEquals(texts[0], "one");
      }
    }
  }
});

/** Text that is plain, though it has marks of other formats in it. */
const plain: readonly string[] = [
  "",
  "One word\n",
  "{this} is a poem\n{with} braces\n",
  "[1] A footnote.\n[2] Another.\n[3] A third.\n",
  "{\n  color: red;\n}\n",
  "[link](https://example.org)\n[other](b)\n",
  '# Title\n\n<p align="center">Centred</p>\n\nText of it, and more of it, in long lines.\n',
  '"Well," he said, "I never."\n"Nor I," she said, "did ever."\n"So," he said, "be it."\n',
  "Anna, Ben, Clara\nDavid, Emma, Felix\nGrace, Hugo, Ida\n",
  "text, which is long\nand, which goes on\nor, which ends\n",
  "title, author\nSee the list, below\nof all, books\nand more, and more\n",
  "\tA poem\n\tthat is indented\n\tby tabs\n",
  "haus\thouse\nbaum\ttree\nhund\tdog\n",
  "if (a < b) { return c; }\nconst x = [1, 2, 3];\n",
  "def f(x):\n\treturn {'a': [1, 2]}\n",
  "<- this arrow -> and <that> one\n",
  "<speaker> Hello there.\n<other> And hello to you.\n",
  '2024-01-01 12:00:00 INFO {"a": 1} started\n2024-01-01 12:00:01 INFO {"a": 2} went on\n',
  "id: 1\ntext: one\n---\nid: 2\ntext: two\n",
  "| a | table | of Markdown |\n|---|---|---|\n| 1 | 2 | 3 |\n",
  "1,234 people came\n2,345 people left\n3,456 people stayed\n",
  "ROMEO:\nBut, soft! what light, through yonder window breaks?\n",
  "«Да», — сказал он.\n„Ja“, sagte er.\n「はい」と言った。\n",
  '"quoted"\n"lines"\n"alone"\n',
  "{}\n",
  "[Chorus]\nLa la la\n[Verse]\nLa la\n",
  "From: a@b.c\nTo: d@e.f\nSubject: text, id\n\nHello, you.\n",
];

Deno.test("textSource() reads plain text that only resembles other formats", async () => {
  for (const text of plain) {
    const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
    assertEquals(await textsIn("a.txt", text), lines);
    assertEquals(looksLike(text, { isWhole: true, field: "text", markup: true }), undefined, text);
  }
});

Deno.test("textSource() reads any text that is read by lines with `format`, whatever its name says", async () => {
  assertEquals(await textsIn("a.txt", json, { format: "jsonl" }), ["one", "two"]);
  assertEquals(await textsIn("a.bin", "id;body\n1;b\n", { format: "csv", field: "body" }), ["b"]);
  assertEquals(await textsIn("a.csv", "one,two\nthree\n", { format: "text" }), ["one,two", "three"]);
  assertEquals(await textsIn("a.html", "<html><p>a</p></html>"), ["<html><p>a</p></html>"]);
  await assertRejects(() => textsIn("a.txt", prose, { format: "parquet" }), SyntaxError, "it is no parquet file");
});

/** A text in the 16-bit units of UTF-16. */
function utf16(text: string, { isLittle = true, mark = true } = {}): Uint8Array {
  const units = [...mark ? "\ufeff" : "", ...text].join("");
  const bytes = new DataView(new ArrayBuffer(2 * units.length));
  for (let i = 0; i < units.length; i++) bytes.setUint16(2 * i, units.charCodeAt(i), isLittle);
  return new Uint8Array(bytes.buffer);
}

Deno.test("textSource() reads UTF-16 of both orders in every format, from any place and in any pieces", async () => {
  const text = "Ein Satz über Bären 😀.\nДва слова здесь\n三つの言葉 です\n";
  const lines = text.trimEnd().split("\n");
  for (const isLittle of [true, false]) {
    for (const mark of [true, false]) {
      for (const piece of [1, 3, 1000]) {
        assertEquals(await textsIn("a.txt", utf16(text, { isLittle, mark }), { piece }), lines);
      }
      const options = { isLittle, mark };
      assertEquals(await textsIn("a.txt.gz", gzipSync(utf16(text, options))), lines);
      assertEquals(await textsIn("a.jsonl", utf16(json, options)), ["one", "two"]);
      assertEquals(await textsIn("a.json", utf16(`[${json.trim().replace("\n", ",")}]`, options)), ["one", "two"]);
      assertEquals(await textsIn("a.csv", utf16("id,text\r\n1,one\r\n2,two\r\n", options)), ["one", "two"]);
      assertEquals(await textsIn("a.tsv", utf16("id\ttext\r\n1\tone\r\n2\ttwo\r\n", options)), ["one", "two"]);
    }
  }
  assertEquals(await textsIn("a.txt", utf16("half \ud83d of a pair\n")), ["half \ufffd of a pair"]);
  await assertRejects(
    () => textsIn("a.txt", utf16(text).slice(0, -1)),
    SyntaxError,
    "it ends within a character, at byte",
  );
  const utf32 = Uint8Array.from(
    [...`\ufeff${prose}`].flatMap((c) => [c.charCodeAt(0) & 255, c.charCodeAt(0) >> 8, 0, 0]),
  );
  for (const bytes of [utf32, utf32.slice(4)]) {
    await assertRejects(
      () => textsIn("a.txt", bytes),
      SyntaxError,
      "it is UTF-32; convert it first, with iconv -f utf-32",
    );
  }
});

Deno.test("textSource() advises the encoding that bytes have, or none", async () => {
  for (const { encoding, bytes, advised } of encodings) {
    const error = await assertRejects(
      () => textsIn("a.txt", hex(bytes)),
      SyntaxError,
      "Cannot read a.txt as UTF-8: invalid byte",
    );
    const found = /iconv -f (\S+) -t utf-8/.exec(error.message)?.[1];
    assert(found === undefined ? advised.length === 0 : advised.includes(found), `${encoding}: ${error.message}`);
  }
  // single bytes that are broken in a text that is UTF-8 otherwise
  const broken = encode("Über die Brücke führt eine Straße.\n".repeat(3));
  broken[broken.length - 3] = 0xe9;
  const error = await assertRejects(() => textsIn("a.txt", broken), SyntaxError, "invalid byte");
  assert(!error.message.includes("iconv"), error.message);
  await assertRejects(
    () => textsIn("a.txt", encode("\x1b$B$3$l$OJ8;z$G$9\x1b(B\n")),
    SyntaxError,
    "it looks like ISO-2022-JP; convert it first, with iconv -f iso-2022-jp -t utf-8",
  );
});

Deno.test("textSource() takes lone carriage returns for line ends where there are no others", async () => {
  assertEquals(await textsIn("mac.txt", "one\rtwo\r\rthree\r"), ["one", "two", "", "three"]);
  assertEquals(await textsIn("mac.jsonl", json.replaceAll("\n", "\r")), ["one", "two"]);
});

Deno.test("textSource() makes halves of surrogate pairs U+FFFD", async () => {
  const bad = new BadRecords();
  const half = '{"text": "half \\udc00"}\n{"text": "other \\ud800 half"}\n';
  assertEquals(await textsIn("a.jsonl", half, { bad }), ["half \ufffd", "other \ufffd half"]);
});
