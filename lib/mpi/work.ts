/**
 * What a rank does together with others, in pieces between which it waits: so it can be waited for, or be carried on now and
 * then by a thread that computes meanwhile.
 *
 * @module
 */

/** Something that was begun between ranks; it goes on while it is asked about. */
export interface Pending {
  /** Whether it is done. */
  test(): boolean;
  /** Waits until it is; with `idly`, without keeping the processor busy for a moment in case that it is soon. */
  wait(options?: { readonly idly?: boolean }): Promise<void>;
}

/** Steps of a rank, each of which waits for what it yields. */
export type Work<T> = Generator<Pending, T, void>;

/** Does the work, and waits. */
export async function finished<T>(work: Work<T>): Promise<T> {
  while (true) {
    const { done, value } = work.next();
    if (done) return value;
    await value.wait();
  }
}

/** Work that goes on, one after the other, while the device computes. */
export interface Background {
  /** Adds work to what is to be done, in the same order on all ranks. */
  add(work: Work<void>): void;
  /** Carries it on as far as can be done without waiting; it does not throw. */
  poll(): void;
  /**
   * Waits until all is done.
   *
   * @throws what the work threw; what comes after that is not begun.
   */
  settled(): Promise<void>;
}

/** An empty list of work. */
export function backgroundWork(): Background {
  const works: Work<void>[] = [];
  let pending: Pending | undefined;
  let failure: { readonly error: unknown } | undefined;
  let driver: Promise<void> | undefined;
  let isAwaited = false;
  /** Begins what can be begun, up to the next thing to wait for. */
  const advance = () => {
    pending = undefined;
    while (works.length > 0) {
      const { done, value } = works[0]!.next();
      if (!done) {
        pending = value;
        return;
      }
      works.shift();
    }
  };
  const fail = (error: unknown) => {
    failure ??= { error };
    pending = undefined;
    works.length = 0;
  };
  /** Whether the wait is over; an error is left to the one who waits. */
  const isOver = (): boolean => {
    try {
      return pending?.test() ?? false;
    } catch {
      return false;
    }
  };
  const poll = () => {
    try {
      while (isOver()) advance();
    } catch (error) {
      fail(error);
    }
  };
  const drive = async () => {
    while (pending) {
      try {
        // what computes meanwhile has better use for the processor
        await pending.wait({ idly: !isAwaited });
      } catch (error) {
        fail(error);
      }
      poll();
    }
    driver = undefined;
  };
  return {
    add(work) {
      if (failure) return;
      works.push(work);
      try {
        if (!pending) advance();
      } catch (error) {
        fail(error);
      }
      if (pending) driver ??= drive();
    },
    poll,
    async settled() {
      isAwaited = true;
      await driver;
      isAwaited = false;
      if (failure) throw failure.error;
    },
  };
}
