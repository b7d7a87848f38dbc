/**
 * Whether validations of several runs measure the same: on the same text, with the same vocabulary, with the same tokens masked.
 *
 * @module
 */

import { checkpointName, checkpointSteps } from "../files/checkpoint_folder.ts";
import { joined } from "../files/paths.ts";
import { grouped } from "./figures.ts";
import { sha256 } from "./file_print.ts";
import { cameFromInput } from "./open_corpus.ts";
import type { RunConfig } from "./run_folder.ts";
import type { RunRecord } from "./run_record.ts";

/** What decides which tokens a validation predicts; undefined is what is not known. */
export interface EvaluationKey {
  /** The text. */
  readonly text: string | undefined;
  /** Print of the vocabulary. */
  readonly vocabulary: string | undefined;
  /** Print of what stands around texts. */
  readonly frame?: string | undefined;
  /** Tokens of a window. */
  readonly length: number | undefined;
  /** Most tokens that are read, in whole windows. */
  readonly tokens: number | undefined;
  /** How windows are filled, and how masked tokens are replaced. */
  readonly way: string | undefined;
}

/** The key of a run's validations. */
export async function evaluationKey(run: RunRecord): Promise<EvaluationKey> {
  return { ...keyOf(run), ...await vocabularyOf(run.path) };
}

/** The same without the vocabulary, which is in another file. */
export function keyOf({ config, evaluateTokens }: Pick<RunRecord, "config" | "evaluateTokens">): EvaluationKey {
  const training = config?.training;
  const length = training?.curriculum.at(-1)?.length;
  return {
    text: config && textOf(config),
    vocabulary: undefined,
    length,
    tokens: evaluateTokens && length ? Math.max(1, Math.floor(evaluateTokens / length)) * length : undefined,
    // earlier versions packed and masked in one way
    way: training && wayOf(training),
  };
}

/** What validation predicts, in words. */
function wayOf({ contrastive, pack, maskRule, batchTokens }: RunConfig["training"]): string {
  if (!contrastive) return `packed by ${pack ?? "none"}, masked by ${maskRule}`;
  return `texts compared in batches of ${grouped(batchTokens)} tokens at temperature ${contrastive.temperature}`;
}

/** The text by its settings and the prints of its files, wherever they lie; what came from standard input is not known. */
export function textOf({ text, files }: Pick<RunConfig, "text" | "files">): string | undefined {
  const { skipBad: _, ...rest } = text;
  if (cameFromInput(text)) return undefined;
  if (files.length === 0) return JSON.stringify([rest]);
  const weights = text.data.map((path) => /=([\d.]+)$/.exec(path)?.[1] ?? "");
  return JSON.stringify([{ ...rest, data: weights }, files.map(({ size, head }) => [size, head])]);
}

/** SHA-256 of the vocabulary beside the latest checkpoint, and of what it puts around texts, which is no part of it. */
async function vocabularyOf(path: string): Promise<Pick<EvaluationKey, "vocabulary" | "frame">> {
  const steps = await checkpointSteps(path).catch(() => []);
  for (const step of steps.reverse()) {
    const place = joined(path, `checkpoints/${checkpointName(step)}/tokenizer.json`);
    const bytes = await Deno.readFile(place).catch(() => undefined);
    if (bytes) return await printsOf(bytes);
  }
  return { vocabulary: undefined };
}

async function printsOf(bytes: Uint8Array<ArrayBuffer>): Promise<Pick<EvaluationKey, "vocabulary" | "frame">> {
  try {
    const parsed = JSON.parse(new TextDecoder().decode(bytes));
    const { post_processor: frame = null, ...rest } = Array.isArray(parsed) ? { parsed } : parsed;
    const [vocabulary, around] = [rest, frame].map((part) => new TextEncoder().encode(JSON.stringify(part)));
    return { vocabulary: await sha256(vocabulary!), frame: await sha256(around!) };
  } catch {
    // a damaged one is like no other
    return { vocabulary: await sha256(bytes) };
  }
}

/** A run with what its validations measure. */
export interface KeyedRun {
  /** Its path. */
  readonly path: string;
  /** What they measure. */
  readonly key: EvaluationKey;
}

/** The same with all that is known of it. */
export interface KeyedRecord extends KeyedRun {
  /** What is known of the run. */
  readonly run: RunRecord;
}

/** A run with the key of its validations. */
export async function keyedRecord(run: RunRecord): Promise<KeyedRecord> {
  return { run, path: run.path, key: await evaluationKey(run) };
}

/** Why a run cannot be compared with another by its losses, or only with care. */
export interface Reason {
  /** The run. */
  readonly path: string;
  /** The other. */
  readonly than: string;
  /** The reason in words. */
  readonly text: string;
}

/** What keeps the losses of runs from being compared, or wants care. */
export interface Doubts {
  /** Why they cannot be compared. */
  readonly reasons: readonly Reason[];
  /** Which are of the beginning of what others validate on. Default: none. */
  readonly shorter?: readonly Reason[] | undefined;
}

/** Why runs cannot be compared by their losses: a reason for each that is not like the first; none: they can. */
export function incomparable(runs: readonly KeyedRun[]): Reason[] {
  return reasonsOf(runs, (first, { path, key }) => {
    const why = difference(first.key, key);
    return why === undefined ? undefined : `${path} ${why} ${first.path}`;
  });
}

/** Of runs that can be compared those that validate on the beginning of what others do: part of a small difference is the text's. */
export function shorterValidations(runs: readonly KeyedRun[]): Reason[] {
  return reasonsOf(runs, (first, other) => {
    if (first.key.tokens === other.key.tokens) return undefined;
    const [short, long] = first.key.tokens! < other.key.tokens! ? [first, other] : [other, first];
    return `${short.path} validates on the first ${told(short.key.tokens)} of the ${
      told(long.key.tokens)
    } tokens that ` +
      `${long.path} validates on`;
  });
}

function reasonsOf(
  [first, ...others]: readonly KeyedRun[],
  reasonOf: (first: KeyedRun, other: KeyedRun) => string | undefined,
): Reason[] {
  return others.flatMap((other) => {
    const text = reasonOf(first!, other);
    return text === undefined ? [] : [{ path: other.path, than: first!.path, text }];
  });
}

/** Whether two validations are of the same tokens, so that a mean of their losses means something. */
export function isSameEvaluation(a: EvaluationKey, b: EvaluationKey): boolean {
  return difference(a, b) === undefined && a.tokens === b.tokens;
}

function difference(a: EvaluationKey, b: EvaluationKey): string | undefined {
  if (a.text === undefined || b.text === undefined) return "validates on a text that is not known to be that of";
  if (a.text !== b.text) return "validates on another text than";
  // what is learned differs, whatever else does
  if (isOfMasks(a) !== isOfMasks(b)) return `validates otherwise (${b.way}) than`;
  if (a.vocabulary === undefined || b.vocabulary === undefined) {
    return "has a vocabulary that is not known, before the first checkpoint, to be that of";
  }
  if (a.vocabulary !== b.vocabulary) return "has another vocabulary, so its losses are of other tokens than those of";
  if (a.frame !== b.frame) return "puts other tokens around texts than";
  if (a.length !== b.length) return `validates on windows of ${told(b.length)} tokens, not of ${told(a.length)} as`;
  if (a.way !== b.way) return `validates otherwise (${b.way}) than`;
  // fewer windows are the beginning of more
  const isKnown = a.tokens !== undefined && b.tokens !== undefined;
  return isKnown ? undefined : `validates on ${told(b.tokens)} tokens, not on ${told(a.tokens)} as`;
}

const isOfMasks = ({ way }: EvaluationKey) => way === undefined || way.startsWith("packed");

const told = (count: number | undefined) => count === undefined ? "an unknown number of" : grouped(count);
