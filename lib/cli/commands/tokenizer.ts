/**
 * The command `tokenizer`: train, encode, decode, info.
 *
 * @module
 */

import { type Corpus, textsOf, trainingTexts } from "../../text/corpus.ts";
import { pieceEncoder } from "../../tokenizer/encode_pieces.ts";
import { specialIds } from "../../tokenizer/special_tokens.ts";
import { IdBuffer } from "../../tokenizer/token_ids.ts";
import { type Tokenizer, type TokenizerType, tokenizerTypes } from "../../tokenizer/tokenizer.ts";
import { parentOf, trimmed } from "../../files/paths.ts";
import { printableLines, quoted } from "../../sentences/safe_text.ts";
import { trainTokenizer } from "../../tokenizer/train_tokenizer.ts";
import { type CorpusChoice, openCorpus, skippedLines } from "../open_corpus.ts";

import { checkPermissions, permissionsHelp, readingOf } from "../permissions.ts";
import { program } from "../program.ts";

import { corpusChoice, textFlags } from "../corpus_flags.ts";
import { parseChoice, parseCount } from "../flag_values.ts";
import { either, flag, flagHelp, parseFlags, UsageError } from "../flags.ts";
import { grouped, percent } from "../figures.ts";
import { watchedVocabulary } from "../long_work.ts";
import { filesOf, lineWriter, sayHelp, standardInputPieces } from "../standard_streams.ts";
import { nearest } from "../suggestions.ts";
import { openTerminal, type Terminal } from "../terminal.ts";
import { CASED_ELSEWHERE, checkNoTokenizer, readTokenizer, writeTokenizer } from "../vocabulary_folder.ts";
import { DEFAULT_VOCABULARY } from "../train_defaults.ts";
import { trainFlags } from "../train_flags.ts";

const type = {
  ...flag("TYPE", either(tokenizerTypes), parseChoice(tokenizerTypes)),
  default: "wordpiece" as TokenizerType,
};
const size = { ...flag("N", "vocabulary size", parseCount), default: DEFAULT_VOCABULARY };
const out = flag("FOLDER", "folder for its files (required)", trimmed);
const { cased } = trainFlags;
const groups = { "Options of train": { type, size, cased, out, ...textFlags } };

/** Help of the command. */
const tokenizerHelp = `Trains vocabularies and turns text into token ids and back.

Usage: ${program} tokenizer train --out FOLDER [options]
       ${program} tokenizer encode FOLDER < text
       ${program} tokenizer decode FOLDER < ids
       ${program} tokenizer info FOLDER [--data PATH]

FOLDER holds tokenizer.json, vocab.txt, or vocab.json and merges.txt; a run's folder also works. encode writes a line
of ids for each line of text, without special tokens around it; decode does the reverse. Lines may be of any length where the
vocabulary splits text at spaces and they have some; otherwise a line is encoded as a whole, in about 40 bytes a character.

${flagHelp(groups)}

${
  permissionsHelp({
    "--allow-read=FOLDER,TEXT": "the vocabulary, and the text where there is one",
    "--allow-write=FOLDER": "for train, what is written",
    "--allow-net=HOST": "text at an address, and where train is given none the default one",
  })
}

Examples:
  ${program} tokenizer train --type bpe --size 8192 --data book.txt --out vocabulary
  echo "to be or not to be" | ${program} tokenizer encode vocabulary`;

const actions = ["train", "encode", "decode", "info"];

/** Runs the command; returns the exit code. */
export async function tokenizerCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  const [action, folder, ...rest] = parsed.positional;
  if (parsed.help) {
    sayHelp(tokenizerHelp);
    return 0;
  }
  const wanted = "Usage: tokenizer train --out FOLDER, or tokenizer encode|decode|info FOLDER";
  const near = action === undefined || actions.includes(action) ? undefined : nearest(action, actions);
  if (near !== undefined) throw new UsageError(`Unknown action ${quoted(action!)}; did you mean tokenizer ${near}?`);
  if (action === undefined || rest.length > 0) throw new UsageError(wanted);
  // a vocabulary is to be written though nobody looks on
  const terminal = openTerminal({ goesOn: action === "train" });
  if (action === "train") {
    const target = parsed.get(out);
    if (folder !== undefined || target === undefined) throw new UsageError("Usage: tokenizer train --out FOLDER");
    const options = { type: parsed.get(type), size: parsed.get(size), cased: parsed.get(cased) };
    checkPermissions({ ...readingOf(filesOf(parsed.all(textFlags.data))), write: [target] });
    return await train(terminal, corpusChoice(parsed), { ...options, out: target });
  }
  const other = parsed.given.find((name) => action !== "info" || !Object.hasOwn(textFlags, name));
  if (other) throw new UsageError(`Option --${other} has no effect with tokenizer ${action}`);
  if (!actions.includes(action) || folder === undefined) throw new UsageError(wanted);
  const data = action === "info" ? filesOf(parsed.all(textFlags.data)) : [];
  checkPermissions(readingOf([/\.(json|txt)$/.test(folder) ? parentOf(folder) : folder, ...data]));
  const tokenizer = await readTokenizer(folder);
  if (action === "info") return await info(terminal, tokenizer, corpusChoice(parsed));
  if (action === "encode") await encode(tokenizer);
  else await decode(tokenizer, terminal);
  return 0;
}

/** Characters of a line that are encoded as one: more make no string of ids. */
const LONGEST_TEXT = 1 << 28;

/** Writes the ids of standard input's lines; of a long one, as they become certain. */
async function encode(tokenizer: Tokenizer): Promise<void> {
  const write = lineWriter();
  const encoder = pieceEncoder(tokenizer);
  let [number, isBegun] = [1, false];
  const put = (ids: Uint32Array) => {
    for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
      write.part((isBegun ? " " : "") + ids.subarray(at, at + IDS_AT_ONCE).join(" "));
      isBegun = true;
    }
  };
  for await (const { text, isLast } of standardInputPieces()) {
    put(encoder.add(text, { isLast }));
    if (encoder.waiting > LONGEST_TEXT) {
      const what = `more than ${grouped(LONGEST_TEXT)} characters of it are one piece of text to this vocabulary`;
      throw new RangeError(`Cannot encode line ${number}: ${what}; break the line`);
    }
    if (!isLast) continue;
    write("");
    number++;
    isBegun = false;
  }
  write.flush();
}

/** Ids that are written at once. */
const IDS_AT_ONCE = 1 << 14;

/** Writes the texts of standard input's lines of ids. */
async function decode(tokenizer: Tokenizer, terminal: Terminal): Promise<void> {
  const write = lineWriter();
  let [number, cut] = [1, ""];
  let ids = new IdBuffer(16);
  for await (const { text, isLast } of standardInputPieces()) {
    // a number may go on in the next piece
    const whole = cut + text;
    const end = isLast ? whole.length : whole.search(/\S*$/);
    for (const id of parseIds(whole.slice(0, end), { number, size: tokenizer.size })) ids.push(id);
    cut = whole.slice(end);
    if (!isLast) continue;
    const decoded = tokenizer.decode(ids.take());
    // what another program reads is the text itself
    write(terminal.isInteractive ? printableLines(decoded) : decoded);
    number++;
    ids = new IdBuffer(16);
  }
  write.flush();
}

async function train(
  terminal: Terminal,
  choice: CorpusChoice,
  { type, size, cased, out }: { type: TokenizerType; size: number; cased: boolean | undefined; out: string },
): Promise<number> {
  if (cased && type !== "wordpiece") throw new UsageError(CASED_ELSEWHERE);
  await checkNoTokenizer(out);
  const opened = await openCorpus(choice, { seed: 1, keep: out });
  try {
    if (opened.notice) terminal.print(opened.notice);
    const started = performance.now();
    const watched = watchedVocabulary(terminal, { total: opened.bytes, size });
    const { progress } = watched;
    const texts = watched.texts(allTexts(opened.corpus));
    const tokenizer = await trainTokenizer(texts, { type, size, lowercase: !cased, progress }).finally(watched.end);
    await writeTokenizer(out, tokenizer, 512);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    if (tokenizer.size < size) {
      terminal.print(
        `the text supports only ${grouped(tokenizer.size)} tokens, fewer than the ${grouped(size)} wanted`,
      );
    }
    for (const line of skippedLines(opened.bad)) terminal.print(line);
    terminal.print(`${type}, ${grouped(tokenizer.size)} tokens from ${opened.corpus.name} in ${seconds} s: ${out}`);
    return 0;
  } finally {
    await opened.close();
  }
}

async function* allTexts(corpus: Corpus): AsyncGenerator<string> {
  yield* trainingTexts(corpus);
  yield* textsOf(corpus, "validation");
}

/** Lines by which a tokenizer is judged, and of text that never ends. */
const INFO_LINES = 20_000;
const ENDLESS_INFO_LINES = 1000;

async function info(terminal: Terminal, tokenizer: Tokenizer, choice: CorpusChoice): Promise<number> {
  const length = (token: string) => [...token].length;
  const special = specialIds(tokenizer);
  const pieces = tokenizer.tokens.filter((_, id) => !special.has(id));
  const longest = [...pieces].sort((a, b) => length(b) - length(a) || (a < b ? -1 : 1)).slice(0, 8);
  const rows = [
    ["type", tokenizer.type],
    ["tokens", grouped(tokenizer.size)],
    ["special tokens", Object.entries(tokenizer.special).map(([name, id]) => `${name} ${id}`).join(", ")],
    ["longest pieces", longest.join(" ")],
  ];
  // without text of one's own, the built-in stories give an idea
  const data = choice.data.length > 0 ? choice.data : ["stories"];
  const opened = await openCorpus({ ...choice, data }, { seed: 1 });
  try {
    let [words, tokens, unknown, lines] = [0, 0, 0, 0];
    for await (const line of textsOf(opened.corpus, "training")) {
      const ids = tokenizer.encode(line);
      words += line.match(/\S+/gu)?.length ?? 0;
      tokens += ids.length;
      for (const id of ids) if (id === tokenizer.special["[UNK]"]) unknown++;
      if (++lines >= (opened.corpus.endless ? ENDLESS_INFO_LINES : INFO_LINES)) break;
    }
    rows.push(["text", `${opened.corpus.name}, ${grouped(lines)} lines, ${grouped(words)} words`]);
    rows.push(["tokens a word", (tokens / Math.max(1, words)).toFixed(3)]);
    rows.push(["unknown", percent(unknown / Math.max(1, tokens), 3)]);
  } finally {
    await opened.close();
  }
  const width = Math.max(...rows.map(([name]) => name!.length));
  for (const [name, value] of rows) terminal.print(`${name!.padEnd(width)}  ${value}`);
  return 0;
}

function parseIds(line: string, { number, size }: { number: number; size: number }): number[] {
  return line.split(/\s+/).filter((text) => text !== "").map((text) => {
    const id = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(id < size)) throw new RangeError(`Cannot decode "${text}" in line ${number}: ids are 0 to ${size - 1}`);
    return id;
  });
}
