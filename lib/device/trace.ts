/**
 * What device and host did when: spans of time, as many as there is room for.
 *
 * @module
 */

/** Something that took time. */
export interface TraceSpan {
  /** What it was. */
  readonly name: string;
  /** When it began, in milliseconds of `performance.now()`. */
  readonly start: number;
  /** How long it took. */
  readonly milliseconds: number;
  /** What is known of it besides. */
  readonly details?: Readonly<Record<string, number>> | undefined;
}

/** Spans that are kept where nothing else is said: a file of about twelve megabytes. */
export const MOST_SPANS = 100_000;

/** Two clocks, read at about the same time. */
interface Readings {
  readonly here: number;
  readonly there: number;
}

/** Spans of a device and of the host that gives it work. */
export class TraceLog {
  #most: number;
  #host: TraceSpan[] = [];
  #device: TraceSpan[] = [];
  #waits: TraceSpan[] = [];
  #dropped = 0;
  #isOver = false;
  #offset: number | undefined;
  #first: Readings | undefined;
  #last: Readings | undefined;

  /** An empty log; what comes when it is full is counted only. */
  constructor({ most = MOST_SPANS }: { most?: number } = {}) {
    this.#most = most;
  }

  /** Spans that there was no room for. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Spans of the host. */
  get host(): readonly TraceSpan[] {
    return this.#host;
  }

  /** Waits for the device, during which the host may have done something else. */
  get waits(): readonly TraceSpan[] {
    return this.#waits;
  }

  /** Spans that are kept. */
  get size(): number {
    return this.#host.length + this.#device.length + this.#waits.length;
  }

  /** Spans of the device, on the host's clock. */
  get device(): readonly TraceSpan[] {
    const [first, last] = [this.#first, this.#last];
    if (!first || !last) return this.#device;
    const ratio = (last.here - first.here) / (last.there - first.there);
    // only a ratio far from 1 tells that the device's clock ticks in another unit
    const isOther = ratio < 0.5 || ratio > 2;
    const placed = (start: number) =>
      isOther ? first.here + (start - first.there) * ratio : start + (this.#offset ?? 0);
    return this.#device.map((span) => ({
      ...span,
      start: placed(span.start),
      milliseconds: span.milliseconds * (isOther ? ratio : 1),
    }));
  }

  /** Notes nothing that comes later. */
  end(): void {
    this.#isOver = true;
  }

  /** Adds what the host did. */
  addHost(span: TraceSpan): void {
    this.#add(this.#host, span);
  }

  /** Adds what the device did, by its own clock. */
  addDevice(span: TraceSpan): void {
    this.#add(this.#device, span);
  }

  /**
   * Tells how the device's clock goes: what it began first and ended last of a submission, and when the host had submitted it
   * and saw it done.
   */
  align({ submitted, began, ended, done }: { submitted: number; began: number; ended: number; done: number }): void {
    // nothing begins before it is submitted: the latest that a clock can be is what it is where nothing had to wait
    this.#offset = Math.max(this.#offset ?? -Infinity, submitted - began);
    this.#first ??= { here: submitted, there: began };
    this.#last = { here: done, there: ended };
  }

  /** Waits for something, and adds the time until it is there. */
  async waiting<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.#add(this.#waits, { name, start, milliseconds: performance.now() - start });
    }
  }

  /** Runs something and adds the time that it took. */
  during<T>(name: string, work: () => T): T {
    const start = performance.now();
    const end = () => this.addHost({ name, start, milliseconds: performance.now() - start });
    let isLater = false;
    try {
      const result = work();
      isLater = result instanceof Promise;
      return isLater ? (result as Promise<unknown>).finally(end) as T : result;
    } finally {
      if (!isLater) end();
    }
  }

  #add(list: TraceSpan[], span: TraceSpan): void {
    if (this.#isOver) return;
    if (this.size < this.#most) list.push(span);
    else this.#dropped++;
  }
}
