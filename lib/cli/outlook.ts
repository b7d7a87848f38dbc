/**
 * What is ahead of a run, found out on its device before it begins: time, memory, and the losses to compare with.
 *
 * @module
 */

import { type TokenEntropy, tokenEntropy } from "../batch/token_entropy.ts";
import { type Device, DeviceError } from "../device/device.ts";
import { parameterCount } from "../model/parameters.ts";
import type { Corpus } from "../text/corpus.ts";
import { describeBudget, planStages, progressOf } from "../train/schedule.ts";
import { timeStages } from "../train/time_steps.ts";
import { expectedLoss } from "./expected_loss.ts";
import { aboutTimes, grouped, mebibytes, percent, shortCount } from "./figures.ts";
import { waitedFor } from "./long_work.ts";
import { type PlannedMemory, plannedMemory, stageShape } from "./planned_memory.ts";
import type { Run } from "./run.ts";
import { checkpointSeconds, roughTime, type RunTime, runTime } from "./run_time.ts";
import type { Terminal } from "./terminal.ts";

/** What is known of a run beforehand. */
export interface Outlook {
  /** Bytes that it takes on its device. */
  readonly memory: PlannedMemory;
  /** How frequent its tokens are. */
  readonly frequencies: TokenEntropy;
  /** How long it will take; undefined where it is too short to be worth timing. */
  readonly time: RunTime | undefined;
}

/** Steps, and seconds of a budget by the clock, below which nothing is timed. */
const FEW_STEPS = 20;
const FEW_SECONDS = 20;

/** Milliseconds that counting tokens may take: a sample is enough. */
const COUNTING = 3000;

/** Of texts that are compared no token is predicted. */
const NOT_COUNTED: TokenEntropy = { entropy: NaN, tokens: 0, bytes: 0, isWhole: false };

/** Looks ahead; of the run nothing changes. */
export async function lookAhead(
  run: Run,
  { device, terminal, signal }: { device: Device; terminal: Terminal; signal: AbortSignal },
): Promise<Outlook> {
  const { opened: { corpus }, tokenizer, config, settings } = run;
  const memory = await plannedMemory({ device, config, settings });
  const until = performance.now() + COUNTING;
  const enough = () => signal.aborted || performance.now() > until;
  const frequencies = settings.contrastive
    ? NOT_COUNTED
    : await waitedFor(terminal, "counting tokens", () => tokenEntropy({ corpus, tokenizer, enough }));
  const from = shareBehind(run);
  if (!isWorthTiming(run)) return { memory, frequencies, time: undefined };
  const isStopped = () => signal.aborted;
  const time = () => timeStages({ device, config, corpus, tokenizer, settings, from, isStopped });
  const stepSeconds = await waitedFor(terminal, "compiling, and timing a few steps", time).catch((error) => {
    // what is wrong with the text is for the run to say, which checks it in its own order
    if (error instanceof DeviceError) throw error;
    return [];
  });
  // a profile is of the run alone
  await device.takeProfile();
  const saving = checkpointSeconds(parameterCount(config));
  return { memory, frequencies, time: runTime(settings, { stepSeconds, from, saving }) };
}

/** Share of the budget that is behind. */
function shareBehind({ settings: { budget }, state }: Run): number {
  return state ? progressOf(budget, { ...state, seconds: state.elapsed ?? state.seconds }) : 0;
}

function isWorthTiming({ settings }: Run): boolean {
  const { budget } = settings;
  if ("minutes" in budget) return 60 * budget.minutes >= FEW_SECONDS;
  return planStages(settings).reduce((sum, { steps = 0 }) => sum + steps, 0) >= FEW_STEPS;
}

/** What is known beforehand, in lines. */
export function outlookLines(run: Run, outlook: Outlook): string[] {
  const known = [...timeLine(run, outlook), memoryLine(outlook)];
  if (run.settings.contrastive) return [...known, ...comparedLines(run)];
  return [...known, ...passesLine(run, outlook), ...lossLines(run, outlook)];
}

function timeLine({ settings: { budget }, state }: Run, { time }: Outlook): string[] {
  if (!time) return [];
  const [slowest, quickest] = time.speed.map((speed) => grouped(Number(speed.toPrecision(3))));
  const speed = slowest === quickest ? slowest : `${slowest} to ${quickest}`;
  const long = "minutes" in budget
    ? `about ${shortCount(round(time.tokens))} tokens in ${state ? "what is left of " : ""}${describeBudget(budget)}`
    : `${roughTime(time.seconds)}${state ? " left" : ""}`;
  return [`time    ${long} on this device: a few timed steps made ${speed} tokens/s`];
}

/** Two digits are all that is known. */
const round = (count: number) => Number(count.toPrecision(2));

function memoryLine({ memory: { parameters, batch, copies } }: Outlook): string {
  const parts = `${mebibytes(parameters)} for weights, gradients and moments, ${mebibytes(batch)} for a step`;
  const meanwhile = copies === undefined ? "" : `; ${mebibytes(copies)} more while a checkpoint is written`;
  return `memory  ${mebibytes(parameters + batch)} on the device: ${parts}${meanwhile}`;
}

/** Tokens that a run sees in all; undefined where they are not known. */
export function allTokens({ settings, state }: Run, time: RunTime | undefined): number | undefined {
  if ("minutes" in settings.budget) return time && time.tokens + (state?.tokens ?? 0);
  return planStages(settings).reduce((sum, { steps = 0, tokens }) => sum + steps * tokens, 0);
}

/** Tokens of the training text, counted or judged by its bytes; undefined where neither is known. */
export function textTokens({ trainingBytes }: Corpus, { tokens, bytes, isWhole }: TokenEntropy): number | undefined {
  if (isWhole) return tokens;
  return trainingBytes === undefined || bytes === 0 ? undefined : round(tokens * trainingBytes / bytes);
}

function passesLine(run: Run, { frequencies, time }: Outlook): string[] {
  const all = allTokens(run, time);
  const tokens = textTokens(run.opened.corpus, frequencies);
  if (tokens === undefined || all === undefined) return [];
  const passes = all / tokens;
  const times = passes < 0.95
    ? `of which the run reads ${percent(passes, passes < 0.1 ? 1 : 0)}`
    : `which the run reads ${passes < 1.05 ? "once" : `${aboutTimes(passes)} times`}`;
  return [`text    ${frequencies.isWhole ? "" : "about "}${grouped(tokens)} tokens to train on, ${times}`];
}

/** What the losses of texts that are compared mean. */
function comparedLines({ settings, opened: { corpus } }: Run): string[] {
  const { capacity: texts } = stageShape(settings, settings.curriculum.length - 1);
  const other = corpus.pairs ? "the other text of its pair" : "its other half";
  return [
    `loss    lower is better: guessing among ${grouped(texts)} texts gives ${Math.log(texts).toFixed(2)}`,
    `        accuracy is the share of texts that are nearest to their other view; in validation, to ${other}`,
  ];
}

/** Passes over their text that the measured runs made at most. */
const MOST_PASSES = 6;

function lossLines(run: Run, outlook: Outlook): string[] {
  const { frequencies: { entropy, tokens, isWhole }, time } = outlook;
  const { tokenizer, config, settings, base } = run;
  const sample = isWhole ? "" : ` (in the first ${grouped(tokens)} tokens)`;
  const known = `loss    lower is better: guessing among ${grouped(tokenizer.size)} tokens gives ` +
    `${Math.log(tokenizer.size).toFixed(2)}, knowing how frequent each is ${entropy.toFixed(2)}${sample}`;
  const all = base ? undefined : allTokens(run, time);
  const text = textTokens(run.opened.corpus, outlook.frequencies);
  const isRepeated = all !== undefined && text !== undefined && all > MOST_PASSES * text;
  // made-up stories are far easier than what people write, which the measured runs read
  const expected = all === undefined || isRepeated || run.opened.corpus.name === "stories"
    ? undefined
    : expectedLoss({ config, tokenizer, settings, tokens: all });
  if (!expected) return [known, ACCURACY];
  const { least, highest, text: read } = expected;
  const range = `ended between ${least.toFixed(2)} and ${highest.toFixed(2)}`;
  return [known, `        runs of this size and budget on ${read}, ${range}`, ACCURACY];
}

/** Said once, for every line of a run tells of it. */
const ACCURACY = "        accuracy is the share of hidden tokens that are guessed right";
