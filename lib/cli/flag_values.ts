/**
 * Values of flags: from text to what is meant, or a sentence that says what would be right.
 *
 * @module
 */

const units: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9, b: 1e9 };

/** A whole number of at least 1, also written 3M, 500k or 1e6. */
export function parseCount(text: string): number {
  return countOf(text, "500, 20k or 3M");
}

/** The same where thousands would be odd. */
export function parseFew(text: string): number {
  return countOf(text, "8");
}

/** The same where tens to thousands are usual: of widths, and of lengths in tokens. */
export function parseExtent(text: string): number {
  return countOf(text, "128");
}

function countOf(text: string, example: string): number {
  const match = /^(\d[\d_]*(?:\.\d+)?(?:e\d+)?)([kmgb]?)$/i.exec(text);
  const exact = match ? Number(match[1]!.replaceAll("_", "")) * units[match[2]!.toLowerCase()]! : NaN;
  // 1.1k is 1100.0000000000002 in floating point
  const value = Math.round(exact);
  if (!Number.isSafeInteger(value) || value < 1 || Math.abs(exact - value) > 1e-9 * value) {
    throw new RangeError(`write a whole number of at least 1, such as ${example}`);
  }
  return value;
}

/** A number above 0 (or from 0 on). */
export function parseNumber(text: string, { zero = false, example = 0.002 } = {}): number {
  const value = /^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
  if (!Number.isFinite(value) || (value === 0 && !zero)) {
    throw new RangeError(`write a number ${zero ? "of at least" : "above"} 0, such as ${example}`);
  }
  return value;
}

/** Minutes of each unit, the longest first. */
const minutesOf = [
  [/^(?:d|days?)$/, 1440],
  [/^(?:h|hrs?|hours?)$/, 60],
  [/^(?:m|mins?|minutes?)$/, 1],
  [/^(?:s|secs?|seconds?)$/, 1 / 60],
] as const;

/** Minutes above 0, also written 90s, 1h or 1h30m. */
export function parseMinutes(text: string): number {
  const wrong = () => new RangeError("write minutes, such as 10, or 90s, 2h or 1h30m");
  if (/^\d*\.?\d+(e[+-]?\d+)?$/i.test(text)) {
    if (!(Number(text) > 0 && Number.isFinite(Number(text)))) throw wrong();
    return Number(text);
  }
  if (!/^(\d*\.?\d+ ?[a-z]+ ?)+$/i.test(text)) throw wrong();
  let [minutes, last] = [0, -1];
  for (const [, number, unit] of text.toLowerCase().matchAll(/(\d*\.?\d+) ?([a-z]+)/g)) {
    const place = minutesOf.findIndex(([name]) => name.test(unit!));
    // each unit once, from days to seconds
    if (place <= last) throw wrong();
    last = place;
    minutes += Number(number) * minutesOf[place]![1];
  }
  if (!(minutes > 0)) throw wrong();
  return minutes;
}

/** A share in [0, 1], written 15% or 0.15. */
export function parseShare(text: string): number {
  const match = /^(\d*\.?\d+)(%?)$/.exec(text);
  const value = match ? Number(match[1]) / (match[2] ? 100 : 1) : NaN;
  if (!(value >= 0 && value <= 1)) throw new RangeError("write a share between 0 and 1, such as 15% or 0.15");
  return value;
}

/** A share of the budget such as 5%, or a number of steps such as 200. */
export function parseSpan(text: string): { share: number } | { steps: number } {
  if (!text.endsWith("%")) return { steps: parseCount(text) };
  const share = parseShare(text);
  if (share === 0) throw new RangeError("write a share above 0%, or a number of steps");
  return { share };
}

/** One of some words. */
export function parseChoice<T extends string>(choices: readonly T[]): (text: string) => T {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) throw new RangeError(`choose one of ${choices.join(", ")}`);
    return found;
  };
}

/** A whole number of a range. */
export function parseWhole({ least, most }: { least: number; most: number }): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(value >= least && value <= most)) throw new RangeError(`write a whole number from ${least} to ${most}`);
    return value;
  };
}
