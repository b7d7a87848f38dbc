/**
 * What is said of a text before it is trained on: that it teaches nothing, or less than it seems to.
 *
 * @module
 */

import { surveyText, type TextSurvey } from "../batch/survey.ts";
import { TooShortError } from "../batch/windows.ts";
import type { Corpus } from "../text/corpus.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { planStages } from "../train/schedule.ts";
import type { TrainingSettings } from "../train/settings.ts";
import { grouped, percent } from "./format.ts";

/** Share of unknown tokens, and of repeated text, from which on it is said. */
const MUCH_UNKNOWN = 0.2;
const MUCH_REPEATED = 0.5;

/** Passes over a text beyond which nothing new is learned from it (Muennighoff et al., 2023). */
const MANY_PASSES = 40;

/**
 * Looks at the beginning of a text; returns what the user should know of it.
 *
 * @throws {RangeError} if nothing of it can be masked.
 */
export async function textNotices(
  corpus: Corpus,
  { tokenizer, settings }: { tokenizer: Tokenizer; settings: TrainingSettings },
): Promise<string[]> {
  const survey = await surveyText({ corpus, tokenizer, neverMask: settings.neverMask });
  const { tokens, maskable, unknown, repeated } = survey;
  if (tokens > 0 && maskable === 0) {
    const advice = unknown > 0
      ? "; a vocabulary of --tokenizer char or bpe that is made from the text knows all of it"
      : settings.neverMask.length > 0
      ? " (--never-mask)"
      : "";
    throw new RangeError(`Cannot train on ${unmaskable(corpus, survey)}${advice}`);
  }
  const notices = [];
  if (unknown >= MUCH_UNKNOWN * tokens && unknown > 0) notices.push(unknownNotice(survey));
  if (repeated > MUCH_REPEATED) {
    notices.push(
      `${percent(repeated, 0)} of the first ${grouped(tokens)} tokens repeat what came before: ` +
        "the loss will look better than the model is",
    );
  }
  const whole = wholeTokens(corpus, survey);
  const passes = whole === undefined ? 0 : plannedTokens(settings) / whole;
  if (passes > MANY_PASSES) {
    notices.push(
      `${grouped(passes)} passes over a text of ${survey.isWhole ? "" : "about "}${
        grouped(whole!)
      } tokens: beyond about ` +
        `${MANY_PASSES} (--tokens ${roundCount(MANY_PASSES * whole!)}) it is only learned by heart`,
    );
  }
  return notices;
}

/** Tokens of the whole training text, counted or judged by its bytes; undefined where neither is known. */
function wholeTokens({ trainingBytes }: Corpus, { tokens, bytes, isWhole }: TextSurvey): number | undefined {
  if (isWhole) return tokens;
  return trainingBytes === undefined ? undefined : Math.round(tokens * trainingBytes / bytes);
}

/** Tokens that a run will train on; with a budget by the clock, none that are known. */
function plannedTokens(settings: TrainingSettings): number {
  return planStages(settings).reduce((sum, { steps = 0, tokens }) => sum + steps * tokens, 0);
}

/** A number as --tokens takes it, to two digits. */
function roundCount(count: number): string {
  if (count < 10_000) return String(count);
  const [unit, sign] = count < 1_000_000 ? [1000, "k"] : [1_000_000, "M"];
  return `${Number((count / unit).toPrecision(2))}${sign}`;
}

/**
 * Looks at the beginning of a text that a model is measured on; returns that much of it is unknown, if it is.
 *
 * @throws {RangeError} if nothing of it can be masked.
 */
export async function evaluationNotice(corpus: Corpus, tokenizer: Tokenizer): Promise<string | undefined> {
  const survey = await surveyText({ corpus, part: "validation", tokenizer });
  const { tokens, maskable, unknown } = survey;
  if (tokens > 0 && maskable === 0) throw new RangeError(`Cannot evaluate on ${unmaskable(corpus, survey)}`);
  return unknown >= MUCH_UNKNOWN * tokens && unknown > 0 ? unknownNotice(survey) : undefined;
}

/** That much of a text is unknown to a vocabulary. */
export function unknownNotice(
  { tokens, unknown, examples }: Pick<TextSurvey, "tokens" | "unknown" | "examples">,
): string {
  const some = examples.map((word) => JSON.stringify(word)).join(", ");
  return `${percent(unknown / tokens)} of the first ${
    grouped(tokens)
  } tokens are unknown to this vocabulary, such as ${some}`;
}

function unmaskable(corpus: Corpus, { tokens, unknown, examples }: TextSurvey): string {
  const what = `${corpus.name}: none of its first ${grouped(tokens)} tokens can be masked`;
  if (unknown === 0) return `${what}: all are special ones or words that are never masked`;
  return `${what}: they are unknown to this vocabulary, such as ${
    examples.map((word) => JSON.stringify(word)).join(", ")
  }`;
}

/** Shortest windows that are worth training on. */
const SHORTEST = 8;

/** The error with the flags of train or eval that would help, if it says that a text is too short. */
export function withAdvice(error: unknown, corpus: Corpus, command: "train" | "eval" = "train"): unknown {
  if (!(error instanceof TooShortError)) return error;
  const { part, size } = error;
  const length = 2 ** Math.floor(Math.log2(Math.max(1, size)));
  const other = part === "validation" && command === "train"
    ? "give text of its own to validate on by --validation"
    : "";
  const advice = length >= SHORTEST
    ? `--length ${length} would do${other && `, or ${other}`}`
    : `that is too little for any length${other && `: ${other}`}`;
  return new RangeError(`${error.message} (${corpus.name}); ${advice}`);
}
