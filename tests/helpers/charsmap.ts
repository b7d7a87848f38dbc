/** SentencePiece's table of replacements, in base64: a double array over UTF-8 bytes, and the texts that it points at. */
export function charsmap(entries: Readonly<Record<string, string>>): string {
  const encoder = new TextEncoder();
  const texts: number[] = [];
  const keys = Object.entries(entries).map(([key, text]) => {
    const value = texts.length;
    texts.push(...encoder.encode(text), 0);
    return { bytes: encoder.encode(key), value };
  }).sort((a, b) => compareBytes(a.bytes, b.bytes));
  const units: number[] = [0];
  const taken = new Set<number>([0]);
  const put = (node: number, children: typeof keys, depth: number) => {
    const byByte = Map.groupBy(children, ({ bytes }) => bytes[depth] ?? 0);
    let offset = 1;
    const place = () => node ^ offset;
    while ([...byByte.keys()].some((byte) => taken.has(place() ^ byte)) || offset >= 1 << 21) offset++;
    if (byByte.has(0)) units[node] = (units[node] ?? 0) | (1 << 8);
    units[node] = ((units[node] ?? 0) | (offset << 10)) >>> 0;
    const base = place();
    for (const byte of byByte.keys()) taken.add(base ^ byte);
    for (const [byte, members] of byByte) {
      if (byte === 0) units[base] = (members[0]!.value | 0x80000000) >>> 0;
      else {
        units[base ^ byte] = byte;
        put(base ^ byte, members, depth + 1);
      }
    }
  };
  put(0, keys, 0);
  const size = Math.ceil((Math.max(...taken) + 1) / 256) * 256;
  const bytes = new Uint8Array(4 + 4 * size + texts.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 4 * size, true);
  for (let i = 0; i < size; i++) view.setUint32(4 + 4 * i, units[i] ?? 0, true);
  bytes.set(texts, 4 + 4 * size);
  return bytes.toBase64();
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
