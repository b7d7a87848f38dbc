/**
 * A local stand-in for jsr:@std/cli, so that a clone works where JSR cannot be reached: the part of `parseArgs` that the
 * project uses, with the same name, signature and behaviour. See CONTRIBUTING.md.
 *
 * @module
 */

/** What `parseArgs` takes, of the options that are used here. */
export interface ParseOptions {
  /** Flags that take a value. */
  string?: readonly string[];
  /** Flags that take none. */
  boolean?: readonly string[];
  /** Flags that may be repeated and give an array. */
  collect?: readonly string[];
  /** Short names. */
  alias?: Readonly<Record<string, string>>;
  /** Called for every undeclared argument, with `key` if it is a flag; `false` leaves it out. */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** Positional arguments under `_`, flags under their names. */
export interface Args {
  [name: string]: unknown;
  /** Positional arguments. */
  _: (string | number)[];
}

/** Takes command line arguments apart. */
export function parseArgs(args: readonly string[], options: ParseOptions = {}): Args {
  const { string = [], boolean = [], collect = [], alias = {}, unknown } = options;
  const result: Args = { _: [] };
  for (const name of boolean) result[name] = false;
  for (const name of collect) result[name] = [];
  const set = (name: string, value: unknown) => {
    if (collect.includes(name)) (result[name] as unknown[]).push(value);
    else result[name] = value;
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const flag = /^--?([^=-][^=]*)(?:=([\s\S]*))?$/.exec(arg);
    if (arg === "--") {
      result._.push(...args.slice(i + 1));
      break;
    }
    if (!flag) {
      if (unknown?.(arg) !== false) result._.push(arg);
      continue;
    }
    const name = alias[flag[1]!] ?? flag[1]!;
    let value: unknown = flag[2];
    if (boolean.includes(name)) {
      set(name, value === undefined || value === "true");
      continue;
    }
    const next = args[i + 1];
    if (value === undefined && next !== undefined && next !== "--" && !/^--?[^-]/.test(next)) {
      value = next;
      i++;
    }
    value ??= string.includes(name) ? "" : true;
    if (!string.includes(name) && unknown?.(arg, name, value) === false) continue;
    set(name, value);
  }
  for (const [short, name] of Object.entries(alias)) {
    if (name in result) result[short] = result[name];
  }
  return result;
}
