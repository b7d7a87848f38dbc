import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openDevice } from "../../lib/device/open_device.ts";
import { TraceLog } from "../../lib/device/trace.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { withoutGpu } from "../helpers/devices.ts";

const span = (start: number, milliseconds = 1) => ({ name: "x", start, milliseconds });

Deno.test("TraceLog keeps as many spans as there is room for, and counts the others", () => {
  const log = new TraceLog({ most: 3 });
  for (let i = 0; i < 5; i++) {
    log.addHost(span(i));
    log.addDevice(span(i));
  }
  log.end();
  log.addHost(span(9));
  assertEquals([log.host.length, log.device.length, log.dropped], [2, 1, 7]);
});

Deno.test("TraceLog places a device's spans on the host's clock, behind their submission", () => {
  const log = new TraceLog();
  log.addDevice(span(5));
  log.addDevice(span(25, 2));
  assertEquals(log.device.map(({ start }) => start), [5, 25]);
  // the second had to wait for the device, the first did not
  log.align({ submitted: 1004, began: 5, ended: 6, done: 1006 });
  log.align({ submitted: 1010, began: 25, ended: 27, done: 1029 });
  assertEquals(log.device, [span(1004), span(1024, 2)]);
});

Deno.test("TraceLog stretches the ticks of a device that counts in another unit", () => {
  const log = new TraceLog();
  log.addDevice(span(50, 10));
  log.align({ submitted: 1000, began: 50, ended: 60, done: 1100 });
  assertEquals(log.device, [span(1000, 100)]);
});

Deno.test("TraceLog.during() notes what is done now, later or not at all", async () => {
  const log = new TraceLog();
  assertEquals(log.during("now", () => 1), 1);
  assertEquals(await log.during("later", () => new Promise((resolve) => setTimeout(() => resolve(2), 5))), 2);
  assertThrows(() =>
    log.during("wrong", () => {
      throw new TypeError("no");
    }), TypeError);
  await assertRejects(() => log.during("rejected", () => Promise.reject(new TypeError("no"))), TypeError);
  assertEquals(log.host.map(({ name }) => name), ["now", "later", "wrong", "rejected"]);
  assert(log.host[1]!.milliseconds >= 4, String(log.host[1]!.milliseconds));
});

for (const kind of ["webgpu", "cpu"] as const) {
  Deno.test({
    name: `a traced device notes uploads, submissions, reads and every kernel (${kind})`,
    ignore: kind === "webgpu" && withoutGpu,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      const trace = new TraceLog();
      const { device, trace: own } = await openDevice(kind, { trace, threads: 2 });
      assert(own === trace);
      const graph = new Graph();
      const [x, y] = [graph.persistent("x", [64]), graph.persistent("y", [64])];
      graph.call("add", { tensors: { x, y }, params: { size: 64 } });
      const program = await graph.compile(device);
      const began = performance.now();
      device.write(x, new Float32Array(64).fill(1));
      for (let i = 0; i < 2; i++) program.run();
      const [sums] = await device.read([y]);
      assertEquals(new Float32Array(sums!), new Float32Array(64).fill(2));
      await device.takeProfile();
      const ended = performance.now();
      assertEquals(trace.host.map(({ name }) => name), ["compile", "upload", "encode", "encode", "read back"]);
      assertEquals(trace.device.map(({ name, details }) => [name, details]), [
        ["add", { flop: 0, bytes: 3 * 256 }],
        ["add", { flop: 0, bytes: 3 * 256 }],
      ]);
      const [first, second] = trace.device;
      assert(
        first!.start >= began && second!.start >= first!.start + first!.milliseconds - 1e-6,
        JSON.stringify(trace.device),
      );
      assert(second!.start + second!.milliseconds <= ended, `${second!.start} + ${second!.milliseconds} > ${ended}`);
      device.destroy();
    },
  });
}
