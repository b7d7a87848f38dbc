/**
 * A system BLAS for the matrix products of the CPU device: Accelerate, OpenBLAS, MKL or BLIS, called through Deno's
 * foreign function interface on the WebAssembly memory itself.
 *
 * @module
 */

/**
 * c = scale · a · b, or with `accumulate` c + that, of row-major matrices: as kernels call it (kernels/wasm/blas.ts), with places in
 * bytes from the start of the memory, which may be negative from 2 GiB on, and strides in floats.
 */
export type GemmCall = (
  transposeA: number,
  transposeB: number,
  m: number,
  n: number,
  k: number,
  scale: number,
  a: number,
  aStride: number,
  b: number,
  bStride: number,
  c: number,
  cStride: number,
  accumulate: number,
) => void;

/** What kernels call where there is no BLAS. */
export const noBlas: GemmCall = () => {
  throw new TypeError("A kernel calls a BLAS where there is none");
};

/** Products that the host has a BLAS make, one behind the other. */
export interface Products {
  /** How many. */
  readonly count: number;
  /** Bytes from the matrices of one to those of the next. */
  readonly steps: readonly [a: number, b: number, c: number];
  /** The first. */
  readonly first: Parameters<GemmCall>;
}

/** Makes products, one after the other. */
export function makeProducts(gemm: GemmCall, { count, first, steps }: Products): void {
  const [transposeA, transposeB, m, n, k, scale, a, aStride, b, bStride, c, cStride, accumulate] = first;
  for (let i = 0; i < count; i++) {
    const [ai, bi, ci] = [a + i * steps[0], b + i * steps[1], c + i * steps[2]];
    gemm(transposeA, transposeB, m, n, k, scale, ai, aStride, bi, bStride, ci, cStride, accumulate);
  }
}

/** Who calls a BLAS: every thread for itself, or only the host, for which the library may start threads of its own. */
export type BlasCaller = "threads" | "host";

/** An opened library. */
export interface Blas {
  /** Name of the file. */
  readonly name: string;
  /** Who is to call it. */
  readonly caller: BlasCaller;
  /** What kind of processor its products are made for, where it tells: another one gives other last digits. */
  readonly processor: string | undefined;
  /** Its products in a WebAssembly memory. */
  gemm(memory: WebAssembly.Memory): GemmCall;
  /** Closes the library. */
  close(): void;
}

/** Files to try, best first. */
const candidates: Readonly<Record<string, readonly string[]>> = {
  darwin: ["/System/Library/Frameworks/Accelerate.framework/Accelerate", "libopenblas.dylib"],
  linux: ["libmkl_rt.so.2", "libopenblas.so.0", "libblis.so.4"],
  windows: ["mkl_rt.2.dll", "libopenblas.dll"],
};

const symbols = {
  cblas_sgemm: {
    parameters: [
      "i32",
      "i32",
      "i32",
      "i32",
      "i32",
      "i32",
      "f32",
      "usize",
      "i32",
      "usize",
      "i32",
      "f32",
      "usize",
      "i32",
    ],
    result: "void",
  },
} as const;

/** Functions of C's library, which every BLAS is linked to. */
const fileSymbols = {
  fopen: { parameters: ["buffer", "buffer"], result: "pointer" },
  fread: { parameters: ["buffer", "usize", "usize", "pointer"], result: "usize" },
  fclose: { parameters: ["pointer"], result: "i32" },
} as const;

/** The processor that OpenBLAS is told to make products for; read when the library is loaded. */
const CORE_TYPE = "OPENBLAS_CORETYPE";

/** Rounds that an idle thread of GNU OpenMP spins. */
const SPIN_COUNT = "GOMP_SPINCOUNT";

const ROW_MAJOR = 101;
const NO_TRANSPOSE = 111;
const TRANSPOSE = 112;

/**
 * OpenBLAS's names of processors for which it makes products without AVX: there WebAssembly's are about as quick or quicker
 * (0.4 to 1.6 times the speed, with AVX 1.4 to 3 times; bench/RESULTS.md).
 */
const slowProcessors =
  /^(generic|katmai|coppermine|northwood|prescott|banias|core2|penryn|dunnington|nehalem|atom|athlon|opteron|barcelona|bobcat|nano|via)/i;

/** What `openBlas` takes. */
export interface BlasOptions {
  readonly threads: number;
  /** Who is to call it. Default: every thread, where the library may be called so. */
  readonly caller?: BlasCaller | undefined;
  /** Told what a library that is there needs before it is any use. */
  readonly onLeftOut?: (why: string) => void;
}

/**
 * Opens a library by path, or with "auto" the first of the usual ones that is there and suits the processor; none without the
 * permission. No stopwatch decides, for the same machine is to give the same losses every time.
 *
 * @throws {RangeError} if the path is no BLAS.
 */
export function openBlas(choice: string, { onLeftOut, ...use }: BlasOptions): Blas | undefined {
  if (choice === "off" || typeof Deno === "undefined") return undefined;
  if (choice !== "auto") return load(choice, use);
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  for (const name of candidates[Deno.build.os] ?? []) {
    try {
      const blas = load(name, use);
      if (!isSlow(blas)) return blas;
      if (canBeTold(name) && !maySet(CORE_TYPE)) onLeftOut?.(`${name} needs --allow-env=${CORE_TYPE}`);
      blas.close();
    } catch {
      continue;
    }
  }
  return undefined;
}

/**
 * OpenBLAS's name of the kind of processor that these vector extensions make, as Linux lists them; undefined without AVX2, and then
 * its own choice is as good. A release knows no processors that came after it, and takes those for old ones without AVX.
 */
export function coreTypeOf(extensions: readonly string[]): string | undefined {
  const has = (...names: string[]) => names.every((name) => extensions.includes(name));
  if (has("avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl")) return "SkylakeX";
  return has("avx2", "fma") ? "Haswell" : undefined;
}

/**
 * Vector extensions of this processor; none where the system does not tell. They are read by the C functions that the library
 * brings with it: Deno itself reads this file for programs with all permissions alone, and less must not mean other products.
 */
function vectorExtensions(name: string): readonly string[] {
  try {
    const library = Deno.dlopen(name, fileSymbols);
    const text = readStart("/proc/cpuinfo", library.symbols);
    library.close();
    return /^flags\s*: (.*)$/m.exec(text)?.[1]?.split(" ") ?? [];
  } catch {
    return [];
  }
}

/** Bytes of a file's start that hold all that Linux says of the first core. */
const START_BYTES = 1 << 14;

function readStart(path: string, { fopen, fread, fclose }: Deno.DynamicLibrary<typeof fileSymbols>["symbols"]): string {
  const file = fopen(new TextEncoder().encode(`${path}\0`), new TextEncoder().encode("r\0"));
  if (file === null) return "";
  const bytes = new Uint8Array(START_BYTES);
  const length = Number(fread(bytes, 1n, BigInt(START_BYTES), file));
  fclose(file);
  return new TextDecoder().decode(bytes.subarray(0, length));
}

function isSlow({ processor = "" }: Blas): boolean {
  return slowProcessors.test(processor);
}

/** Whether this processor is one that OpenBLAS makes quick products for once it knows. */
function canBeTold(name: string): boolean {
  return Deno.build.os === "linux" && coreTypeOf(vectorExtensions(name)) !== undefined;
}

function maySet(variable: string): boolean {
  return Deno.permissions.querySync({ name: "env", variable }).state === "granted";
}

/** Sets a variable of the environment, unless the user did or it is not permitted; returns whether it was set here. */
function setUnlessGiven(variable: string, value: string): boolean {
  if (Deno.build.os !== "linux" || !maySet(variable) || Deno.env.get(variable)) return false;
  Deno.env.set(variable, value);
  return true;
}

type Use = Pick<BlasOptions, "threads" | "caller">;

/** Loads a library; once more, with the processor named, where OpenBLAS takes this one for an older kind than it is. */
function load(name: string, use: Use): Blas {
  // OpenMP's threads spin while they wait and take the time from ours; read when the library is loaded
  setUnlessGiven(SPIN_COUNT, "2000");
  const blas = loadOnce(name, use);
  if (!isSlow(blas)) return blas;
  const coreType = coreTypeOf(vectorExtensions(name));
  if (coreType === undefined || !setUnlessGiven(CORE_TYPE, coreType)) return blas;
  blas.close();
  return loadOnce(name, use);
}

/** Opens a library that another thread chose and set up, for this thread too. */
export function openInThread(name: string): Blas {
  // OpenMP knows for each thread how many others it may start
  return loadOnce(name, { threads: 1, caller: "threads" });
}

function loadOnce(name: string, use: Use): Blas {
  const library = openLibrary(name);
  const { cblas_sgemm } = library.symbols;
  return {
    ...setUp(name, use),
    name,
    close: () => library.close(),
    gemm(memory) {
      // places are below 2^53, and numbers are passed on more quickly than what the types ask for
      const base = Number(addressOf(memory));
      const place = (at: number) => base + (at >>> 0) as never;
      return (transposeA, transposeB, m, n, k, scale, a, aStride, b, bStride, c, cStride, accumulate) =>
        cblas_sgemm(
          ROW_MAJOR,
          transposeA ? TRANSPOSE : NO_TRANSPOSE,
          transposeB ? TRANSPOSE : NO_TRANSPOSE,
          m,
          n,
          k,
          scale,
          place(a),
          aStride,
          place(b),
          bStride,
          accumulate ? 1 : 0,
          place(c),
          cStride,
        );
    },
  };
}

/** Where a memory lies; a shared one never moves. */
function addressOf(memory: WebAssembly.Memory): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(new Uint8Array(memory.buffer) as Uint8Array<ArrayBuffer>));
}

function openLibrary(name: string): Deno.DynamicLibrary<typeof symbols> {
  try {
    // places in memory are told to programs that may call any library alone
    Deno.UnsafePointer.of(new Uint8Array(1));
    return Deno.dlopen(name, symbols);
  } catch (error) {
    const isForbidden = error instanceof Deno.errors.NotCapable;
    const isAbsent = /no such file|not found|could not be found/i.test((error as Error).message);
    const what = isForbidden
      ? "--allow-ffi, without a list of libraries, is missing"
      : isAbsent
      ? "there is no such library (auto looks for one, off takes none)"
      : "it cannot be loaded as one";
    throw new RangeError(`Cannot use "${name}" as a BLAS: ${what}`);
  }
}

/** What OpenBLAS answers where it makes threads by POSIX's functions, and where by OpenMP's. */
const [POSIX_THREADS, OPENMP] = [1, 2];

/**
 * Has OpenBLAS use no threads of its own where every thread of ours may call it, and as many as there are where it may not, for
 * it was built to be called by one; and asks for its processor. Other libraries read the environment or take all cores.
 */
function setUp(name: string, { threads, caller }: Use): Pick<Blas, "processor" | "caller"> {
  try {
    const library = Deno.dlopen(name, {
      openblas_get_parallel: { parameters: [], result: "i32" },
      openblas_set_num_threads: { parameters: ["i32"], result: "void" },
      openblas_get_corename: { parameters: [], result: "pointer" },
    });
    const isShared = [POSIX_THREADS, OPENMP].includes(library.symbols.openblas_get_parallel());
    const chosen = isShared ? caller ?? "threads" : "host";
    library.symbols.openblas_set_num_threads(chosen === "threads" ? 1 : threads);
    const pointer = library.symbols.openblas_get_corename();
    const processor = pointer === null ? undefined : new Deno.UnsafePointerView(pointer).getCString();
    library.close();
    return { processor, caller: chosen };
  } catch {
    // not OpenBLAS
    return { processor: undefined, caller: "host" };
  }
}
