/**
 * What Deno must allow for a command; asked before anything else, so that one sentence says all of it.
 *
 * @module
 */

type Name = "read" | "write" | "net" | "ffi";

/** What a command with these arguments cannot do without, and what else it may use. */
function needsOf(command: string, args: readonly string[]): { all: readonly Name[]; some: readonly Name[] } {
  const writes = args.some((arg) => arg === "--out" || arg.startsWith("--out="));
  switch (command) {
    case "train":
      return { all: ["read", "write"], some: ["net", "ffi"] };
    case "export":
      return { all: ["read", "write"], some: ["net"] };
    case "embed":
    case "tokenizer":
      return { all: writes ? ["read", "write"] : ["read"], some: ["net"] };
    case "eval":
      return { all: ["read"], some: ["net", "ffi"] };
    default:
      return { all: ["read"], some: ["net"] };
  }
}

/** What the permissions are for that a command may do without. */
const purposes: Readonly<Partial<Record<Name, string>>> = {
  net: " for downloads and addresses",
  ffi: " for a system BLAS",
};

/** A sentence with the flags that a command needs, if Deno was started without one that it cannot do without. */
export function missingPermissions(command: string, args: readonly string[]): string | undefined {
  const { all, some } = needsOf(command, args);
  // values of options stand behind them, or behind "="
  const paths = [".", ...args.map((arg) => arg.replace(/^--[\w-]+=/, "")).filter((arg) => !/^(-|$)/.test(arg))];
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

/** Whether a file may be read without asking. */
export function mayRead(path: string): boolean {
  return mayBeUsed("read", [path]);
}

/** An environment variable, where the environment may be read. */
export function environment(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}
