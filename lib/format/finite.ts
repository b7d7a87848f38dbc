/**
 * Whether weights are numbers, found out in one pass while they are read.
 *
 * @module
 */

/**
 * Whether all numbers are finite: a sum is not as soon as one of its terms is not, and in 64 bits no sum of finite numbers of 32
 * bits overflows. Sums of eight at a time, for one alone would wait for each of its terms.
 */
export function allFinite(values: Float32Array): boolean {
  let [first, second] = [0, 0];
  const whole = values.length & ~7;
  for (let i = 0; i < whole; i += 8) {
    first += (values[i]! + values[i + 1]!) + (values[i + 2]! + values[i + 3]!);
    second += (values[i + 4]! + values[i + 5]!) + (values[i + 6]! + values[i + 7]!);
  }
  for (let i = whole; i < values.length; i++) first += values[i]!;
  return Number.isFinite(first + second);
}

/** How many of some numbers are not finite. */
export function countNotFinite(values: Float32Array): number {
  let count = 0;
  for (const value of values) if (!Number.isFinite(value)) count++;
  return count;
}

/** What is said of a tensor with weights that are not finite. */
export function notFinite(
  { path, name, count, size }: { path: string; name: string; count: number; size: number },
): SyntaxError {
  const share = `${count.toLocaleString("en")} of ${size.toLocaleString("en")}`;
  return new SyntaxError(
    `Cannot use ${path}: tensor "${name}" holds numbers that are not finite, ${share}; an earlier checkpoint may be whole`,
  );
}

/**
 * Throws if a tensor holds what is no finite number.
 *
 * @throws {SyntaxError} that names the tensor, the file and how many.
 */
export function checkFinite(values: Float32Array, { path, name }: { path: string; name: string }): void {
  if (allFinite(values)) return;
  throw notFinite({ path, name, count: countNotFinite(values), size: values.length });
}
