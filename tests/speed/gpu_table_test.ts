import { assertEquals } from "@std/assert";
import { type GpuReport, gpuTable } from "../../bench/gpu_table.ts";

const report: GpuReport = {
  adapter: {
    vendor: "4318",
    architecture: "",
    device: "9861",
    description: "A | Card",
    kernels: "00000000",
    software: false,
    features: ["timestamp-query", "shader-f16"],
    limits: {
      maxBufferSize: 0,
      maxStorageBufferBindingSize: 0,
      maxComputeWorkgroupStorageSize: 0,
      maxComputeInvocationsPerWorkgroup: 0,
      maxStorageBuffersPerShaderStage: 0,
    },
  },
  versions: "Deno 2.9.6",
  date: "2026-01-02",
  tests: { summary: "FAILED | 560 passed | 1 failed, 85 s", failures: ["add (webgpu)"] },
  speed: { bandwidth: 4203e9, products: 40_123e9, attention: 3.7e12, call: 1.9e-6, submit: 9e-6 },
  steps: [{
    size: "base",
    length: 512,
    tokens: 4096,
    vocab: 30_522,
    compiled: 640,
    usual: 164.2,
    tuned: 150,
    half: 100,
    tuning: { milliseconds: 1234, products: 19, timed: 18, changed: 5 },
    estimated: 26_879.4,
  }],
  failed: ["mini: no memory"],
};

Deno.test("gpuTable() is a section of Markdown, with what failed below its tables", () => {
  assertEquals(gpuTable(report).split("\n"), [
    "### A \\| Card",
    "",
    "2026-01-02, Deno 2.9.6, `deno task gpu`:",
    "",
    "| A \\| Card |  |",
    "| --- | --- |",
    "| hardware | vendor 4318, device 9861 |",
    "| features | timestamp-query, shader-f16 |",
    "| correctness | FAILED \\| 560 passed \\| 1 failed, 85 s |",
    "| memory, one tensor added to another | 4,203 GB/s |",
    "| a large product | 40,123 GFLOP/s |",
    "| attention with its gradient | 3,700 GFLOP/s |",
    "| a call · JavaScript and driver for it | 1.9 µs · 9.0 µs |",
    "",
    "| model, tokens a step | tokens/s by the rule | tokens/s tuned | tokens/s tuned, f16 | choices changed | tokens/s estimated | compiled in |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    "| base, length 512, 4,096, vocabulary 30,522 | 164.20 ms · 24,945 | 150.00 ms · 27,307 | 100.00 ms · 40,960 | 5 of 18 timed of 19, 1.2 s | 26,879 | 0.6 s |",
    "",
    "Not measured: mini: no memory",
    "",
    "- failed: add (webgpu)",
    "",
  ]);
  const skipped = gpuTable({ ...report, tests: undefined, failed: [], adapter: { ...report.adapter, software: true } });
  assertEquals([skipped.startsWith("### A \\| Card, software\n"), skipped.includes("| correctness | skipped |")], [
    true,
    true,
  ]);
});
