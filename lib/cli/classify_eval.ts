/**
 * `classify eval`.
 *
 * @module
 */

import { safeJson } from "../sentences/safe_text.ts";
import { checkpointPath } from "./checkpoint_choice.ts";
import { checkWhole } from "./classify_keeper.ts";
import { readFlags, tellFlags } from "./classify_flags.ts";
import { cutNotice, scoreLines, scoreNotices } from "./classify_report.ts";
import { evaluated, opened as openedUnit, unitOf } from "./classify_unit.ts";
import { type ParsedFlags, UsageError } from "./flags.ts";
import { progressAside, watchedItems } from "./long_work.ts";
import { skippedLines } from "./open_corpus.ts";
import { openLabelled } from "./open_labelled.ts";
import { withModel } from "./opened_model.ts";
import { checkPermissions, readingOf } from "./permissions.ts";
import { filesOf, say, sayAside } from "./standard_streams.ts";
import { openTerminal } from "./terminal.ts";

/** Measures a classifier on labelled data; returns the exit code. */
export async function classifyEval(parsed: ParsedFlags): Promise<number> {
  const [, path, ...rest] = parsed.positional;
  const data = parsed.all(readFlags.data);
  if (path === undefined || rest.length > 0 || data.length === 0) {
    throw new UsageError("Usage: classify eval FOLDER --data LABELLED");
  }
  checkPermissions(readingOf([path, ...filesOf(data)]));
  await checkWhole(path);
  const opened = await openLabelled(data, parsed);
  try {
    return await withModel(await checkpointPath(path, parsed.get(readFlags.checkpoint)), parsed, async (model) => {
      const told = openedUnit(model, parsed);
      const unit = unitOf(told);
      const examples = watchedItems(progressAside(), "classifying", opened.examples());
      const score = await evaluated(told, examples, { windows: parsed.get(readFlags.windows) });
      if (score.count === 0) throw new RangeError(`Cannot measure on ${opened.name}: it holds no ${unit} with a label`);
      if (parsed.get(tellFlags.json)) say(safeJson({ data: opened.name, ...score }));
      else {
        const terminal = openTerminal();
        for (const line of scoreLines(opened.name, score, { unit, width: terminal.columns })) terminal.print(line);
      }
      const cut = cutNotice(score, model.config.maxLength);
      for (const notice of [...scoreNotices(score, unit), ...cut ? [cut] : []]) sayAside(`note: ${notice}`);
      for (const line of skippedLines(opened.bad)) sayAside(line);
      return 0;
    }, { classifier: true, isBusy: true });
  } finally {
    await opened.close();
  }
}
