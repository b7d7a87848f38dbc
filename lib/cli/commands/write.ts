/**
 * The command `write`.
 *
 * @module
 */

import { type WritingOrder, writingOrders } from "../../inference/continue_text.ts";
import { printableLines, safeJson } from "../../sentences/safe_text.ts";
import { checkpoint, checkpointPath } from "../checkpoint_choice.ts";
import { parseChoice, parseCount, parseFew, parseNumber, parseWhole } from "../flag_values.ts";
import { flag, flagHelp, parseFlags, UsageError } from "../flags.ts";
import { deviceFlags, devicePermissions, folderHelp, json, modelPermissions, withModel } from "../opened_model.ts";
import { checkPermissions, permissionsHelp, readingOf } from "../permissions.ts";
import { program } from "../program.ts";
import { say, sayHelp, writeOutput } from "../standard_streams.ts";

const tokens = { ...flag("N", "how many tokens to write", parseCount), default: 50 };
const order = {
  ...flag<WritingOrder>(
    "ORDER",
    "fill the place first that is most certain, or from left to right",
    parseChoice(writingOrders),
  ),
  default: writingOrders[0] as WritingOrder,
};
const temperature = {
  ...flag(
    "X",
    "above 1 more daring, below it less; 0 takes the most probable token",
    (value) => parseNumber(value, { zero: true }),
  ),
  default: 0.7,
};
const topK = { ...flag("N", "most probable tokens that are drawn from", parseFew), default: 40 };
const seed = { ...flag("N", "seed of what is drawn", parseWhole({ least: 0, most: 2 ** 32 - 1 })), default: 1 };
const groups = { Options: { tokens, order, temperature, "top-k": topK, seed, checkpoint, json, ...deviceFlags } };

/** Help of the command. */
const writeHelp = `Goes on with a text, token by token: masks behind it are filled one after the other.

Usage: ${program} write DIR "a beginning" [options]

${folderHelp}
Models of masked tokens are not made for writing: what comes shows what a model knows of its texts. The same seed gives the same
text. Of a text longer than the model reads, its end is in sight.

${flagHelp(groups)}

${permissionsHelp({ ...modelPermissions, ...devicePermissions })}

Examples:
  ${program} write runs/modernbert-small-shakespeare "KING HENRY:" --tokens 200 --order left
  ${program} write bert-base-uncased "the best way to learn is" --tokens 20 --temperature 0`;

/** Runs the command; returns the exit code. */
export async function writeCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(writeHelp);
    return 0;
  }
  const [path, ...words] = parsed.positional;
  if (path === undefined || words.length === 0) throw new UsageError('Usage: write DIR "a beginning"');
  const beginning = words.join(" ").toWellFormed();
  checkPermissions(readingOf([path]));
  const options = {
    tokens: parsed.get(tokens),
    order: parsed.get(order),
    temperature: parsed.get(temperature),
    topK: parsed.get(topK),
    seed: parsed.get(seed),
  };
  const isJson = parsed.get(json) ?? false;
  return await withModel(await checkpointPath(path, parsed.get(checkpoint)), parsed, async (model) => {
    let text = "";
    const show = (piece: string) => writeOutput(new TextEncoder().encode(printableLines(piece)));
    for await (const piece of model.continueText(beginning, options)) {
      // only now: what cannot be gone on with says so first
      if (text === "" && !isJson) show(beginning);
      text += piece;
      if (!isJson) show(piece);
    }
    if (isJson) say(safeJson({ beginning, text: beginning + text, seed: options.seed }));
    else writeOutput(new TextEncoder().encode("\n"));
    return 0;
  });
}
