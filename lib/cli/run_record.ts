/**
 * A run at a glance, from its files: what it was given, how far it came, and how it ended.
 *
 * @module
 */

import { checkpointSteps } from "../files/checkpoint_folder.ts";
import { isTrained } from "../files/lock_signs.ts";
import { baseName, joined } from "../files/paths.ts";
import { formerHidden, type ModelConfig, modelConfig, sizes } from "../model/config.ts";
import { type Facts, runFacts, shareDone } from "../page/run_facts.ts";
import { endingOf, type RunEnding, type RunState, runState } from "../page/run_state.ts";
import { counted } from "../sentences/counted.ts";
import { objectOf } from "../sentences/json_line.ts";
import { readAbout } from "../train/checkpoint.ts";
import { describeBudget } from "../train/schedule.ts";
import { grouped } from "./figures.ts";
import { isInput, STANDARD_INPUT } from "../text/standard_input_name.ts";
import { metricLines } from "./metrics_file.ts";
import { checkpointsIn, readRun, type RunConfig } from "./run_folder.ts";

/** A validation of a run. */
export interface Validated {
  /** Steps done. */
  readonly step: number;
  /** Tokens seen in training. */
  readonly tokens: number;
  /** Seconds of training. */
  readonly seconds: number;
  /** Mean cross-entropy, in nats. */
  readonly loss: number;
  /** Share of masked tokens predicted as they were. */
  readonly accuracy: number;
}

/** What is known of a run. */
export interface RunRecord {
  /** Its path. */
  readonly path: string;
  /** Its folder's name. */
  readonly name: string;
  /** What it does, or how it ended. */
  readonly state: RunState;
  /** Share of the budget that is behind, where steps or tokens tell it. */
  readonly done: number | undefined;
  /** Its settings; undefined where they cannot be read. */
  readonly config: RunConfig | undefined;
  /** The text, in short: what --data named, without folders. */
  readonly corpus: string | undefined;
  /** Tokens that each validation reads, where that is known. */
  readonly evaluateTokens: number | undefined;
  /** Steps done. */
  readonly step: number;
  /** Tokens seen. */
  readonly tokens: number;
  /** Seconds of training. */
  readonly seconds: number;
  /** Its validations, in order. */
  readonly validations: readonly Validated[];
  /** Steps that were skipped, and losses that leapt up. */
  readonly incidents: { readonly skipped: number; readonly spikes: number };
  /** Checkpoints that it has; without any it cannot go on. */
  readonly checkpoints: number;
  /** Milliseconds since 1970: when its metrics were written last. */
  readonly changed: number;
  /** What is wrong with its files. */
  readonly problems: readonly string[];
}

/** Reads a run; what cannot be read is told in its `problems`. */
export async function readRecord(path: string): Promise<RunRecord> {
  const problems: string[] = [];
  const note = (error: unknown, what = "") => {
    const { message } = error as Error;
    const told = message.replaceAll(`Cannot read ${path}/`, "");
    problems.push(what + told.replace(/^Cannot (show|read the run's metrics in) "[^"]*": /, ""));
    return undefined;
  };
  const config = await readRun(path, "show").catch(note);
  const course = await courseOf(path).catch((error) => note(error, "metrics.jsonl: ") ?? createCourse().course());
  const steps = await checkpointSteps(path).catch((error) => note(error, "checkpoints: ") ?? []);
  const { ending, validations, incidents, unreadable, ...clock } = course;
  if (unreadable > 0) problems.push(`metrics.jsonl: ${counted(unreadable, "line")} of it cannot be read`);
  const done = shareDone(config, clock);
  const about = await latestAbout(path).catch(() => undefined);
  return {
    path,
    name: baseName(path),
    state: runState({ isRunning: isTrained(path), ending, done, isKept: (steps.at(-1) ?? -1) >= clock.step }),
    done,
    config,
    corpus: (config && dataOf(config)) ?? about?.corpus?.split(", ")[0],
    evaluateTokens: about?.evaluateTokens ?? config?.training.evaluateTokens,
    ...clock,
    validations,
    incidents,
    checkpoints: steps.length,
    changed: await changedAt(path),
    problems,
  };
}

/** Settings of a run as people read them; none where they cannot be read. */
export function factsOf({ config, evaluateTokens }: Pick<RunRecord, "config" | "evaluateTokens">): Facts {
  // what is usual depends on the budget
  const evaluated = evaluateTokens === undefined ? "not known" : grouped(evaluateTokens);
  return config ? { ...runFacts(config), "evaluate tokens": evaluated } : {};
}

/** A model's size in a word, where it has one of the usual sizes, or as layers × width. */
export function sizeOf({ model }: RunConfig): string {
  const { preset, layers, width, heads, hidden } = model as Partial<ModelConfig> & Pick<ModelConfig, "preset">;
  const isSuch = (other: ModelConfig) =>
    other.layers === layers && other.width === width && other.heads === heads &&
    (other.hidden === hidden || (preset === "modernbert" && hidden === formerHidden(other.width)));
  const size = sizes.find((size) => isSuch(modelConfig({ preset, size, vocab: 8 })));
  return `${preset} ${size ?? `${layers ?? "?"}×${width ?? "?"}`}`;
}

/** A run's budget for people. */
export const budgetOf = ({ training: { budget } }: RunConfig): string => describeBudget(budget);

/** Letters of the names of texts that are told side by side. */
const LONGEST_DATA = 28;

/** How a run went. */
type Course = Pick<RunRecord, "step" | "tokens" | "seconds" | "validations" | "incidents"> & {
  readonly ending: RunEnding | undefined;
  /** Lines that are no JSON. */
  readonly unreadable: number;
};

async function courseOf(path: string): Promise<Course> {
  const course = createCourse();
  for await (const line of metricLines(path)) course.metric(line);
  return course.course();
}

/** Gathers a course from lines; steps, of which there are many, are read when they turn out to be the last. */
function createCourse(): { metric(line: string): void; course(): Course } {
  let [lastStep, ending]: [string, RunEnding | undefined] = ["", undefined];
  let unreadable = 0;
  const validations: Validated[] = [];
  const incidents = { skipped: 0, spikes: 0 };
  return {
    metric(line) {
      if (line.startsWith('{"kind":"train"') && line.endsWith("}")) {
        [lastStep, ending] = [line, undefined];
        return;
      }
      const point = objectOf(line);
      if (!point) {
        unreadable++;
        return;
      }
      ending = endingOf(point);
      if (point.kind === "validation" && Number(point.step) >= 0) validations.push(validated(point));
      if (point.kind === "spike") incidents.spikes++;
      if (point.kind === "skipped") {
        incidents.skipped++;
        lastStep = line;
      }
      if (point.kind === "overflow") lastStep = line;
    },
    course() {
      const { step, tokens, seconds } = objectOf(lastStep) ?? {};
      const [last] = validations.slice(-1);
      return {
        step: finite(step) ?? last?.step ?? 0,
        tokens: finite(tokens) ?? last?.tokens ?? 0,
        seconds: finite(seconds) ?? last?.seconds ?? 0,
        validations,
        incidents,
        ending,
        unreadable,
      };
    },
  };
}

const finite = (value: unknown) => typeof value === "number" && Number.isFinite(value) ? value : undefined;

function validated({ step, tokens, seconds, loss, accuracy }: Record<string, unknown>): Validated {
  // what is not finite is spelled as text, or null
  const number = (value: unknown) => value === null || value === undefined ? NaN : Number(value);
  return {
    step: number(step),
    tokens: number(tokens),
    seconds: number(seconds),
    loss: number(loss),
    accuracy: number(accuracy),
  };
}

/** What --data or --pairs named; several as many as there is room for. */
function dataOf({ text: { data, pairs } }: RunConfig): string {
  const named = pairs === undefined ? data : [pairs];
  const [first = STANDARD_INPUT, ...others] = named.map((value) => isInput(value) ? STANDARD_INPUT : baseName(value));
  const all = [first, ...others].join(", ");
  return all.length <= LONGEST_DATA ? all : others.length === 0 ? first : `${first} and ${others.length} more`;
}

/** What the latest checkpoint notes of its run; one that is damaged is passed over. */
export async function latestAbout(path: string): ReturnType<typeof readAbout> {
  const storage = checkpointsIn(path);
  for (const name of (await storage.list()).reverse()) {
    const about = await readAbout(storage.folder(name)).catch(() => undefined);
    if (about) return about;
  }
  return undefined;
}

async function changedAt(path: string): Promise<number> {
  for (const file of ["metrics.jsonl", "config.json", ""]) {
    const info = await Deno.stat(joined(path, file)).catch(() => undefined);
    if (info?.mtime) return info.mtime.getTime();
  }
  return 0;
}
