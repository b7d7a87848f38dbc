/**
 * When to stop, in plain words: what the losses of a run say that its user should know while it is under way.
 *
 * @module
 */

import type { TrainRecord, ValidationRecord } from "../train/events.ts";
import type { Clock } from "../train/schedule.ts";
import { bestOf } from "./best_loss.ts";
import { grouped } from "./figures.ts";
import type { Reporter } from "./reporter.ts";

/** What losses are compared with. */
export interface CurveFacts {
  /** Different tokens. */
  readonly vocab: number;
  /** Loss in nats of who knows how frequent each token is; undefined: not known. */
  readonly entropy?: number | undefined;
  /** Tokens of the training text; undefined: not known, or without end. */
  readonly textTokens?: number | undefined;
  /** Share of the budget that is behind at a moment. */
  readonly progress: (at: Clock) => number;
  /** Tokens of the windows that validation reads; undefined: those that training reads. */
  readonly finalLength?: number | undefined;
  /** Whether the learning rate still rises at a moment. */
  readonly isWarmUp?: (at: Clock) => boolean;
  /** Validations of before, in order: what they said is not said again. */
  readonly validations?: readonly ValidationRecord[] | undefined;
  /** Tokens of before. */
  readonly tokens?: number | undefined;
}

/** Losses that are told only once each. */
type Kind = "short windows" | "overfitting" | "plateau" | "frequencies" | "guessing" | "passes" | "many passes";

/** Steps over which training losses are averaged. */
const WINDOW = 50;

/** Steps, and share of the budget, before which a loss may be high: the learning rate is still rising. */
const FIRST_STEPS = 200;
const FIRST_SHARE = 0.15;

/** Validations in a row that must lie above the best one, and how far: in nats, and as a share of it. */
const RISING = 3;
const RISE = [0.02, 0.01] as const;

/** Validations without progress, the share of the budget that they must last, and what counts as progress. */
const FLAT = 4;
const FLAT_SHARE = 0.2;
const GAIN = [0.005, 0.003] as const;

/** Share of the budget after which a plateau is only the learning rate that falls to its end. */
const LATE = 0.85;

/** Standard errors of what is noise between validations. */
const NOISE = 3;

/** Passes over a text from which on each gives less, and may give hardly anything (Muennighoff et al., 2023). */
const SOME_PASSES = 4;
const MANY_PASSES = 40;

/** Hears the losses of a run and says what they mean, each thing once. */
export function curveNotices(facts: CurveFacts, tell: (line: string) => void): Reporter {
  const said = new Set<Kind>();
  const validations: Validation[] = [];
  let losses: number[] = [];
  let since: number[] = [];
  let length = Infinity;
  const say = (kind: Kind, line: string | undefined, isSilent = false) => {
    if (line === undefined || said.has(kind)) return;
    said.add(kind);
    if (!isSilent) tell(`note: ${line}`);
  };
  const validated = ({ step, tokens, seconds, loss }: ValidationRecord, isSilent = false) => {
    const training = since.length > 0 ? mean(since) : undefined;
    since = [];
    if (!Number.isFinite(loss)) return;
    validations.push({ step, tokens, loss, training, progress: facts.progress({ step, tokens, seconds }) });
    say("short windows", shortWindows(facts, { length, loss, training }), isSilent);
    say("overfitting", overfitting(validations), isSilent);
    // what overfits has no plateau, and one that comes of too many passes has its own advice
    if (!said.has("overfitting")) {
      say("many passes", manyPasses(facts, validations), isSilent);
      // a loss that has not moved yet is none that stands
      const isEarly = facts.isWarmUp?.({ step, tokens, seconds });
      if (!said.has("many passes") && !isEarly) say("plateau", plateau(validations), isSilent);
    }
  };
  const trained = (event: TrainRecord) => {
    say("passes", somePasses(facts, event.tokens));
    since.push(event.loss);
    length = event.length;
    if (event.step <= FIRST_STEPS || facts.progress(event) < FIRST_SHARE) return;
    losses.push(event.loss);
    if (losses.length < WINDOW) return;
    const loss = mean(losses);
    losses = [];
    const { step } = event;
    say("guessing", guessing(facts, { step, loss }));
    // what is worse than guessing is no better than frequencies either
    if (!said.has("guessing")) say("frequencies", frequencies(facts, { step, loss }));
  };
  if (facts.tokens !== undefined) say("passes", somePasses(facts, facts.tokens), true);
  for (const validation of facts.validations ?? []) validated(validation, true);
  return {
    event(event) {
      if (event.kind === "train") trained(event);
      else if (event.kind === "validation") validated(event);
    },
  };
}

/** A validation, and the mean loss of the training before it, where that is known. */
interface Validation {
  readonly step: number;
  readonly tokens: number;
  readonly loss: number;
  readonly training: number | undefined;
  readonly progress: number;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const most = ([nats, share]: readonly [number, number], loss: number) => Math.max(nats, share * loss);

/**
 * Standard deviation of what is noise between validations: by second differences, in which a curve that goes evenly leaves
 * nothing; the median does not mind a bend.
 */
function noiseOf(losses: readonly number[]): number {
  const bends = losses.slice(2).map((loss, i) => Math.abs(loss - 2 * losses[i + 1]! + losses[i]!)).sort((a, b) =>
    a - b
  );
  return bends.length === 0 ? 0 : bends[bends.length >> 1]! / (0.6745 * Math.sqrt(6));
}

/** Validation that rises while the loss of training falls. */
function overfitting(validations: readonly Validation[]): string | undefined {
  const losses = validations.map(({ loss }) => loss);
  const best = bestOf(validations) ?? validations[0]!;
  const at = validations.indexOf(best);
  const latest = validations.slice(at + 1).slice(-RISING);
  if (latest.length < RISING) return undefined;
  // with its neighbours, for the best of several is better by chance
  const around = mean(losses.slice(Math.max(0, at - 1), at + 2));
  const rise = Math.max(most(RISE, best.loss), NOISE * noiseOf(losses));
  if (mean(latest.map(({ loss }) => loss)) < around + rise || latest.some(({ loss }) => loss < around + rise / 3)) {
    return undefined;
  }
  const { loss, training, step, progress } = latest.at(-1)!;
  const before = best.training ?? latest[0]!.training;
  if (training === undefined || before === undefined || training >= before) return undefined;
  return `validation got worse since step ${grouped(best.step)}, from ${best.loss.toFixed(3)} to ${
    loss.toFixed(3)
  } at ` +
    `step ${grouped(step)}, while the training loss falls: the model learns the text by heart; ${
      progress < 1 ? "stop with Ctrl-C, for the best checkpoint is kept, and take" : "the best checkpoint is kept; take"
    } more text, a smaller --size or --dropout 10%`;
}

/** Validation that no longer falls, long before the end. */
function plateau(validations: readonly Validation[]): string | undefined {
  const now = validations.at(-1)!;
  if (!(now.progress <= LATE) || validations.length < FLAT + 2) return undefined;
  const from = validations.length - 1 - FLAT;
  const start = validations[from]!;
  if (!(now.progress - start.progress >= FLAT_SHARE - 1e-9)) return undefined;
  const [before, after] = [validations.slice(0, from + 1), validations.slice(from + 1)];
  const best = bestOf(before)?.loss ?? NaN;
  // means, for the best of several is better by chance
  const gain = mean(before.slice(-2).map(({ loss }) => loss)) - mean(after.slice(-2).map(({ loss }) => loss));
  const least = Math.min(...after.map(({ loss }) => loss));
  const isFlat = Math.abs(gain) < most(GAIN, best) && best - least < most(GAIN, best);
  const noise = noiseOf(validations.map(({ loss }) => loss).slice(-FLAT - 3));
  // where noise is larger than what would be progress nothing can be told
  if (!isFlat || noise > most(GAIN, best)) return undefined;
  return `validation has stood at about ${now.loss.toFixed(3)} since step ${
    grouped(start.step)
  }: more of the same brings ` +
    "little; stop with Ctrl-C, which saves, or try --resume with half the --lr, a larger --size or more text";
}

/** Nats that validation on longer windows lies above training before that wants an explanation. */
const FAR_ABOVE = 0.5;

/** Validation on windows as long as none that was trained on yet. */
function shortWindows(
  { finalLength }: CurveFacts,
  { length, loss, training }: { length: number; loss: number; training: number | undefined },
): string | undefined {
  if (finalLength === undefined || length >= finalLength || !(loss > training! + FAR_ABOVE)) return undefined;
  return `validation reads windows of ${finalLength} tokens, and training has come to ${length} so far: ` +
    "it falls as training's grow longer";
}

/** Nats above a guess that are no accident. */
const ABOVE = 0.1;

function guessing({ vocab }: CurveFacts, { step, loss }: { step: number; loss: number }): string | undefined {
  const guess = Math.log(Math.max(2, vocab));
  if (!(loss > guess + ABOVE)) return undefined;
  return `after ${grouped(step)} steps the loss of ${loss.toFixed(2)} is unusually high: guessing among ` +
    `${grouped(vocab)} tokens gives ${guess.toFixed(2)}; the learning rate is probably too high: try a lower --lr`;
}

function frequencies({ entropy }: CurveFacts, { step, loss }: { step: number; loss: number }): string | undefined {
  // who knows frequencies and nothing else comes close to their entropy, from either side
  if (entropy === undefined || !(loss > 0.98 * entropy)) return undefined;
  return `after ${grouped(step)} steps the loss of ${
    loss.toFixed(2)
  } is about what knowing how frequent each token is ` +
    `gives (${entropy.toFixed(2)}): nothing else was learned yet; if it stays so, try more steps, another --lr, or ` +
    "shorter windows first (--curriculum)";
}

function somePasses({ textTokens }: CurveFacts, tokens: number): string | undefined {
  if (textTokens === undefined || tokens < SOME_PASSES * textTokens) return undefined;
  return `the text of ${grouped(textTokens)} tokens was read ${SOME_PASSES} times: from here on new text would teach ` +
    "more than another pass; watch whether validation still falls";
}

/** A text that was read often enough, where validation shows it: masks differ in every pass, so many may still teach. */
function manyPasses({ textTokens }: CurveFacts, validations: readonly Validation[]): string | undefined {
  const now = validations.at(-1)!;
  const before = validations.at(-3);
  if (textTokens === undefined || now.tokens < MANY_PASSES * textTokens || !before || now.progress > LATE) {
    return undefined;
  }
  if (before.loss - now.loss > most(GAIN, now.loss)) return undefined;
  return `the text of ${grouped(textTokens)} tokens was read ${
    Math.floor(now.tokens / textTokens)
  } times and validation ` +
    `stays at ${
      now.loss.toFixed(3)
    }: little is left to learn from it; stop with Ctrl-C, which saves, and take more text`;
}
