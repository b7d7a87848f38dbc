/**
 * Processes that train together, each by its number: its rank. Whatever they do together they do in the same order, and find
 * out at once where one of them has failed or does something else.
 *
 * @module
 */

import { type Background, backgroundWork, finished, type Pending, type Work } from "./work.ts";

/** Bytes for each rank, or from each: bytes and places in one array. */
export interface RankParts {
  /** All of them. */
  readonly bytes: Uint8Array;
  /** Bytes of each rank. */
  readonly counts: Int32Array;
  /** Where each rank's begin. */
  readonly offsets: Int32Array;
}

/** What carries bytes between ranks. All ranks make the same calls in the same order. */
export interface RankWire {
  /** Number of this process. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Everyone's bytes in the order of ranks, to all; all have as many. */
  allGather(own: Uint8Array, all: Uint8Array): Pending;
  /** A part for each rank, and a part from each. */
  exchange(send: RankParts, receive: RankParts): Pending;
  /** The bytes of a rank, to all. */
  broadcast(bytes: Uint8Array, root: number): Pending;
  /** Ends, when all ranks do. */
  close(): Promise<void>;
  /** Ends all ranks at once. */
  abort(code: number): void;
}

/** Bytes that a rank sent, and the time in which it did nothing but wait for others, or send, receive and add up. */
export interface RankTraffic {
  /** Bytes sent to other ranks. */
  readonly bytes: number;
  /** Milliseconds. */
  readonly milliseconds: number;
}

/** Options of {@linkcode Ranks.reduce}. */
export interface ReduceOptions {
  /** A part for each rank. */
  readonly send: RankParts;
  /** Room for a part of each rank. */
  readonly receive: RankParts;
  /** What is made of what was received. */
  readonly summed: () => Uint8Array;
}

/** The ranks of a launch, as one of them sees it. */
export interface Ranks {
  /** Number of this process, from 0. */
  readonly rank: number;
  /** Number of processes. */
  readonly size: number;
  /** Name of each rank's machine. */
  readonly hosts: readonly string[];
  /** What went over the wire so far. */
  readonly traffic: RankTraffic;
  /** A few numbers of each rank, told to all, in the order of ranks. */
  numbers(what: string, own: readonly number[]): Promise<readonly (readonly number[])[]>;
  /** A value of each rank, told to all as JSON, in the order of ranks. */
  gather<T>(what: string, own: T): Promise<T[]>;
  /** Bytes of the first rank, told to all. */
  broadcast(what: string, own: Uint8Array | undefined): Promise<Uint8Array>;
  /** A part for each rank and a part from each; then what is made of those, as many bytes of each rank, to all. */
  reduce(what: string, options: ReduceOptions): Work<Uint8Array>;
  /** Does work together with the others, and waits. */
  finish<T>(work: Work<T>): Promise<T>;
  /** For work beside what the device does; nothing else is done together until that has settled. */
  background(): Background;
  /** Tells the others that this rank cannot go on; returns the ranks that cannot. */
  fail(): Promise<readonly number[]>;
  /** Ends, when all ranks do. */
  close(): Promise<void>;
  /** Ends all ranks at once. */
  abort(code: number): void;
}

/** Something that all ranks find out together; one of them is to say it. */
export class RanksError extends Error {
  /** Name of the class. */
  override name = "RanksError";
  /** The rank that says it. */
  readonly speaker: number;

  /** A message, and who says it. */
  constructor(message: string, speaker = 0) {
    super(message);
    this.speaker = speaker;
  }
}

/** Another rank has failed, and says why itself. */
export class OtherRankError extends RanksError {
  /** Name of the class. */
  override name = "OtherRankError";

  /** The rank that failed. */
  constructor(rank: number) {
    super(`Rank ${rank} has failed`, rank);
  }
}

/** How a rank is called: its number, and its machine. */
export function rankName({ hosts }: Pick<Ranks, "hosts">, rank: number): string {
  return `rank ${rank} on ${hosts[rank] ?? "an unknown host"}`;
}

/** Numbers that a head has room for, beside those that it is checked by. */
const NUMBERS = 6;

/** What a head says first: whether the rank goes on, what it is about to do, and how many bytes follow. */
const [FAILED, WHAT, BYTES, CHECKED] = [0, 1, 2, 3];

/** Where ranks meet: what carries their bytes, and what is known of it so far. */
interface Site {
  readonly wire: RankWire;
  hosts: readonly string[];
  /** Bytes that this rank sent. */
  sent: number;
}

/** Ranks on a wire; every call begins with a head of a few numbers, by which each knows that all do the same. */
export async function ranksOn(wire: RankWire, host: string): Promise<Ranks> {
  const { rank, size } = wire;
  const site: Site = { wire, hosts: Array.from({ length: size }, () => ""), sent: 0 };
  let milliseconds = 0;
  const timed = async <T>(work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    try {
      return await work();
    } finally {
      milliseconds += performance.now() - start;
    }
  };
  const finish = <T>(work: Work<T>) => timed(() => finished(work));
  const ranks: Ranks = {
    rank,
    size,
    get hosts() {
      return site.hosts;
    },
    get traffic() {
      return { bytes: site.sent, milliseconds };
    },
    numbers: (what, own) => finish(numbers(site, what, own)),
    gather: (what, own) => finish(gather(site, what, own)),
    broadcast: (what, own) => finish(broadcast(site, what, own)),
    reduce: (what, options) => reduce(site, what, options),
    finish,
    background() {
      const background = backgroundWork();
      return { ...background, settled: () => timed(() => background.settled()) };
    },
    fail: async () => (await finish(meet(site, "fail", [], { failed: true }))).broken,
    close: () => wire.close(),
    abort: (code) => wire.abort(code),
  };
  site.hosts = await ranks.gather("hosts", host);
  return ranks;
}

/** The same number of bytes of each rank, in their order. */
function* gathered(site: Site, own: Uint8Array): Work<Uint8Array> {
  const { wire } = site;
  const all = new Uint8Array(own.length * wire.size);
  site.sent += own.length * (wire.size - 1);
  yield wire.allGather(own, all);
  return all;
}

/** The heads of all, where all do the same; else each rank throws. */
function* meet(
  site: Site,
  what: string,
  numbers: readonly number[],
  { bytes = 0, failed = false } = {},
): Work<{ heads: Float64Array[]; broken: number[] }> {
  if (numbers.length > NUMBERS) throw new RangeError(`A head has room for ${NUMBERS} numbers, not ${numbers.length}`);
  const own = new Float64Array(CHECKED + NUMBERS);
  own.set([failed ? 1 : 0, hashOf(what), bytes, ...numbers]);
  const all = new Float64Array((yield* gathered(site, new Uint8Array(own.buffer))).slice().buffer);
  const heads = Array.from(
    { length: site.wire.size },
    (_, i) => all.subarray(i * own.length, (i + 1) * own.length),
  );
  const broken = heads.flatMap((head, i) => head[FAILED] === 0 ? [] : [i]);
  if (failed || broken.length > 0) return { heads, broken };
  const other = heads.findIndex((head) => head[WHAT] !== heads[0]![WHAT]);
  if (other > 0) {
    throw new RanksError(`Cannot go on: ${rankName(site, other)} does something else than rank 0 (${what})`);
  }
  return { heads, broken };
}

/** The heads of all, where all go on. */
function* together(site: Site, what: string, numbers: readonly number[], bytes?: number): Work<Float64Array[]> {
  const { heads, broken } = yield* meet(site, what, numbers, { bytes });
  if (broken.length > 0) throw new OtherRankError(broken[0]!);
  return heads;
}

function* numbers(site: Site, what: string, own: readonly number[]): Work<number[][]> {
  const heads = yield* together(site, what, own);
  return heads.map((head) => [...head.subarray(CHECKED, CHECKED + own.length)]);
}

function* gather<T>(site: Site, what: string, own: T): Work<T[]> {
  const bytes = new TextEncoder().encode(JSON.stringify(own ?? null));
  const sizes = (yield* together(site, what, [], bytes.length)).map((head) => head[BYTES]!);
  const most = Math.max(...sizes);
  const padded = new Uint8Array(most);
  padded.set(bytes);
  const all = yield* gathered(site, padded);
  return sizes.map((size, i) => JSON.parse(new TextDecoder().decode(all.subarray(i * most, i * most + size))) as T);
}

function* broadcast(site: Site, what: string, own: Uint8Array | undefined): Work<Uint8Array> {
  const { wire } = site;
  const [head] = yield* together(site, what, [], own?.length ?? 0);
  const bytes = wire.rank === 0 ? own! : new Uint8Array(head![BYTES]!);
  if (wire.rank === 0) site.sent += bytes.length;
  yield wire.broadcast(bytes, 0);
  return bytes;
}

function* reduce(site: Site, what: string, { send, receive, summed }: ReduceOptions): Work<Uint8Array> {
  const { wire } = site;
  yield* together(site, what, [], send.bytes.length);
  site.sent += send.counts.reduce((sum, count, i) => i === wire.rank ? sum : sum + count, 0);
  yield wire.exchange(send, receive);
  return yield* gathered(site, summed());
}

/** A number for a text: FNV-1a of 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
