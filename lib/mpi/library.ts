/**
 * The MPI library of this machine, called through Deno's foreign function interface. Open MPI's handles are addresses, those of
 * MPICH and what follows its ABI (Intel MPI, MVAPICH) are numbers of 32 bits; all else is the same.
 *
 * @module
 */

/** Bytes and places of what is exchanged with each rank: the arrays live until the request is done. */
export interface Parts {
  /** Where the bytes are. */
  readonly bytes: Uint8Array;
  /** Bytes for each rank: i32 [size]. */
  readonly counts: Int32Array;
  /** Where each rank's begin: i32 [size]. */
  readonly offsets: Int32Array;
}

/** Something that was begun; it goes on while it is asked about. */
export interface Request {
  /** Whether it is done. */
  test(): boolean;
  /** Gives up what nobody will answer. */
  cancel(): void;
}

/** The calls of MPI that ranks need, on all processes of a launch. None of them waits, but `finalize` beside all else. */
export interface MpiLibrary {
  /** Name of the file. */
  readonly name: string;
  /** Number of this process. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Name of the machine. */
  readonly host: string;
  /** Everyone's bytes, in the order of ranks, to everyone. */
  allGather(own: Uint8Array, all: Uint8Array): Request;
  /** A part for each rank, and a part from each. */
  exchange(send: Parts, receive: Parts): Request;
  /** One rank's bytes to all. */
  broadcast(bytes: Uint8Array, root: number): Request;
  /** A message to one rank. */
  send(bytes: Uint8Array, to: number): Request;
  /** A message from any rank. */
  receive(bytes: Uint8Array): Request;
  /** Ends MPI; waits until all ranks do. */
  finalize(): Promise<void>;
  /** Ends all ranks at once. */
  abort(code: number): void;
}

/** The two families of libraries. */
export type MpiFamily = "Open MPI" | "MPICH";

/** Files to try, by family and operating system. */
const candidates: Readonly<Record<MpiFamily, Readonly<Record<string, readonly string[]>>>> = {
  "Open MPI": {
    linux: ["libmpi.so.40", "libmpi.so.80", "libmpi.so"],
    darwin: ["libmpi.40.dylib", "/opt/homebrew/lib/libmpi.dylib", "/usr/local/lib/libmpi.dylib"],
  },
  MPICH: {
    linux: ["libmpich.so.12", "libmpi.so.12"],
    darwin: ["libmpi.12.dylib", "libpmpi.12.dylib"],
  },
};

/** The files that may be an MPI of a family; of any, where none is wanted. */
export function libraryNames(family: MpiFamily | undefined, os: string = Deno.build.os): readonly string[] {
  const families = family ? [family] : Object.keys(candidates) as MpiFamily[];
  return families.flatMap((name) => candidates[name][os] ?? []);
}

/**
 * MPI is called by several threads, one after the other: what waits is called beside the event loop. Open MPI and MPICH take their
 * end from another thread than their beginning, as the tests have it.
 */
const MPI_THREAD_SERIALIZED = 2;

/** Tag of messages between two ranks. */
const TAG = 4711;

/** Most bytes of the name of a machine or of an error. */
const TEXT_BYTES = 1024;

type Handle = "pointer" | "i32";

/** The calls, with handles of a kind. */
const callsOf = <H extends Handle>(handle: H) =>
  ({
    MPI_Init_thread: { parameters: ["pointer", "pointer", "i32", "buffer"], result: "i32", nonblocking: true },
    MPI_Comm_rank: { parameters: [handle, "buffer"], result: "i32" },
    MPI_Comm_size: { parameters: [handle, "buffer"], result: "i32" },
    MPI_Comm_set_errhandler: { parameters: [handle, handle], result: "i32" },
    MPI_Error_string: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    MPI_Get_processor_name: { parameters: ["buffer", "buffer"], result: "i32" },
    MPI_Iallgather: {
      parameters: ["buffer", "i32", handle, "buffer", "i32", handle, handle, "buffer"],
      result: "i32",
    },
    MPI_Ialltoallv: {
      parameters: [
        ...["buffer", "buffer", "buffer"] as const,
        handle,
        ...["buffer", "buffer", "buffer"] as const,
        handle,
      ]
        .concat([handle, "buffer"]) as ("buffer" | H)[],
      result: "i32",
    },
    MPI_Ibcast: { parameters: ["buffer", "i32", handle, "i32", handle, "buffer"], result: "i32" },
    MPI_Isend: { parameters: ["buffer", "i32", handle, "i32", "i32", handle, "buffer"], result: "i32" },
    MPI_Irecv: { parameters: ["buffer", "i32", handle, "i32", "i32", handle, "buffer"], result: "i32" },
    MPI_Test: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
    MPI_Cancel: { parameters: ["buffer"], result: "i32" },
    MPI_Request_free: { parameters: ["buffer"], result: "i32" },
    MPI_Finalize: { parameters: [], result: "i32", nonblocking: true },
    MPI_Abort: { parameters: [handle, "i32"], result: "i32" },
  }) as const;

/** What a family's headers call by name. */
interface Constants {
  readonly world: Deno.PointerValue | number;
  readonly byte: Deno.PointerValue | number;
  readonly errorsReturn: Deno.PointerValue | number;
  /** MPI_STATUS_IGNORE. */
  readonly noStatus: number;
  /** MPI_ANY_SOURCE. */
  readonly anySource: number;
}

/** Values of MPICH's ABI, which all that follow it share (mpich.org/abi). */
const MPICH: Constants = {
  world: 0x44000000,
  byte: 0x4c00010d,
  errorsReturn: 0x54000001,
  noStatus: 1,
  anySource: -2,
};

/** Calls that wait for other processes. */
type Waiting = "MPI_Init_thread" | "MPI_Finalize";

/** Calls of either family: what is a handle there is whatever that family has for one. */
type Calls = Readonly<Record<Exclude<keyof ReturnType<typeof callsOf>, Waiting>, (...args: unknown[]) => number>> & {
  readonly MPI_Init_thread: (...args: unknown[]) => Promise<number>;
  readonly MPI_Finalize: () => Promise<number>;
};

/**
 * Opens an MPI library and begins MPI in this process, which waits until all processes of the launch do; it can be done once.
 *
 * @throws {RangeError} if the file is no MPI library, or MPI cannot begin.
 */
export async function openLibrary(name: string): Promise<MpiLibrary> {
  const { calls, constants } = loaded(name);
  const provided = new Int32Array(1);
  const code = await calls.MPI_Init_thread(null, null, MPI_THREAD_SERIALIZED, provided);
  if (code !== 0) throw new RangeError(`Cannot begin MPI with ${name}: it returned error ${code}`);
  calls.MPI_Comm_set_errhandler(constants.world, constants.errorsReturn);
  return libraryOn(name, calls, constants);
}

function libraryOn(name: string, calls: Calls, { world, byte, noStatus, anySource }: Constants): MpiLibrary {
  const check = (what: string, code: number) => {
    if (code !== 0) throw new Error(`MPI's ${what} failed: ${errorText(calls, code)}`);
  };
  const number = (call: "MPI_Comm_rank" | "MPI_Comm_size") => {
    const value = new Int32Array(1);
    check(call, calls[call](world, value));
    return value[0]!;
  };
  const done = new Int32Array(1);
  // whatever is given to a request is held by it until it is done
  const underWay = new Set<unknown>();
  const begun = (what: string, begin: (request: Uint8Array) => number, ...held: unknown[]): Request => {
    const request = new Uint8Array(8);
    check(what, begin(request));
    let isDone = false;
    const end = () => {
      isDone = true;
      underWay.delete(held);
    };
    underWay.add(held);
    return {
      test() {
        if (isDone) return true;
        check(what, calls.MPI_Test(request, done, noStatus));
        if (done[0] !== 0) end();
        return isDone;
      },
      cancel() {
        if (isDone) return;
        calls.MPI_Cancel(request);
        calls.MPI_Request_free(request);
        end();
      },
    };
  };
  return {
    name,
    rank: number("MPI_Comm_rank"),
    size: number("MPI_Comm_size"),
    host: hostName(calls),
    allGather: (own, all) =>
      begun(
        "all-gather",
        (request) => calls.MPI_Iallgather(own, own.length, byte, all, own.length, byte, world, request),
        own,
        all,
      ),
    exchange: (send, receive) =>
      begun(
        "all-to-all",
        (request) =>
          calls.MPI_Ialltoallv(
            ...[send.bytes, send.counts, send.offsets, byte],
            ...[receive.bytes, receive.counts, receive.offsets, byte],
            ...[world, request],
          ),
        send,
        receive,
      ),
    broadcast: (bytes, root) =>
      begun("broadcast", (request) => calls.MPI_Ibcast(bytes, bytes.length, byte, root, world, request), bytes),
    send: (bytes, to) =>
      begun("send", (request) => calls.MPI_Isend(bytes, bytes.length, byte, to, TAG, world, request), bytes),
    receive: (bytes) =>
      begun("receive", (request) => calls.MPI_Irecv(bytes, bytes.length, byte, anySource, TAG, world, request), bytes),
    finalize: async () => void await calls.MPI_Finalize(),
    abort: (code) => void calls.MPI_Abort(world, code),
  };
}

/** Loads a file, and tells its family by what it exports. */
function loaded(name: string): { calls: Calls; constants: Constants } {
  const addresses = { ompi_mpi_comm_world: "pointer", ompi_mpi_byte: "pointer", ompi_mpi_errors_return: "pointer" };
  const statics = Object.fromEntries(Object.entries(addresses).map(([key, type]) => [key, { type }]));
  try {
    const { symbols } = Deno.dlopen(name, { ...callsOf("pointer"), ...statics as Record<string, { type: "pointer" }> });
    const found = symbols as unknown as Record<string, Deno.PointerValue>;
    return {
      calls: symbols as unknown as Calls,
      constants: {
        world: found.ompi_mpi_comm_world!,
        byte: found.ompi_mpi_byte!,
        errorsReturn: found.ompi_mpi_errors_return!,
        noStatus: 0,
        anySource: -1,
      },
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) {
      throw new RangeError(`Cannot use "${name}" as MPI: --allow-ffi is missing`);
    }
  }
  try {
    return { calls: Deno.dlopen(name, callsOf("i32")).symbols as unknown as Calls, constants: MPICH };
  } catch {
    throw new RangeError(`Cannot use "${name}" as MPI: it cannot be loaded as one`);
  }
}

function hostName(calls: Calls): string {
  const [text, length] = [new Uint8Array(TEXT_BYTES), new Int32Array(1)];
  calls.MPI_Get_processor_name(text, length);
  return new TextDecoder().decode(text.subarray(0, length[0]));
}

function errorText(calls: Calls, code: number): string {
  const [text, length] = [new Uint8Array(TEXT_BYTES), new Int32Array(1)];
  calls.MPI_Error_string(code, text, length);
  return new TextDecoder().decode(text.subarray(0, length[0])).split("\n")[0]!;
}
