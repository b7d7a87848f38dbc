/**
 * What of runs is damaged, said on standard error beside what a command tells of them.
 *
 * @module
 */

import { readRecord, type RunRecord } from "./run_record.ts";
import { sayAside } from "./standard_streams.ts";

/** Says of which runs something cannot be read, and what. */
export function noteDamage(runs: readonly Pick<RunRecord, "path" | "problems">[]): void {
  for (const { path, problems } of runs) {
    if (problems.length > 0) sayAside(`note: ${path} is damaged: ${problems.join("; ")}`);
  }
}

/** The same of all runs at paths. */
export async function noteDamageAt(paths: readonly string[]): Promise<void> {
  const { runFolders } = await import("../page/run_set.ts");
  noteDamage(await Promise.all((await runFolders(paths)).map(readRecord)));
}
