/**
 * Zip files: written without compression, for weights hardly shrink; read with it, as others write them.
 *
 * @module
 */

/** Signatures of a zip's records (PKWARE's APPNOTE.TXT, 4.3). */
const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;

/** Names are UTF-8. */
const UTF8 = 1 << 11;
/** What encrypted files are marked with. */
const ENCRYPTED = 1;

/** 1 January 1980: the same files give the same zip. */
const DATE = (1 << 5) | 1;

/** Most files and bytes that are believed of a model's zip. */
const MOST_FILES = 1000;
const MOST_BYTES = 2 ** 31;

const table = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** CRC-32 of bytes. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = table[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Numbers of two or four bytes, the lowest first. */
function record(...fields: readonly (readonly [bytes: 2 | 4, value: number])[]): Uint8Array<ArrayBuffer> {
  const made = new DataView(new ArrayBuffer(fields.reduce((sum, [bytes]) => sum + bytes, 0)));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) made.setUint16(at, value, true);
    else made.setUint32(at, value, true);
    at += bytes;
  }
  return new Uint8Array(made.buffer);
}

/**
 * Files as a zip, by their names, which may have folders in them.
 *
 * @throws {RangeError} if they are larger than a zip of the simple kind may be.
 */
export async function zipped(files: ReadonlyMap<string, Blob>): Promise<Blob> {
  const [parts, directory]: BlobPart[][] = [[], []];
  let [at, directoryBytes] = [0, 0];
  for (const [name, blob] of files) {
    const path = new TextEncoder().encode(name);
    const crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    // version 2.0, names of UTF-8, no compression, time and date
    const common = [[2, 20], [2, UTF8], [2, 0], [2, 0], [2, DATE], [4, crc], [4, blob.size], [4, blob.size]] as const;
    const sizes = [[2, path.length], [2, 0]] as const;
    const head = record([4, LOCAL], ...common, ...sizes);
    const entry = record([4, CENTRAL], [2, 20], ...common, ...sizes, [2, 0], [2, 0], [2, 0], [4, 0], [4, at]);
    parts!.push(head, path, blob);
    directory!.push(entry, path);
    at += head.length + path.length + blob.size;
    directoryBytes += entry.length + path.length;
    if (at > MOST_BYTES) throw new RangeError("Cannot make a zip of this model: it has more than 2 GiB");
  }
  const count = files.size;
  const end = record([4, END], [2, 0], [2, 0], [2, count], [2, count], [4, directoryBytes], [4, at], [2, 0]);
  return new Blob([...parts!, ...directory!, end], { type: "application/zip" });
}

/** A file in a zip. */
interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  readonly packed: number;
  readonly size: number;
  readonly at: number;
}

/**
 * The files of a zip by name.
 *
 * @throws {SyntaxError} that says what is wrong with it.
 */
export async function unzipped(zip: Blob, name: string): Promise<Map<string, Blob>> {
  const fail = (what: string) => new SyntaxError(`Cannot read ${name}: ${what}`);
  const entries = await entriesOf(zip, fail);
  const files = new Map<string, Blob>();
  for (const entry of entries) {
    if (entry.name.endsWith("/")) continue;
    const file = await contentOf(zip, entry, fail);
    if (file.size !== entry.size || crc32(new Uint8Array(await file.arrayBuffer())) !== entry.crc) {
      throw fail(`its file ${entry.name} is damaged`);
    }
    files.set(entry.name, file);
  }
  return files;
}

type Fail = (what: string) => SyntaxError;

/** What the directory at the end of a zip lists. */
async function entriesOf(zip: Blob, fail: Fail): Promise<Entry[]> {
  // the last record is 22 bytes long, and a comment of at most 64 KiB
  const tail = new DataView(await zip.slice(Math.max(0, zip.size - 22 - 0xffff)).arrayBuffer());
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== END) end--;
  if (end < 0) throw fail("it is no zip file, or its end is missing");
  const [count, bytes, at] = [
    tail.getUint16(end + 10, true),
    tail.getUint32(end + 12, true),
    tail.getUint32(end + 16, true),
  ];
  if (count > MOST_FILES || at === 0xffffffff) throw fail("it has more files or bytes than a model");
  const view = new DataView(await zip.slice(at, at + bytes).arrayBuffer());
  const entries: Entry[] = [];
  for (let i = 0, place = 0; i < count; i++) {
    if (place + 46 > view.byteLength || view.getUint32(place, true) !== CENTRAL) {
      throw fail("its list of files is damaged");
    }
    const [nameBytes, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(place + offset, true));
    if (view.getUint16(place + 8, true) & ENCRYPTED) throw fail("it is encrypted");
    if (place + 46 + nameBytes! > view.byteLength) throw fail("its list of files is damaged");
    entries.push({
      name: new TextDecoder().decode(new Uint8Array(view.buffer, place + 46, nameBytes!)),
      method: view.getUint16(place + 10, true),
      crc: view.getUint32(place + 16, true),
      packed: view.getUint32(place + 20, true),
      size: view.getUint32(place + 24, true),
      at: view.getUint32(place + 42, true),
    });
    place += 46 + nameBytes! + extra! + comment!;
  }
  const total = entries.reduce((sum, { size }) => sum + size, 0);
  if (total > MOST_BYTES) throw fail("it unpacks to more than 2 GiB");
  return entries;
}

/** The bytes of a file, unpacked. */
async function contentOf(zip: Blob, { name, method, packed, size, at }: Entry, fail: Fail): Promise<Blob> {
  const head = new DataView(await zip.slice(at, at + 30).arrayBuffer());
  if (head.byteLength < 30 || head.getUint32(0, true) !== LOCAL) {
    throw fail(`its file ${name} is not where it should be`);
  }
  const start = at + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const content = zip.slice(start, start + packed);
  if (method === 0) return content;
  if (method !== 8) throw fail(`its file ${name} is packed in a way that is not read here`);
  return await inflated(content, size).catch(() => {
    throw fail(`its file ${name} is damaged`);
  });
}

/** Unpacked bytes, no more than were told. */
async function inflated(packed: Blob, size: number): Promise<Blob> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  const reader = packed.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  while (true) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts);
    bytes += value.length;
    if (bytes > size) {
      await reader.cancel();
      throw new RangeError("more bytes than were told");
    }
    parts.push(value as Uint8Array<ArrayBuffer>);
  }
}

/** The files of the folder that holds config.json, by their names in it; the one that lies least deep. */
export function folderIn(files: ReadonlyMap<string, Blob>): Map<string, Blob> {
  const depth = (path: string) => path.split("/").length;
  const [config] = [...files.keys()].filter((path) => /(^|\/)config\.json$/.test(path)).sort((a, b) =>
    depth(a) - depth(b)
  );
  const folder = config?.slice(0, -"config.json".length) ?? "";
  return new Map(
    [...files].filter(([path]) => path.startsWith(folder)).map(([path, file]) => [path.slice(folder.length), file]),
  );
}
