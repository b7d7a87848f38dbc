/**
 * What Deno must allow for a command; asked before anything else, so that one sentence says all of it.
 *
 * @module
 */

type Name = "read" | "write" | "net" | "ffi";

/** What each command cannot do without, and what else it may use. */
const needs: Readonly<Record<string, { readonly all: readonly Name[]; readonly some: readonly Name[] }>> = {
  train: { all: ["read", "write"], some: ["net", "ffi"] },
  fill: { all: ["read"], some: ["net"] },
  eval: { all: ["read"], some: ["net", "ffi"] },
  embed: { all: ["read"], some: ["write", "net"] },
  export: { all: ["read", "write"], some: ["net"] },
  info: { all: ["read"], some: ["net"] },
  tokenizer: { all: ["read"], some: ["write", "net"] },
};

/** What the permissions are for that a command may do without. */
const purposes: Readonly<Partial<Record<Name, string>>> = {
  write: " for files",
  net: " for downloads and addresses",
  ffi: " for a system BLAS",
};

/** A sentence with the flags that a command needs, if Deno was started without one that it cannot do without. */
export function missingPermissions(command: string, args: readonly string[]): string | undefined {
  const { all = [], some = [] } = needs[command] ?? {};
  const paths = [".", ...args.filter((arg) => !arg.startsWith("-"))];
  const missing = all.filter((name) => !mayBeUsed(name, paths));
  if (missing.length === 0) return undefined;
  const flags = (names: readonly Name[]) => names.map((name) => `--allow-${name}`).join(" ");
  const others = some.map((name) => `--allow-${name}${purposes[name] ?? ""}`).join(" and ");
  return `Deno was started without ${flags(missing)}: run it as deno run -A, or with ${
    flags(all)
  } and, where wanted, ` +
    others;
}

/** Whether something of the kind is allowed, be it some files only. */
function mayBeUsed(name: Name, paths: readonly string[]): boolean {
  const isGranted = (descriptor: Deno.PermissionDescriptor) =>
    Deno.permissions.querySync(descriptor).state === "granted";
  if (isGranted({ name })) return true;
  return (name === "read" || name === "write") && paths.some((path) => isGranted({ name, path }));
}

/** An environment variable, where the environment may be read. */
export function environment(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}
