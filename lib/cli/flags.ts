/**
 * Command line flags as data: one table gives parsing, checks, suggestions and help.
 *
 * @module
 */

import { parseArgs } from "@std/cli";
import { knownElsewhere } from "./synonyms.ts";

/** A command that was used wrongly; the message is all that the user sees. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** One flag. */
export interface Flag<T> {
  /** What the value is, for help: `N`, `FILE`; empty for a switch, which takes none. */
  readonly value: string;
  /** What it does, for help. */
  readonly help: string;
  /** Reads the value; throws a RangeError that says what would be right. */
  readonly parse: (text: string) => T;
  /** Whether it may be given several times. */
  readonly repeatable?: boolean;
  /** What it is where it is not given, if that is always the same; shown in help. */
  readonly default?: T;
}

/** A flag with a value. */
export function flag<T>(value: string, help: string, parse: (text: string) => T): Flag<T> {
  return { value, help, parse };
}

/** A flag without a value. */
export function flagSwitch(help: string): Flag<boolean> {
  return { value: "", help, parse: () => true };
}

/** Flags under headings. */
export type FlagGroups = Readonly<Record<string, Readonly<Record<string, Flag<unknown>>>>>;

/** Parsed arguments. */
export interface ParsedFlags {
  /** Positional arguments. */
  readonly positional: readonly string[];
  /** Whether help was asked for. */
  readonly help: boolean;
  /** The value of a flag, or its default. */
  get<T>(flag: Flag<T> & { readonly default: T }): T;
  /** The value of a flag, if it was given. */
  get<T>(flag: Flag<T>): T | undefined;
  /** The values of a repeatable flag. */
  all<T>(flag: Flag<T>): readonly T[];
  /** Names of the flags that were given. */
  readonly given: readonly string[];
}

/**
 * Takes arguments apart by the table.
 *
 * @throws {UsageError} for an unknown flag, a missing or a wrong value.
 */
export function parseFlags(groups: FlagGroups, args: readonly string[]): ParsedFlags {
  const flags = new Map(Object.values(groups).flatMap((group) => Object.entries(group)));
  const names = [...flags.keys()];
  const switches = names.filter((name) => flags.get(name)!.value === "");
  const valued = names.filter((name) => flags.get(name)!.value !== "");
  const parsed = parseArgs(joinDash(args), {
    string: valued,
    collect: valued,
    boolean: ["help", ...switches],
    alias: { h: "help" },
    unknown: (arg: string, key?: string) => {
      if (key === undefined) return true;
      const near = suggestionFor(key, names);
      throw new UsageError(`Unknown option ${arg.split("=")[0]}${near ? `; did you mean --${near}?` : ""}`);
    },
  });
  const values = new Map<unknown, unknown[]>();
  const given: string[] = [];
  for (const name of switches) {
    if (!parsed[name]) continue;
    given.push(name);
    values.set(flags.get(name), [true]);
  }
  for (const name of valued) {
    const flag = flags.get(name)!;
    const texts = parsed[name] as string[] | undefined;
    if (!texts || texts.length === 0) continue;
    if (texts.length > 1 && !flag.repeatable) throw new UsageError(`Option --${name} was given ${texts.length} times`);
    given.push(name);
    values.set(flag, texts.map((text) => parseValue(name, flag, text)));
  }
  return {
    positional: parsed._.map(String),
    help: Boolean(parsed.help),
    given,
    get: <T>(flag: Flag<T>) => (values.get(flag)?.[0] ?? flag.default) as T,
    all: <T>(flag: Flag<T>) => (values.get(flag) ?? []) as T[],
  };
}

/** `--data -` means standard input, but a lone dash could be taken for another flag. */
function joinDash(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    if (arg === "-" && joined.at(-1)?.startsWith("--")) joined.push(`${joined.pop()}=-`);
    else joined.push(arg);
  }
  return joined;
}

function parseValue(name: string, flag: Flag<unknown>, text: string): unknown {
  if (text === "") throw new UsageError(`Option --${name} needs a value: --${name} ${flag.value}`);
  try {
    return flag.parse(text);
  } catch (error) {
    throw new UsageError(`Option --${name} cannot be "${text}": ${(error as Error).message}`);
  }
}

/** The known name that is likely meant: written alike, or what other programs call it. */
function suggestionFor(key: string, names: readonly string[]): string | undefined {
  const name = key.replace(/([a-z])([A-Z])/g, "$1-$2").toLowerCase().replaceAll("_", "-");
  const opposite = names.find((other) => name === `un${other}` || name === `no-${other}`);
  if (opposite !== undefined) return undefined;
  return names.find((other) => other === name) ?? knownElsewhere(name, names) ?? nearest(name, names);
}

/** The known name that is at most two typing errors away, of short names fewer. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const most = name.length < 4 ? 0 : name.length < 6 ? 1 : 2;
  const distances = known.map((other) => ({ other, distance: editDistance(name, other) }));
  const best = distances.sort((a, b) => a.distance - b.distance)[0];
  return best && best.distance <= most ? best.other : undefined;
}

/** Typing errors between two words: a letter too many, too few or wrong, or two that changed places (Damerau, 1964). */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(Math.min(
        row[j]! + 1,
        next[j - 1]! + 1,
        row[j - 1]! + Number(a[i - 1] !== b[j - 1]),
        isSwapped ? before[j - 2]! + 1 : Infinity,
      ));
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}

/** Help for groups of flags, in two columns. */
export function flagHelp(groups: FlagGroups): string {
  const rows = Object.entries(groups).map(([heading, flags]) => {
    const lines = Object.entries(flags).map(([name, { value, help, default: usual }]) => {
      const shown = usual === undefined ? "" : ` (default: ${usual})`;
      return `  ${`--${name} ${value}`.trimEnd().padEnd(34)}${help}${shown}`;
    });
    return `${heading}:\n${lines.join("\n")}`;
  });
  return rows.join("\n\n");
}

/** Words as "a, b or c". */
export function either(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

// ---- values ----

const units: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9, b: 1e9 };

/** A whole number of at least 1, also written 3M, 500k or 1e6. */
export function parseCount(text: string): number {
  const match = /^(\d[\d_]*(?:\.\d+)?(?:e\d+)?)([kmgb]?)$/i.exec(text);
  const exact = match ? Number(match[1]!.replaceAll("_", "")) * units[match[2]!.toLowerCase()]! : NaN;
  // 1.1k is 1100.0000000000002 in floating point
  const value = Math.round(exact);
  if (!Number.isSafeInteger(value) || value < 1 || Math.abs(exact - value) > 1e-9 * value) {
    throw new RangeError("write a whole number of at least 1, such as 500, 20k or 3M");
  }
  return value;
}

/** A number above 0 (or from 0 on). */
export function parseNumber(text: string, { zero = false } = {}): number {
  const value = /^\d*\.?\d+(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
  if (!Number.isFinite(value) || (value === 0 && !zero)) {
    throw new RangeError(`write a number ${zero ? "of at least" : "above"} 0, such as 0.002`);
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

/** An object without its undefined entries. */
export function definedOnly<T extends Record<string, unknown>>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
