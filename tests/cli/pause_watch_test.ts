import { assertEquals } from "@std/assert";
import { pauseWatch } from "../../lib/cli/pause_watch.ts";

/** Whether a watch finds a pause in looks at the clocks: milliseconds on the wall, and of a processor. */
function isPausedIn(...looks: readonly (readonly [wall: number, processor: number])[]): boolean {
  let at = 0;
  const watch = pauseWatch({
    look: () => {
      const [wall, processor] = looks[Math.min(at++, looks.length - 1)]!;
      return { wall, processor };
    },
  });
  try {
    return Array.from(looks, () => watch.wasPaused()).at(-2)!;
  } finally {
    watch.end();
  }
}

Deno.test("pauseWatch() tells a program that stood still from a busy one, and from one that has nothing to do for a moment", () => {
  assertEquals(isPausedIn([0, 0], [200, 200], [400, 390]), false);
  assertEquals(isPausedIn([0, 0], [200, 0], [400, 0]), false);
  assertEquals(isPausedIn([0, 0], [200, 190], [5200, 4200]), false);
  assertEquals(isPausedIn([0, 0], [200, 190], [5200, 200]), true);
  // seen by a look before the signal is heard
  assertEquals(isPausedIn([0, 0], [5200, 10], [5210, 20]), true);
  // long ago
  assertEquals(isPausedIn([0, 0], [5200, 10], [5400, 20], [5600, 40], [5800, 50]), false);
});

Deno.test("pauseWatch() takes for a pause what it has no clocks for", () => {
  const watch = pauseWatch({ look: () => undefined });
  assertEquals(watch.wasPaused(), true);
  watch.end();
});
