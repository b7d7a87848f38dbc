/**
 * How a profile looks.
 *
 * @module
 */

import type { KernelTime } from "../device/profile.ts";
import { grouped, percent } from "./figures.ts";
import { table } from "./terminal.ts";

/** Where the time went, longest first; what takes less than half a percent is added up. */
export function profileTable(times: readonly KernelTime[]): string {
  const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const isLong = ({ milliseconds }: KernelTime) => milliseconds >= 0.005 * total;
  const short = times.filter((time) => !isLong(time));
  const row = ({ name, calls, milliseconds, flop, bytes }: KernelTime) => [
    name,
    grouped(calls),
    (milliseconds / 1000).toFixed(2),
    percent(milliseconds / total),
    (1000 * milliseconds / calls).toFixed(0),
    flop > 0 ? (flop / milliseconds / 1e6).toFixed(1) : "",
    (bytes / milliseconds / 1e6).toFixed(1),
  ];
  const rest = {
    name: `${short.length} others`,
    calls: short.reduce((sum, { calls }) => sum + calls, 0),
    milliseconds: short.reduce((sum, { milliseconds }) => sum + milliseconds, 0),
    flop: 0,
    bytes: short.reduce((sum, { bytes }) => sum + bytes, 0),
  };
  const heading = ["kernel", "calls", "seconds", "share", "µs each", "GFLOP/s", "GB/s"];
  const rows = [...times.filter(isLong), ...(short.length > 0 ? [rest] : [])].map(row);
  return `\ntime by kernel, training and validation, ${(total / 1000).toFixed(1)} s in all\n${
    table([heading, ...rows])
  }`;
}
