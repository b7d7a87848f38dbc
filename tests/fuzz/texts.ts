/**
 * Files of text in every format and packing, damaged.
 */
import { parquetWriteBuffer } from "hyparquet-writer";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { BadRecords } from "../../lib/text/source.ts";
import { textCorpus } from "../../lib/text/corpus.ts";
import { type TextOptions, textSource } from "../../lib/text/text_source.ts";
import { bytesSource } from "../helpers/text_sources.ts";
import type { Target } from "./fuzzer.ts";
import { below, damagedBytes, type Next, pick } from "./mutations.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const rows = ["one, two", 'three "four"', "fünf\nsechs", "sieben", "", "\u2028 acht \\u00e9"];
const csv = `id,text\n${rows.map((row, i) => `${i},"${row.replaceAll('"', '""')}"`).join("\n")}\n`;
const jsonl = rows.map((text) => JSON.stringify({ text, doc: { text: [text, text] } })).join("\n");
const plain = "one\ntwo\n\nthree words here\r\nvier\n".repeat(4);
const utf16 = new Uint8Array(new Uint16Array([0xfeff, ...[...plain].map((letter) => letter.charCodeAt(0))]).buffer);
const twice = (bytes: Uint8Array) => Uint8Array.from([...bytes, ...bytes]);
const columns = [
  { name: "text", data: rows, type: "STRING" as const },
  { name: "id", data: rows.map((_, i) => i), type: "INT32" as const },
];

const compressed = (bytes: Uint8Array): Record<string, Uint8Array> => ({
  ".gz": twice(gzipSync(bytes)),
  ".zst": twice(zstdCompressSync(bytes)),
  ".br": new Uint8Array(brotliCompressSync(bytes)),
});

const whole: Record<string, Uint8Array> = {
  "a.txt": encode(plain),
  "a.csv": encode(csv),
  "a.tsv": encode(csv.replaceAll(",", "\t")),
  "a.jsonl": encode(jsonl),
  "list.json": encode(`[${jsonl.replaceAll("\n", ",\n ")}]`),
  "pretty.json": encode(rows.map((text) => JSON.stringify({ text, n: [1, { a: null }] }, null, 2)).join("\n")),
  "data.json": encode(JSON.stringify({ version: 1, data: rows.map((text) => ({ text })) })),
  "columns.json": encode(JSON.stringify({ text: rows, id: [1, 2, 3, 4, 5, 6] })),
  "utf16.txt": utf16,
  "a.parquet": new Uint8Array(parquetWriteBuffer({ columnData: columns })),
  "b.parquet": new Uint8Array(parquetWriteBuffer({ columnData: columns, codec: "UNCOMPRESSED", rowGroupSize: 2 })),
};
const packed = Object.fromEntries(
  ["a.txt", "a.csv", "a.jsonl", "list.json"].flatMap((name) =>
    Object.entries(compressed(whole[name]!)).map(([ending, bytes]) => [name + ending, bytes])
  ),
);

interface TextInput {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
  options: TextOptions;
  allowed: number;
  piece: number;
}

function makeText(next: Next, files: Record<string, Uint8Array>, wanted: RegExp): TextInput {
  const name = pick(next, Object.keys(files).filter((name) => wanted.test(name)));
  const whole = files[name]!.slice();
  const bytes = damagedBytes(whole, next);
  const field = pick(next, [undefined, undefined, undefined, "text", "doc.text", "id", "x.y", "\x1b"]);
  const document = pick(next, [undefined, "line", "paragraph", "file"] as const);
  const other = pick(next, Object.keys(files));
  return {
    // at times another file than its name says
    name: next() < 0.05 ? other : name,
    bytes,
    options: { ...(field === undefined ? {} : { field }), ...(document ? { document } : {}) },
    allowed: next() < 0.5 ? 0 : 1000,
    piece: pick(next, [1 << 16, 1 << 16, 50, 7]),
  };
}

async function useText({ name, bytes, options, allowed, piece }: TextInput): Promise<void> {
  const source = await textSource(bytesSource(name, bytes, piece), options);
  const bad = new BadRecords(allowed);
  const places: number[] = [];
  for await (const { next } of source.read({ start: 0, end: source.size, bad })) places.push(next);
  // and once more from the middle, as a resumed run does
  const start = places[Math.floor(places.length / 2)];
  if (start === undefined) return;
  for await (const { text } of source.read({ start, end: source.size, bad: new BadRecords(1000) })) void text;
}

/** Two files as a corpus, with what validates. */
async function useCorpus({ name, bytes, options, allowed }: TextInput): Promise<void> {
  const source = await textSource(bytesSource(name, bytes), options);
  const corpus = await textCorpus([source, source], { bad: new BadRecords(allowed) });
  for (const part of ["training", "validation"] as const) {
    let left = 50;
    for await (const { text } of corpus.passages(part)) if (--left === 0 || text.length > 1e6) break;
  }
}

const target = (name: string, share: number, files: Record<string, Uint8Array>, wanted: RegExp): Target => ({
  name,
  share,
  make: (next: Next) => makeText(next, files, wanted),
  use: useText,
});

/** What is read of texts. */
export const textTargets: readonly Target[] = [
  target("plain text", 2, whole, /txt$/),
  target("CSV", 4, whole, /sv$/),
  target("JSON lines", 3, whole, /jsonl$/),
  target("JSON", 4, whole, /\.json$/),
  target("parquet", 4, whole, /parquet$/),
  target("compressed", 6, packed, /./),
  { name: "corpus", share: 2, make: (next) => makeText(next, { ...whole, ...packed }, /./), use: useCorpus },
  {
    name: "noise",
    share: 1,
    make: (next) => ({
      ...makeText(next, whole, /./),
      name: `a${pick(next, [".txt", ".csv", ".json", ".jsonl", ".parquet", ".txt.gz", ".txt.zst", ".txt.br"])}`,
      bytes: Uint8Array.from({ length: below(next, 200) }, () => below(next, 256)),
    }),
    use: useText,
  },
];
