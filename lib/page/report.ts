/**
 * The page as one file with its runs in it.
 *
 * @module
 */

import { pageOf } from "./page.ts";
import { watchRuns } from "./run_set.ts";

/** The report on runs and folders of runs; it asks nobody for anything. */
export async function reportOn(paths: readonly string[]): Promise<string> {
  const runs = watchRuns(paths);
  await runs.refresh();
  const messages = [...runs.views.values()].flatMap((view) => view.since(undefined)?.message ?? []);
  return (await pageOf(messages)).html;
}
