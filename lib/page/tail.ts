/**
 * Lines of a file as they are appended.
 *
 * @module
 */

/** What hears of a file. */
export interface TailListener {
  /** A line that is whole. */
  line(text: string): void;
  /** The file was written anew: what was told of it holds no more. */
  again(): void;
}

/** Bytes that are read at once. */
const BLOCK = 1 << 20;

/** Follows a file, which may not be there yet; what is returned reads what is new. */
export function tailOf(path: string, listener: TailListener): () => Promise<void> {
  let [at, number, rest]: [number, number | null, string] = [0, null, ""];
  let decoder = new TextDecoder();
  const restart = () => {
    if (at > 0) listener.again();
    [at, rest, decoder] = [0, "", new TextDecoder()];
  };
  return async () => {
    const file = await Deno.open(path).catch(() => undefined);
    if (!file) return restart();
    try {
      const { size, ino } = await file.stat();
      // one that took its place has another number, and one that was cut is shorter
      if (size < at || (at > 0 && ino !== number)) restart();
      number = ino;
      if (size === at) return;
      await file.seek(at, Deno.SeekMode.Start);
      const block = new Uint8Array(Math.min(BLOCK, size - at));
      for (let read: number | null; at < size && (read = await file.read(block)) !== null;) {
        at += read;
        const lines = (rest + decoder.decode(block.subarray(0, read), { stream: true })).split("\n");
        rest = lines.pop()!;
        for (const line of lines) if (line !== "") listener.line(line);
      }
    } finally {
      file.close();
    }
  };
}
