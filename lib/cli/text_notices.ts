/**
 * What is said of a text before it is trained on: that it teaches nothing, or less than it seems to.
 *
 * @module
 */

import { shownExamples, surveyText, type TextSurvey, whyUnmaskable } from "../batch/survey.ts";
import { NoPairsError, sentencesOf } from "../batch/pairs.ts";
import { TooShortError } from "../batch/windows.ts";
import type { Corpus } from "../text/corpus.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { planStages } from "../train/schedule.ts";
import type { TrainingSettings } from "../train/settings.ts";
import type { CorpusChoice, OpenedCorpus } from "./open_corpus.ts";
import { aboutTimes, grouped, percent, shortCount } from "./figures.ts";

/** Share of unknown tokens, and of repeated text, from which on it is said. */
const MUCH_UNKNOWN = 0.2;
const MUCH_REPEATED = 0.5;

/** Passes over a text beyond which nothing new is learned from it (Muennighoff et al., 2023). */
const MANY_PASSES = 40;

/** Tokens of the validation text that are looked at. */
const VALIDATION_SAMPLE = 1 << 14;

/**
 * Looks at the beginning of a text, and of what validates; returns what the user should know of them.
 *
 * @param isReady Whether the vocabulary is a ready one, with a model that goes on.
 * @throws {RangeError} if nothing of it can be masked.
 */
export async function textNotices(
  { corpus }: Pick<OpenedCorpus, "corpus">,
  { tokenizer, settings, isReady }: { tokenizer: Tokenizer; settings: TrainingSettings; isReady: boolean },
): Promise<string[]> {
  const { neverMask } = settings;
  const survey = await surveyText({ corpus, tokenizer, neverMask });
  const { tokens, maskable, unknown, repeated } = survey;
  if (tokens > 0 && maskable === 0) {
    const advice = unknown > 0 && !isReady
      ? "; a vocabulary of --tokenizer char or bpe that is made from the text knows all of it"
      : "";
    throw new RangeError(`Cannot train on ${corpus.name}: ${whyUnmaskable(survey, neverMask)}${advice}`);
  }
  const notices = [];
  if (isMuchUnknown(survey)) notices.push(unknownNotice(survey));
  const other = await surveyText({ corpus, part: "validation", tokenizer, tokens: VALIDATION_SAMPLE });
  if (tokens === 0 && other.tokens > 0) {
    throw new RangeError(`Cannot train on ${corpus.name}: it is too short, nothing of it is left to train on`);
  }
  if (other.tokens > 0 && other.maskable === 0) {
    throw new RangeError(`Cannot validate on ${corpus.validates ?? corpus.name}: ${whyUnmaskable(other, [])}`);
  }
  if (isMuchUnknown(other) && !isMuchUnknown(survey)) {
    notices.push(`of what validates, ${corpus.validates ?? corpus.name}, ${unknownNotice(other)}`);
  }
  if (repeated > MUCH_REPEATED) {
    notices.push(
      `${Math.floor(100 * repeated)}% of the first ${grouped(tokens)} tokens repeat what came before: ` +
        "the loss will look better than the model is",
    );
  }
  if (settings.pack === "pairs") notices.push(...await pairNotices(corpus));
  const whole = wholeTokens(corpus, survey);
  // of texts that are compared, windows hold two views and much padding
  const passes = whole === undefined || settings.contrastive ? 0 : plannedTokens(settings) / whole;
  if (passes > MANY_PASSES) {
    const about = survey.isWhole ? "" : "about ";
    notices.push(
      `${aboutTimes(passes)} passes over a text of ${about}${grouped(whole!)} tokens: beyond about ${MANY_PASSES} ` +
        `(--tokens ${shortCount(MANY_PASSES * whole!)}) it is only learned by heart`,
    );
  }
  return notices;
}

/** Documents that are looked at for sentences, and characters, for one may be a whole library. */
const PAIRED_DOCUMENTS = 1000;
const PAIRED_CHARACTERS = 1 << 22;
/** Share of the text without pairs from which on it is said. */
const MUCH_UNPAIRED = 0.2;

/** How much of a text makes no pairs, if that is much: documents of one sentence. */
async function pairNotices(corpus: Corpus): Promise<string[]> {
  const characters = { all: 0, alone: 0 };
  let document = { sentences: 0, characters: 0 };
  let documents = 0;
  let read = 0;
  for await (const { text, after } of corpus.passages("training")) {
    read += text.length;
    if (read > PAIRED_CHARACTERS) break;
    document.sentences += sentencesOf(text).length;
    document.characters += text.length;
    if (after !== "document") continue;
    characters.all += document.characters;
    if (document.sentences < 2) characters.alone += document.characters;
    document = { sentences: 0, characters: 0 };
    if (++documents === PAIRED_DOCUMENTS) break;
  }
  if (characters.alone < MUCH_UNPAIRED * characters.all || characters.alone === 0) return [];
  return [
    `${
      percent(characters.alone / characters.all, 0)
    } of the text makes no pairs: documents of one sentence are left out; ` +
    "--document paragraph or file makes longer ones",
  ];
}

const isMuchUnknown = ({ tokens, unknown }: TextSurvey) => unknown > 0 && unknown >= MUCH_UNKNOWN * tokens;

/** Tokens of the whole training text, counted or judged by its bytes; undefined where neither is known. */
function wholeTokens({ trainingBytes }: Corpus, { tokens, bytes, isWhole }: TextSurvey): number | undefined {
  if (isWhole) return tokens;
  return trainingBytes === undefined ? undefined : Math.round(tokens * trainingBytes / bytes);
}

/** Tokens that a run will train on; with a budget by the clock, none that are known. */
function plannedTokens(settings: TrainingSettings): number {
  return planStages(settings).reduce((sum, { steps = 0, tokens }) => sum + steps * tokens, 0);
}

/**
 * Looks at the beginning of a text that a model is measured on; returns that much of it is unknown, if it is.
 *
 * @throws {RangeError} if nothing of it can be masked.
 */
export async function evaluationNotice(corpus: Corpus, tokenizer: Tokenizer): Promise<string | undefined> {
  const survey = await surveyText({ corpus, part: "validation", tokenizer });
  if (survey.tokens > 0 && survey.maskable === 0) {
    throw new RangeError(`Cannot evaluate on ${corpus.validates ?? corpus.name}: ${whyUnmaskable(survey, [])}`);
  }
  return isMuchUnknown(survey) ? unknownNotice(survey) : undefined;
}

/** That much of a text is unknown to a vocabulary. */
function unknownNotice(survey: TextSurvey): string {
  const share = percent(survey.unknown / survey.tokens);
  return `${share} of the first ${grouped(survey.tokens)} tokens are unknown to this vocabulary, such as ${
    shownExamples(survey)
  }`;
}

/** Shortest windows that are worth training on. */
const SHORTEST = 8;

/**
 * The error of a text that is too short, or gives no pairs, with the flags that would help; other errors as they are.
 *
 * @param choice What a run was opened with, which may validate on another text; none: the text is not a run's.
 */
export function withAdvice(error: unknown, choice?: CorpusChoice): unknown {
  if (error instanceof NoPairsError) {
    return new RangeError(`${error.message}; --document paragraph or file says where documents end`, { cause: error });
  }
  if (!(error instanceof TooShortError)) return error;
  const { part, size } = error;
  const other = typeof choice?.validation === "string"
    ? "a longer text for --validation"
    : "a larger share or text of its own to validate on by --validation";
  const wishes = [lengthFor(size), choice && part === "validation" ? other : undefined].filter((wish) => wish);
  const advice = wishes.length > 0 ? `${wishes.join(", or ")} would do` : "that is too little for any length";
  return new RangeError(`${error.message}; ${advice}`, { cause: error });
}

/** The longest power of two that text of this size is enough for, if that is worth training on. */
function lengthFor(size: number): string | undefined {
  const length = 2 ** Math.floor(Math.log2(Math.max(1, size)));
  return length >= SHORTEST ? `--length ${length}` : undefined;
}
