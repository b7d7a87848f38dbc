/**
 * The command `train`.
 *
 * @module
 */

import { flagHelp, parseFlags, UsageError } from "../flags.ts";
import { newRun } from "../new_run.ts";
import { program } from "../program.ts";
import { resumedRun } from "../resumed_run.ts";
import { openTerminal } from "../terminal.ts";
import { trainFlagGroups, trainFlags as flags } from "../train_flags.ts";
import { trainRun } from "../train_run.ts";

/** Help of the command. */
export const trainHelp = `Trains a masked language model and keeps it in a run folder.

Usage: ${program} train [options]

${flagHelp(trainFlagGroups)}

Examples:
  ${program} train
  ${program} train --data book.txt --size tiny --tokens 300k
  ${program} train --data 'corpus/*.txt' --curriculum 32:20%,64:20%,128 --minutes 10
  ${program} train --preset labml --epochs 10
  ${program} train --init bert-base-uncased --data law.txt --add-tokens law_words.txt
  ${program} train --resume runs/modernbert-small-shakespeare`;

/** Runs the command; returns the exit code. */
export async function trainCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(trainFlagGroups, args);
  if (parsed.help) {
    console.log(trainHelp);
    return 0;
  }
  if (parsed.positional.length > 0) {
    throw new UsageError(`Unexpected argument "${parsed.positional[0]}"; text to train on is given by --data`);
  }
  const terminal = openTerminal();
  const resumed = parsed.get(flags.resume);
  const run = resumed === undefined ? await newRun(parsed, terminal) : await resumedRun(parsed, resumed, terminal);
  try {
    return await trainRun(run, { parsed, terminal });
  } finally {
    run.claim.release();
    await run.base?.opened?.weights.close();
    await run.opened.close();
  }
}
