/**
 * Encoders for the bench: `small`, trained on a text for a number of tokens, by the command line as anyone would.
 *
 * @module
 */

import { checkpointSteps } from "../../lib/files/checkpoint_folder.ts";

/** A training run. */
export interface Pretraining {
  /** Name of the run. */
  readonly name: string;
  /** Path of the text. */
  readonly data: string;
  /** Flags that say how long. */
  readonly budget: readonly string[];
  /** Kind of vocabulary. */
  readonly tokenizer: "wordpiece" | "char";
  /** Other options of train, such as threads: they change no figure. */
  readonly options?: readonly string[] | undefined;
}

/** Tokens of a vocabulary of pieces of words. */
const VOCABULARY = 8192;

/** The folder of a run, trained unless it is there to its end; one that was interrupted goes on. */
export async function pretrained(
  folder: string,
  { name, data, budget, tokenizer, options = [] }: Pretraining,
): Promise<string> {
  const out = `${folder}/models`;
  const marker = `${out}/${name}.done`;
  if (await Deno.stat(marker).catch(() => undefined)) return `${out}/${name}`;
  const vocabulary = tokenizer === "wordpiece" ? ["--vocab", String(VOCABULARY)] : [];
  const root = new URL("../../", import.meta.url).pathname;
  const steps = await checkpointSteps(`${out}/${name}`);
  if (steps.length === 0) await Deno.remove(`${out}/${name}`, { recursive: true }).catch(() => {});
  const chosen = ["--tokenizer", tokenizer, ...vocabulary, ...budget, "--size", "small", ...options];
  const begin = ["--data", data, ...chosen, "--out", out, "--name", name];
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      `${root}cli.ts`,
      "train",
      ...(steps.length === 0 ? begin : ["--resume", `${out}/${name}`]),
    ],
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`Training ${name} ended with code ${code}`);
  await Deno.writeTextFile(marker, "");
  return `${out}/${name}`;
}
