/**
 * What `classify` says of training and of scores.
 *
 * @module
 */

import type { ClassifierScore } from "../classify/scores.ts";
import type { ClassifierEvent, TrainingBegins } from "../classify/train_head.ts";
import { fewNotice } from "../evaluate/few.ts";
import { counted } from "../sentences/counted.ts";
import { listed, quoted, shortened } from "../sentences/safe_text.ts";
import { grouped, percent, rate } from "./figures.ts";
import { type Column, fittedTable } from "./fitted_table.ts";
import { type LongWork, longWork } from "./long_work.ts";
import type { Terminal } from "./terminal.ts";

/** Classes that are told one by one, and mistakes. */
const MOST_CLASSES = 40;
const MOST_CONFUSIONS = 5;

/** Hears a training, and says how far it is. */
export interface ClassifyReporter {
  /** Hears what happens. */
  hear(event: ClassifierEvent): void;
  /** Removes the line of progress, and says of a training that came to something which weights are kept and why. */
  end(trained: { readonly isInterrupted: boolean } | undefined): void;
}

/** Says on a terminal what happens in training. */
export function classifyReporter(terminal: Terminal, { unit }: { unit: "text" | "sentence" }): ClassifyReporter {
  let work: { readonly name: string; readonly line: LongWork } | undefined;
  const begin = (name: string): LongWork => {
    if (work?.name === name) return work.line;
    work?.line.end();
    work = { name, line: longWork(terminal, name) };
    return work.line;
  };
  let [steps, every, best, looks, last] = [0, 1, 0, 0, 0];
  let isWatched = false;
  return {
    hear(event) {
      if (event.kind === "begin") {
        for (const line of beginLines(event, unit)) terminal.print(line);
        ({ steps, evaluateEvery: every } = event.settings);
        isWatched = event.heldOut > 0;
        if (event.from) {
          [last, best, looks] = [event.from.step, event.from.looks.best, Number(event.from.looks.latest > 0)];
        }
        begin("training");
      } else if (event.kind === "head") begin("fitting the head").at(event.share, { total: 1 });
      else if (event.kind === "steps") {
        last = event.step;
        begin("training").at(event.step, { total: steps, words: `loss ${event.loss.toFixed(3)}` });
        const isLook = event.step % every === 0 || event.step === steps;
        if (!isWatched && isLook) terminal.print(`step ${grouped(event.step)}  training loss ${event.loss.toFixed(4)}`);
      } else {
        if (event.isBest) best = event.step;
        looks++;
        const mark = event.isBest ? "" : "  no better";
        terminal.print(
          `step ${grouped(event.step)}  held out: loss ${event.loss.toFixed(4)}, accuracy ${
            percent(event.accuracy)
          }${mark}`,
        );
      }
    },
    end(trained) {
      work?.line.end();
      if (!trained) return;
      if (trained.isInterrupted) {
        if (last > 0) terminal.print(interruptedLine({ last, steps, best: looks > 0 ? best : last }));
        return;
      }
      if (last > 0 && looks > 0 && last < steps) {
        terminal.print(`stopped after step ${grouped(last)} of ${grouped(steps)}: what is held out is told no better`);
      }
      if (looks > 0 && best < last) terminal.print(`kept     the weights of step ${grouped(best)}, the best ones`);
    },
  };
}

/** Which weights an interrupted training leaves. */
function interruptedLine({ last, steps, best }: { last: number; steps: number; best: number }): string {
  const kept = best < last ? `the weights of step ${grouped(best)}, the best so far, are kept` : "its weights are kept";
  return `interrupted after step ${grouped(last)} of ${grouped(steps)}: ${kept}`;
}

function beginLines({ examples, heldOut, classes, settings, from }: TrainingBegins, unit: string): string[] {
  const { names, counts } = classes;
  const order = [...names.keys()].sort((a, b) => counts[b]! - counts[a]! || a - b);
  const list = listed(order.map((i) => `${names[i]} ${grouped(counts[i]!)}`));
  return [
    `classes  ${grouped(names.length)}: ${list}`,
    `learns   ${counted(examples, unit)}${
      heldOut > 0 ? `; ${grouped(heldOut)} are held out to see when to stop` : ", none is held out"
    }`,
    `plan     ${counted(settings.steps, "step")} of ${grouped(settings.batch)}, learning rate ${
      rate(settings.learningRate)
    }`,
    ...from ? [`goes on  after step ${grouped(from.step)}`] : [],
  ];
}

/** A score as lines: accuracy with its error, F1, classes, and what was taken for what. */
export function scoreLines(
  on: string,
  score: ClassifierScore,
  { unit, each = true, width }: { unit: string; each?: boolean; width: number },
): string[] {
  const { count, different, accuracy, error, macroF1, classes, confusions } = score;
  const copies = different < count ? ` (${grouped(different)} different ones)` : "";
  const lines = [
    `${on}  ${counted(count, unit)}${copies}: accuracy ${percent(accuracy)} ± ${percent(error)}, macro F1 ${
      macroF1.toFixed(3)
    }`,
  ];
  if (each) {
    const shown = classes.slice(0, MOST_CLASSES);
    const cells: Column[] = [
      ["class", shown.map(({ label }) => shortened(label, 40))],
      ["count", shown.map(({ count }) => grouped(count))],
      ["precision", shown.map(({ precision }) => percent(precision))],
      ["recall", shown.map(({ recall }) => percent(recall))],
      ["F1", shown.map(({ f1 }) => f1.toFixed(3))],
    ];
    lines.push(fittedTable(cells, { width, leaving: [] }));
    if (classes.length > MOST_CLASSES) {
      lines.push(`  and ${grouped(classes.length - MOST_CLASSES)} more classes; classify eval --json has all`);
    }
  }
  // what was taken once for another says nothing of both classes
  const often = confusions.filter(({ count }) => count > 1);
  if (often.length > 0) {
    const some = often.slice(0, MOST_CONFUSIONS).map(({ label, predicted, count }) =>
      `${shortened(label, 40)} for ${shortened(predicted, 40)} ${grouped(count)}`
    );
    lines.push(`most often taken: ${some.join(", ")}`);
  }
  return lines;
}

/** What a score says nothing of: classes that a model does not know, and tests that are too small. */
export function scoreNotices(score: ClassifierScore, unit: string): string[] {
  return [unknownNotice(score, unit), fewNotice(score.different, unit)].filter((notice) => notice !== undefined);
}

/** What is said of texts that were cut off before they were told; undefined: none was. */
export function cutNotice({ cutOff }: Pick<ClassifierScore, "cutOff">, longest: number): string | undefined {
  if (cutOff === 0) return undefined;
  const were = cutOff === 1 ? "was" : "were";
  return `${counted(cutOff, "text")} ${were} longer than ${
    grouped(longest)
  } tokens and cut off; --windows reads all of them`;
}

/** What is said of classes that a model does not know; undefined: it knows all. */
function unknownNotice({ unknown, classes }: ClassifierScore, unit: string): string | undefined {
  if (unknown.length === 0) return undefined;
  const count = classes.filter(({ label }) => unknown.includes(label)).reduce((sum, { count }) => sum + count, 0);
  const are = unknown.length === 1 ? "1 class of the data is" : `${grouped(unknown.length)} classes of the data are`;
  const names = unknown.length === 1 ? quoted(unknown[0]!) : listed(unknown);
  return `${are} unknown to the model, ${names}: ${counted(count, unit)} of ${unknown.length === 1 ? "it" : "them"} ` +
    `${count === 1 ? "counts as a mistake" : "count as mistakes"}`;
}
