/**
 * Whether validations of several runs measure the same: on the same text, with the same vocabulary, with the same tokens masked.
 *
 * @module
 */

import { checkpointName, checkpointSteps } from "../files/checkpoint_folder.ts";
import { joined } from "../files/paths.ts";
import { grouped } from "./figures.ts";
import { sha256 } from "./file_print.ts";
import type { RunRecord } from "./run_record.ts";

/** What decides which tokens a validation predicts; undefined is what is not known. */
export interface EvaluationKey {
  /** The text. */
  readonly text: string | undefined;
  /** Print of the vocabulary. */
  readonly vocabulary: string | undefined;
  /** Tokens of a window. */
  readonly length: number | undefined;
  /** Most tokens that are read. */
  readonly tokens: number | undefined;
  /** How windows are filled, and how masked tokens are replaced. */
  readonly way: string | undefined;
}

/** The key of a run's validations. */
export async function evaluationKey(run: RunRecord): Promise<EvaluationKey> {
  return { ...keyOf(run), vocabulary: await vocabularyOf(run.path) };
}

/** The same without the vocabulary, which is in another file. */
export function keyOf({ config, evaluateTokens }: RunRecord): EvaluationKey {
  const training = config?.training;
  return {
    text: config && textOf(config),
    vocabulary: undefined,
    length: training?.curriculum.at(-1)?.length,
    tokens: evaluateTokens,
    // earlier versions packed and masked in one way
    way: training && `packed by ${training.pack ?? "none"}, masked by ${training.maskRule}`,
  };
}

/** The text by its settings and the prints of its files, wherever they lie; what came from standard input is not known. */
function textOf({ text, files }: NonNullable<RunRecord["config"]>): string | undefined {
  const { skipBad: _, ...rest } = text;
  if (text.data.length === 0) return undefined;
  const prints = files.map(({ size, head }) => [size, head]);
  return JSON.stringify(files.length > 0 ? [{ ...rest, data: rest.data.length }, prints] : [rest]);
}

/** SHA-256 of the vocabulary beside the latest checkpoint. */
async function vocabularyOf(path: string): Promise<string | undefined> {
  const steps = await checkpointSteps(path).catch(() => []);
  for (const step of steps.reverse()) {
    const place = joined(path, `checkpoints/${checkpointName(step)}/tokenizer.json`);
    const bytes = await Deno.readFile(place).catch(() => undefined);
    if (bytes) return await sha256(bytes);
  }
  return undefined;
}

/** Why a run cannot be compared with another by its losses. */
export interface Reason {
  /** The run. */
  readonly path: string;
  /** The other. */
  readonly than: string;
  /** The reason in words. */
  readonly text: string;
}

/** Why runs cannot be compared by their losses: a reason for each that is not like the first; none: they can. */
export function incomparable(runs: readonly { readonly path: string; readonly key: EvaluationKey }[]): Reason[] {
  const [first, ...others] = runs;
  return others.flatMap(({ path, key }) => {
    const why = difference(first!.key, key);
    return why === undefined ? [] : [{ path, than: first!.path, text: `${path} ${why} ${first!.path}` }];
  });
}

function difference(a: EvaluationKey, b: EvaluationKey): string | undefined {
  if (a.text === undefined || b.text === undefined) return "validates on a text that is not known to be that of";
  if (a.text !== b.text) return "validates on another text than";
  if (a.vocabulary === undefined || b.vocabulary === undefined) {
    return "has a vocabulary that is not known, before the first checkpoint, to be that of";
  }
  if (a.vocabulary !== b.vocabulary) return "has another vocabulary, so its losses are of other tokens than those of";
  if (a.length !== b.length) return `validates on windows of ${told(b.length)} tokens, not of ${told(a.length)} as`;
  if (a.tokens !== b.tokens) return `validates on ${told(b.tokens)} tokens, not on ${told(a.tokens)} as`;
  return a.way === b.way ? undefined : `validates otherwise (${b.way}) than`;
}

const told = (count: number | undefined) => count === undefined ? "an unknown number of" : grouped(count);
