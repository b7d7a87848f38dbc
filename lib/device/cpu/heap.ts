/**
 * Memory inside a WebAssembly memory: first fit among freed blocks, growing where none fits.
 *
 * @module
 */

/** Blocks begin at multiples of a cache line, and have one to spare: vectors may be read beyond an array's end. */
const LINE = 64;
const PAGE = 1 << 16;

/** A heap in a WebAssembly memory. */
export interface Heap {
  /** Place of so many bytes, all zero. */
  allocate(bytes: number, label: string): number;
  /** Gives a block back. */
  free(at: number): void;
}

/** A heap from `start` on. */
export function createHeap(memory: WebAssembly.Memory, start: number): Heap {
  let end = start;
  // memory above this has never been used, and is zero
  let touched = start;
  const taken = new Map<number, number>();
  let holes: { at: number; bytes: number }[] = [];

  const grow = (bytes: number, label: string) => {
    const pages = Math.ceil((end + bytes - memory.buffer.byteLength) / PAGE);
    if (pages <= 0) return;
    try {
      memory.grow(pages);
    } catch {
      throw new RangeError(
        `Cannot allocate ${(bytes / 2 ** 20).toFixed(0)} MiB for ${label}: ${
          (end / 2 ** 20).toFixed(0)
        } MiB are in use, ` +
          "and WebAssembly holds at most 4096 MiB, if the machine has them; a smaller model or fewer tokens a step would fit",
      );
    }
  };

  return {
    allocate(wanted, label) {
      const bytes = Math.ceil(wanted / LINE) * LINE + LINE;
      const hole = holes.find((candidate) => candidate.bytes >= bytes);
      let at = end;
      if (hole) {
        at = hole.at;
        hole.at += bytes;
        hole.bytes -= bytes;
        holes = holes.filter((candidate) => candidate.bytes > 0);
      } else {
        grow(bytes, label);
        end += bytes;
      }
      if (at < touched) new Uint8Array(memory.buffer, at, Math.min(bytes, touched - at)).fill(0);
      touched = Math.max(touched, at + bytes);
      taken.set(at, bytes);
      return at;
    },
    free(at) {
      const bytes = taken.get(at);
      if (bytes === undefined) return;
      taken.delete(at);
      holes.push({ at, bytes });
      holes.sort((a, b) => a.at - b.at);
      const joined: typeof holes = [];
      for (const hole of holes) {
        const before = joined.at(-1);
        if (before && before.at + before.bytes === hole.at) before.bytes += hole.bytes;
        else joined.push(hole);
      }
      const last = joined.at(-1);
      if (last && last.at + last.bytes === end) {
        end = last.at;
        joined.pop();
      }
      holes = joined;
    },
  };
}
