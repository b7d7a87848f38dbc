/** What was computed for the test under way, on whichever of its devices, and how often it was asked for something by number. */
let known = new Map<string, unknown>();
let calls = 0;

/** Begins a test on one of its devices, with what was computed on those before. */
export function beginOnDevice(memory: Map<string, unknown>): void {
  [known, calls] = [memory, 0];
}

/** What is the same on all devices of a test, made on the first of them. */
export function once<T>(key: string, make: () => T): T {
  if (!known.has(key)) known.set(key, make());
  return known.get(key) as T;
}

/** The number of this call within the test, on every device the same. */
export function callNumber(): number {
  return calls++;
}
