/**
 * The command `embed`.
 *
 * @module
 */

import { checkpoint, checkpointPath } from "../checkpoint_choice.ts";
import { parentOf } from "../../files/paths.ts";
import { poolModes, vectorWay } from "../../inference/embed.ts";
import { quoted } from "../../sentences/safe_text.ts";
import { bytesOfTexts, fileParts, vectorsOf, type VectorsOptions } from "../embed_texts.ts";
import { parseChoice } from "../flag_values.ts";
import { flag, flagHelp, flagSwitch, type ParsedFlags, parseFlags, UsageError } from "../flags.ts";
import { grouped } from "../figures.ts";
import { filesOf, isConversation, sayAside, sayHelp, sayWrapped } from "../standard_streams.ts";
import { deviceFlags, devicePermissions, folderHelp, modelPermissions, withModel } from "../opened_model.ts";
import { checkPermissions, permissionsHelp, readingOf } from "../permissions.ts";
import { program } from "../program.ts";
import { byteCounter, longWork, progressAside } from "../long_work.ts";
import { trainFlags } from "../train_flags.ts";
import {
  type NamedVector,
  namesBeside,
  printVectors,
  scaled,
  type Vectors,
  withoutMean,
  writeJsonVectors,
  writeNpy,
} from "../vector_files.ts";

const text = (value: string) => value;
const file = {
  ...flag("PATH", "embed a file, the files of a folder or a glob, or - for standard input; may be repeated", text),
  repeatable: true,
};
const by = {
  ...flag(
    "PART",
    "one vector for each line (record, row), file, or chunk of the longest sequence",
    parseChoice(fileParts),
  ),
  default: fileParts[0],
};
const out = flag("PATH", "write to a file, .jsonl or .npy (default: JSON lines to standard output)", text);
const pool = flag(
  "KIND",
  `mean of all tokens, or cls, the first one (default: what a model of sentence-transformers says, or ${poolModes[0]})`,
  parseChoice(poolModes),
);
const removeMean = flagSwitch(
  "subtract the mean of all vectors from each; a temporary file holds them if they are many",
);
const normalize = flagSwitch("scale every vector to length 1, after that");
const { field, format } = trainFlags;
const groups = {
  Options: { file, by, field, format, out, pool, "remove-mean": removeMean, normalize, checkpoint, ...deviceFlags },
};

const writingPermissions = {
  "--allow-write=FOLDER":
    "with --out: the folder of the file, and --allow-read of it, because the file is renamed when complete",
};

/** Help of the command. */
const embedHelp = `Turns texts into vectors: hidden states of the last layer, one vector a text.

Such vectors are good for finding near duplicates, for grouping texts, and as features of a classifier that you train; also
for similarity within one domain, with --remove-mean. They are not made for search by meaning as they are: all vectors are similar,
and a question lies far from its answer. Models that were trained by comparing texts are for that: train --objective
contrastive makes them, and of a folder of sentence-transformers vectors are made as that says.

Usage: ${program} embed DIR [TEXT...] [options]

${folderHelp} It needs no head.
JSON lines are {"name", "text", "embedding"}: the name is FILE:LINE, FILE#CHUNK or FILE, absent for texts from elsewhere, and whole
files come without their text. A .npy file holds float32 [texts, width], as numpy.load reads it, with the names in NAME.names.txt
beside. A line that is too long is cut off; a file is cut into chunks, whose mean, weighted by tokens, is its vector.

${flagHelp(groups)}

${permissionsHelp({ ...modelPermissions, ...writingPermissions, ...devicePermissions })}

Examples:
  ${program} embed runs/modernbert-small-shakespeare "to be or not to be"
  ${program} embed bert-base-uncased --file titles.txt --out titles.npy
  ${program} embed bert-base-uncased --file notes --by file --remove-mean --normalize --out notes.jsonl`;

const wanted = 'Usage: embed DIR "a text", or --file FILE';

/** Runs the command; returns the exit code. */
export async function embedCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(embedHelp);
    return 0;
  }
  const { path, target, texts } = inputsOf(parsed);
  const write = target === undefined ? [] : [parentOf(target)];
  checkPermissions({ ...readingOf([path, ...filesOf(texts.files)]), write });
  return await withModel(await checkpointPath(path, parsed.get(checkpoint)), parsed, async (model) => {
    const { width, maxLength } = model.config;
    const way = vectorWay(model, { pool: parsed.get(pool), normalize: parsed.get(normalize) || undefined });
    let cut = 0;
    const count = byteCounter();
    let bytes = 0;
    const read = (text: string) => bytes = count(text);
    let vectors: Vectors = vectorsOf(model, { ...texts, pool: way.pool, read, cut: () => cut++ });
    // who sees the vectors come sees how far it is
    if (target !== undefined || !Deno.stdout.isTerminal()) {
      const total = await bytesOfTexts(texts.files);
      vectors = withProgress(vectors, {
        unit: texts.by === "line" ? "texts" : `${texts.by}s`,
        bytes: () => bytes,
        total,
      });
    }
    if (parsed.get(removeMean)) vectors = withoutMean(vectors, { width, folder: write[0] });
    // after their mean was subtracted
    if (way.normalize) vectors = scaled(vectors);
    await writeVectors(vectors, { target, texts, width });
    if (cut > 0) {
      sayAside(
        `note: ${grouped(cut)} texts were longer than ${maxLength} tokens and were cut off; ` +
          "--by chunk embeds all of them",
      );
    }
    return 0;
  });
}

/** What is embedded, and where the vectors go. */
interface Inputs {
  readonly path: string;
  readonly target: string | undefined;
  readonly texts: Omit<VectorsOptions, "cut">;
}

/** What the arguments say, checked together. */
function inputsOf(parsed: ParsedFlags): Inputs {
  const [path, ...given] = parsed.positional;
  if (path === undefined) throw new UsageError(wanted);
  const target = parsed.get(out);
  if (target !== undefined && !/\.(jsonl|npy)$/.test(target)) {
    throw new UsageError(`Cannot write vectors to ${quoted(target)}: its name must end in .jsonl or .npy`);
  }
  const [files, part] = [parsed.all(file), parsed.get(by)];
  if (given.length > 0 && files.length > 0) throw new UsageError("Give either texts or --file, not both");
  if (given.length === 0 && files.length === 0 && Deno.stdin.isTerminal()) throw new UsageError(wanted);
  if (part !== "line" && files.length === 0) {
    throw new UsageError(`Option --by ${part} is for files: --file PATH, or --file - for standard input`);
  }
  const text = { field: parsed.get(field), format: parsed.get(format) };
  return { path, target, texts: { given, files, text, by: part, pool: parsed.get(pool) } };
}

/** Writes vectors to a file or to standard output. */
async function writeVectors(
  vectors: Vectors,
  { target, texts: { given, files, by }, width }: Omit<Inputs, "path"> & { width: number },
): Promise<void> {
  if (target === undefined) {
    const atOnce = isConversation(given, files.length === 1 ? files[0] : files[0] && "files");
    return await printVectors(vectors, { atOnce });
  }
  if (!target.endsWith(".npy")) return await writeJsonVectors(target, vectors);
  const names = by !== "line" || files.some((file) => file !== "-");
  await writeNpy(target, vectors, { width, names });
  if (names) sayWrapped(`${target}  names in ${namesBeside(target)}`);
}

/** Says on standard error how far it is. */
async function* withProgress(
  vectors: Vectors,
  { unit, bytes, total }: { unit: string; bytes: () => number; total: number | undefined },
): AsyncGenerator<NamedVector> {
  const work = longWork(progressAside(), "embedding");
  let done = 0;
  try {
    for await (const vector of vectors) {
      work.at(bytes(), { total, words: `${grouped(++done)} ${unit}` });
      yield vector;
    }
  } finally {
    work.end();
  }
}
