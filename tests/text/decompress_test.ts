import { assert, assertEquals, assertRejects } from "@std/assert";
import { brotliCompressSync, crc32, deflateRawSync, gzipSync, zstdCompressSync } from "node:zlib";
import { textCorpus, textsOf } from "../../lib/text/corpus.ts";
import { decompressed } from "../../lib/text/decompress.ts";
import { fileSource, fileSources } from "../../lib/text/file_source.ts";
import { textSource } from "../../lib/text/text_source.ts";
import { BadRecords, type ByteSource } from "../../lib/text/source.ts";
import { bytesSource, textsIn, withoutEscapes } from "../helpers/text_sources.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const joined = (...parts: readonly (Uint8Array | readonly number[])[]) =>
  Uint8Array.from(parts.flatMap((part) => [...part]));
const uint32 = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);

const lines = Array.from({ length: 3000 }, (_, i) => `line ${i} ${(i * 7919) % 1000}`);
const [first, second] = [`${lines.slice(0, 2000).join("\n")}\n`, `${lines.slice(2000).join("\n")}\n`];

/** A member of gzip (RFC 1952) with the header that is asked for. */
function member(text: string, { flags = 0, header = [] as number[], level = 6 } = {}): Uint8Array {
  const head = joined([0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 255], header);
  const checksum = flags & 2 ? [crc32(head) & 255, (crc32(head) >>> 8) & 255] : [];
  const bytes = encode(text);
  return joined(head, checksum, deflateRawSync(bytes, { level }), uint32(crc32(bytes)), uint32(bytes.length));
}

const extra = [6, 0, 66, 67, 2, 0, 1, 2];
const skippable = joined([0x5a, 0x2a, 0x4d, 0x18, 5, 0, 0, 0], encode("hello"));
/** A frame of zstd with neither size nor checksum: a window of 1 KiB and one block that is stored. */
const bareFrame = (text: string) => {
  const header = (text.length << 3) | 1;
  return joined([0x28, 0xb5, 0x2f, 0xfd, 0, 0x50, header & 255, (header >> 8) & 255, header >> 16], encode(text));
};

/** Files that hold all the lines. */
const files: Readonly<Record<string, Uint8Array>> = {
  "one.gz": gzipSync(first + second),
  "two.gz": joined(gzipSync(first), gzipSync(second)),
  "empty members.gz": joined(gzipSync(""), gzipSync(first), gzipSync(""), gzipSync(""), gzipSync(second), gzipSync("")),
  "fields.gz": joined(
    member(first, { flags: 31, header: [...extra, ...encode("name\0comment\0")] }),
    member(second, { flags: 4, header: extra, level: 0 }),
  ),
  "hundred members.gz": joined(
    ...lines.map((line) => line + "\n").reduce<string[]>((parts, line, i) => {
      parts[Math.floor(i / 30)] = (parts[Math.floor(i / 30)] ?? "") + line;
      return parts;
    }, []).map((part) => gzipSync(part)),
  ),
  "padded.gz": joined(gzipSync(first + second), new Uint8Array(70_000)),
  "one.br": brotliCompressSync(first + second),
  "one.zst": zstdCompressSync(first + second),
  "two.zst": joined(zstdCompressSync(first), zstdCompressSync(second)),
  "empty frames.zst": joined(
    zstdCompressSync(""),
    zstdCompressSync(first),
    zstdCompressSync(""),
    zstdCompressSync(second),
  ),
  "skippable.zst": joined(
    skippable,
    zstdCompressSync(first),
    skippable,
    skippable,
    zstdCompressSync(second),
    skippable,
  ),
  "bare.zst": joined(...lines.map((line) => bareFrame(`${line}\n`))),
  "packed twice.gz": gzipSync(gzipSync(first + second)),
};

for (const [name, bytes] of Object.entries(files)) {
  Deno.test(`decompressed() reads ${name} to its end, in any pieces`, async () => {
    for (const piece of [1000, 1 << 16]) {
      assertEquals(await textsIn(name, bytes, { piece }), lines);
      // what it is is told by its bytes
      if (!name.endsWith(".br")) assertEquals(await textsIn("standard input", bytes, { piece }), lines);
    }
    const few = bytes.length < 2000 ? bytes : undefined;
    if (few) assertEquals(await textsIn(name, few, { piece: 1 }), lines);
  });
}

/** Files that are broken: the byte that is named. */
const broken: readonly [string, Uint8Array, string][] = [
  ["garbage.gz", joined(gzipSync(first), encode("garbage")), `byte ${gzipSync(first).length} (other bytes follow`],
  ["padding.gz", joined(gzipSync(first), [0, 0, 1]), `byte ${gzipSync(first).length + 2} (other bytes follow`],
  ["header.gz", joined(gzipSync(first), [0x1f, 0x8b]), "it ends within a header"],
  [
    "checksum.gz",
    member(first).map((byte, i, { length }) => i === length - 8 ? byte ^ 1 : byte),
    "the checksum of the text",
  ],
  ["size.gz", member(first).map((byte, i, { length }) => i === length - 1 ? byte ^ 1 : byte), "the size of the text"],
  ["trailer.gz", member(first).slice(0, -2), "it ends within a checksum"],
  ["method.gz", joined(gzipSync(first), [0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0]), "it is compressed by method 7"],
  ["garbage.br", joined(brotliCompressSync(first), encode("garbage")), "brotli data breaks at byte"],
  [
    "garbage.zst",
    joined(zstdCompressSync(first), encode("garbage")),
    `byte ${zstdCompressSync(first).length} (other bytes`,
  ],
  ["cut.zst", joined(zstdCompressSync(first), bareFrame("line").slice(0, -1)), "it ends within a frame"],
  ["magic.zst", joined(zstdCompressSync(first), [0x28, 0xb5]), "it ends within the beginning of a frame"],
  ["block.zst", joined(zstdCompressSync(first), [0x28, 0xb5, 0x2f, 0xfd, 0, 0x50, 7, 0, 0]), "a block has a type"],
  ["skip.zst", joined(zstdCompressSync(first), skippable.slice(0, -1)), "it ends within a frame"],
];

for (const [name, bytes, message] of broken) {
  Deno.test(`decompressed() names the byte at which ${name} breaks, and keeps the text before`, async () => {
    await assertRejects(() => textsIn(name, bytes), SyntaxError, message);
    const bad = new BadRecords(1);
    const kept = await textsIn(name, bytes, { bad });
    assertEquals([kept.length, bad.count], [2000, 1]);
  });
}

Deno.test("decompressed() says that zstd needs a dictionary, or too large a window", async () => {
  const dictionary = [0x28, 0xb5, 0x2f, 0xfd, 0x21, 7, 1, 9, 0, 0, 65];
  await assertRejects(
    () => textsIn("a.zst", Uint8Array.from(dictionary)),
    SyntaxError,
    "with dictionary 7; unpack it first",
  );
  const window = [0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 9, 0, 0, 65];
  await assertRejects(() => textsIn("a.zst", Uint8Array.from(window)), SyntaxError, "its window is larger than 2 GB");
});

Deno.test("decompressed() reads a window of 2 GB", async () => {
  const frame = bareFrame("a line\n".repeat(100));
  frame[5] = 21 << 3;
  assertEquals((await textsIn("a.zst", frame)).length, 100);
});

/** A source that hands out pieces, and then ends, throws or waits for ever. */
function failing(bytes: Uint8Array, { piece, after, how }: { piece: number; after: number; how: "end" | "throw" }) {
  let open = 0;
  const source: ByteSource = {
    name: "a",
    size: undefined,
    stream: (start) => {
      open++;
      let at = start;
      let count = 0;
      return new ReadableStream({
        pull(controller) {
          if (count++ < after && at < bytes.length) {
            controller.enqueue(new Uint8Array(bytes.slice(at, at + piece)));
            at += piece;
            return;
          }
          open--;
          if (how === "throw") controller.error(new RangeError("Cannot read a: the disk is gone"));
          else controller.close();
        },
        cancel() {
          open--;
        },
      }, { highWaterMark: 0 });
    },
  };
  return { source, openCount: () => open };
}

for (const compression of ["gzip", "zstd", "brotli"] as const) {
  Deno.test(`decompressed() of ${compression} lets nothing past its reader, wherever the source or the reader stops`, async () => {
    const text = first.slice(0, 4000);
    const pack = { gzip: gzipSync, zstd: zstdCompressSync, brotli: brotliCompressSync }[compression];
    const bytes = new Uint8Array(compression === "brotli" ? pack(text + text) : joined(pack(text), pack(text)));
    const piece = Math.ceil(bytes.length / 25);
    await withoutEscapes(async () => {
      for (let after = 0; after <= 26; after++) {
        for (const how of ["end", "throw"] as const) {
          const { source, openCount } = failing(bytes, { piece, after, how });
          const read = async () => {
            for await (const _ of decompressed(source, compression).stream(0));
          };
          if (how === "end" && after >= 25) await read();
          else if (how === "end" && after === 0 && compression !== "brotli") await read();
          else await assertRejects(read, how === "end" ? SyntaxError : RangeError);
          assertEquals(openCount(), 0, `${how} after ${after}`);
        }
        // the reader stops after some chunks
        const { source, openCount } = failing(bytes, { piece, after: 100, how: "end" });
        const reader = decompressed(source, compression).stream(0).getReader();
        for (let i = 0; i < after; i++) await reader.read();
        await reader.cancel();
        assertEquals(openCount(), 0, `cancelled after ${after}`);
        // and with a read under way
        const other = failing(bytes, { piece, after: 100, how: "end" });
        const stopping = decompressed(other.source, compression).stream(0).getReader();
        const pending = stopping.read();
        await stopping.cancel();
        await pending;
      }
    });
  });
}

/** How often this process has a file open; other tests, which it runs beside this one, open others. */
function timesOpen(path: string): number {
  const link = (name: string) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`);
    } catch {
      // closed meanwhile
      return "";
    }
  };
  return [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => link(name) === path).length;
}

Deno.test({
  name: "fileSource() closes its file at the end, at an error, and where reading stops",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const path = await Deno.makeTempFile({ suffix: ".txt.zst" });
    try {
      await Deno.writeFile(path, zstdCompressSync(first.repeat(100)));
      using _held = await Deno.open(path);
      assertEquals(timesOpen(path), 1);
      await withoutEscapes(async () => {
        for (let i = 0; i < 20; i++) {
          const source = await textSource(await fileSource(path));
          for await (const _ of source.read({ start: i * 1000, end: undefined, bad: new BadRecords() })) break;
          for await (const _ of (await fileSource(path)).stream(i)) break;
          await (await fileSource(path)).stream(i).cancel();
        }
        await Deno.truncate(path, 500);
        for (let i = 0; i < 5; i++) await assertRejects(() => readAll(path), SyntaxError, "breaks at byte 500");
      });
      assertEquals(timesOpen(path), 1);
    } finally {
      await Deno.remove(path);
    }
    await assertRejects(async () => {
      for await (const _ of (await fileSource(path)).stream(0));
    });
  },
});

async function readAll(path: string): Promise<void> {
  const [source] = await fileSources(path);
  const text = await textSource(source!);
  for await (const _ of text.read({ start: 0, end: undefined, bad: new BadRecords() }));
}

Deno.test("textCorpus() of two frames has the parts and the length of the whole text", async () => {
  for (const name of ["two.zst", "two.gz", "hundred members.gz"]) {
    const corpus = await textCorpus([bytesSource(name, files[name]!, 1000)]);
    const whole = await textCorpus([bytesSource("one.gz", files["one.gz"]!)]);
    for (const part of ["training", "validation"] as const) {
      const found = await Array.fromAsync(textsOf(corpus, part));
      assertEquals(found, await Array.fromAsync(textsOf(whole, part)));
      assert(found.length >= 300);
    }
  }
});

Deno.test("urlSource() says where a connection broke, and lets nothing past its reader", async () => {
  const packed = new Uint8Array(zstdCompressSync(first.repeat(20)));
  const half = packed.length >> 1;
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {}, onError: () => new Response() },
    (request) => {
      const headers = { "content-length": String(packed.length) };
      if (request.method === "HEAD") return new Response(null, { headers });
      let isSent = false;
      const body = new ReadableStream({
        pull(controller) {
          if (isSent) return controller.error(new Error("gone"));
          controller.enqueue(packed.slice(0, half));
          isSent = true;
        },
      });
      return new Response(body, { headers });
    },
  );
  try {
    await withoutEscapes(async () => {
      const [source] = await fileSources(`http://127.0.0.1:${server.addr.port}/a.txt.zst`);
      await assertRejects(
        async () => {
          const text = await textSource(source!);
          for await (const _ of text.read({ start: 0, end: undefined, bad: new BadRecords(9) }));
        },
        RangeError,
        "/a.txt.zst: the connection broke at byte ",
      );
    });
  } finally {
    await server.shutdown();
  }
});
