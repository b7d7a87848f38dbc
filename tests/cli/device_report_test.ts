import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { deviceLines, type DeviceReport } from "../../lib/cli/device_report.ts";
import { runMains } from "../helpers/run_cli.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const estimate = { size: "base", parameters: 110e6, length: 512, tokens: 4096, calls: 403, flop: 2.5e12 } as const;
const report: DeviceReport = {
  kind: "webgpu",
  description: "A Card",
  adapter: {
    vendor: "4318",
    architecture: "ada",
    device: "9861",
    description: "A Card",
    kernels: "00000000",
    software: false,
    features: ["timestamp-query"],
    limits: {
      maxBufferSize: 2 ** 32,
      maxStorageBufferBindingSize: 2 ** 31,
      maxComputeWorkgroupStorageSize: 49_152,
      maxComputeInvocationsPerWorkgroup: 1024,
      maxStorageBuffersPerShaderStage: 16,
    },
  },
  maxTensorBytes: 2 ** 31,
  speed: { bandwidth: 504e9, products: 24.5e12, attention: 9e11, call: 5e-6, submit: 8e-6 },
  estimates: [
    { ...estimate, bytes: 26e9, memory: 4 * 2 ** 30, seconds: 0.1523, tokensPerSecond: 26_894 },
    { ...estimate, size: "mini", bytes: 26e9, memory: 2 ** 30, seconds: 0.1, tokensPerSecond: undefined },
  ],
  notice: undefined,
};

Deno.test("deviceLines() shows an adapter, its rates and what they mean", () => {
  assertEquals(deviceLines(report).join("\n").split("\n"), [
    "adapter     A Card",
    "hardware    vendor 4318, device 9861, ada",
    "features    timestamp-query",
    "limits      4.0 GiB a buffer, 2.0 GiB a tensor, 48 KiB and 1,024 invocations a workgroup, 16 tensors a kernel",
    "memory      504 GB/s, adding one tensor to another",
    "products    24,500 GFLOP/s, a large matrix product",
    "attention   900 GFLOP/s, forward and backward",
    "calls       5.0 µs for one that waits for the one before; 8.0 µs of JavaScript and driver for each",
    "",
    "estimates, not measured, of steps of 4,096 tokens: each call costs the longer of compute and memory time at the rates above, plus launch time",
    "  size  weights  length  calls  GFLOP    GB    MiB  ms a step  tokens/s",
    "  base  110M        512    403  2,500  26.0  4,096        152    27,000",
    "  mini  110M        512    403  2,500  26.0  1,024          -         -",
    "-: a tensor of the step is larger than this device's tensors may be; smaller batches would fit",
  ]);
});

Deno.test("info measures the CPU device, and takes a device or a model, not both", () =>
  inTemporaryFolder(async (cwd) => {
    const [shown, both, neither, unknown, beside] = await runMains([
      ["info", "--device", "cpu", "--threads", "1", "--json"],
      ["info", "somewhere", "--gpu"],
      ["info"],
      ["info", "--device", "tpu"],
      ["info", "--gpu", "--device", "cpu"],
    ], { cwd });
    assertEquals([shown!.code, shown!.err], [0, ""]);
    const { kind, description, speed, estimates } = JSON.parse(shown!.out) as DeviceReport;
    assertEquals(kind, "cpu");
    assertStringIncludes(description, "CPU, 1 thread");
    for (const rate of [speed.bandwidth, speed.products, speed.attention]) assert(rate > 1e6, String(rate));
    assertEquals(estimates.map(({ size }) => size), ["tiny", "small", "mini", "base"]);
    for (const { tokensPerSecond } of estimates) assert(tokensPerSecond! > 0);
    for (const { code, err } of [both!, neither!]) {
      assertEquals(code, 2);
      assertStringIncludes(err, "error: Usage: info DIR, or info --gpu");
    }
    assertEquals(unknown!.code, 2);
    assertEquals(beside!.code, 2);
    assertStringIncludes(beside!.err, "Give one of --gpu and --device");
  }));

Deno.test("deviceLines() writes times of calls without powers of ten", () => {
  const callsOf = (call: number) =>
    deviceLines({ ...report, speed: { ...report.speed, call, submit: 0 } }).find((line) => line.startsWith("calls"))!;
  const told = [1.234e-6, 99.7e-6, 123e-6, 4321e-6].map((call) => /^calls +(.* µs) for/.exec(callsOf(call))![1]);
  assertEquals(told, ["1.2 µs", "100 µs", "120 µs", "4,300 µs"]);
});
