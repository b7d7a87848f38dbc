/**
 * The command `index`.
 *
 * @module
 */

import { absolute, exists, isFolder, trimmed } from "../../files/paths.ts";
import { type PassageKind, passageKinds } from "../../inference/passages.ts";
import { isUntaught, passageTokens } from "../../inference/vector_index.ts";
import type { MaskedLanguageModel } from "../../inference/load.ts";
import { poolModes, vectorWay } from "../../inference/embed.ts";
import { counted } from "../../sentences/counted.ts";
import { quoted, safeJson } from "../../sentences/safe_text.ts";
import { checkpoint, checkpointPath } from "../checkpoint_choice.ts";
import { parseChoice, parseExtent, parseWhole } from "../flag_values.ts";
import { flag, flagHelp, type ParsedFlags, parseFlags, UsageError } from "../flags.ts";
import { grouped } from "../figures.ts";
import { documentSources, indexSources } from "../index_documents.ts";
import {
  type IndexedFile,
  type IndexWays,
  isIndex,
  passagesIn,
  readIndex,
  type StoredIndex,
  writeIndex,
} from "../index_folder.ts";
import { isSameModel } from "../index_model.ts";
import { longWork, progressAside } from "../long_work.ts";
import { busyDeviceFlags, devicePermissions, folderHelp, json, modelPermissions, withModel } from "../opened_model.ts";
import { checkPermissions, permissionsHelp, readingOf } from "../permissions.ts";
import { program } from "../program.ts";
import { shellWord } from "../shell_word.ts";
import { filesOf, say, sayAside, sayHelp, sayWrapped } from "../standard_streams.ts";
import { trainFlags } from "../train_flags.ts";

const model = flag("DIR", "the model that makes the vectors; a run's folder, or any Hugging Face folder", trimmed);
const out = flag("FOLDER", "the index; one that is there is brought up to date", trimmed);
const by = {
  ...flag<PassageKind>("KIND", "what a passage is: paragraph, or window (of words)", parseChoice(passageKinds)),
  default: passageKinds[0] as PassageKind,
};
const length = flag("N", "tokens of a passage at most (default: 128, or what the model reads)", parseExtent);
const overlap = flag(
  "N",
  "tokens that windows, and parts of long paragraphs, have in common (default: a quarter)",
  parseWhole({ least: 0, most: 1e6 }),
);
const pool = flag("KIND", "mean or cls, as for embed", parseChoice(poolModes));
const whiten = flag(
  "HOW",
  "yes or no: compare vectors where they vary as much in each direction (default: yes, unless the model's folder says how its vectors are made)",
  parseChoice(["yes", "no"]),
);
const { field } = trainFlags;
const groups = {
  Options: { model, out, by, length, overlap, field, pool, whiten, checkpoint, json, ...busyDeviceFlags },
};

const indexPermissions = { "--allow-write=FOLDER": "the index; --allow-read of it and of the documents" };

/** Help of the command. */
const indexHelp = `Makes an index of documents, in which search finds passages by their vectors.

Usage: ${program} index FOLDER|FILE... --model DIR --out FOLDER [options]

${folderHelp} Models that were trained by comparing texts (train --objective contrastive, or from sentence-transformers) find by
meaning; those that only predict masked tokens find what is alike in words and style, and have their vectors whitened.

Files are plain text, Markdown, and .jsonl, .csv, .tsv, .json and .parquet, of which every record is a document; compressed or not.
A passage is a paragraph, headings and questions with what follows them; long ones are cut into windows that overlap. The index is a folder with
index.json, vectors.npy (float32 [passages, width], as numpy.load reads it) and passages.jsonl, a line for each row. Made once
more, it is cut and pooled as before unless other options are given, only files that have changed are read by the model, and what is not named any
more leaves it.

${flagHelp(groups)}

${permissionsHelp({ ...modelPermissions, ...indexPermissions, ...devicePermissions })}

Examples:
  ${program} index notes --model runs/notes-vectors --out notes.index
  ${program} index 'manual/**/*.md' faq.csv --field answer --model all-MiniLM-L6-v2 --out help.index
  ${program} index books --by window --length 64 --overlap 16 --model runs/books --out books.index`;

const wanted = "Usage: index FOLDER --model DIR --out INDEX";

/** Runs the command; returns the exit code. */
export async function indexCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(indexHelp);
    return 0;
  }
  const { positional: paths } = parsed;
  const target = parsed.get(out);
  if (paths.length === 0 || target === undefined) throw new UsageError(wanted);
  const old = await formerIndex(target);
  const path = parsed.get(model) ?? old?.config.model;
  if (path === undefined) throw new UsageError(`Option --model says which model makes the vectors. ${wanted}`);
  checkPermissions({ ...readingOf([path, ...filesOf(paths), target]), write: [target] });
  const sources = await documentSources(paths, { out: target, note: (sentence) => sayAside(`note: ${sentence}`) });
  const place = await checkpointPath(path, parsed.get(checkpoint));
  return await withModel(place, parsed, async (model) => {
    const ways = waysOf(parsed, { model, old, place: absolute(place) });
    const before = old && await usable(old, { model, ways });
    const work = longWork(progressAside(), "indexing");
    const passedOver: string[] = [];
    const parts = await indexSources(model, sources, {
      ways,
      before,
      // one that was named is wanted; one of a folder may be anything
      passOver: (name, { message }) => !paths.includes(name) && passedOver.push(message) > 0,
      progress: ({ done, files, passages }) =>
        work.at(done, {
          total: files,
          words: `${grouped(passages)} passages, ${grouped(done)} of ${grouped(files)} files`,
        }),
    }).finally(() => {
      work.end();
      notePassedOver(passedOver);
    });
    const { files, unchanged, vectors, passages } = parts;
    const width = model.config.width;
    await writeIndex(target, { model: absolute(place), width, ways, sources: paths, files }, { vectors, passages });
    tell(parsed, { target, files: files.length, unchanged, passages: passagesIn(files), before });
    noteGone(old, files);
    return 0;
  }, { isBusy: true });
}

/** The index that is there, if one is. */
async function formerIndex(path: string): Promise<StoredIndex | undefined> {
  if (!await exists(path)) return undefined;
  if (await isIndex(path)) {
    return await readIndex(path).catch((error) => {
      if (!(error instanceof SyntaxError)) throw error;
      sayAside(`note: ${error.message.replace("; make it anew with index --out", "")}; all of it is made anew`);
      return undefined;
    });
  }
  const isEmpty = await isFolder(path) && (await Array.fromAsync(Deno.readDir(path))).length === 0;
  if (isEmpty) return undefined;
  throw new UsageError(
    `Cannot write an index to ${quoted(path)}: there is something else; --out names a folder of its own`,
  );
}

/** Says which files hold no text that can be read. */
function notePassedOver(why: readonly string[]): void {
  if (why.length === 0) return;
  const others = why.length > 1 ? `, and so are ${counted(why.length - 1, "other file")}` : "";
  sayAside(`note: ${why[0]}; it is left out${others}`);
}

/** Says which files of the index before are no longer in it. */
function noteGone(old: StoredIndex | undefined, files: readonly IndexedFile[]): void {
  const names = new Set(files.map(({ name }) => name));
  const gone = (old?.config.files ?? []).filter(({ name }) => !names.has(name));
  if (gone.length === 0) return;
  const [first] = gone;
  const others = gone.length > 1 ? ` and ${counted(gone.length - 1, "other file")}` : "";
  sayAside(
    `note: ${first!.name}${others} ${gone.length > 1 ? "are" : "is"} no longer among the documents: ` +
      `${counted(passagesIn(gone), "passage")} left the index`,
  );
}

/** How paragraphs are told from headings now: passages of before are not to be mixed with these. */
const PARAGRAPHS = 2;

/** How documents are cut and pooled: as is said, otherwise as in the index before. */
function waysOf(
  parsed: ParsedFlags,
  { model, old, place }: { model: MaskedLanguageModel; old: StoredIndex | undefined; place: string },
): IndexWays {
  const before = old?.config.ways;
  const most = passageTokens(model);
  const { maxLength } = model.config;
  const tokens = parsed.get(length) ?? Math.min(before?.length ?? most, maxLength);
  if (tokens > maxLength) {
    throw new UsageError(`Passages of ${tokens} tokens are too long: this model reads ${maxLength}`);
  }
  const isAsBefore = before !== undefined && parsed.get(length) === undefined && tokens === before.length;
  const common = parsed.get(overlap) ?? (isAsBefore ? before.overlap : Math.floor(Math.min(tokens, most) / 4));
  if (common >= tokens) {
    throw new UsageError(`Passages of ${tokens} tokens cannot have ${common} in common: give fewer`);
  }
  const isWhitened = parsed.get(whiten);
  const [known, asked] = [parsed.get(field) ?? before?.field, { pool: parsed.get(pool) }];
  // a pooling that is not known is told where none is asked for
  const { pool: own } = vectorWay(model, asked);
  const isPooledAsBefore = before !== undefined && asked.pool === undefined &&
    old?.config.model === place;
  return {
    by: before && !parsed.given.includes("by") ? before.by : parsed.get(by),
    length: tokens,
    overlap: common,
    ...(known === undefined ? {} : { field: known }),
    pool: isPooledAsBefore ? before.pool : own,
    whiten: isWhitened === undefined
      ? isPooledAsBefore ? before.whiten : isUntaught(model, asked)
      : isWhitened === "yes",
    paragraphs: PARAGRAPHS,
  };
}

/** An index of before whose vectors can stay; undefined, and why, where all are to be made anew. */
async function usable(
  old: StoredIndex,
  { model, ways }: { model: MaskedLanguageModel; ways: IndexWays },
): Promise<StoredIndex | undefined> {
  const anew = (why: string) => {
    sayAside(`note: ${why}: all of the index is made anew`);
    return undefined;
  };
  if (!await isSameModel(model, old)) return anew(`the model is another than ${old.config.model}, or has changed`);
  // what is done when vectors are compared changes none of them
  if (JSON.stringify({ ...old.config.ways, whiten: ways.whiten }) === JSON.stringify(ways)) return old;
  return anew("passages were cut or pooled in another way");
}

function tell(
  parsed: ParsedFlags,
  { target, files, unchanged, passages, before }: {
    target: string;
    files: number;
    unchanged: number;
    passages: number;
    before: StoredIndex | undefined;
  },
): void {
  if (parsed.get(json)) return say(safeJson({ index: target, passages, files, unchanged }));
  const kept = before ? `, ${grouped(unchanged)} of them as before` : "";
  sayWrapped(`${target}  ${counted(passages, "passage")} of ${counted(files, "file")}${kept}; search it with:`);
  say(`  ${program} search "words" --index ${shellWord(target)}`);
}
