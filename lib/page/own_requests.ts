/**
 * Which requests a server on this machine answers: those that name it as it is called, and none of other sites' pages.
 *
 * @module
 */

/** Only this machine reaches it. */
export const LOOPBACK = "127.0.0.1";

/** Headers of every answer: nothing is kept, and other sites may neither read nor frame it. */
export const ownHeaders: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** Names that this machine has for itself; behind a tunnel the port is another one. */
const OWN_NAME = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/** Whether a host with its port, as requests name it, is this machine's name for itself. */
export const isOwnName = (host: string): boolean => OWN_NAME.test(host);

/** The address that a request asks for; undefined where its words make none, as a host with a bracket too many. */
export function addressOf({ url }: Pick<Request, "url">): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
}

/** Options of {@linkcode refusalOf}. */
export interface RefusalOptions {
  /** Whether the server has a name. Default: those that this machine has for itself. */
  isOwn?: (host: string) => boolean;
  /** What the names are, to stand behind "use". */
  names?: string;
}

/** Why a request is not answered; undefined: it is. Pages from elsewhere can neither ask nor pretend to be this one. */
export function refusalOf(
  request: Pick<Request, "url" | "headers">,
  { isOwn = isOwnName, names = "127.0.0.1 or localhost" }: RefusalOptions = {},
): string | undefined {
  const { headers } = request;
  const host = headers.get("host") ?? "";
  const asked = addressOf(request)?.host;
  // an address in the request itself counts more than the header
  if (!isOwn(host) || asked === undefined || !isOwn(asked)) return `This page has no such name: use ${names}`;
  const origin = headers.get("origin");
  // behind a proxy that encrypts the scheme is another one
  if (origin !== null && origin !== `http://${host}` && origin !== `https://${host}`) {
    return "Other pages may not ask for this";
  }
  const site = headers.get("sec-fetch-site") ?? "none";
  // a link that is followed gives the page before nothing
  const isFollowed = headers.get("sec-fetch-mode") === "navigate" && headers.get("sec-fetch-dest") === "document";
  return site === "none" || site === "same-origin" || isFollowed ? undefined : "Other pages may not ask for this";
}
