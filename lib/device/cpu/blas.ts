/**
 * A system BLAS for the matrix products of the CPU device: Accelerate, OpenBLAS, MKL or BLIS, called through Deno's
 * foreign function interface on the WebAssembly memory itself.
 *
 * @module
 */

/** One product of row-major matrices: c = a · b + beta · c, all places in bytes from the start of the memory. */
export interface Gemm {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly a_stride: number;
  readonly b_stride: number;
  readonly c_stride: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly beta: number;
  /** So many products, of matrices without gaps that lie one behind the other. */
  readonly count: number;
}

/** An opened library. */
export interface Blas {
  /** Name of the file. */
  readonly name: string;
  /** What kind of processor its products are made for, where it tells: another one gives other last digits. */
  readonly processor: string | undefined;
  /** Computes a product in a WebAssembly memory. */
  gemm(memory: WebAssembly.Memory, product: Gemm): void;
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
  /** Told what a library that is there needs before it is any use. */
  readonly onLeftOut?: (why: string) => void;
}

/**
 * Opens a library by path, or with "auto" the first of the usual ones that is there and suits the processor; none without the
 * permission. No stopwatch decides, for the same machine is to give the same losses every time.
 *
 * @throws {RangeError} if the path is no BLAS.
 */
export function openBlas(choice: string, { threads, onLeftOut }: BlasOptions): Blas | undefined {
  if (choice === "off" || typeof Deno === "undefined") return undefined;
  if (choice !== "auto") return load(choice, threads);
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
  for (const name of candidates[Deno.build.os] ?? []) {
    try {
      const blas = load(name, threads);
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

/** Loads a library; once more, with the processor named, where OpenBLAS takes this one for an older kind than it is. */
function load(name: string, threads: number): Blas {
  // OpenMP's threads spin while they wait and take the time from ours; read when the library is loaded
  setUnlessGiven(SPIN_COUNT, "2000");
  const blas = loadOnce(name, threads);
  if (!isSlow(blas)) return blas;
  const coreType = coreTypeOf(vectorExtensions(name));
  if (coreType === undefined || !setUnlessGiven(CORE_TYPE, coreType)) return blas;
  blas.close();
  return loadOnce(name, threads);
}

function loadOnce(name: string, threads: number): Blas {
  let library: Deno.DynamicLibrary<typeof symbols>;
  try {
    library = Deno.dlopen(name, symbols);
    // places in memory are told to programs that may call any library alone
    Deno.UnsafePointer.of(new Uint8Array(1));
  } catch (error) {
    const isForbidden = error instanceof Deno.errors.NotCapable;
    const what = isForbidden ? "--allow-ffi, without a list of libraries, is missing" : "it cannot be loaded as one";
    throw new RangeError(`Cannot use "${name}" as a BLAS: ${what}`);
  }
  const processor = setUp(name, threads);
  const { cblas_sgemm } = library.symbols;
  return {
    name,
    processor,
    close: () => library.close(),
    gemm(memory, { m, n, k, a, b, c, a_stride, b_stride, c_stride, transposeA, transposeB, beta, count }) {
      const base = Deno.UnsafePointer.value(
        Deno.UnsafePointer.of(new Uint8Array(memory.buffer) as Uint8Array<ArrayBuffer>),
      );
      for (let i = 0; i < count; i++) {
        cblas_sgemm(
          ROW_MAJOR,
          transposeA ? TRANSPOSE : NO_TRANSPOSE,
          transposeB ? TRANSPOSE : NO_TRANSPOSE,
          m,
          n,
          k,
          1,
          base + BigInt(a + 4 * m * k * i),
          a_stride,
          base + BigInt(b + 4 * k * n * i),
          b_stride,
          beta,
          base + BigInt(c + 4 * m * n * i),
          c_stride,
        );
      }
    },
  };
}

/**
 * Sets OpenBLAS's number of threads and asks for its processor; the others read the environment or take all cores, which is the
 * default here too.
 */
function setUp(name: string, threads: number): string | undefined {
  try {
    const library = Deno.dlopen(name, {
      openblas_set_num_threads: { parameters: ["i32"], result: "void" },
      openblas_get_corename: { parameters: [], result: "pointer" },
    });
    library.symbols.openblas_set_num_threads(threads);
    const pointer = library.symbols.openblas_get_corename();
    const processor = pointer === null ? undefined : new Deno.UnsafePointerView(pointer).getCString();
    library.close();
    return processor;
  } catch {
    // not OpenBLAS
    return undefined;
  }
}
