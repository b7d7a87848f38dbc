/**
 * Who may ask a server: on this machine everyone, elsewhere those who know a secret, and nowhere the pages of other sites.
 *
 * @module
 */

import { isOwnName, refusalOf } from "../page/own_requests.ts";
import { RequestError } from "./work.ts";

/** Where a server listens, and for whom. */
export interface Access {
  /** Name or number of the network device. */
  readonly host: string;
  /** Further names that it is asked by. */
  readonly names: readonly string[];
  /** What those who ask must know; undefined: nothing. */
  readonly token: string | undefined;
}

/** Whether only this machine reaches a host. */
export const isLoopback = (host: string): boolean => isOwnName(host.includes(":") ? `[${host}]` : host);

/** Numbers for names, which no other site can take. */
const NUMBERS = /^(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-f:.]+\])(:\d+)?$/i;

/**
 * Throws for a request that is not answered.
 *
 * @throws {RequestError} with status 403 or 401.
 */
export function checkAccess(request: Request, access: Access, { isPublic = false } = {}): void {
  const { host, names, token } = access;
  const known = new Set([host, ...names].map((name) => name.toLowerCase()));
  const isNamed = (found: string) => known.has(found.toLowerCase().replace(/:\d+$/, ""));
  // a secret is known by no page that pretends to be this one by another name
  const isOwn = (found: string) =>
    token !== undefined || isOwnName(found) || isNamed(found) || (!isLoopback(host) && NUMBERS.test(found));
  const others = [...known].filter((name) => !isLoopback(name));
  const refusal = refusalOf(request, { isOwn, names: ["127.0.0.1", "localhost", ...others].join(" or ") });
  if (refusal !== undefined) throw new RequestError(refusal, 403);
  if (token === undefined || isPublic || knows(request, token)) return;
  throw new RequestError("The request has no token, or not the right one: send authorization: Bearer TOKEN", 401, {
    "www-authenticate": 'Bearer realm="cloze", Basic realm="cloze"',
  });
}

/** Whether a request has the token: as programs send it, or as browsers send a password. */
function knows({ headers }: Request, token: string): boolean {
  const [, scheme = "", value = ""] = /^(\w+) +(\S+)$/.exec(headers.get("authorization") ?? "") ?? [];
  if (scheme.toLowerCase() === "bearer") return areEqual(value, token);
  if (scheme.toLowerCase() !== "basic") return false;
  try {
    return areEqual(atob(value).replace(/^[^:]*:/, ""), token);
  } catch {
    return false;
  }
}

/** Whether texts are equal, in a time that does not tell where they differ. */
function areEqual(found: string, wanted: string): boolean {
  let difference = found.length ^ wanted.length;
  for (let i = 0; i < wanted.length; i++) {
    difference |= found.charCodeAt(i % Math.max(1, found.length)) ^ wanted.charCodeAt(i);
  }
  return difference === 0;
}
