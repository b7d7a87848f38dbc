/**
 * How to go on with a run that was cut short.
 *
 * @module
 */

import { cameFromInput } from "./open_corpus.ts";
import { program } from "./program.ts";
import { resumeCommand } from "./resume_command.ts";
import type { Run } from "./run.ts";
import { shellWord } from "./shell_word.ts";

/**
 * How to go on with a run from a checkpoint, as the end of a sentence and a command; of text from standard input only a new run can.
 *
 * @param from The checkpoint, in words; `flags`: more of the command.
 */
export function goingOn(
  { path, opened: { choice } }: Pick<Run, "path" | "opened">,
  { from = "", flags = "" }: { from?: string; flags?: string } = {},
): string {
  if (cameFromInput(choice)) {
    const begin = `${program} train --init ${shellWord(path)} --data TEXT`;
    return `standard input cannot be read again, so begin another run with its model:\n  ${begin}`;
  }
  return `go on${from} with:\n  ${resumeCommand(path)}${flags}`;
}
