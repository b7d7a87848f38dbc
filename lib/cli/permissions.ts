/**
 * What Deno must allow for a command; asked before anything else, so that one sentence says all of it.
 *
 * @module
 */

import { flagValue } from "../sentences/reasons.ts";

/** What a command with its arguments cannot do without. */
export interface Needs {
  /** Files and folders that are read. */
  readonly read?: readonly string[];
  /** Folders that are written to. */
  readonly write?: readonly string[];
  /** Addresses that are fetched. */
  readonly net?: readonly string[];
}

const isAddress = (path: string) => /^https?:\/\//i.test(path);

/** What is read of paths: addresses are fetched, of a pattern the folder before it is looked through. */
export function readingOf(paths: readonly (string | undefined)[]): Pick<Needs, "read" | "net"> {
  const given = paths.filter((path) => path !== undefined);
  return { read: given.filter((path) => !isAddress(path)).map(beforePattern), net: given.filter(isAddress) };
}

/** The folder that a pattern begins with; of other paths all. */
function beforePattern(path: string): string {
  const magic = path.search(/[*?{[]/);
  if (magic < 0 || isGranted({ name: "read", path })) return path;
  const end = path.slice(0, magic).search(/[\\/][^\\/]*$/);
  return end < 0 ? "." : path.slice(0, end) || "/";
}

/** The host of an address, as flags name it; undefined where it is none. */
function hostOf(address: string): string | undefined {
  try {
    return new URL(address).host;
  } catch {
    // what is no address is told by who fetches it
    return undefined;
  }
}

/**
 * Checks that Deno allows what a command needs. What is written has to be read too: it gets its name when it is whole.
 *
 * @throws {RangeError} that names the flags that are missing.
 */
export function checkPermissions({ read = [], write = [], net = [] }: Needs): void {
  const hosts = net.map(hostOf).filter((host) => host !== undefined);
  const lacking = {
    read: [...read, ...write].filter((path) => !isGranted({ name: "read", path })),
    write: write.filter((path) => !isGranted({ name: "write", path })),
    net: hosts.filter((host) => !isGranted({ name: "net", host })),
  };
  const flags = Object.entries(lacking).filter(([, values]) => values.length > 0).map(([name, values]) =>
    `--allow-${name}=${[...new Set(values)].map(flagValue).join(",")}`
  );
  if (flags.length === 0) return;
  throw new RangeError(`Deno was started without ${flags.join(" ")}: put that after "deno run", or -A for everything`);
}

function isGranted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}

/** Whether a file may be read without asking. */
export function mayRead(path: string): boolean {
  return isGranted({ name: "read", path });
}

/** Whether a file may be written, and read again, without asking. */
export function mayWrite(path: string): boolean {
  return isGranted({ name: "write", path }) && mayRead(path);
}

/** An environment variable, where the environment may be read. */
export function environment(variable: string): string | undefined {
  return isGranted({ name: "env", variable }) ? Deno.env.get(variable) : undefined;
}

/** Rows for commands that tell what runs do. */
export const seeingOthers = {
  "--allow-sys=hostname": "to see that another machine trains a run, where the folder is on both",
} as const;

/** A part of a command's help: what Deno must allow, and what else is used where it is allowed. */
export function permissionsHelp(rows: Readonly<Record<string, string>>): string {
  const width = Math.max(...Object.keys(rows).map((flags) => flags.length));
  const lines = Object.entries(rows).map(([flags, use]) => `  ${flags.padEnd(width)}  ${use}`);
  return `Permissions (deno run -A gives all of them):\n${lines.join("\n")}`;
}
