/**
 * The command `search`.
 *
 * @module
 */

import { absolute, trimmed } from "../../files/paths.ts";
import { embedTexts } from "../../inference/embed.ts";
import type { MaskedLanguageModel } from "../../inference/load.ts";
import { nearestVectors } from "../../inference/vector_index.ts";
import { printable, quoted, safeJson } from "../../sentences/safe_text.ts";
import { parseFew } from "../flag_values.ts";
import { flag, flagHelp, parseFlags, UsageError } from "../flags.ts";
import { readIndex, type StoredIndex, type StoredPassage } from "../index_folder.ts";
import { isSameModel } from "../index_model.ts";
import { deviceFlags, devicePermissions, json, modelPermissions, withModel } from "../opened_model.ts";
import { checkPermissions, permissionsHelp, readingOf } from "../permissions.ts";
import { program } from "../program.ts";
import { shellWord } from "../shell_word.ts";
import { snippet } from "../snippet.ts";
import { isConversation, lineWriter, sayHelp, textsOf } from "../standard_streams.ts";
import { openTerminal, paint, type Terminal } from "../terminal.ts";

const index = flag("FOLDER", "the index, as index made it", trimmed);
const top = { ...flag("N", "passages to find", parseFew), default: 10 };
const model = flag("DIR", "the model, where it is not where it was any more (default: that of the index)", trimmed);
const groups = { Options: { index, top, model, json, ...deviceFlags } };

/** Help of the command. */
const searchHelp = `Finds the passages of an index that lie nearest to some words.

Usage: ${program} search [WORDS] --index FOLDER [options]

All vectors are compared, in memory: nothing is missed. Of each passage found it prints the cosine, the file with the line that the
passage begins in (of a record its number), and some of its text. Without words, every line of standard input that is not blank is looked for.
--json prints for each {"query", "results": [{"score", "file", "line", "text"}]}.

${flagHelp(groups)}

${permissionsHelp({ ...modelPermissions, "--allow-read=FOLDER": "the index", ...devicePermissions })}

Examples:
  ${program} search "who keeps the keys" --index notes.index
  ${program} search "how do I get my money back" --index help.index --top 3 --json`;

const wanted = 'Usage: search "words" --index FOLDER';

/** Runs the command; returns the exit code. */
export async function searchCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(searchHelp);
    return 0;
  }
  const [path, words] = [parsed.get(index), parsed.positional.join(" ")];
  if (path === undefined) throw new UsageError(wanted);
  const given = parsed.positional.length === 0 ? [] : [words];
  if (given.length > 0 && words.trim() === "") throw new UsageError(`There is nothing to look for in ${quoted(words)}`);
  checkPermissions(readingOf([path, parsed.get(model)]));
  const stored = await readIndex(path);
  const queries = textsOf(given, { file: undefined, field: undefined, format: undefined, wanted });
  return await withModel(parsed.get(model) ?? stored.config.model, parsed, async (loaded) => {
    await checkModel(loaded, { stored, path, chosen: parsed.get(model) });
    const write = lineWriter({ atOnce: isConversation(given, undefined) });
    // who types a question knows which one is answered
    const areNamed = given.length === 0 && !Deno.stdin.isTerminal();
    const show = parsed.get(json) ? (found: Found) => write(asJson(found)) : printer(write, openTerminal(), areNamed);
    for await (const found of searched(loaded, stored, { queries, top: parsed.get(top) })) show(found);
    write.flush();
    return 0;
  });
}

/** Throws where vectors of the model do not belong among those of the index. */
async function checkModel(
  loaded: MaskedLanguageModel,
  { stored, path, chosen }: { stored: StoredIndex; path: string; chosen: string | undefined },
): Promise<void> {
  if (await isSameModel(loaded, stored)) return;
  const { model, sources } = stored.config;
  if (chosen !== undefined && absolute(chosen) !== model) {
    throw new RangeError(
      `Cannot search ${path} with ${loaded.place}: its vectors are those of ${model}; leave out --model`,
    );
  }
  throw new RangeError(
    `Cannot search ${path}: the model ${loaded.place} is not as it was when the index was made; ` +
      `${program} index ${sources.map((source) => shellWord(source)).join(" ")} --model ${shellWord(model)} --out ${
        shellWord(path)
      } makes it anew`,
  );
}

/** What was found for some words. */
interface Found {
  readonly query: string;
  readonly results: readonly (StoredPassage & { readonly score: number })[];
}

async function* searched(
  loaded: MaskedLanguageModel,
  { vectors, config: { width, ways: { pool, whiten } }, passage }: StoredIndex,
  { queries, top }: { queries: AsyncIterable<string> | Iterable<string>; top: number },
): AsyncGenerator<Found> {
  const nearest = nearestVectors({ vectors, width, whiten });
  for await (const { text, embedding } of embedTexts(loaded, withWords(queries), { pool })) {
    yield { query: text, results: nearest(embedding, top).map(({ row, score }) => ({ ...passage(row), score })) };
  }
}

/** Without blank lines, which look for nothing. */
async function* withWords(queries: AsyncIterable<string> | Iterable<string>): AsyncGenerator<string> {
  for await (const query of queries) if (query.trim() !== "") yield query;
}

const asJson = ({ query, results }: Found) =>
  safeJson({
    query,
    results: results.map(({ score, name, line, text }) => ({
      score: Number(score.toFixed(6)),
      file: name,
      line,
      text,
    })),
  });

/** Columns of a score, and of what stands before a snippet. */
const INDENT = 6;

function printer(write: (line: string) => void, terminal: Terminal, areNamed: boolean): (found: Found) => void {
  let isFirst = true;
  return ({ query, results }) => {
    if (areNamed) write(`${isFirst ? "" : "\n"}${snippet(query, { query: "", columns: terminal.columns })}`);
    isFirst = false;
    for (const { score, name, line, text } of results) {
      const place = line === undefined ? name : `${name}:${line}`;
      write(`${score.toFixed(3).padStart(INDENT - 1)} ${paint(terminal, "bold", printable(place))}`);
      write(" ".repeat(INDENT) + snippet(text, { query, columns: Math.max(20, terminal.columns - INDENT) }));
    }
  };
}
