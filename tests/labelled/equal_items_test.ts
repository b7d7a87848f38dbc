import { assertEquals } from "@std/assert";
import { conflictNote, groupsOf } from "../../lib/labelled/equal_items.ts";

Deno.test("conflictNote() counts texts that have several labels, each once", () => {
  const groups = groupsOf(["a", "b", "a", "c", "a", "b"]);
  assertEquals(groups, Uint32Array.of(0, 1, 0, 3, 0, 1));
  assertEquals(conflictNote(groups, ["x", "y", "x", "x", "x", "y"]), undefined);
  const wrong = "of which only one can be right";
  assertEquals(conflictNote(groups, ["x", "y", "z", "x", "y", "y"]), `1 text has more than one label, ${wrong}`);
  assertEquals(conflictNote(groups, [1, 2, 3, 4, 5, 6]), `2 texts have more than one label, ${wrong}`);
});
