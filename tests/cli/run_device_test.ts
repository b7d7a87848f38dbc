import { assert, assertRejects, assertStringIncludes } from "@std/assert";
import { openRunDevice, sameSettings } from "../../lib/cli/run_device.ts";
import { parseFlags, UsageError } from "../../lib/cli/flags.ts";
import { trainFlagGroups } from "../../lib/cli/train_flags.ts";
import { withoutGpu } from "../helpers/devices.ts";
import type { WebGpuSettings } from "../../lib/device/device.ts";

Deno.test("sameSettings() takes a BLAS of which nothing else is told for one that the host calls", () => {
  const told = { kind: "cpu", fusedMultiplyAdd: true, blas: "libopenblas.so.0", threads: 2 } as const;
  assert(sameSettings(told, { ...told, blasCaller: "host" }) && sameSettings({ ...told, blasCaller: "host" }, told));
  assert(
    !sameSettings(told, { ...told, blasCaller: "threads" }) && !sameSettings({ ...told, blasCaller: "threads" }, told),
  );
  const without = { kind: "cpu", fusedMultiplyAdd: true, blas: "off" } as const;
  assert(sameSettings(without, without));
});

Deno.test("sameSettings() compares tables of products by what they say, and takes none for an empty one", () => {
  const plain: WebGpuSettings = { kind: "webgpu", adapter: "a card", matmul: "tiled" };
  const products = { "A·B 1×2×3": { variant: "direct", splits: 2 }, "A·B 4×5×6": { variant: "tiled", splits: 1 } };
  const tuned = { ...plain, products };
  const reversed = Object.fromEntries(Object.entries(products).reverse());
  assert(sameSettings(tuned, JSON.parse(JSON.stringify(tuned))));
  assert(sameSettings(tuned, { ...plain, products: reversed }));
  assert(sameSettings(plain, { ...plain, products: {} }));
  assert(!sameSettings(plain, tuned) && !sameSettings(tuned, plain));
  assert(!sameSettings(tuned, { ...tuned, products: { ...products, "A·B 1×2×3": { variant: "direct", splits: 3 } } }));
});

Deno.test({
  name: "openRunDevice() says that a BLAS has no effect on a GPU",
  ignore: withoutGpu,
  fn: async () => {
    for (const [blas, isSaid] of [["auto", true], ["nowhere.so", true], ["off", false]] as const) {
      const args = ["--device", "webgpu", "--tune", "off", "--blas", blas];
      const { device, notice } = await openRunDevice(
        { path: "run", before: undefined },
        parseFlags(trainFlagGroups, args),
        () => {},
      );
      assert((notice ?? "").includes("--blas has no effect on a GPU") === isSaid, notice);
      device.destroy();
    }
  },
});

Deno.test("openRunDevice() says that --tune force has no effect on the CPU", async () => {
  const open = (before: Parameters<typeof openRunDevice>[0]["before"], ...args: string[]) =>
    openRunDevice({ path: "run", before }, parseFlags(trainFlagGroups, args), () => {});
  const cpu = { description: "CPU", settings: { kind: "cpu", blas: "off", fusedMultiplyAdd: true } } as const;
  await assertRejects(() => open(undefined, "--device", "cpu", "--tune", "force"), UsageError, "no effect on the CPU");
  await assertRejects(() => open(cpu, "--tune", "force"), UsageError, "no effect on the CPU");
  const args = ["--device", "auto", "--tune", "force", "--threads", "1", "--blas", "off"];
  const { device, notice } = await open(undefined, ...args);
  if (device.kind === "cpu") assertStringIncludes(notice ?? "", "--tune force has no effect on the CPU");
  device.destroy();
});
