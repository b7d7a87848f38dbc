/**
 * Files that hold no text as they are, by their first bytes, and what makes text of them.
 *
 * @module
 */

import type { Bytes } from "./byte_reader.ts";
import { STANDARD_INPUT } from "./standard_input_name.ts";

/** A kind of file. */
interface Signature {
  /** First bytes as hexadecimal digits, `..` for any. */
  readonly bytes: string;
  /** Where they stand, if not at the beginning. */
  readonly at?: number;
  /** What it is, with an article. */
  readonly name: string;
  /** Whether files of this kind begin with characters of text. */
  readonly isText?: boolean;
  /** What to do, with FILE for its name; by default there is no text in it. */
  readonly advice?: string;
}

const unpack = (command: string) => `unpack it first, with ${command} FILE | … --data -`;
const extract = (what: string) => `take the text out of it first, ${what}`;
const convert = (what: string) => `write it as JSON lines or parquet first, ${what}`;

const signatures: readonly Signature[] = [
  { bytes: "fd377a585a00", name: "an xz file", advice: unpack("xz -dc") },
  { bytes: "425a68..314159265359", name: "a bzip2 file", advice: unpack("bzip2 -dc") },
  { bytes: "425a68..177245385090", name: "an empty bzip2 file", advice: unpack("bzip2 -dc") },
  { bytes: "04224d18", name: "an lz4 file", advice: unpack("lz4 -dc") },
  { bytes: "02214c18", name: "an lz4 file", advice: unpack("lz4 -dc") },
  { bytes: "4c5a4950", name: "an lzip file", advice: unpack("lzip -dc") },
  { bytes: "894c5a4f000d0a1a0a", name: "an lzop file", advice: unpack("lzop -dc") },
  { bytes: "5d0000....ffffffffffffffff", name: "an lzma file", advice: unpack("xz --format=lzma -dc") },
  { bytes: "1f9d", name: "a file of compress (.Z)", advice: unpack("gzip -dc") },
  { bytes: "1fa0", name: "a file of compress (LZH)", advice: unpack("gzip -dc") },
  { bytes: "1f1e", name: "a file of pack (.z)", advice: unpack("gzip -dc") },
  { bytes: "1f8b", name: "a gzip file of an unknown kind" },
  { bytes: "ff060000734e61507059", name: "a snappy file", advice: unpack("snzip -dc") },
  { bytes: "7801", name: "zlib data", advice: unpack("pigz -dcz") },
  { bytes: "789c", name: "zlib data", advice: unpack("pigz -dcz") },
  { bytes: "78da", name: "zlib data", advice: unpack("pigz -dcz") },
  { bytes: "22b52ffd", name: "a zstd file of an early version", advice: unpack("zstd -dc") },
  { bytes: "23b52ffd", name: "a zstd file of an early version", advice: unpack("zstd -dc") },
  { bytes: "24b52ffd", name: "a zstd file of an early version", advice: unpack("zstd -dc") },
  { bytes: "25b52ffd", name: "a zstd file of an early version", advice: unpack("zstd -dc") },
  { bytes: "26b52ffd", name: "a zstd file of an early version", advice: unpack("zstd -dc") },
  { bytes: "27b52ffd", name: "a zstd file of an early version", advice: unpack("zstd -dc") },
  { bytes: "37a430ec", name: "a dictionary of zstd" },
  { bytes: "377abcaf271c", name: "a 7z archive", advice: unpack("7z x -so") },
  { bytes: "526172211a07", name: "a RAR archive", advice: unpack("unrar p -inul") },
  { bytes: "4d53434600000000", name: "a cabinet archive", advice: unpack("cabextract -p") },
  { bytes: "7573746172", at: 257, name: "a tar archive", advice: unpack("tar -xOf") },
  { bytes: "213c617263683e0a", name: "an ar archive", advice: unpack("ar p") },
  { bytes: "255044462d", name: "a PDF document", isText: true, advice: extract("with pdftotext FILE - | … --data -") },
  {
    bytes: "25215053",
    name: "a PostScript document",
    isText: true,
    advice: extract("with ps2ascii FILE | … --data -"),
  },
  {
    bytes: "7b5c727466",
    name: "an RTF document",
    isText: true,
    advice: extract("with unrtf --text FILE | … --data -"),
  },
  {
    bytes: "d0cf11e0a1b11ae1",
    name: "an old Office document",
    advice: extract("saved as plain text by the program it is from"),
  },
  { bytes: "41545426", name: "a DjVu document", advice: extract("with djvutxt FILE | … --data -") },
  {
    bytes: "424f4f4b4d4f4249",
    at: 60,
    name: "a Mobipocket book",
    advice: extract("saved as plain text by the program it is from"),
  },
  { bytes: "4152524f5731", name: "an Arrow (Feather) file", advice: convert("with pyarrow or pandas") },
  { bytes: "46454131", name: "a Feather file", advice: convert("with pyarrow or pandas") },
  {
    bytes: "ffffffff....0000",
    name: "an Arrow stream, as of Hugging Face datasets",
    advice: convert("with datasets or pyarrow"),
  },
  { bytes: "4f5243", name: "an ORC file", advice: convert("with pyarrow") },
  { bytes: "4f626a01", name: "an Avro file", advice: convert("with fastavro or avro-tools tojson") },
  {
    bytes: "53514c69746520666f726d6174203300",
    name: "an SQLite database",
    advice: convert("with sqlite3 -json FILE 'select …' or pandas"),
  },
  { bytes: "5041524500", name: "an encrypted parquet file", advice: convert("without encryption") },
  { bytes: "50415245", name: "an encrypted parquet file", advice: convert("without encryption") },
  { bytes: "934e554d5059", name: "a NumPy array (.npy)", advice: convert("with NumPy") },
  { bytes: "894844460d0a1a0a", name: "an HDF5 file", advice: convert("with h5py or pandas") },
  { bytes: "8002", name: "a Python pickle", advice: convert("with Python") },
  { bytes: "8003", name: "a Python pickle", advice: convert("with Python") },
  { bytes: "8004", name: "a Python pickle", advice: convert("with Python") },
  { bytes: "8005", name: "a Python pickle", advice: convert("with Python") },
  { bytes: "89504e470d0a1a0a", name: "a PNG image" },
  { bytes: "ffd8ff", name: "a JPEG image" },
  { bytes: "474946383761", name: "a GIF image" },
  { bytes: "474946383961", name: "a GIF image" },
  { bytes: "49492a00", name: "a TIFF image" },
  { bytes: "4d4d002a", name: "a TIFF image" },
  { bytes: "52494646........57454250", name: "a WebP image" },
  { bytes: "52494646........57415645", name: "a sound file (WAV)" },
  { bytes: "52494646........41564920", name: "a video (AVI)" },
  { bytes: "00000100", name: "an icon" },
  { bytes: "494433", name: "a sound file (MP3)" },
  { bytes: "4f676753", name: "a sound file (Ogg)" },
  { bytes: "664c6143", name: "a sound file (FLAC)" },
  { bytes: "66747970", at: 4, name: "a video (MP4)" },
  { bytes: "1a45dfa3", name: "a video (Matroska)" },
  { bytes: "774f4646", name: "a font" },
  { bytes: "774f4632", name: "a font" },
  { bytes: "0001000000", name: "a font" },
  { bytes: "4f54544f00", name: "a font" },
  { bytes: "7f454c46", name: "a program (ELF)" },
  { bytes: "cafebabe", name: "a Java class" },
  { bytes: "feedface", name: "a program (Mach-O)" },
  { bytes: "cffaedfe", name: "a program (Mach-O)" },
  { bytes: "0061736d01", name: "a WebAssembly module" },
  { bytes: "47475546", name: "a GGUF model" },
];

/** What a file is that holds no text as it is, and what to do about it; undefined if it may hold some. */
export function noTextIn(head: Bytes, { name }: { name: string }): string | undefined {
  const zip = zipKind(head, name);
  if (zip) return zip;
  if (isSafetensors(head)) return "a safetensors file, which holds the weights of a model and no text";
  // text may begin with the same bytes
  const isPlain = isPlainText(head);
  const found = signatures.find((signature) => (signature.isText || !isPlain) && matches(head, signature));
  if (found) return described(found, name);
  return isTar(head) ? described({ name: "a tar archive", advice: unpack("tar -xOf") }, name) : undefined;
}

function described({ name, advice }: { name: string; advice?: string | undefined }, file: string): string {
  return advice === undefined ? `${name}, which holds no text` : `${name}: ${onFile(advice, file)}`;
}

/** Advice with FILE put in: of an address what it answers, of standard input what it holds. */
export function onFile(advice: string, file: string): string {
  if (file === STANDARD_INPUT) return advice.replaceAll("FILE", "-");
  if (/^https?:/i.test(file)) {
    return advice.replace("with ", `with curl -sL ${quoted(file)} | `).replaceAll("FILE", "-");
  }
  return advice.replaceAll("FILE", quoted(file));
}

const quoted = (file: string) => /^[\w./:@%+=-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`;

function matches(head: Bytes, { bytes, at = 0 }: Signature): boolean {
  for (let i = 0; i * 2 < bytes.length; i++) {
    const digits = bytes.slice(2 * i, 2 * i + 2);
    if (digits !== ".." && head[at + i] !== parseInt(digits, 16)) return false;
  }
  return true;
}

/** Whether the first bytes are text, without controls. */
function isPlainText(head: Bytes): boolean {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(head.subarray(0, 512), { stream: true });
    // deno-lint-ignore no-control-regex
    return !/[\0-\x08\x0e-\x1a\x1c\x1d\x1f\x7f]/.test(text);
  } catch {
    return false;
  }
}

/** Documents that are zip archives, by names that occur in their first bytes. */
const zipDocuments: readonly (readonly [string, string, string])[] = [
  ["word/", "a Word document (.docx)", "with pandoc -t plain FILE | … --data -"],
  ["xl/", "an Excel table (.xlsx)", "saved as CSV by the program it is from"],
  ["ppt/", "a PowerPoint document (.pptx)", "saved as plain text by the program it is from"],
  ["mimetypeapplication/epub+zip", "an EPUB book", "with pandoc -t plain FILE | … --data -"],
  [
    "mimetypeapplication/vnd.oasis.opendocument.text",
    "an OpenDocument text (.odt)",
    "with pandoc -t plain FILE | … --data -",
  ],
  ["mimetypeapplication/vnd.oasis", "an OpenDocument file", "saved as plain text or CSV by the program it is from"],
  [".npy", "a NumPy archive (.npz)", "with NumPy"],
  ["/data.pkl", "a PyTorch file", "with Python"],
];

const zipEndings: Readonly<Record<string, string>> = { docx: "word/", xlsx: "xl/", pptx: "ppt/" };

function zipKind(head: Bytes, name: string): string | undefined {
  const isZip = matches(head, { bytes: "504b0304", name }) || matches(head, { bytes: "504b0506", name }) ||
    matches(head, { bytes: "504b0708", name });
  if (!isZip) return undefined;
  const text = new TextDecoder("latin1").decode(head.subarray(0, 8192));
  const ending = zipEndings[/\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? ""];
  const found = zipDocuments.find(([mark]) => mark === ending) ?? zipDocuments.find(([mark]) => text.includes(mark));
  if (found) return described({ name: found[1], advice: extract(found[2]) }, name);
  return described({ name: "a zip archive", advice: unpack("unzip -p") }, name);
}

function isSafetensors(head: Bytes): boolean {
  if (head.length < 10 || head[8] !== 0x7b || head[9] !== 0x22) return false;
  return head[4] === 0 && head[5] === 0 && head[6] === 0 && head[7] === 0;
}

/** Archives older than the mark have a checksum of their header. */
function isTar(head: Bytes): boolean {
  if (head.length < 512 || head[0] === 0) return false;
  const stored = /^ *([0-7]+)[\0 ]/.exec(String.fromCharCode(...head.subarray(148, 156)))?.[1];
  if (stored === undefined) return false;
  const sum = head.subarray(0, 512).reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
  return sum === parseInt(stored, 8);
}
