/**
 * Command line flags as data: one table gives parsing, checks, suggestions and help.
 *
 * @module
 */

import { quoted, shortened } from "../sentences/safe_text.ts";
import { parseArgs } from "@std/cli";
import { suggestionFor } from "./suggestions.ts";

/** A command that was used wrongly; the message is all that the user sees. */
export class UsageError extends Error {
  /** Name of the class. */
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
  /** What it is where it is given without a value, if it may be. */
  readonly bare?: T;
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
  const parsed = parseArgs(joinDash(args, valued), {
    string: valued,
    collect: valued,
    boolean: ["help", ...switches],
    alias: { h: "help" },
    unknown: (arg: string, key?: string) => {
      if (key === undefined) return true;
      const near = suggestionFor(key, names);
      throw new UsageError(`Unknown option ${shortened(arg.split("=")[0]!)}${near ? `; did you mean --${near}?` : ""}`);
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

/** `--data -` means standard input, and `--tokens -5` a number, but what begins with a dash could be taken for another flag. */
function joinDash(args: readonly string[], valued: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const [before] = /^--[^=]+$/.exec(joined.at(-1) ?? "") ?? [];
    const isValue = before !== undefined && valued.includes(before.slice(2)) && /^-(\.?\d|=|$)/.test(arg);
    if (isValue) joined.push(`${joined.pop()}=${arg}`);
    else joined.push(arg);
  }
  return joined;
}

function parseValue(name: string, flag: Flag<unknown>, text: string): unknown {
  if (text === "" && flag.bare !== undefined) return flag.bare;
  if (text === "") throw new UsageError(`Option --${name} needs a value: --${name} ${flag.value}`);
  try {
    return flag.parse(text);
  } catch (error) {
    throw new UsageError(`Option --${name} cannot be ${quoted(text)}: ${(error as Error).message}`);
  }
}

/** Help for groups of flags, in two columns. */
export function flagHelp(groups: FlagGroups): string {
  const flagOf = (name: string, { value }: Flag<unknown>) => `--${name} ${value}`.trimEnd();
  const all = Object.values(groups).flatMap((flags) => Object.entries(flags));
  const width = Math.max(...all.map(([name, flag]) => flagOf(name, flag).length));
  const rows = Object.entries(groups).map(([heading, flags]) => {
    const lines = Object.entries(flags).map(([name, flag]) => {
      const { help, default: usual } = flag;
      const shown = usual === undefined ? "" : ` (default: ${usual})`;
      return `  ${flagOf(name, flag).padEnd(width)}  ${help}${shown}`;
    });
    return `${heading}:\n${lines.join("\n")}`;
  });
  return rows.join("\n\n");
}

/** Words as "a, b or c". */
export function either(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** An object without its undefined entries. */
export function definedOnly<T extends Record<string, unknown>>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
