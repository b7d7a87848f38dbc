import { assertEquals } from "@std/assert";
import { groupByToken } from "../../lib/batch/batch.ts";

Deno.test("groupByToken() lists each token's rows once", () => {
  const ids = Uint32Array.of(7, 3, 7, 7, 0, 3);
  const { unique, starts, order } = groupByToken(ids);
  assertEquals([...unique], [7, 3, 0, 0, 0, 0]);
  assertEquals([...starts], [0, 3, 5, 6, 6, 6, 6]);
  assertEquals([...order], [0, 2, 3, 1, 5, 4]);
});
