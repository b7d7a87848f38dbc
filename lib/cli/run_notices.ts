/**
 * What a run's losses are watched for, by what is known of it beforehand.
 *
 * @module
 */

import type { ValidationRecord } from "../train/events.ts";
import { progressOf } from "../train/schedule.ts";
import { curveNotices } from "./curve_notices.ts";
import { type Outlook, textTokens } from "./outlook.ts";
import type { Reporter } from "./reporter.ts";
import type { Run } from "./run.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Watches a run's losses and prints what they mean.
 *
 * @param validations Those of before, in order.
 */
export function runNotices(
  { opened: { corpus }, tokenizer, settings: { budget, contrastive, curriculum, learningRate: { warmup } }, state }:
    Run,
  { outlook, validations, terminal }: {
    outlook: Outlook | undefined;
    validations: readonly ValidationRecord[];
    terminal: Terminal;
  },
): Reporter {
  // of texts that are compared, what is known of tokens says nothing
  const known = contrastive ? undefined : outlook;
  return curveNotices({
    vocab: contrastive ? Infinity : tokenizer.size,
    entropy: known?.frequencies.entropy,
    textTokens: known && textTokens(corpus, known.frequencies),
    progress: (at) => progressOf(budget, at),
    finalLength: curriculum.at(-1)?.length,
    isWarmUp: (at) => "steps" in warmup ? at.step < warmup.steps : progressOf(budget, at) < warmup.share,
    validations,
    tokens: state?.tokens,
  }, (line) => terminal.print(line));
}
