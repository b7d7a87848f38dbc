/**
 * The command `fill`.
 *
 * @module
 */

import { exists, isFolder } from "../../files/paths.ts";
import { type Filled, spelledMask } from "../../inference/fill.ts";
import { printableLines, quoted, safeJson, shortened } from "../../sentences/safe_text.ts";
import { encodeWithSpecials, splitAtSpecials } from "../../tokenizer/special_tokens.ts";
import type { Tokenizer } from "../../tokenizer/tokenizer.ts";
import { checkpoint, checkpointPath } from "../checkpoint_choice.ts";
import { parseFew } from "../flag_values.ts";
import { flag, flagHelp, parseFlags, UsageError } from "../flags.ts";
import { grouped, percent } from "../figures.ts";
import { filesOf, isConversation, lineWriter, sayAside, sayHelp, textsOf } from "../standard_streams.ts";
import { deviceFlags, devicePermissions, folderHelp, json, modelPermissions, withModel } from "../opened_model.ts";
import { checkPermissions, permissionsHelp, readingOf } from "../permissions.ts";
import { program } from "../program.ts";

import { openTerminal, paint } from "../terminal.ts";
import { trainFlags } from "../train_flags.ts";

const topK = { ...flag("N", "candidates shown for each mask", parseFew), default: 5 };
const file = flag(
  "PATH",
  "fill the lines of a file, of .jsonl, .csv and .parquet the texts; - for standard input",
  (text) => text,
);
const { field, format } = trainFlags;
const groups = { Options: { file, field, format, "top-k": topK, checkpoint, json, ...deviceFlags } };

/** Help of the command. */
const fillHelp = `Fills in the [MASK]s of texts with what a trained model finds most probable.

Usage: ${program} fill DIR [TEXT] [options]

${folderHelp}
Without a text, and with --file, every line is filled; a line without masks stays as it is. --json prints for each text
{"text", "filled", "masks": [{"position", "candidates": [{"token", "id", "probability"}]}]}.

${flagHelp(groups)}

${permissionsHelp({ ...modelPermissions, ...devicePermissions })}

Examples:
  ${program} fill runs/modernbert-small-shakespeare "home [MASK]s where i want to be"
  ${program} fill bert-base-uncased --file questions.txt --top-k 3 --json
  ${program} fill runs/law "the court [MASK] the appeal" --checkpoint best`;

const wanted = 'Usage: fill DIR "text with a [MASK]"';

/** Runs the command; returns the exit code. */
export async function fillCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(fillHelp);
    return 0;
  }
  const [path, text, ...rest] = parsed.positional;
  if (path === undefined) throw new UsageError(wanted);
  if (rest.length > 0) {
    const whole = [text, ...rest].join(" ");
    throw new UsageError(
      `Found ${rest.length + 1} texts; put one text in quotes: fill ${shortened(path)} ${quoted(whole)}`,
    );
  }
  if (text !== undefined && !await exists(path) && await isFolder(text)) {
    throw new UsageError(
      `${quoted(text)} is a folder and ${quoted(path)} is none; the model comes first: fill ${shortened(text)} ${
        quoted(path)
      }`,
    );
  }
  const given = text === undefined ? [] : [text];
  checkPermissions(readingOf([path, ...filesOf([parsed.get(file)])]));
  const texts = textsOf(given, {
    file: parsed.get(file),
    field: parsed.get(field),
    format: parsed.get(format),
    wanted,
  });
  return await withModel(await checkpointPath(path, parsed.get(checkpoint)), parsed, async (model) => {
    const { tokenizer } = model;
    if (text !== undefined) checkMasked(tokenizer, text);
    const write = lineWriter({ atOnce: isConversation(given, parsed.get(file)) });
    const show = parsed.get(json) ? (result: Filled) => write(safeJson(result)) : printer(write);
    let [misspelled, spelling] = [0, ""];
    for await (const result of model.fillTexts(texts, { topK: parsed.get(topK) })) {
      show(result);
      const [found] = MISSPELLED.exec(withoutMasks(tokenizer, result.text.slice(0, SEARCHED))) ?? [];
      if (found !== undefined && misspelled++ === 0) spelling = found;
    }
    write.flush();
    if (misspelled > 0) {
      const holding = `${grouped(misspelled)} ${misspelled === 1 ? "text holds" : "texts hold"}`;
      sayAside(
        `note: ${holding} ${spelling} or the like, which stays as it is: write ${spelledMask(tokenizer)}`,
      );
    }
    return 0;
  });
}

/** Throws if a text has nothing to fill. */
function checkMasked(tokenizer: Tokenizer, text: string): void {
  if (encodeWithSpecials(tokenizer, text).includes(tokenizer.special["[MASK]"])) return;
  const [found] = MISSPELLED.exec(text) ?? [];
  throw new UsageError(
    found === undefined
      ? `The text ${quoted(text)} has no ${spelledMask(tokenizer)} to fill`
      : `Found ${found}, which is text like any other: write ${spelledMask(tokenizer)}`,
  );
}

/** What people write for a mask where it is spelled otherwise. */
const MISSPELLED = /(?<![[<{(|])[[<{(|]+ *mask(ed)? *[\]>})|]+|_{3,}/i;
/** Characters of a text in which such masks are looked for. */
const SEARCHED = 1 << 16;

/** A text without the masks that are spelled rightly. */
const withoutMasks = (tokenizer: Tokenizer, text: string) =>
  splitAtSpecials(tokenizer, text).map(({ text, special }) => special === undefined ? text : " ").join("");

function printer(write: (line: string) => void): (result: Filled) => void {
  const terminal = openTerminal();
  return ({ filled, masks }) => {
    const text = printableLines(filled);
    write(masks.length > 0 ? paint(terminal, "bold", text) : text);
    for (const [i, { candidates }] of masks.entries()) {
      const list = candidates.map(({ token, probability }) => `${safeJson(token)} ${percent(probability)}`);
      write(`  mask ${i + 1}: ${list.join("  ")}`);
    }
  };
}
