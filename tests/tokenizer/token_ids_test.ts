import { assertEquals } from "@std/assert";
import { IdBuffer, IdList } from "../../lib/tokenizer/token_ids.ts";

Deno.test("IdList and IdBuffer hand out what was appended, in arrays of their own, and are empty then", () => {
  const sizes = [0, 1, 1023, 1, 5000, 300_000, 3];
  const pieces = sizes.map((size, i) => new Uint32Array(size).map((_, at) => 1000 * i + at));
  const wanted = pieces.flatMap((piece) => [...piece]);
  const [list, buffer] = [new IdList(), new IdBuffer(4)];
  for (let time = 0; time < 2; time++) {
    for (const piece of pieces) {
      list.append(piece);
      buffer.append(piece);
    }
    assertEquals(list.length, wanted.length);
    const found = [list.take(), buffer.take()];
    assertEquals([list.length, list.take().length, buffer.take().length], [0, 0, 0]);
    for (const ids of found) {
      assertEquals([ids.join() === wanted.join(), ids.buffer.byteLength], [true, 4 * wanted.length]);
    }
  }
  // what was handed in stays its owner's
  assertEquals(pieces.map(({ length }) => length), sizes);
});
