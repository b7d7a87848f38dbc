/**
 * How numbers look.
 *
 * @module
 */

/** 1234567 as 1,234,567. */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** How many times, to two digits, such as 2.5 or 1,700. */
export function aboutTimes(times: number): string {
  const rounded = Number(times.toPrecision(2));
  return rounded < 10 ? String(rounded) : grouped(rounded);
}

/** 0.1534 as 15.3%. */
export function percent(share: number, digits = 1): string {
  return `${(100 * share).toFixed(digits)}%`;
}

/** A share without needless digits: 0.1 as 10%, 0.125 as 12.5%. */
export function shortShare(share: number): string {
  return `${Number((100 * share).toPrecision(6))}%`;
}

/** A number as flags take it, from 10,000 on to two digits: 3000000 as 3M. */
export function shortCount(count: number): string {
  if (Math.round(count) < 10_000) return String(Math.round(count));
  // rounded first: what is nearly a million is one
  const rounded = Number(count.toPrecision(2));
  const [unit, sign] = rounded < 1e6 ? [1e3, "k"] : rounded < 1e9 ? [1e6, "M"] : [1e9, "B"];
  return `${rounded / unit}${sign}`;
}

/** Bytes in MiB, of few with a decimal. */
export function mebibytes(bytes: number): string {
  const count = bytes / 2 ** 20;
  return `${count < 9.95 ? count.toFixed(1) : grouped(count)} MiB`;
}

/** Seconds as 42s, 3m05s or 2h07m. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (n: number) => String(n).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${two(Math.floor(whole / 60) % 60)}m`;
}

/** Three significant digits, such as 1.98e-3. */
export function rate(value: number): string {
  return value === 0 ? "0" : value.toExponential(2);
}
