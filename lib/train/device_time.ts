/**
 * How long a device was at what it was given, where the next is submitted before that is known.
 *
 * @module
 */

/** Work that was submitted, and its result. */
export interface TimedWork<T> {
  /** Begins to wait. */
  begin(): void;
  /** Waits; the result, and the seconds since the device had the work and was done with what came before. */
  result(): Promise<{ readonly value: T; readonly seconds: number }>;
}

/** Times works in the order in which they were submitted and are waited for. */
export interface DeviceTime {
  /**
   * Work that the device has since `begun`, in milliseconds of `performance.now()`.
   *
   * @param read Begins to wait, and reads what came of it.
   */
  timed<T>(read: () => Promise<T>, begun: number): TimedWork<T>;
  /** Waits until nothing is being read any more, whatever comes of it. */
  settled(): Promise<void>;
}

/** A clock for a device; one that does its work at once, `overlaps` being false, is done when the result is looked at. */
export function deviceTime({ overlaps }: { overlaps: boolean }): DeviceTime {
  let latest = -Infinity;
  const underWay = new Set<Promise<unknown>>();
  return {
    timed(read, begun) {
      let [result, done]: [ReturnType<typeof read> | undefined, number] = [undefined, NaN];
      const begin = () => {
        if (result) return;
        result = read();
        const over = result.catch(() => {}).then(() => {
          done = performance.now();
          underWay.delete(over);
        });
        underWay.add(over);
      };
      return {
        begin,
        async result() {
          begin();
          const value = await result!;
          const end = overlaps && !Number.isNaN(done) ? done : performance.now();
          const seconds = Math.max(0, end - Math.max(begun, latest)) / 1000;
          latest = Math.max(latest, end);
          return { value, seconds };
        },
      };
    },
    async settled() {
      await Promise.all(underWay);
    },
  };
}
