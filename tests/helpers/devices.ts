import type { Device } from "../../lib/device/device.ts";
import { NoAdapterError, openWebGpuDevice, type WebGpuOptions } from "../../lib/device/webgpu.ts";

/** Ways to run the kernels; each is a device of its own, and every kernel test runs on all. */
const kinds: Readonly<Record<string, WebGpuOptions>> = {
  "webgpu, direct products": { matmul: "direct" },
  "webgpu, tiled products": { matmul: "tiled" },
};

const required = Deno.env.get("CLOZE_REQUIRE_GPU") === "1";

// software Vulkan complains on stderr about a machine without a desktop session
if (Deno.build.os === "linux" && !Deno.env.get("XDG_RUNTIME_DIR")) Deno.env.set("XDG_RUNTIME_DIR", "/tmp");

/** Whether there is no adapter; with CLOZE_REQUIRE_GPU=1 that is a failure instead of a reason to ignore tests. */
export const withoutGpu: boolean = await navigator.gpu?.requestAdapter() == null;
if (withoutGpu && required) throw new NoAdapterError("CLOZE_REQUIRE_GPU=1, but there is no WebGPU adapter");

/** Declares a test for every device; it is reported as ignored where there is no adapter. */
export function deviceTest(name: string, run: (device: Device) => Promise<void>, only?: keyof typeof kinds): void {
  for (const [kind, options] of Object.entries(kinds)) {
    if (only && only !== kind) continue;
    Deno.test({
      name: only ? name : `${name} (${kind})`,
      ignore: withoutGpu,
      fn: async () => {
        await run(await shared(kind, options));
      },
      // the device is shared by all tests of a file
      sanitizeOps: false,
      sanitizeResources: false,
    });
  }
}

/** Declares a test of what does not depend on the kind of matrix product. */
export function gpuTest(name: string, run: (device: Device) => Promise<void>): void {
  deviceTest(name, run, "webgpu, direct products");
}

const open = new Map<string, Promise<Device>>();

function shared(kind: string, options: WebGpuOptions): Promise<Device> {
  let device = open.get(kind);
  if (!device) open.set(kind, device = openUntilExit(options));
  return device;
}

async function openUntilExit(options: WebGpuOptions): Promise<Device> {
  const device = await openWebGpuDevice(options);
  globalThis.addEventListener("unload", () => device.destroy());
  return device;
}
