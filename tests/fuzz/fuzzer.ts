/**
 * Feeds what is wrong to whatever reads: all that may come of it is a result or one sentence of this package.
 */
import { isOfEngine } from "../../lib/sentences/reasons.ts";
import { safeSentence } from "../../lib/sentences/safe_text.ts";
import { random } from "../helpers/random.ts";
import type { Next } from "./mutations.ts";

/** A kind of input, and what reads it. */
// deno-lint-ignore no-explicit-any
export interface Target<Input = any> {
  readonly name: string;
  /** How much of the cases it gets. */
  readonly share: number;
  /** An input, by random numbers. */
  make(next: Next): Input;
  /** Reads it. */
  use(input: Input): unknown;
}

/** What came of some cases. */
export interface Outcome {
  readonly cases: number;
  /** How many were read after all. */
  readonly fine: number;
  /** How many were refused with a sentence. */
  readonly refused: number;
}

/** A case that ended otherwise than it may. */
export class FuzzFailure extends Error {
  override name = "FuzzFailure";
}

/** Milliseconds that a case may take. */
export const LONGEST = 10_000;

/** A seed for each case, so that each can be had again by itself. */
export const seedOf = (seed: number, number: number): number => Math.imul(seed * 0x9e3779b1 + number, 0x85ebca6b) >>> 0;

/** The target of a case. */
export function targetOf(targets: readonly Target[], number: number): Target {
  const whole = targets.reduce((sum, { share }) => sum + share, 0);
  let at = number % whole;
  for (const target of targets) {
    if (at < target.share) return target;
    at -= target.share;
  }
  throw new RangeError("there are no targets");
}

/** Bytes of an input, roughly. */
function sizeOf(input: unknown): number {
  if (typeof input === "string") return 2 * input.length;
  if (ArrayBuffer.isView(input)) return input.byteLength;
  if (input instanceof Map) return [...input.values()].reduce<number>((sum, value) => sum + sizeOf(value), 0);
  if (Array.isArray(input)) return input.reduce((sum, value) => sum + sizeOf(value), 0);
  return JSON.stringify(input)?.length ?? 0;
}

/** Bytes that a program may hold whatever it reads. */
const USUAL = 192 << 20;

/** One case. Returns whether it could be read; throws a {@linkcode FuzzFailure} for anything but a sentence. */
export async function runCase(target: Target, { seed, number }: { seed: number; number: number }): Promise<boolean> {
  const input = target.make(random(seedOf(seed, number)));
  const fail = (what: string) => new FuzzFailure(`${target.name}, seed ${seed}, case ${number}: ${what}`);
  const [started, before] = [performance.now(), Deno.memoryUsage()];
  let isFine = true;
  try {
    await target.use(input);
  } catch (error) {
    isFine = false;
    const why = whyNoSentence(error);
    if (why) throw fail(`${why}: ${(error as Error)?.stack ?? error}`);
  }
  const milliseconds = performance.now() - started;
  if (milliseconds > LONGEST) throw fail(`it took ${Math.round(milliseconds / 1000)} s`);
  const after = Deno.memoryUsage();
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  if (grown > USUAL + 20 * sizeOf(input)) {
    throw fail(`it took ${Math.round(grown / 1e6)} MB for ${sizeOf(input)} bytes`);
  }
  return isFine;
}

/** Why an error is no sentence of this package; undefined: it is one. */
export function whyNoSentence(error: unknown): string | undefined {
  if (!(error instanceof Error)) return "no error was thrown";
  const { message } = error;
  if (isOfEngine(error)) return "the engine speaks";
  if (/os error|\bundefined\b|\[object |\bNaN\b(?!")|function \(|=>/.test(message.replace(/"[^"]*"/g, ""))) {
    return "no words for people";
  }
  if (!/^[A-Z][a-z]+ /.test(message)) return "no sentence";
  const shown = safeSentence(message);
  if (shown.length > 900) return `a sentence of ${shown.length} characters`;
  return undefined;
}
