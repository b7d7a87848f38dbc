/**
 * The command `classify`: train, predict, eval.
 *
 * @module
 */

import { quoted } from "../../sentences/safe_text.ts";
import { classifyEval } from "../classify_eval.ts";
import { classifyGroups, fineTuneFlags, readFlags, tellFlags } from "../classify_flags.ts";
import { classifyPredict } from "../classify_predict.ts";
import { classifyTrain } from "../classify_train.ts";
import { flagHelp, type ParsedFlags, parseFlags, UsageError } from "../flags.ts";
import { devicePermissions, folderHelp, modelPermissions } from "../opened_model.ts";
import { permissionsHelp } from "../permissions.ts";
import { program } from "../program.ts";
import { sayHelp } from "../standard_streams.ts";
import { nearest } from "../suggestions.ts";

/** Help of the command. */
const classifyHelp = `Trains classifiers of texts or of words, uses them and measures them.

Usage: ${program} classify train DIR --data LABELLED --out FOLDER [options]
       ${program} classify train --resume FOLDER
       ${program} classify predict FOLDER [TEXT...] [options]
       ${program} classify eval FOLDER --data LABELLED [options]

${folderHelp}
train takes the encoder of DIR and trains all its weights with a new head: eight texts a class will do, a hundred thousand are fine.
FOLDER gets a model of BertForSequenceClassification or ModernBertForSequenceClassification, with --tokens of
BertForTokenClassification or ModernBertForTokenClassification; predict and eval take such folders from elsewhere too.
A training of more than a minute is kept in FOLDER/.training; one that was cut short goes on with --resume.
predict reads its texts, the lines of --file, or those of standard input, and prints a line of JSON for each: {"text", "label",
"probability", "probabilities": {class: probability}}, of words {"text", "words": [{"word", "tag", "probability"}]}.

${flagHelp(classifyGroups)}

${
  permissionsHelp({
    ...modelPermissions,
    "--allow-write=FOLDER":
      "of train: what is written, and --allow-read=FOLDER, for files get their names when they are whole",
    ...devicePermissions,
  })
}

Examples:
  ${program} classify train bert-base-uncased --data reviews.csv --out reviews-classifier
  ${program} classify predict reviews-classifier "it broke at once"
  ${program} classify train bert-base-uncased --tokens --data names.conll --out names-tagger`;

/** What each action takes. */
const actions: Readonly<
  Record<string, {
    readonly run: (parsed: ParsedFlags, args: readonly string[]) => Promise<number>;
    readonly others: readonly string[];
  }>
> = {
  train: { run: (parsed, args) => classifyTrain(parsed, args), others: ["file", ...Object.keys(tellFlags)] },
  predict: { run: classifyPredict, others: ["data", "label", "skip-bad", "json", ...Object.keys(fineTuneFlags)] },
  eval: { run: classifyEval, others: ["file", "top", ...Object.keys(fineTuneFlags)] },
};

/** Runs the command; returns the exit code. */
export async function classifyCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(classifyGroups, args);
  if (parsed.help) {
    sayHelp(classifyHelp);
    return 0;
  }
  const [name] = parsed.positional;
  const action = name !== undefined && Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (!action) {
    const near = name === undefined ? undefined : nearest(name, Object.keys(actions));
    if (near !== undefined) throw new UsageError(`Unknown action ${quoted(name!)}; did you mean classify ${near}?`);
    throw new UsageError("Usage: classify train DIR --data LABELLED --out FOLDER, or classify predict|eval FOLDER");
  }
  const wrong = parsed.given.find((flag) => action.others.includes(flag));
  if (wrong !== undefined) throw new UsageError(`Option --${wrong} has no effect with classify ${name}`);
  if (parsed.get(readFlags.tokens) && parsed.get(readFlags.windows)) {
    throw new UsageError("Option --windows has no effect with --tokens: long sentences are always read in pieces");
  }
  if (parsed.get(readFlags.tokens) && parsed.get(fineTuneFlags.pool)) {
    throw new UsageError("Option --pool has no effect with --tokens: each word is told by its own tokens");
  }
  if (parsed.get(fineTuneFlags.validation) === 0 && parsed.get(fineTuneFlags.patience) !== undefined) {
    throw new UsageError("Option --patience has no effect with --validation 0: nothing is held out to be looked at");
  }
  return await action.run(parsed, args);
}
