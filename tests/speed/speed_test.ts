import { assert, assertAlmostEquals, assertEquals, assertGreater, assertLess } from "@std/assert";
import { openWebGpuDevice } from "../../lib/device/webgpu/open_webgpu.ts";
import { measureDevice, secondsOf } from "../../lib/speed/measure_device.ts";
import { estimateStep } from "../../lib/speed/step_estimate.ts";
import type { Device } from "../../lib/device/device.ts";
import { alteredDevice } from "../../lib/device/altered_device.ts";
import { deviceTest, withoutGpu } from "../helpers/devices.ts";

Deno.test("secondsOf() leaves out what a wait costs", async () => {
  const counts: number[] = [];
  const run = (each: number) => (count: number) => {
    counts.push(count);
    return Promise.resolve(0.011 + each * count);
  };
  assertAlmostEquals(await secondsOf(run(1e-4)), 1e-4, 1e-9);
  assertEquals(counts, [1, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1536]);
  assertAlmostEquals(await secondsOf(run(2)), 2, 1e-9);
  // a clock that stands still ends it too
  assertEquals(await secondsOf(() => Promise.resolve(0)), 0);
});

deviceTest(
  "measureDevice() finds rates, and gives the memory back",
  async (device: Device) => {
    let held = 0;
    const counted = alteredDevice(device, {
      allocate(bytes, label) {
        const buffer = device.allocate(bytes, label);
        held++;
        const { destroy } = buffer;
        return Object.assign(buffer, {
          destroy() {
            held--;
            destroy.call(buffer);
          },
        });
      },
    });
    const attending = { batch: 1, length: 16, width: 16, heads: 2 };
    const speed = await measureDevice(counted, { elements: 4096, product: [32, 32, 32], attention: attending });
    for (const [name, value] of Object.entries(speed)) {
      assert(
        Number.isFinite(value) && (value > 0 || (name === "submit" && device.kind === "cpu")),
        `${name}: ${value}`,
      );
    }
    assertEquals(held, 0);
  },
  ["webgpu, direct products", "cpu"],
);

/** An H200 as it was measured, and the steps that it made: bench/RESULTS.md. */
const h200 = { bandwidth: 4203e9, products: 40e12, attention: 3.7e12, call: 1.9e-6, submit: 9e-6 };
const measured = [
  { size: "small", length: 128, tokens: 16_384, vocab: 70, tokensPerSecond: 1_831_072 },
  { size: "mini", length: 128, tokens: 4096, vocab: 8192, tokensPerSecond: 395_036 },
  { size: "base", length: 512, tokens: 4096, vocab: 30_522, tokensPerSecond: 24_941 },
] as const;

Deno.test({
  name: "estimateStep() comes near what a card did",
  ignore: withoutGpu,
  fn: async () => {
    const device = await openWebGpuDevice({ matmul: "tiled" });
    for (const { tokensPerSecond, ...step } of measured) {
      const estimate = await estimateStep(device, h200, step);
      const ratio = estimate.seconds > 0 ? step.tokens / estimate.seconds / tokensPerSecond : 0;
      assertGreater(ratio, 0.7, `${step.size}: ${ratio}`);
      assertLess(ratio, 1.6, `${step.size}: ${ratio}`);
      assertEquals(estimate.tokensPerSecond, step.tokens / estimate.seconds);
    }
    const slow = await estimateStep(device, { ...h200, submit: 1 }, measured[0]);
    assertEquals(slow.seconds, slow.calls);
    const small = alteredDevice(device, { maxTensorBytes: 2 ** 22 });
    assertEquals((await estimateStep(small, h200, measured[1])).tokensPerSecond, undefined);
    device.destroy();
  },
});
