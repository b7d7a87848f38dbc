import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { plainKernels, relaxedKernels } from "../../kernels/kernels_wasm.ts";
import { coreTypeOf, noBlas, openBlas } from "../../lib/device/cpu/blas.ts";
import { openCpuDevice } from "../../lib/device/cpu/open_cpu.ts";
import { createHeap } from "../../lib/device/cpu/heap.ts";
import { checkCall, kernelNames, writeArguments } from "../../lib/device/cpu/kernel_arguments.ts";
import { instantiate } from "../../lib/device/cpu/thread_program.ts";
import { allocateTensor, type CpuSettings } from "../../lib/device/device.ts";
import { Graph } from "../../lib/graph/graph.ts";
import type { KernelCall, OpCall, Tensor } from "../../lib/tensor/tensor.ts";
import { blasPath, hasBlas } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";
import { erf } from "../reference/tape.ts";

Deno.test("openCpuDevice() rejects numbers of threads that make no sense", async () => {
  for (const threads of [0, -1, 1.5, 65]) {
    await assertRejects(() => openCpuDevice({ threads }), RangeError, `Cannot use ${threads} threads`);
  }
});

Deno.test("openCpuDevice() says when a path is no BLAS", async () => {
  await assertRejects(
    () => openCpuDevice({ threads: 1, blas: "nowhere.so" }),
    RangeError,
    'Cannot use "nowhere.so" as a BLAS: there is no such library (auto looks for one, off takes none)',
  );
  const file = new URL(import.meta.url).pathname;
  await assertRejects(
    () => openCpuDevice({ threads: 1, blas: file }),
    RangeError,
    `Cannot use "${file}" as a BLAS: it cannot be loaded as one`,
  );
});

Deno.test({
  name: "openCpuDevice() names the BLAS that it uses, and none when there is to be none",
  ignore: !hasBlas,
  fn: async () => {
    for (const [blas, expected] of [[blasPath, true], ["off", false]] as const) {
      const device = await openCpuDevice({ threads: 2, blas });
      assertEquals(device.description.includes(`matrix products by ${blasPath}`), expected);
      device.destroy();
    }
  },
});

/** What a new process prints, in which no variable was set yet, that opens a BLAS with these flags of Deno. */
async function opened(choice: string, { flags, env = {} }: { flags: readonly string[]; env?: Record<string, string> }) {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(
      path,
      `import { openBlas } from "${new URL("../../lib/device/cpu/blas.ts", import.meta.url)}";
try {
  console.log(openBlas("${choice}", { threads: 1, onLeftOut: console.log })?.processor);
} catch ({ message }) {
  console.log(message);
}`,
    );
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-prompt", "--no-config", ...flags, path],
      env: { OPENBLAS_CORETYPE: "", NO_COLOR: "1", ...env },
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trim();
  } finally {
    await Deno.remove(path);
  }
}

const isTold = hasBlas && Deno.build.os === "linux" && Deno.build.arch === "x86_64";

Deno.test({
  name: "openBlas() names the processor to an OpenBLAS that does not know it, unless the user did",
  ignore: !isTold,
  fn: async () => {
    const extensions = /^flags\s*: (.*)$/m.exec(await Deno.readTextFile("/proc/cpuinfo"))?.[1]?.split(" ") ?? [];
    const processor = await opened(blasPath, { flags: ["-A"] });
    if (extensions.includes("avx2")) {
      assertEquals(/prescott|nehalem|core2|penryn|generic/i.test(processor), false, processor);
    }
    assertEquals(await opened(blasPath, { flags: ["-A"], env: { OPENBLAS_CORETYPE: "Prescott" } }), "Prescott");
  },
});

Deno.test({
  name: "openBlas() makes the same choice with the permissions of deno task train as with all, and says what it lacks",
  ignore: !isTold,
  fn: async () => {
    const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
    const flags = /^deno run (.*) cli\.ts train$/.exec(tasks.train.command)![1]!.split(" ");
    const withAll = await opened("auto", { flags: ["-A"] });
    for (const some of [flags, ["--allow-ffi", "--allow-env"], ["--allow-ffi", "--allow-env=OPENBLAS_CORETYPE"]]) {
      assertEquals(await opened("auto", { flags: some }), withAll, some.join(" "));
    }
    // with no more, what the library takes the processor for by itself decides
    const alone = await opened(blasPath, { flags: ["--allow-ffi"] });
    const lacking = `${blasPath} needs --allow-env=OPENBLAS_CORETYPE\nundefined`;
    assertEquals(
      await opened("auto", { flags: ["--allow-ffi"] }),
      alone === withAll ? withAll : lacking,
    );
    assertEquals(await opened("auto", { flags: [] }), "undefined");
  },
});

const folder = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"].find((path) => {
  try {
    return Deno.statSync(`${path}/${blasPath}`).isFile;
  } catch {
    return false;
  }
});

Deno.test({
  name: "openBlas() says that a library needs more than the permission to load it",
  ignore: folder === undefined,
  fn: async () => {
    const path = `${folder}/${blasPath}`;
    const lacking = `Cannot use "${path}" as a BLAS: --allow-ffi, without a list of libraries, is missing`;
    for (const flags of [[], [`--allow-ffi=${path}`]]) assertEquals(await opened(path, { flags }), lacking);
  },
});

Deno.test("coreTypeOf() names a kind of processor by its widest vectors", () => {
  const avx512 = ["avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"];
  assertEquals(coreTypeOf(["sse4_2", "avx", "avx2", "fma", ...avx512]), "SkylakeX");
  assertEquals(coreTypeOf(["sse4_2", "avx", "avx2", "fma", "avx512f"]), "Haswell");
  assertEquals(coreTypeOf(["sse4_2", "avx"]), undefined);
  assertEquals(coreTypeOf([]), undefined);
});

Deno.test("openCpuDevice() runs in one thread where there are no workers, and says so", async () => {
  const { Worker } = globalThis;
  try {
    Reflect.deleteProperty(globalThis, "Worker");
    const device = await openCpuDevice({ threads: 2 });
    assertEquals(device.description, "CPU, 1 thread of WebAssembly SIMD (there are no workers here)");
    device.destroy();
  } finally {
    globalThis.Worker = Worker;
  }
});

Deno.test({
  name: "openCpuDevice() leaves the cores to the BLAS where there are no workers",
  ignore: !hasBlas,
  fn: async () => {
    const { Worker } = globalThis;
    const matrix = (name: string): Tensor => ({ name, shape: [8, 8], dtype: "f32", size: 64 });
    const call: OpCall = {
      op: "matmul",
      tensors: { a: matrix("a"), b: matrix("b"), c: matrix("c") },
      params: { m: 8, n: 8, k: 8, a_stride: 8, b_stride: 8, c_stride: 8 },
      choices: {},
    };
    try {
      for (const [there, kernel, blasCaller] of [[true, "matmul_blas", "threads"], [false, "blas", "host"]] as const) {
        if (!there) Reflect.deleteProperty(globalThis, "Worker");
        const device = await openCpuDevice({ threads: 2, blas: blasPath });
        assertEquals(device.lower(call).map(({ kernel }) => kernel), [kernel]);
        const settings = device.settings as CpuSettings;
        assertEquals([settings.blasCaller, settings.threads], [blasCaller, 2]);
        device.destroy();
      }
    } finally {
      globalThis.Worker = Worker;
    }
  },
});

Deno.test({
  name: "openBlas() makes products in places from 2 GiB on, which are negative numbers to a kernel",
  ignore: !hasBlas,
  fn: () => {
    const memory = new WebAssembly.Memory({ initial: 2 ** 15 + 1, maximum: 2 ** 16, shared: true });
    const blas = openBlas(blasPath, { threads: 1 })!;
    const at = 2 ** 31;
    const values = new Float32Array(memory.buffer, at, 12);
    values.set([1, 2, 3, 4, 5, 6, 7, 8]);
    const place = (index: number) => (at + 4 * index) | 0;
    blas.gemm(memory)(0, 0, 2, 2, 2, 1, place(0), 2, place(4), 2, place(8), 2, 0);
    assertEquals([...values.subarray(8)], [19, 22, 43, 50]);
    blas.close();
  },
});

Deno.test("openCpuDevice() runs in one thread where workers cannot start, and says why", async () => {
  const { Worker } = globalThis;
  try {
    globalThis.Worker = class extends Worker {
      constructor() {
        super(new URL("./nowhere.ts", import.meta.url), { type: "module" });
      }
    } as typeof Worker;
    const device = await openCpuDevice({ threads: 3 });
    assertStringIncludes(device.description, "CPU, 1 thread of WebAssembly SIMD (a thread could not start: ");
    device.destroy();
  } finally {
    globalThis.Worker = Worker;
  }
});

Deno.test("openCpuDevice() shuts its workers down", async () => {
  // the test's sanitizer of resources sees to it
  const device = await openCpuDevice({ threads: 3 });
  device.destroy();
});

Deno.test("Device of the CPU passes an error of a worker on, with its message, and does not hang", async () => {
  const device = await openCpuDevice({ threads: 2 });
  const graph = new Graph();
  const y = allocateTensor(device, "y", { shape: [1 << 20] });
  // a tensor that lies where no memory is: every thread traps
  const x = { ...y, name: "x", storage: { ...y.storage, offset: 2 ** 32 - 4096 - (1 << 26) } };
  graph.call("add", { tensors: { x, y }, params: { size: 1 << 20 } });
  const program = await graph.compile(device);
  assertThrows(() => program.run(), Error, "A kernel of the CPU device failed: memory access out of bounds");
  device.destroy();
});

/** A call with tensors of these names, and the number 1 for each of these parameters. */
function callOf(kernel: string, tensors: string, params: string, flags: readonly string[] = []): KernelCall {
  const tensor = (name: string): Tensor => ({ name, shape: [4], dtype: "f32", size: 4 });
  const each = <T>(names: string, value: (name: string) => T) =>
    Object.fromEntries(names.split(" ").map((name) => [name, value(name)]));
  const constants = Object.fromEntries(flags.map((flag) => [flag, true]));
  return { kernel, tensors: each(tensors, tensor), params: each(params, () => 1), constants, grid: [1, 1, 1] };
}

const sizes = "m n k a_stride b_stride c_stride";
const attended = "batch length heads scale dropout_threshold dropout_scale dropout_stream window";

Deno.test("checkCall() lets a call lack what its flags leave out", () => {
  checkCall(callOf("layer_norm", "x weight y moments", "rows columns4 epsilon"));
  checkCall(callOf("layer_norm", "x weight bias y moments", "rows columns4 epsilon", ["BIAS"]));
  checkCall(callOf("attention", "qkv output logsumexp", attended));
  checkCall(callOf("matmul_finish", "a b c residual", sizes, ["RESIDUAL"]));
  checkCall(callOf("blas", "a b c", sizes, ["ACCUMULATE"]));
});

Deno.test("checkCall() names the kernel and what a call of it lacks", () => {
  const lacking: readonly (readonly [KernelCall, string])[] = [
    [callOf("add", "x", "size4"), "y"],
    [{ ...callOf("add", "x y", "size4"), params: {} }, "size4"],
    [callOf("layer_norm", "x weight y moments", "rows columns4 epsilon", ["BIAS"]), "bias"],
    [callOf("attention", "qkv output logsumexp", attended, ["DROPOUT"]), "clock"],
    [callOf("attention_backward", "qkv output logsumexp d_output", attended), "d_qkv"],
    [callOf("cross_entropy", "labels logits losses predictions", "rows vocab stride", ["GRADIENT"]), "scalars"],
    [callOf("matmul", "a b c packed", sizes, ["BIAS_GRADIENT"]), "d_bias"],
    [callOf("matmul", "a b c", sizes), "packed"],
    [callOf("blas", "a b", sizes), "c"],
  ];
  for (const [call, name] of lacking) {
    assertThrows(() => checkCall(call), TypeError, `Kernel ${call.kernel} lacks its argument "${name}"`);
  }
});

Deno.test("checkCall() knows no kernel and no argument that there is not", () => {
  assertThrows(() => checkCall(callOf("nothing", "x", "size4")), TypeError, 'There is no kernel "nothing"');
  assertThrows(() => checkCall(callOf("add", "x y z", "size4")), TypeError, 'Kernel add has no binding "z"');
});

Deno.test("Device of the CPU builds no program whose calls lack a tensor", async () => {
  const device = await openCpuDevice({ threads: 1 });
  const graph = new Graph();
  graph.call("add", { tensors: { x: graph.persistent("x", [4]) }, params: { size: 4 } });
  await assertRejects(() => graph.compile(device), TypeError, 'Kernel add lacks its argument "y"');
  device.destroy();
});

Deno.test("a kernel that uses an absent argument all the same traps", async () => {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65_536, shared: true });
  const at = 1 << 17;
  writeArguments(callOf("add", "x", "size4"), { memory, at, placeOf: () => 1 << 18 });
  const module = await WebAssembly.compile(Uint8Array.fromBase64(plainKernels));
  const add = instantiate(module, memory, kernelNames, noBlas).all[kernelNames.indexOf("add")]!;
  assertThrows(() => add(at, 0, 1), WebAssembly.RuntimeError, "memory access out of bounds");
});

Deno.test("Device of the CPU says how much memory is missing", async () => {
  const device = await openCpuDevice({ threads: 1 });
  assertThrows(
    () => device.allocate(2 ** 32, "a large model"),
    RangeError,
    "Cannot allocate 4096 MiB for a large model",
  );
  device.destroy();
});

Deno.test("createHeap() never gives the same bytes twice, clears them and uses them again", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1000, shared: true });
  const heap = createHeap(memory, 128);
  const next = random(1);
  const blocks = new Map<number, number>();
  for (let round = 0; round < 2000; round++) {
    if (next() < 0.55) {
      const bytes = 1 + Math.floor(next() * 5000);
      const at = heap.allocate(bytes, "x");
      assertEquals(at % 64, 0);
      const view = new Uint8Array(memory.buffer, at, bytes);
      assert(view.every((value) => value === 0));
      view.fill(255);
      for (const [other, size] of blocks) assert(at + bytes <= other || other + size <= at);
      blocks.set(at, bytes);
    } else {
      const [at] = [...blocks.keys()].slice(Math.floor(next() * blocks.size));
      if (at === undefined) continue;
      heap.free(at);
      blocks.delete(at);
    }
  }
  const size = memory.buffer.byteLength;
  for (const at of blocks.keys()) heap.free(at);
  heap.allocate(size - 1000, "everything again");
  assertEquals(memory.buffer.byteLength, size);
});

/** Largest absolute and relative error of a function of the module, over numbers of every size. */
function errors(
  name: string,
  exact: (x: number) => number,
  { from, to, relaxed }: { from: number; to: number; relaxed: boolean },
) {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 65_536, shared: true });
  const bytes = Uint8Array.fromBase64(relaxed ? relaxedKernels : plainKernels);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory, gemm: noBlas, abort: () => {} },
  });
  const count = 200_000;
  const x = new Float32Array(memory.buffer, 1 << 16, count);
  const y = new Float32Array(memory.buffer, (1 << 16) + 4 * count, count);
  for (let i = 0; i < count; i++) x[i] = from + (to - from) * i / (count - 1);
  (exports[name] as (x: number, y: number, count: number) => void)(x.byteOffset, y.byteOffset, count);
  let absolute = 0;
  let relative = 0;
  for (let i = 0; i < count; i++) {
    const expected = exact(x[i]!);
    absolute = Math.max(absolute, Math.abs(y[i]! - expected));
    relative = Math.max(relative, Math.abs(y[i]! - expected) / Math.abs(expected));
  }
  return { absolute, relative };
}

const density = (x: number) => Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
const cdf = (x: number) => (1 + erf(x / Math.SQRT2)) / 2;

for (const relaxed of [true, false]) {
  const kind = relaxed ? "relaxed" : "plain";
  Deno.test(`exp of the ${kind} CPU kernels has a relative error below 2e-7 from -87 to 88`, () => {
    const { relative } = errors("exp4", Math.exp, { from: -87, to: 88, relaxed });
    assert(relative < 2e-7, `${relative}`);
    const { absolute } = errors("exp4", Math.exp, { from: -1e4, to: -87, relaxed });
    assert(absolute < 1e-37);
  });

  Deno.test(`erf and GELU of the ${kind} CPU kernels have absolute errors below 6e-7 and 1e-6`, () => {
    for (const range of [{ from: -6, to: 6 }, { from: -0.01, to: 0.01 }, { from: -1e30, to: 1e30 }]) {
      const { absolute } = errors("erf4", erf, { ...range, relaxed });
      assert(absolute < 6e-7, `erf ${absolute}`);
    }
    const gelu = errors("gelu4", (x) => x * cdf(x), { from: -8, to: 8, relaxed });
    assert(gelu.absolute < 1e-6, `gelu ${gelu.absolute}`);
    const derivative = errors("gelu_derivative4", (x) => cdf(x) + x * density(x), { from: -8, to: 8, relaxed });
    assert(derivative.absolute < 1e-6, `gelu' ${derivative.absolute}`);
  });
}

Deno.test("openCpuDevice() makes do with a smaller memory where so large a one is refused, as on phones", async () => {
  const { Memory } = WebAssembly;
  const maxima: number[] = [];
  const limited = (most: number) =>
    class extends Memory {
      constructor(descriptor: WebAssembly.MemoryDescriptor) {
        maxima.push(descriptor.maximum!);
        if (descriptor.maximum! > most) throw new RangeError("could not allocate memory");
        super(descriptor);
      }
    };
  try {
    WebAssembly.Memory = limited(2 ** 14);
    const device = await openCpuDevice({ threads: 1 });
    device.allocate(4 << 20, "a tensor").destroy();
    device.destroy();
    assertEquals(maxima, [2 ** 16, 2 ** 15, 2 ** 14]);
    WebAssembly.Memory = limited(0);
    await assertRejects(() => openCpuDevice({ threads: 1 }), RangeError, "could not allocate memory");
  } finally {
    WebAssembly.Memory = Memory;
  }
});
