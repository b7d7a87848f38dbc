/**
 * The texts of the race, and how each is cut into tokens.
 *
 * @module
 */

/** A text to train on and to be judged on. */
export interface RaceText {
  /** What it is called in the log. */
  readonly name: string;
  /** Flags of `train`: text, vocabulary and final length, which is that of the evaluation. */
  readonly flags: readonly string[];
}

/** Where the texts lie that are not in the repository: beside it. */
const DATA = new URL("../../../shared/data/", import.meta.url);

const texts: Readonly<Record<string, { file: string; source: string; flags: readonly string[] }>> = {
  shakespeare: {
    file: "tinyshakespeare.txt",
    source: "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    flags: ["--tokenizer", "char"],
  },
  wikipedia: {
    file: "wikitext2-valid.txt",
    source: "https://raw.githubusercontent.com/pytorch/examples/main/word_language_model/data/wikitext-2/valid.txt",
    flags: ["--tokenizer", "wordpiece", "--vocab", "4096"],
  },
};

/** Final length where nothing else is said: the default of `train`. */
export const RACE_LENGTH = 128;

/**
 * A text by name, or any file, which is read by characters.
 *
 * @throws {RangeError} if the file is not there, with where to get it.
 */
export async function textOf(
  name: string,
  { length = RACE_LENGTH, folder = DATA }: { length?: number; folder?: URL } = {},
): Promise<RaceText> {
  const known = texts[name];
  const path = known ? decodeURIComponent(new URL(known.file, folder).pathname) : name;
  if (!(await Deno.stat(path).catch(() => undefined))?.isFile) {
    const wish = known ? `: get it from ${known.source}, or give a file of your own with --text PATH` : "";
    throw new RangeError(`Cannot race on ${name}: there is no file ${path}${wish}`);
  }
  return {
    name: known ? name : path,
    flags: ["--data", path, ...known?.flags ?? ["--tokenizer", "char"], "--length", String(length)],
  };
}
