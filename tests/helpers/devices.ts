import type { Device } from "../../lib/device/device.ts";
import { openBlas } from "../../lib/device/cpu/blas.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { tiles } from "../../lib/device/webgpu/choices.ts";
import { findAdapter, isSoftware, NoAdapterError, openWebGpuDevice } from "../../lib/device/webgpu/open_webgpu.ts";
import { exitPlainly } from "./plain_exit.ts";
import { beginOnDevice } from "./once.ts";

/** Debian's libopenblas0-pthread, or whatever else OpenBLAS comes from. */
export const blasPath = "libopenblas.so.0";

/** Whether there is such a library. */
export const hasBlas: boolean = (() => {
  try {
    openBlas(blasPath, { threads: 2 })?.close();
    return true;
  } catch {
    return false;
  }
})();

/** Ways to run the kernels; each is a device of its own, and every kernel test runs on all. */
const kinds: Readonly<Record<string, () => Promise<Device>>> = {
  "webgpu, direct products": () => openWebGpuDevice({ matmul: "direct" }),
  "webgpu, tiled products": () => openWebGpuDevice({ matmul: "tiled" }),
  cpu: () => openCpuDevice({ threads: 2 }),
  ...(hasBlas ? { "cpu, system BLAS": () => openCpuDevice({ threads: 2, blas: blasPath }) } : {}),
  "cpu, 1 thread without fused multiply-add": () => openCpuDevice({ threads: 1, relaxed: false }),
};

/**
 * A BLAS that may not be called by every thread; only tests of products run on it. One thread, for a process has one number of
 * threads of OpenBLAS, and other devices want it to be one.
 */
const hostKinds: typeof kinds = hasBlas
  ? { "cpu, system BLAS called by the host": () => openCpuDevice({ threads: 1, blas: blasPath, blasCaller: "host" }) }
  : {};

/** Ways to make the products of a GPU that only tests of products run on. */
const tiledKinds: typeof kinds = Object.fromEntries(
  tiles.map((tile) => [
    `webgpu, tiles of ${tile.join(" × ")}`,
    () => openWebGpuDevice({ matmul: "tiled", tile }),
  ]),
);

/** Ways to compute attention on a GPU that only its tests run on: those where memory is as scarce as WebGPU allows, too. */
const attentionKinds: typeof kinds = {
  "webgpu, attention in blocks": () => openWebGpuDevice({ attention: "blocks" }),
  "webgpu, attention in blocks of 16 KiB": () => openWebGpuDevice({ attention: "blocks", workgroupBytes: 16384 }),
};

/** Ways to run the kernels on tensors of f16, where shaders have it; every kernel has a test on these. */
const halfKinds: typeof kinds = {
  "webgpu, f16": () => openWebGpuDevice({ precision: "f16", matmul: "direct" }),
  ...Object.fromEntries(
    tiles.map((tile) => [
      `webgpu, f16, tiles of ${tile.join(" × ")}`,
      () => openWebGpuDevice({ precision: "f16", matmul: "tiled", tile, attention: "blocks" }),
    ]),
  ),
  "webgpu, f16, 16 KiB": () => openWebGpuDevice({ precision: "f16", attention: "blocks", workgroupBytes: 16384 }),
};

const required = Deno.env.get("CLOZE_REQUIRE_GPU") === "1";

// software Vulkan complains on stderr about a machine without a desktop session
if (Deno.build.os === "linux" && !Deno.env.get("XDG_RUNTIME_DIR")) Deno.env.set("XDG_RUNTIME_DIR", "/tmp");

const adapter = await findAdapter();
// behind what the driver registers, which is done before what was registered earlier
exitPlainly();

/** Whether there is a graphics card, and not software that does its work a hundred times as slowly. */
export const hasHardware: boolean = adapter !== undefined && !isSoftware(adapter);

/** Whether there is no adapter; with CLOZE_REQUIRE_GPU=1 that is a failure instead of a reason to ignore tests. */
export const withoutGpu: boolean = adapter === undefined;
/** Whether there is no adapter whose shaders have f16. */
export const withoutHalves: boolean = !adapter?.features.has("shader-f16");

if (withoutGpu && required) throw new NoAdapterError("CLOZE_REQUIRE_GPU=1, but there is no WebGPU adapter");

/** Declares a test for every device, or those named; on WebGPU it is reported as ignored where there is no adapter. */
export function deviceTest(
  name: string,
  run: (device: Device) => Promise<void>,
  only: readonly string[] = Object.keys(kinds),
): void {
  const memory = new Map<string, unknown>();
  for (const kind of only) {
    Deno.test({
      name: `${name} (${kind})`,
      ignore: withoutGpu && kind.startsWith("webgpu") || withoutHalves && kind in halfKinds,
      fn: async () => {
        const device = await shared(kind);
        beginOnDevice(memory);
        await run(device);
      },
      // the device is shared by all tests of a file
      sanitizeOps: false,
      sanitizeResources: false,
    });
  }
}

/** Declares a test of matrix products: for every device, and on WebGPU for every tile. */
export function productTest(name: string, run: (device: Device) => Promise<void>): void {
  deviceTest(name, run, [...Object.keys(kinds), ...Object.keys(hostKinds), ...Object.keys(tiledKinds)]);
}

/** Declares a test of many small products, which have no tiles on WebGPU. */
export function batchTest(name: string, run: (device: Device) => Promise<void>): void {
  deviceTest(name, run, [...Object.keys(kinds), ...Object.keys(hostKinds)]);
}

/** Declares a test of attention: for one device of each kind, with a BLAS, and on a graphics card for every way to compute it. */
export function attentionTest(name: string, run: (device: Device) => Promise<void>): void {
  const blas = hasBlas ? ["cpu, system BLAS"] : [];
  const ways = hasHardware ? Object.keys(attentionKinds) : [];
  deviceTest(name, run, ["webgpu, direct products", "cpu", ...blas, ...ways]);
}

/** Declares a test of attention in blocks; software compiles each kernel for a second, so little memory is asked for apart. */
export function blocksTest(
  name: string,
  run: (device: Device) => Promise<void>,
  { scarce = false }: { scarce?: boolean } = {},
): void {
  deviceTest(name, run, [`webgpu, attention in blocks${scarce ? " of 16 KiB" : ""}`]);
}

/** Declares a test for one device of each kind: of what does not depend on how products are computed. */
export function kindTest(name: string, run: (device: Device) => Promise<void>): void {
  deviceTest(name, run, ["webgpu, direct products", "cpu"]);
}

/** Declares a test on tensors of f16: with products and attention computed by rows, or in one of the other ways. */
export function halfTest(
  name: string,
  run: (device: Device) => Promise<void>,
  { as: ways = ["webgpu, f16"] }: { as?: readonly string[] } = {},
): void {
  deviceTest(name, run, ways);
}

/** Ways to make products of f16: on a graphics card, all; software takes seconds to compile each. */
export const halfProducts: readonly string[] = Object.keys(halfKinds).filter((kind) =>
  hasHardware ? !kind.endsWith("KiB") && !kind.endsWith("128 × 128") : /f16$|64 × 64$/.test(kind)
);

/** The same for attention. */
export const halfAttention: readonly string[] = Object.keys(halfKinds).filter((kind) =>
  hasHardware ? !kind.includes("128") : /f16$|64 × 64$/.test(kind)
);

/** Declares a test of minutes: on the CPU, and on WebGPU where it has a graphics card. */
export function longTest(name: string, run: (device: Device) => Promise<void>): void {
  deviceTest(name, run, hasHardware ? ["webgpu, tiled products", "cpu"] : ["cpu"]);
}

/** Declares a test of WebGPU alone. */
export function gpuTest(name: string, run: (device: Device) => Promise<void>): void {
  deviceTest(name, run, ["webgpu, direct products"]);
}

/** Declares a test of the CPU alone. */
export function cpuTest(name: string, run: (device: Device) => Promise<void>): void {
  deviceTest(name, run, ["cpu"]);
}

const open = new Map<string, Promise<Device>>();

function shared(kind: string): Promise<Device> {
  let device = open.get(kind);
  if (!device) open.set(kind, device = openUntilExit(kind));
  return device;
}

async function openUntilExit(kind: string): Promise<Device> {
  const device =
    await (kinds[kind] ?? hostKinds[kind] ?? tiledKinds[kind] ?? attentionKinds[kind] ?? halfKinds[kind])!();
  globalThis.addEventListener("unload", () => device.destroy());
  return device;
}
