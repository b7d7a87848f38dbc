/**
 * `classify train`.
 *
 * @module
 */

import { classifierCard } from "../classify/card.ts";
import { type Classifier, classifier } from "../classify/classifier.ts";
import { type Tagger, tagger } from "../classify/tagger.ts";
import type { ClassifierScore } from "../classify/scores.ts";
import type { ClassifierEvent, ClassifierOptions } from "../classify/train_head.ts";
import { exists, joined } from "../files/paths.ts";
import { isFree, tryNewFolder, writeNewFolder } from "../files/new_folder.ts";
import type { TextModel } from "../evaluate/text_model.ts";
import { totalBytes } from "../files/write_files.ts";
import type { LabelledText } from "../labelled/labelled_texts.ts";
import type { LabelledWords } from "../labelled/sentence.ts";
import { quoted } from "../sentences/safe_text.ts";
import { apartFrom } from "./apart.ts";
import { checkpointPath } from "./checkpoint_choice.ts";
import { classifyGroups, fineTuneFlags, readFlags } from "./classify_flags.ts";
import {
  claimTraining,
  goOnCommand,
  KEPT_TRAINING,
  type KeptTraining,
  keptTraining,
  removeKept,
  type TrainingClaim,
  type TrainingKeeper,
  trainingKeeper,
} from "./classify_keeper.ts";
import { evaluated, unitOf } from "./classify_unit.ts";
import { classifyReporter, cutNotice, scoreLines, scoreNotices } from "./classify_report.ts";
import { grouped } from "./figures.ts";
import { definedOnly, type ParsedFlags, parseFlags, UsageError } from "./flags.ts";
import { type Stopper, stopperOf } from "./classify_stopper.ts";
import { INTERRUPTED } from "./interrupt.ts";
import { progressAside, waitedFor, watchedItems } from "./long_work.ts";
import { skippedLines } from "./open_corpus.ts";
import { program } from "./program.ts";
import { shellWord } from "./shell_word.ts";
import { checkInputs, type OpenedLabelled, openLabelled } from "./open_labelled.ts";
import { withModel } from "./opened_model.ts";
import { checkPermissions, readingOf } from "./permissions.ts";
import { filesOf, sayAside } from "./standard_streams.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

/** What is to be trained, and where it goes. */
interface Job {
  readonly parsed: ParsedFlags;
  /** Arguments that a training that goes on is told by. */
  readonly args: readonly string[];
  readonly target: string;
  /** Where it goes on. */
  readonly kept?: KeptTraining | undefined;
}

/**
 * Trains a classifier, measures and writes it; returns the exit code.
 *
 * @param args What was parsed, for one that goes on later.
 */
export async function classifyTrain(parsed: ParsedFlags, args: readonly string[]): Promise<number> {
  const resumed = parsed.get(fineTuneFlags.resume);
  if (resumed !== undefined) {
    const kept = await keptOf(parsed, resumed);
    return await trainJob({ parsed: parseFlags(classifyGroups, kept.args), args: kept.args, target: resumed, kept });
  }
  const { target } = placesOf(parsed);
  checkPermissions({ read: [target], write: [target] });
  const kept = await keptTraining(target);
  if (!kept && !await isFree(target, { beside: KEPT_TRAINING })) {
    throw new RangeError(`Cannot write to "${target}": it exists already`);
  }
  if (!kept) return await trainJob({ parsed, args, target });
  // one that is under way was not cut short
  (await claimTraining(target)).end();
  throw new RangeError(
    `Cannot begin a training for "${target}": one that was cut short was kept there at step ${grouped(kept.step)} of ${
      grouped(kept.steps)
    }; to go on with it: ${goOnCommand(target)}; to begin anew, delete the folder`,
  );
}

/** The training that is to be gone on with. */
async function keptOf(parsed: ParsedFlags, target: string): Promise<KeptTraining> {
  const other = parsed.given.find((name) => name !== "resume");
  if (other !== undefined || parsed.positional.length > 1) {
    const what = other === undefined ? quoted(parsed.positional[1]!) : `--${other}`;
    throw new UsageError(`Leave out ${what}: with --resume a training goes on as it began`);
  }
  checkPermissions({ read: [target], write: [target] });
  const kept = await keptTraining(target);
  if (!kept) throw new RangeError(`Cannot go on in "${target}": there is no training that was cut short`);
  if (await exists(joined(target, "config.json"))) {
    throw new RangeError(`Cannot go on in "${target}": the classifier is there already`);
  }
  if (kept.cwd === Deno.cwd()) return kept;
  throw new RangeError(
    `Cannot go on in "${target}" from here: it began in "${kept.cwd}", where its files are named from`,
  );
}

async function trainJob(job: Job): Promise<number> {
  const { parsed, target } = job;
  const { given, data, test } = placesOf(parsed);
  checkInputs(data, test);
  checkPermissions({ ...readingOf([given, ...filesOf([...data, ...test])]), write: [target] });
  const path = await checkpointPath(given, parsed.get(readFlags.checkpoint));
  const opened: OpenedLabelled[] = [];
  const keeper = trainingKeeper(target, { args: job.args, note });
  let claim: TrainingClaim | undefined;
  try {
    for (const paths of [data, test].filter((paths) => paths.length > 0)) {
      opened.push(await openLabelled(paths, parsed));
    }
    const [training, testing] = opened as [OpenedLabelled, OpenedLabelled | undefined];
    // what is wrong is to be told before hours of training
    await tryNewFolder(target, { what: "the classifier" });
    const tests = testing && await Array.fromAsync(testing.examples());
    const claimed = claim = await claimTraining(target);
    return await withModel(path, parsed, async (base, { reason }) => {
      const terminal = openTerminal({ goesOn: true });
      terminal.print(`device   ${reason}`);
      const stopper = stopperOf(base, { target, terminal, leaving: claimed.end });
      try {
        using trained = await trainOn(base, tests ? apartFrom(training, tests) : training, {
          ...job,
          terminal,
          stopper,
          keep: keeper.keep,
        });
        if (trained.training!.steps === 0) {
          terminal.print("interrupted before the first step: nothing is written");
          return INTERRUPTED;
        }
        const { signal } = stopper;
        const scores = await measured(trained, { parsed, tests, terminal, target, signal });
        await write(trained, { target, base: given, data: training.name, scores });
        terminal.print(`classifier in ${target}`);
        return signal.aborted ? INTERRUPTED : 0;
      } finally {
        stopper.end();
      }
    }, { isBusy: true });
  } catch (error) {
    if (keeper.step !== undefined) {
      sayAside(`note: the training was kept at step ${grouped(keeper.step)}; to go on with it: ${goOnCommand(target)}`);
    }
    throw error;
  } finally {
    claim?.end();
    for (const one of opened) await one.close();
  }
}

/** What the arguments name. */
function placesOf(parsed: ParsedFlags) {
  const [, given, ...rest] = parsed.positional;
  const target = parsed.get(fineTuneFlags.out);
  const [data, test] = [parsed.all(readFlags.data), parsed.all(fineTuneFlags.test)];
  if (given === undefined || rest.length > 0 || target === undefined || data.length === 0) {
    throw new UsageError("Usage: classify train DIR --data LABELLED --out FOLDER, or classify train --resume FOLDER");
  }
  if (parsed.get(fineTuneFlags.epochs) !== undefined && parsed.get(fineTuneFlags.steps) !== undefined) {
    throw new UsageError("Give --epochs or --steps, not both");
  }
  return { given, target, data, test };
}

/** Trains on labelled data, and says how far it is. */
async function trainOn(
  base: TextModel,
  data: OpenedLabelled,
  { parsed, kept, keep, terminal, stopper }: Job & Pick<TrainingKeeper, "keep"> & {
    terminal: Terminal;
    stopper: Stopper;
  },
): Promise<Trained> {
  const isWords = parsed.get(readFlags.tokens) ?? false;
  const reporter = classifyReporter(terminal, { unit: isWords ? "sentence" : "text" });
  const hear = (event: ClassifierEvent) => {
    if (event.kind === "begin") stopper.begin();
    reporter.hear(event);
  };
  const options = { ...optionsOf(parsed), hear, note, keep, signal: stopper.signal, from: await kept?.load() };
  const examples = watchedItems(terminal, "reading the data", data.examples());
  let trained: Trained | undefined;
  try {
    return trained = isWords
      ? await tagger(base, examples as AsyncIterable<LabelledWords>, options)
      : await classifier(base, examples as AsyncIterable<LabelledText>, options);
  } finally {
    // what is measured afterwards may be interrupted too
    reporter.end(trained?.training);
    for (const line of skippedLines(data.bad)) sayAside(line);
  }
}

const note = (sentence: string) =>
  sayAside(`note: ${sentence.replace("in windows all of a text is read", "--windows reads all of them")}`);

function optionsOf(parsed: ParsedFlags): ClassifierOptions & { windows: boolean } {
  const flags = fineTuneFlags;
  return {
    windows: parsed.get(readFlags.windows) ?? false,
    ...definedOnly({
      validation: parsed.get(flags.validation),
      classWeights: parsed.get(flags["class-weights"]),
      epochs: parsed.get(flags.epochs),
      steps: parsed.get(flags.steps),
      batch: parsed.get(flags.batch),
      learningRate: parsed.get(flags.lr),
      patience: parsed.get(flags.patience),
      longest: parsed.get(flags.length),
      pool: parsed.get(flags.pool),
      dropout: parsed.get(flags.dropout),
      seed: parsed.get(flags.seed),
    }),
  };
}

/** A classifier or a tagger. */
type Trained = Classifier | Tagger;

interface Scored {
  readonly on: string;
  readonly score: ClassifierScore;
}

/** Scores on what was held out, and on the test data where there are some. */
async function measured(
  trained: Trained,
  { parsed, tests, terminal, target, signal }: {
    parsed: ParsedFlags;
    tests: readonly (LabelledText | LabelledWords)[] | undefined;
    terminal: Terminal;
    target: string;
    signal: AbortSignal;
  },
): Promise<Scored[]> {
  const scores: Scored[] = [];
  const unit = unitOf(trained);
  const { heldOut } = trained.training!;
  if (heldOut) {
    scores.push({ on: `the ${unit}s that were held out, by which the weights were chosen`, score: heldOut });
    for (const line of scoreLines("held out", heldOut, { unit, each: !tests, width: terminal.columns })) {
      terminal.print(line);
    }
  }
  if (!tests) {
    for (const notice of heldOut ? scoreNotices(heldOut, unit) : []) sayAside(`note: ${notice}`);
    return scores;
  }
  const score = await evaluated(trained, untilAborted(tests, signal), { windows: parsed.get(readFlags.windows) });
  if (signal.aborted) {
    const words = unit === "word" ? " --tokens" : "";
    terminal.print("not measured on the test data, which this does:");
    const data = parsed.all(fineTuneFlags.test).map((path) => ` --data ${shellWord(path)}`).join("");
    terminal.print(`  ${program} classify eval ${shellWord(target)}${words}${data}`);
    return scores;
  }
  scores.push({ on: "test data", score });
  for (const line of scoreLines("test    ", score, { unit, width: terminal.columns })) terminal.print(line);
  const cut = cutNotice(score, parsed.get(fineTuneFlags.length) ?? trained.model.config.maxLength);
  for (const notice of [...scoreNotices(score, unit), ...cut ? [cut] : []]) sayAside(`note: ${notice}`);
  return scores;
}

function* untilAborted<T>(items: readonly T[], signal: AbortSignal): Generator<T> {
  for (const item of items) {
    if (signal.aborted) return;
    yield item;
  }
}

async function write(
  trained: Trained,
  { target, base, data, scores }: { target: string; base: string; data: string; scores: readonly Scored[] },
): Promise<void> {
  const name = target.replace(/[\\/]+$/, "").split(/[\\/]/).at(-1)!;
  const { heldOut: _, ...how } = trained.training!;
  const card = classifierCard({ name, base, data, config: trained.model.config, ...how, scores });
  const files = await trained.files({ card });
  await waitedFor(
    progressAside(),
    `writing ${totalBytes([...files.values()].flat()).toLocaleString("en")} bytes`,
    () => writeNewFolder(target, files, { what: "the classifier", last: "config.json", beside: KEPT_TRAINING }),
  );
  await removeKept(target);
}
