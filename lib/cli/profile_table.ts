/**
 * How a profile looks.
 *
 * @module
 */

import type { KernelTime } from "../device/profile.ts";
import type { Peaks } from "../speed/measure_peaks.ts";
import { grouped, percent } from "./figures.ts";
import { fittedTable } from "./fitted_table.ts";

/** Letters of a kernel's name that there is room for, in a table of 80 columns. */
const NAME = 28;

/** A number of three digits or more, without decimals where it has as many before the point. */
const short = (value: number) => value < 99.5 ? value.toFixed(1) : value.toFixed(0);

/** Columns that go where there is no room, the least needed first. */
const leaving = ["GB/s", "GFLOP/s", "µs", "calls", "peak"];

/**
 * Where the time went, longest first; what takes less than half a percent is added up.
 *
 * @param options.peaks What the device reaches at best; each kernel is then shown with the share of that rate that it comes closer to.
 * @param options.width Columns that there are.
 */
export function profileTable(
  times: readonly KernelTime[],
  { peaks, width = Infinity }: { peaks?: Peaks | undefined; width?: number } = {},
): string {
  const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const isLong = ({ milliseconds }: KernelTime) => milliseconds >= 0.005 * total;
  const brief = times.filter((time) => !isLong(time));
  const row = ({ name, calls, milliseconds, flop, bytes }: KernelTime) => [
    name.length > NAME ? `${name.slice(0, NAME - 1)}…` : name,
    String(calls),
    (milliseconds / 1000).toFixed(2),
    percent(milliseconds / total, 0),
    (1000 * milliseconds / calls).toFixed(0),
    flop > 0 ? short(flop / milliseconds / 1e6) : "",
    short(bytes / milliseconds / 1e6),
    ...(peaks ? [peakShare({ flop, bytes, milliseconds }, peaks)] : []),
  ];
  const rest = {
    name: `${brief.length} others`,
    calls: brief.reduce((sum, { calls }) => sum + calls, 0),
    milliseconds: brief.reduce((sum, { milliseconds }) => sum + milliseconds, 0),
    flop: 0,
    bytes: brief.reduce((sum, { bytes }) => sum + bytes, 0),
  };
  const heading = ["kernel", "calls", "s", "share", "µs", "GFLOP/s", "GB/s", ...(peaks ? ["peak"] : [])];
  const rows = [...times.filter(isLong), ...(brief.length > 0 ? [rest] : [])].map(row);
  return [
    `\ntime by kernel, training and validation, ${(total / 1000).toFixed(1)} s in all; µs: of a call`,
    fittedTable(heading.map((name, i) => [name, rows.map((row) => row[i]!)]), { width, leaving }),
    ...(peaks ? [peakLine(peaks)] : []),
  ].join("\n");
}

/** The larger of the shares of the two rates. */
function peakShare(
  { flop, bytes, milliseconds }: Pick<KernelTime, "flop" | "bytes" | "milliseconds">,
  { products, bandwidth }: Peaks,
): string {
  const share = Math.max(flop / products, bytes / bandwidth) / (milliseconds / 1000);
  return share > 1.005 ? ">100%" : percent(share, 0);
}

const peakLine = ({ products, bandwidth }: Peaks) =>
  `peak: the larger share of ${products < 1e11 ? short(products / 1e9) : grouped(products / 1e9)} GFLOP/s or ${
    short(bandwidth / 1e9)
  } GB/s, as measured here;\n` +
  ">100%: data lies in caches, or the machine was busy as the peak was measured";
