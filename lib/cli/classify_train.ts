/**
 * `classify train`.
 *
 * @module
 */

import { classifierCard } from "../classify/card.ts";
import { type Classifier, classifier } from "../classify/classifier.ts";
import type { ClassifierScore } from "../classify/scores.ts";
import type { ClassifierOptions } from "../classify/train_head.ts";
import { isFree, writeNewFolder } from "../files/new_folder.ts";
import { totalBytes } from "../files/write_files.ts";
import type { LabelledText } from "../labelled/labelled_texts.ts";
import { checkpointPath } from "./checkpoint_choice.ts";
import { fineTuneFlags, readFlags } from "./classify_flags.ts";
import { classifyReporter, scoreLines, unknownNotice } from "./classify_report.ts";
import { definedOnly, type ParsedFlags, UsageError } from "./flags.ts";
import { progressAside, waitedFor, watchedItems } from "./long_work.ts";
import { skippedLines } from "./open_corpus.ts";
import { type OpenedLabelled, openLabelled } from "./open_labelled.ts";
import { withModel } from "./opened_model.ts";
import { checkPermissions, readingOf } from "./permissions.ts";
import { filesOf, sayAside } from "./standard_streams.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

/** Trains a classifier, measures and writes it; returns the exit code. */
export async function classifyTrain(parsed: ParsedFlags): Promise<number> {
  const [, given, ...rest] = parsed.positional;
  const [target, data, test] = [
    parsed.get(fineTuneFlags.out),
    parsed.all(readFlags.data),
    parsed.all(fineTuneFlags.test),
  ];
  if (given === undefined || rest.length > 0 || target === undefined || data.length === 0) {
    throw new UsageError("Wanted: classify train DIR --data LABELLED --out FOLDER");
  }
  if (parsed.get(fineTuneFlags.epochs) !== undefined && parsed.get(fineTuneFlags.steps) !== undefined) {
    throw new UsageError("Give --epochs or --steps, not both");
  }
  checkPermissions({ ...readingOf([given, ...filesOf([...data, ...test])]), write: [target] });
  if (!await isFree(target)) throw new RangeError(`Cannot write to "${target}": it exists already`);
  const path = await checkpointPath(given, parsed.get(readFlags.checkpoint));
  const opened: OpenedLabelled[] = [];
  try {
    for (const paths of [data, test].filter((paths) => paths.length > 0)) {
      opened.push(await openLabelled(paths, parsed));
    }
    const [training, testing] = opened as [OpenedLabelled, OpenedLabelled | undefined];
    return await withModel(path, parsed, async (base, { reason }) => {
      const terminal = openTerminal({ goesOn: true });
      terminal.print(`device   ${reason}`);
      const unit = "text";
      const reporter = classifyReporter(terminal, { unit });
      const options = { ...optionsOf(parsed), hear: reporter.hear, note };
      const examples = watchedItems(terminal, "reading the data", training.examples()) as AsyncIterable<LabelledText>;
      const trained = await classifier(base, examples, options).finally(reporter.end);
      try {
        for (const line of skippedLines(training.bad)) sayAside(line);
        const scores = await measured(trained, { parsed, testing, terminal });
        await write(trained, { target, base: given, data: training.name, scores });
        terminal.print(`classifier in ${target}`);
        return 0;
      } finally {
        trained.destroy();
      }
    });
  } finally {
    for (const one of opened) await one.close();
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

interface Scored {
  readonly on: string;
  readonly score: ClassifierScore;
}

/** Scores on what was held out, and on the test data where there are some. */
async function measured(
  trained: Classifier,
  { parsed, testing, terminal }: { parsed: ParsedFlags; testing: OpenedLabelled | undefined; terminal: Terminal },
): Promise<Scored[]> {
  const scores: Scored[] = [];
  const { heldOut } = trained.training!;
  if (heldOut) {
    scores.push({ on: "the texts that were held out, by which the weights were chosen", score: heldOut });
    for (const line of scoreLines("held out", heldOut, { unit: "text", each: !testing })) terminal.print(line);
  }
  if (!testing) return scores;
  const windows = parsed.get(readFlags.windows);
  const score = await trained.evaluate(testing.examples() as AsyncIterable<LabelledText>, { windows });
  scores.push({ on: "test data", score });
  for (const line of scoreLines("test    ", score, { unit: "text" })) terminal.print(line);
  const unknown = unknownNotice(score, "text");
  if (unknown) sayAside(`note: ${unknown}`);
  return scores;
}

async function write(
  trained: Classifier,
  { target, base, data, scores }: { target: string; base: string; data: string; scores: readonly Scored[] },
): Promise<void> {
  const name = target.replace(/[\\/]+$/, "").split(/[\\/]/).at(-1)!;
  const { settings, steps, examples } = trained.training!;
  const card = classifierCard({ name, base, data, config: trained.model.config, settings, steps, examples, scores });
  const files = await trained.files({ card });
  await waitedFor(
    progressAside(),
    `writing ${totalBytes([...files.values()].flat()).toLocaleString("en")} bytes`,
    () => writeNewFolder(target, files, { what: "the classifier", last: "config.json" }),
  );
}
