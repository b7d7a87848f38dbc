import { assertEquals } from "@std/assert";
import type { Batch } from "../../lib/batch/batch.ts";
import { inPieces, pieceAt } from "../../lib/batch/pieces.ts";

/** A batch of whose contents nothing matters. */
const batchOf = (windows: number, length: number, documents?: [number, number][]): Batch => {
  const ids = new Uint32Array(windows * length);
  const rest = { ids, original: ids, maskedRows: Uint32Array.of(1), labels: Uint32Array.of(2) };
  return { windows, length, ...rest, ...(documents ? { documents: Uint32Array.from(documents.flat()) } : {}) };
};

const boundsOf = ({ documents }: Batch) =>
  Array.from({ length: documents!.length / 2 }, (_, row) => [documents![2 * row], documents![2 * row + 1]]);

Deno.test("inPieces() cuts whole windows, the last piece being what is left", () => {
  const batch = batchOf(2, 5);
  const cut = inPieces(batch, 2);
  const window = [[0, 2], [0, 2], [2, 4], [2, 4], [4, 5]];
  assertEquals(boundsOf(cut), [...window, ...window]);
  assertEquals({ ...cut, documents: undefined }, { ...batch, documents: undefined });
  assertEquals(boundsOf(inPieces(batch, 5)), Array(10).fill([0, 5]));
});

Deno.test("inPieces() cuts documents from where each begins", () => {
  const documents: [number, number][] = [[0, 3], [0, 3], [0, 3], [3, 7], [3, 7], [3, 7], [3, 7]];
  const cut = inPieces(batchOf(1, 7, documents), 2);
  assertEquals(boundsOf(cut), [[0, 2], [0, 2], [2, 3], [3, 5], [3, 5], [5, 7], [5, 7]]);
  assertEquals(boundsOf(inPieces(batchOf(1, 7, documents), 4)), documents);
});

Deno.test("pieceAt() grows evenly to whole windows", () => {
  const pieces = [0, 0.1, 0.25, 0.4, 0.499, 0.5, 1].map((progress) =>
    pieceAt({ start: 16, share: 0.5 }, progress, 116)
  );
  assertEquals(pieces, [16, 36, 66, 96, 115, 116, 116]);
  assertEquals(pieceAt({ start: 64, share: 0.5 }, 0, 32), 32);
});
