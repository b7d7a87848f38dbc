/**
 * The command `watch`.
 *
 * @module
 */

import { flag, flagHelp, parseFlags } from "../flags.ts";
import { listenForInterrupts } from "../interrupt.ts";
import { checkRuns } from "../named_runs.ts";
import { openPage, PAGE_PORT, pageNeeds, parsePort } from "../page_server.ts";
import { checkPermissions, permissionsHelp, readingOf, seeingOthers } from "../permissions.ts";
import { program } from "../program.ts";
import { noteDamageAt } from "../run_damage.ts";
import { sayHelp, sayWrapped } from "../standard_streams.ts";

const port = { ...flag("PORT", "where the page is; 0: any port that is free", parsePort), default: PAGE_PORT };
const groups = { Options: { port } };

const watchPermissions = {
  "--allow-read=RUNS": "the runs",
  [`--allow-net=127.0.0.1:${PAGE_PORT}`]: "the page, for this machine alone",
  ...seeingOthers,
};

/** Help of the command. */
const watchHelp =
  `Shows runs on a page in a browser: their curves, settings and samples, while they are trained and after.

Usage: ${program} watch [RUNS] [options]

RUNS are runs or folders of runs (default: runs); of a folder, runs that are begun later are shown too. Only this machine
reaches the page, and it needs no network. Ctrl-C ends it.

${flagHelp(groups)}

${permissionsHelp(watchPermissions)}

Examples:
  ${program} watch
  ${program} watch runs/* --port 9000`;

/** Runs the command; returns the exit code. */
export async function watchCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(watchHelp);
    return 0;
  }
  const paths = parsed.positional.length > 0 ? parsed.positional : ["runs"];
  checkPermissions({ ...readingOf(paths), ...pageNeeds(parsed.get(port)) });
  await checkRuns(paths, "watch", { mayBegin: true });
  const page = await openPage(paths, { port: parsed.get(port), flag: "--port" });
  const ended = Promise.withResolvers<void>();
  const { remove } = listenForInterrupts({ stopping: () => ended.resolve(), leaving: () => {} });
  sayWrapped(`page    ${page.address}\nCtrl-C ends it`);
  await noteDamageAt(paths);
  try {
    // the page is there while runs are read, and who ends it does not wait for that
    await Promise.race([ended.promise, noteDamageAt(paths).then(() => ended.promise)]);
  } finally {
    remove();
    await page.close();
  }
  return 0;
}
