import { AssertionError } from "@std/assert";

export interface Tolerance {
  /** Absolute. */
  atol: number;
  /** Relative to the expected value. */
  rtol: number;
}

/** Throws with the worst and the first five mismatches unless |actual - expected| ≤ atol + rtol · |expected| everywhere. */
export function assertClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { atol, rtol, label = "arrays" }: Tolerance & { label?: string },
): void {
  if (actual.length !== expected.length) {
    throw new AssertionError(`${label}: ${actual.length} values, expected ${expected.length}`);
  }
  const wrong: number[] = [];
  let worst = -1;
  let worstExcess = 0;
  for (let i = 0; i < expected.length; i++) {
    const excess = Math.abs(actual[i]! - expected[i]!) / (atol + rtol * Math.abs(expected[i]!));
    if (excess <= 1 || Object.is(actual[i], expected[i])) continue;
    wrong.push(i);
    if (!(excess <= worstExcess)) [worst, worstExcess] = [i, excess];
  }
  if (wrong.length === 0) return;
  const line = (i: number) => `  [${i}] ${actual[i]} expected ${expected[i]}`;
  throw new AssertionError(
    `${label}: ${wrong.length} of ${expected.length} values differ by more than ${atol} + ${rtol} · |expected|; worst, ` +
      `${worstExcess.toPrecision(3)} times the tolerance:\n${line(worst)}\nfirst:\n${
        wrong.slice(0, 5).map(line).join("\n")
      }`,
  );
}
