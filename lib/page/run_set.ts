/**
 * The runs that a page shows, read from their folders.
 *
 * @module
 */

import { checkpointSteps } from "../files/checkpoint_folder.ts";
import { isTrained } from "../files/lock_signs.ts";
import { baseName, exists, isFolder, joined, trimmed } from "../files/paths.ts";
import { createRunView, type RunView } from "./run_view.ts";
import { tailOf } from "./tail.ts";

/** Runs that are looked at. */
export interface RunSet {
  /** Reads what is new; at most once at a time. */
  refresh(): Promise<void>;
  /** The runs by path. */
  readonly views: ReadonlyMap<string, RunView>;
}

/** Follows runs and folders of runs; those that appear later too. */
export function watchRuns(paths: readonly string[]): RunSet {
  const runs = new Map<string, { view: RunView; refresh: () => Promise<void> }>();
  const views = new Map<string, RunView>();
  let busy: Promise<void> | undefined;
  const refresh = async () => {
    const found = await runFolders(paths);
    for (const path of views.keys()) {
      if (found.includes(path)) continue;
      runs.delete(path);
      views.delete(path);
    }
    for (const path of found) {
      const run = runs.get(path) ?? openRun(path);
      runs.set(path, run);
      await run.refresh();
      views.set(path, run.view);
    }
  };
  return { views, refresh: () => busy ??= refresh().finally(() => busy = undefined) };
}

/** The runs at paths and in folders of runs, by name; `*` behind a folder means those in it. */
export async function runFolders(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const given of paths) {
    const path = trimmed(given.replace(/(^|[\\/])\*$/, "$1")) || ".";
    if (await isRun(path)) found.push(path);
    else found.push(...await runsIn(path));
  }
  return [...new Set(found)];
}

const isRun = async (path: string) =>
  await exists(joined(path, "metrics.jsonl")) || await isFolder(joined(path, "checkpoints"));

async function runsIn(folder: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder));
    const folders = entries.filter(({ isFile, name }) => !isFile && !name.startsWith(".")).map(({ name }) => name);
    // a tenth run stands behind the ninth
    const paths = folders.sort(new Intl.Collator("en", { numeric: true }).compare).map((name) => joined(folder, name));
    const areRuns = await Promise.all(paths.map(isRun));
    return paths.filter((_, i) => areRuns[i]);
  } catch {
    // what cannot be read holds no runs that could be shown
    return [];
  }
}

function openRun(path: string): { view: RunView; refresh: () => Promise<void> } {
  const view = createRunView(path, baseName(path));
  const metrics = tailOf(joined(path, "metrics.jsonl"), { line: view.metric, again: view.forgetMetrics });
  const samples = tailOf(joined(path, "samples.jsonl"), { line: view.sample, again: view.forgetSamples });
  let configured: number | undefined;
  return {
    view,
    async refresh() {
      const settings = joined(path, "config.json");
      const time = await modified(settings);
      if (time !== configured) {
        configured = time;
        view.configure(await Deno.readTextFile(settings).then(JSON.parse).catch(() => undefined));
      }
      await metrics();
      await samples();
      view.setRunning(isTrained(path), (await checkpointSteps(path).catch(() => [])).at(-1));
    },
  };
}

/** When a file was written; undefined where there is none. */
async function modified(path: string): Promise<number | undefined> {
  return await Deno.stat(path).then(({ mtime }) => mtime?.getTime() ?? 0, () => undefined);
}
