/**
 * The page on runs, for the commands that serve it.
 *
 * @module
 */

import type { PageServer } from "../page/server.ts";
import { parseWhole } from "./flag_values.ts";
import type { Needs } from "./permissions.ts";

/** Where the page is, if nothing else is asked for. */
export const PAGE_PORT = 8087;

/** A port; 0 is any that is free. */
export const parsePort: (text: string) => number = parseWhole({ least: 0, most: 65_535 });

/** What Deno must allow for the page at a port. */
export const pageNeeds = (port: number): Needs => ({ net: [`http://127.0.0.1:${port}`] });

/** The page of a run that is about to be trained. */
export interface Dashboard extends PageServer {
  /** Shows a run, whose folder need not be there yet. */
  show(path: string): void;
}

/** Serves the page of a run; undefined: nobody asked for it. */
export async function openDashboard(port: number | undefined): Promise<Dashboard | undefined> {
  if (port === undefined) return undefined;
  const paths: string[] = [];
  const page = await openPage(paths, { port, flag: "--dashboard" });
  return { ...page, show: (path) => paths.push(path) };
}

/**
 * Serves the page on runs and folders of runs; where the usual port is taken, at one that is free.
 *
 * @throws {Error} if the port is taken, and another one may not be had.
 */
export async function openPage(
  paths: readonly string[],
  { port, flag }: { port: number; flag: string },
): Promise<PageServer> {
  // other commands need not wait for it
  const [{ servePage }, { watchRuns }] = await Promise.all([
    import("../page/server.ts"),
    import("../page/run_set.ts"),
  ]);
  try {
    return await servePage(watchRuns(paths), { port });
  } catch (error) {
    const isTaken = error instanceof Deno.errors.AddrInUse;
    if (!isTaken && !(error instanceof Deno.errors.PermissionDenied)) throw error;
    if (isTaken && port === PAGE_PORT && mayListen(0)) return await servePage(watchRuns(paths), { port: 0 });
    const why = isTaken ? "another program has it, perhaps another page" : "the system does not allow it";
    throw new Error(`Cannot show the page at port ${port}: ${why}; ${flag} 0 takes one that is free`);
  }
}

const mayListen = (port: number) =>
  Deno.permissions.querySync({ name: "net", host: `127.0.0.1:${port}` }).state === "granted";
