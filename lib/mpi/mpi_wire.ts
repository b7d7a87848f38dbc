/**
 * Ranks on an MPI library: nothing blocks the event loop, and what nobody answers comes to an end.
 *
 * @module
 */

import type { MpiLibrary, Request } from "./library.ts";
import type { RankWire } from "./ranks.ts";
import type { Pending } from "./work.ts";
import { goneRanks, type RankProcess, type Sign, signs, signWatch, tellerOf } from "./watch.ts";

/** A rank that does not go on, as another finds out. */
export interface LostRank {
  /** The rank. */
  readonly rank: number;
  /** What is known of it. */
  readonly how: "gone" | "silent" | "ending";
  /** Whether this rank is to say it. */
  readonly isTeller: boolean;
}

/** A wire, and the watch over it. */
export interface MpiWire extends RankWire {
  /** From now on ranks are watched; `lost` is called once, when one does not go on. */
  watch(processes: readonly RankProcess[], lost: (rank: LostRank) => void): void;
  /** Looks at once whether a process of this machine is gone, as when a launcher ends the others; returns whether one is. */
  look(): boolean;
}

/** Milliseconds between two looks at other ranks. */
const TICK = 250;

/** Milliseconds that a request is asked about without a break, then with short ones; then the processor is left to others. */
const BUSY = 0.2;
const SOON = 3;

/** Milliseconds for the others to end, where one says why. */
const LAST_WORDS = 1500;

/** A wire on a library; `patience` is how many milliseconds a rank may be silent. */
export function mpiWire(mpi: MpiLibrary, { patience }: { patience: number }): MpiWire {
  const { rank, size } = mpi;
  const mail = mailbox(mpi);
  let watch: RankWatch = { look: () => false, stop: () => {} };
  const waiting = waits(async () => {
    // MPI may find before the watch that a rank is gone, which then says which one
    watch.look();
    await new Promise((resolve) => setTimeout(resolve, LAST_WORDS));
  });
  const pending = (request: Request) => pendingOn(request, waiting);
  return {
    rank,
    size,
    allGather: (own, all) => pending(mpi.allGather(own, all)),
    exchange: (send, receive) => pending(mpi.exchange(send, receive)),
    broadcast: (bytes, root) => pending(mpi.broadcast(bytes, root)),
    async close() {
      watch.stop();
      waiting.close();
      mail.close();
      await mpi.finalize();
    },
    abort: (code) => mpi.abort(code),
    watch(processes, lost) {
      watch = watchOver(processes, { rank, mail, patience, isWaiting: waiting.isUnderWay, lost });
    },
    look: () => watch.look(),
  };
}

/** Waiting for requests. */
interface Waits {
  /** Waits until a request is done; with `idly`, without a processor. */
  settled(request: Pick<Request, "test">, options?: { readonly idly?: boolean }): Promise<void>;
  /** Whether this rank waits for others. */
  isUnderWay(): boolean;
  /** Ends. */
  close(): void;
}

/** @param failed Waited for where a request fails, before its error is thrown. */
function waits(failed: () => Promise<void>): Waits {
  const turn = turns();
  let waiting = 0;
  return {
    async settled(request, { idly = false } = {}) {
      const begun = idly ? -Infinity : performance.now();
      waiting++;
      try {
        while (!request.test()) {
          const waited = performance.now() - begun;
          // a rank that others are slower than leaves them the processor
          if (waited > SOON) await new Promise((resolve) => setTimeout(resolve, 0));
          else if (waited > BUSY) await turn.next();
        }
      } catch (error) {
        await failed();
        throw error;
      } finally {
        waiting--;
      }
    },
    isUnderWay: () => waiting > 0,
    close: () => turn.close(),
  };
}

/** A request that several may ask about: whoever asks first, all hear of an error. */
function pendingOn(request: Request, { settled }: Pick<Waits, "settled">): Pending {
  let failure: { readonly error: unknown } | undefined;
  const test = () => {
    if (failure) throw failure.error;
    try {
      return request.test();
    } catch (error) {
      failure = { error };
      throw error;
    }
  };
  return { test, wait: (options) => settled({ test }, options) };
}

/** A watch over ranks. */
interface RankWatch {
  /** Looks at once whether a process of this machine is gone; returns whether one is, or was seen to be. */
  look(): boolean;
  /** Watches no more. */
  stop(): void;
}

/** Watches processes; `lost` is called once, when one does not go on. */
function watchOver(
  processes: readonly RankProcess[],
  { rank, mail, patience, isWaiting, lost }: {
    rank: number;
    mail: Mailbox;
    patience: number;
    isWaiting: () => boolean;
    lost: (rank: LostRank) => void;
  },
): RankWatch {
  const size = processes.length;
  const watch = signWatch({ rank, size, patience, send: mail.send });
  let [isOver, hasSeen] = [false, false];
  const stop = () => {
    clearInterval(timer);
    isOver = true;
  };
  const tell = (found: LostRank) => {
    if (isOver) return;
    stop();
    for (let other = 0; found.isTeller && other < size; other++) {
      if (other !== rank) mail.send(other, "the end");
    }
    lost(found);
  };
  const look = () => {
    const gone = hasSeen || isOver ? [] : goneRanks(processes, { rank });
    if (gone.length === 0) return hasSeen;
    // who ends after this one is told of by nobody
    hasSeen = true;
    const isTeller = tellerOf(gone, processes) === rank;
    if (isTeller) tell({ rank: gone[0]!, how: "gone", isTeller });
    else setTimeout(() => tell({ rank: gone[0]!, how: "gone", isTeller }), LAST_WORDS);
    return true;
  };
  const timer = setInterval(() => {
    const came = mail.take();
    const ender = came.find(({ says }) => says === "the end");
    if (ender) return tell({ rank: ender.from, how: "ending", isTeller: false });
    if (isWaiting()) look();
    const silent = watch.tick(performance.now(), came, isWaiting());
    if (silent !== undefined) tell({ rank: silent, how: "silent", isTeller: true });
  }, TICK);
  Deno.unrefTimer(timer);
  return { look, stop };
}

/** Turns of the event loop, which take a hundredth of a timer's time. */
function turns() {
  const { port1, port2 } = new MessageChannel();
  // several may wait at once, each for a message of its own
  const waiting: (() => void)[] = [];
  port1.onmessage = () => waiting.shift()?.();
  return {
    next: () =>
      new Promise<void>((resolve) => {
        waiting.push(resolve);
        port2.postMessage(0);
      }),
    close() {
      port1.close();
      port2.close();
    },
  };
}

/** Signs between ranks, beside what they do together. */
interface Mailbox {
  /** Sends one. */
  send(to: number, says: Sign["says"]): void;
  /** Those that came. */
  take(): Sign[];
  /** Takes no more. */
  close(): void;
}

function mailbox(mpi: MpiLibrary): Mailbox {
  const message = new Int32Array(2);
  const begin = () => mpi.receive(new Uint8Array(message.buffer));
  let incoming = begin();
  let outgoing: Request[] = [];
  return {
    send(to: number, says: Sign["says"]) {
      const sign = Int32Array.of(mpi.rank, signs.indexOf(says));
      try {
        outgoing = outgoing.filter((request) => !request.test());
        outgoing.push(mpi.send(new Uint8Array(sign.buffer), to));
      } catch {
        // nobody is there to hear it
      }
    },
    take(): Sign[] {
      const found: Sign[] = [];
      try {
        while (incoming.test()) {
          found.push({ from: message[0]!, says: signs[message[1]!]! });
          incoming = begin();
        }
      } catch {
        // the message of a rank that is gone, which is seen in other ways
      }
      return found;
    },
    close: () => incoming.cancel(),
  };
}
