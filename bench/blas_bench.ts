/**
 * Matrix products of the CPU device in WebAssembly and by OpenBLAS, as if made for several processors:
 * `OPENBLAS_CORETYPE=Nehalem deno bench -A bench/blas_bench.ts`. It shows from which processors on a BLAS pays.
 */
import { openCpuDevice } from "../lib/device/cpu/open_cpu.ts";
import type { Device } from "../lib/device/device.ts";
import { product } from "../lib/ops/linear.ts";
import { benchKernel, reportAtEnd } from "./helpers.ts";

const library = "libopenblas.so.0";
const devices = new Map<string, Promise<Device>>();

function deviceWith(blas: string): Promise<Device> {
  let device = devices.get(blas);
  if (!device) {
    devices.set(blas, device = openCpuDevice({ blas }));
    device.then((cpu) => {
      console.log(cpu.description);
      globalThis.addEventListener("unload", () => cpu.destroy());
    });
  }
  return device;
}

for (const [m, n, k] of [[1024, 384, 128], [1024, 128, 128], [1024, 768, 768], [128, 64, 64]] as const) {
  for (const blas of ["off", library]) {
    benchKernel({
      group: `${m}×${n}×${k}`,
      name: blas === "off" ? "WebAssembly" : "OpenBLAS",
      work: { flop: 2 * m * n * k },
      on: () => deviceWith(blas),
      record: (graph, input) =>
        product(graph, {
          sizes: { m, n, k },
          strides: { a_stride: k, b_stride: k, c_stride: n },
          tensors: { a: input("a", [m * k]), b: input("b", [n * k]), c: input("c", [m * n]) },
          choices: { transposeB: true },
        }),
    });
  }
}

reportAtEnd();
