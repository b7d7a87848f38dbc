/**
 * Encoders for the bench: `small`, trained on a text for a number of tokens, by the command line as anyone would.
 *
 * @module
 */

/** A training run. */
export interface Pretraining {
  /** Name of the run. */
  readonly name: string;
  /** Path of the text. */
  readonly data: string;
  /** Tokens to train on. */
  readonly tokens: number;
  /** Kind of vocabulary. */
  readonly tokenizer: "wordpiece" | "char";
  /** Other options of train, such as threads: they change no figure. */
  readonly options?: readonly string[] | undefined;
}

/** Tokens of a vocabulary of pieces of words. */
const VOCABULARY = 8192;

/** The folder of a run, trained unless it is there to its end. */
export async function pretrained(
  folder: string,
  { name, data, tokens, tokenizer, options = [] }: Pretraining,
): Promise<string> {
  const out = `${folder}/models`;
  const marker = `${out}/${name}.done`;
  if (await Deno.stat(marker).catch(() => undefined)) return `${out}/${name}`;
  const vocabulary = tokenizer === "wordpiece" ? ["--vocab", String(VOCABULARY)] : [];
  const root = new URL("../../", import.meta.url).pathname;
  const chosen = ["--tokenizer", tokenizer, ...vocabulary, "--tokens", String(tokens), "--size", "small", ...options];
  await Deno.remove(`${out}/${name}`, { recursive: true }).catch(() => {});
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      `${root}cli.ts`,
      "train",
      "--data",
      data,
      ...chosen,
      "--out",
      out,
      "--name",
      name,
    ],
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`Training ${name} ended with code ${code}`);
  await Deno.writeTextFile(marker, "");
  return `${out}/${name}`;
}
