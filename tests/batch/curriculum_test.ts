import { assertEquals, assertThrows } from "@std/assert";
import { defaultCurriculum, parseCurriculum, stageAt } from "../../lib/batch/curriculum.ts";

Deno.test("parseCurriculum() gives the last stage what is left", () => {
  const stages = parseCurriculum("16:10%,32:20%,64:0.3,128");
  assertEquals(stages.map(({ length }) => length), [16, 32, 64, 128]);
  assertEquals(stages.map(({ share }) => Math.round(share * 1000)), [100, 200, 300, 400]);
  assertEquals(parseCurriculum("none", { length: 48 }), [{ length: 48, share: 1 }]);
  assertEquals(parseCurriculum("64"), [{ length: 64, share: 1 }]);
});

Deno.test("parseCurriculum() reads batches of sizes of their own, which let a length stay", () => {
  assertEquals(parseCurriculum("32:0.25@512,64:0.25,64@2048"), [
    { length: 32, share: 0.25, batchTokens: 512 },
    { length: 64, share: 0.25 },
    { length: 64, share: 0.5, batchTokens: 2048 },
  ]);
  assertThrows(() => parseCurriculum("32:50%@512,32@512"), RangeError, "must rise");
  assertThrows(() => parseCurriculum("32:50%,32"), RangeError, "must rise");
  assertThrows(() => parseCurriculum("32:50%@16,64"), RangeError, "no window of 32 has room");
  assertThrows(() => parseCurriculum("32:50%@x,64"), SyntaxError, '"32:50%@x"');
});

Deno.test("parseCurriculum() says what is wrong with a stage", () => {
  assertThrows(() => parseCurriculum("16,32"), SyntaxError, 'Cannot read curriculum stage "16"');
  assertThrows(() => parseCurriculum("16:x%,32"), SyntaxError, '"16:x%"');
  assertThrows(() => parseCurriculum("32:50%,16"), RangeError, "must rise");
  assertThrows(() => parseCurriculum("16:80%,32:40%"), RangeError, "add up to 100%");
  assertThrows(() => parseCurriculum("16:100%,32"), RangeError, "add up to 100%");
  assertThrows(() => parseCurriculum("16:50%,32", { length: 64 }), RangeError, "ends at length 32");
});

Deno.test("stageAt() changes stage exactly at the sum of shares", () => {
  const stages = parseCurriculum("16:10%,32:20%,64");
  const lengths = [0, 0.0999, 0.1, 0.2999, 0.3, 1].map((progress) => stageAt(stages, progress).stage.length);
  assertEquals(lengths, [16, 16, 32, 32, 64, 64]);
});

Deno.test("defaultCurriculum() rises to the final length and adds up", () => {
  for (const length of [7, 16, 32, 48, 64, 128, 256, 512]) {
    const stages = defaultCurriculum(length);
    assertEquals(stages.at(-1)!.length, length);
    assertEquals(Math.round(1e9 * stages.reduce((sum, { share }) => sum + share, 0)), 1e9);
    assertEquals(parseCurriculum(stages.map((s) => `${s.length}:${s.share}`).join(",")).length, stages.length);
  }
});
