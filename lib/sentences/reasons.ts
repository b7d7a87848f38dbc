/**
 * Why something failed, in words of this package: what the operating system, the network and the runtime say is told again.
 *
 * @module
 */

import { printable, quoted, shortened } from "./safe_text.ts";

/** What codes of the operating system mean to who waits for a file. */
const systemReasons: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left there",
  EDQUOT: "the quota is used up",
  EFBIG: "the file grows larger than is allowed there",
  EROFS: "it is read-only",
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  ENOENT: "there is no such file or folder",
  ENOTDIR: "a part of the path is a file",
  EISDIR: "it is a folder, not a file",
  EEXIST: "there is something of that name",
  ENOTEMPTY: "a folder of that name is there",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "its links lead in a circle",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  ENOMEM: "there is no memory left",
  ENXIO: "there is no such device",
  ENODEV: "there is no such device",
  EINVAL: "the system cannot do that with it",
  EBUSY: "it is in use",
  ETXTBSY: "it is in use",
  ESTALE: "the folder that it lay in is gone",
  EIO: "the disk does not answer as it should",
  EPIPE: "nobody reads it any more",
  EBADF: "it is closed",
  EAGAIN: "it is not ready",
  ECONNREFUSED: "nothing answers at that address",
  ECONNRESET: "the connection broke",
  ECONNABORTED: "the connection broke",
  ETIMEDOUT: "it does not answer in time",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no network",
};

/** The same by the names of Deno's errors, where there is no code. */
const classReasons: Readonly<Record<string, string>> = {
  NotFound: systemReasons.ENOENT!,
  PermissionDenied: systemReasons.EACCES!,
  AlreadyExists: systemReasons.EEXIST!,
  IsADirectory: systemReasons.EISDIR!,
  NotADirectory: systemReasons.ENOTDIR!,
  FilesystemLoop: systemReasons.ELOOP!,
  BrokenPipe: systemReasons.EPIPE!,
  BadResource: systemReasons.EBADF!,
  TimedOut: systemReasons.ETIMEDOUT!,
  ConnectionRefused: systemReasons.ECONNREFUSED!,
  ConnectionReset: systemReasons.ECONNRESET!,
  ConnectionAborted: systemReasons.ECONNABORTED!,
  UnexpectedEof: "it ends too early",
  InvalidData: "it holds what cannot be read",
  Interrupted: "it was interrupted",
  TimeoutError: systemReasons.ETIMEDOUT!,
  AbortError: "it was given up",
};

/** What fetch says, by what can be told from it. */
const networkReasons: readonly (readonly [RegExp, string])[] = [
  [/connection refused/i, "nothing answers at that address"],
  [/dns error|failed to lookup|name or service|nodename nor servname/i, "there is no such host, or no network"],
  [/certificate|tls|handshake/i, "no safe connection can be made"],
  [/timed? ?out/i, "it does not answer in time"],
  [/network is unreachable|no route/i, "there is no network"],
  [/redirect/i, "it leads from one address to the next without end"],
  [/blocked/i, "that port may not be used"],
  [/invalid url|builder error|url scheme/i, "it is no address"],
  [/connection (closed|reset)|broken pipe|unexpected eof|incomplete|end of file/i, "the connection broke"],
  [/decod|body/i, "its answer cannot be read"],
];

/** What Deno was not allowed to do, as the flag that would allow it. */
function missingFlag(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const match = /Requires (?:all|(\w+)) access(?: to "?(.*?)"?)?, run again with/.exec(error.message);
  if (error.name !== "NotCapable" && !match) return undefined;
  const [, kind, what] = match ?? [];
  if (kind === undefined) return "-A";
  const isNamed = what !== undefined && what !== "" && !what.startsWith("<");
  return `--allow-${kind}${isNamed ? `=${flagValue(what)}` : ""}`;
}

/** A value of one of Deno's flags, as shells and Deno take it. */
export function flagValue(value: string): string {
  const doubled = printable(value).replaceAll(",", ",,");
  return /^[\w./:@%+=,\\-]+$/.test(doubled) ? doubled : `'${doubled}'`;
}

/** Why something failed, to stand behind a colon; undefined for an error that no system gave. */
export function systemReason(error: unknown): string | undefined {
  const flag = missingFlag(error);
  if (flag) return `Deno was started without ${flag}`;
  if (!(error instanceof Error)) return undefined;
  const { code } = error as Error & { code?: unknown };
  if (typeof code === "string") {
    const known = systemReasons[code];
    if (known) return known;
  }
  const named = classReasons[error.name];
  if (named) return named;
  const [, number] = /\(os error (\d+)\)/.exec(error.message) ?? [];
  if (typeof code === "string" && /^E[A-Z0-9]+$/.test(code)) return `the system refuses it (${code})`;
  return number === undefined ? undefined : `the system refuses it (error ${number})`;
}

/** Why nothing came from an address, to stand behind a colon. */
export function networkReason(error: unknown): string {
  const flag = missingFlag(error);
  if (flag) return `Deno was started without ${flag}`;
  const message = messages(error);
  return networkReasons.find(([pattern]) => pattern.test(message))?.[1] ?? systemReason(error) ??
    "the connection failed";
}

/** What an error says, and those that it came from. */
function messages(error: unknown): string {
  return error instanceof Error ? `${error.message} ${error.cause ? messages(error.cause) : ""}` : String(error);
}

/** How engines speak of a value that they cannot use. */
const ENGINE =
  /is not (a function|iterable|defined|a constructor)|reading '|Invalid (array|typed array|array buffer|string) (buffer )?length|Maximum call stack|allocation failed|out of memory|Unexpected (token|end of|non-whitespace)|is not valid JSON|in JSON at position/i;
const ENGINE_CANNOT =
  /^Cannot (use '\w+' operator|read propert|set propert|destructure|convert (undefined|object|\[|a )|mix BigInt|access '\w+' before)/;

/** Whether a message is what the engine says, not this package. */
export function isOfEngine(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof ReferenceError) return true;
  const { message } = error;
  return message.startsWith("Cannot ") ? ENGINE_CANNOT.test(message) : ENGINE.test(message);
}

/** Memory that could not be had. */
const MEMORY =
  /allocation failed|out of memory|Invalid (array|typed array|array buffer) (buffer )?length|could not allocate/i;

/** What went wrong as a sentence of this package, whatever threw it. */
export function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return `Cannot go on: ${shortened(String(error))}`;
  const reason = systemReason(error);
  const [, path] = /: \w+ '(.*)'(?: -> '.*')?$/.exec(error.message) ?? [];
  if (reason) return path ? `Cannot use ${quoted(path)}: ${reason}` : `Cannot go on: ${reason}`;
  if (MEMORY.test(error.message) && isOfEngine(error)) return "Cannot go on: there is no memory left";
  if (isOfEngine(error)) {
    return `Cannot go on, by a fault of this program (${
      quoted(error.message)
    }); CLOZE_DEBUG=1 shows where, to report it`;
  }
  return error.message;
}
