/**
 * The command `probe`.
 *
 * @module
 */

import { type PoolMode, poolModes } from "../../inference/embed.ts";
import type { MaskedLanguageModel } from "../../inference/load.ts";
import { MOST_ROWS } from "../../probe/examples.ts";
import { probe, type ProbeOptions } from "../../probe/probe.ts";
import type { Probed } from "../../probe/probed.ts";
import { safeJson } from "../../sentences/safe_text.ts";
import { checkpoint, checkpointPaths } from "../checkpoint_choice.ts";
import { grouped } from "../figures.ts";
import { parseChoice, parseCount } from "../flag_values.ts";
import { flag, flagHelp, flagSwitch, type ParsedFlags, parseFlags, UsageError } from "../flags.ts";
import { type LongWork, longWork, progressAside } from "../long_work.ts";
import { skippedLines } from "../open_corpus.ts";
import { checkInputs, labelledFlags, type OpenedLabelled, openLabelled } from "../open_labelled.ts";
import { busyDeviceFlags, devicePermissions, folderHelp, json, modelPermissions, withModels } from "../opened_model.ts";
import { checkPermissions, permissionsHelp, readingOf } from "../permissions.ts";
import { modelNames, probeData, probeDifferences, probeTable } from "../probe_table.ts";
import { program } from "../program.ts";
import { filesOf, say, sayAside, sayHelp } from "../standard_streams.ts";
import { openTerminal, type Terminal } from "../terminal.ts";
import { trainFlags } from "../train_flags.ts";

/** Layers as flags name them. */
function parseLayers(text: string): "last" | "all" | readonly number[] {
  if (text === "last" || text === "all") return text;
  const layers = text.split(",").map((part) => /^\d{1,3}$/.test(part.trim()) ? Number(part) : NaN);
  if (layers.some(Number.isNaN)) {
    throw new RangeError("wanted last, all, or numbers such as 0,2,4; 0 means the embeddings");
  }
  return [...new Set(layers)];
}

const flags = {
  ...labelledFlags,
  test: { ...flag("PATH", "examples to be tested on (default: a fifth of --data)", String), repeatable: true },
  layers: flag("LAYERS", "last, all, or numbers such as 0,2,4; 0 means the embeddings (default: last)", parseLayers),
  pool: flag("KIND", "mean of all tokens, or cls, the first one (default: both)", parseChoice(poolModes)),
  windows: flagSwitch("read texts that are too long whole, in windows whose vectors are averaged (default: cut them)"),
  train: flag(
    "N",
    "learn from N texts only, or sentences with --tokens (default: all that are not tested)",
    parseCount,
  ),
  most: flag(
    "N",
    `labels to use at most, drawn at random (default: ${grouped(MOST_ROWS.texts)}, of words ${
      grouped(MOST_ROWS.words)
    })`,
    parseCount,
  ),
  "no-baselines": flagSwitch("only the models: no random weights, no n-grams, no most frequent class"),
  compare: flagSwitch("two models on the same examples, and their difference with its standard error"),
  seed: { ...trainFlags.seed, help: "decides what is tested and what is drawn (default: 1)" },
  checkpoint: { ...checkpoint, help: "of runs: best (by validation), last or step-N (default: last)" },
  json,
};
const groups = { Options: flags, Device: busyDeviceFlags };

/** Help of the command. */
const probeHelp = `Tells what a model's frozen vectors know of classes, before anything is fine-tuned.

Usage: ${program} probe DIR --data LABELLED [options]
       ${program} probe --compare DIR DIR --data LABELLED [options]

${folderHelp} It needs no head.
LABELLED is CSV, TSV, JSON or JSON lines, a text and a label in each record. Logistic regression, its L2 chosen by
cross-validation, and the nearest neighbours learn from some examples and are tested on others, beside what does without the
model: the same encoder with random weights, character n-grams, the most frequent class. Errors are standard errors from
resampling the test. * marks a model's best vectors, chosen by cross-validation and not by the test.

${flagHelp(groups)}

${permissionsHelp({ ...modelPermissions, ...devicePermissions })}

Examples:
  ${program} probe runs/modernbert-small-shakespeare --data reviews.csv --label stars
  ${program} probe runs/modernbert-small-shakespeare --data news.conll --tokens --layers all
  ${program} probe --compare bert-base-uncased runs/bert-law --data clauses.jsonl`;

/** Runs the command; returns the exit code. */
export async function probeCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(probeHelp);
    return 0;
  }
  const paths = parsed.positional;
  const [data, test] = [parsed.all(flags.data), parsed.all(flags.test)];
  const isCompared = parsed.get(flags.compare) ?? false;
  if (paths.length !== (isCompared ? 2 : 1) || data.length === 0) {
    throw new UsageError(`Usage: probe ${isCompared ? "--compare DIR DIR" : "DIR"} --data LABELLED`);
  }
  for (const name of ["pool", "windows"] as const) {
    if (parsed.get(labelledFlags.tokens) && parsed.given.includes(name)) {
      throw new UsageError(`Option --${name} has no effect with --tokens: a word's vector is the mean of its tokens'`);
    }
  }
  checkInputs(data, test);
  checkPermissions(readingOf([...paths, ...filesOf([...data, ...test])]));
  const opened = await openLabelled(data, parsed);
  const tested = test.length === 0 ? undefined : await openLabelled(test, parsed);
  try {
    const places = await checkpointPaths(paths, parsed.get(flags.checkpoint));
    return await withModels(places, parsed, (models, { reason }) => run(models, { opened, tested, parsed, reason }), {
      isBusy: true,
    });
  } finally {
    for (const { bad, close } of [opened, ...tested ? [tested] : []]) {
      for (const line of skippedLines(bad)) sayAside(line);
      await close();
    }
  }
}

interface Inputs {
  readonly opened: OpenedLabelled;
  readonly tested: OpenedLabelled | undefined;
  readonly parsed: ParsedFlags;
  readonly reason: string;
}

async function run(
  models: readonly MaskedLanguageModel[],
  { opened, tested, parsed, reason }: Inputs,
): Promise<number> {
  const isJson = parsed.get(flags.json) ?? false;
  const terminal = openTerminal();
  if (!isJson) terminal.print(`device ${reason}`);
  const { progress, end } = watchedProbe();
  const options = { ...optionsOf(parsed), test: tested?.examples(), progress };
  const probed = await probe(models, opened.examples(), options).finally(end);
  for (const note of probed.notes) sayAside(`note: ${note}`);
  const places = models.map(({ place }) => place);
  if (isJson) say(safeJson({ data: opened.name, models: places, ...probed }));
  else printProbed(probed, { name: opened.name, places, terminal });
  return 0;
}

function optionsOf(parsed: ParsedFlags): ProbeOptions {
  const pool: PoolMode | undefined = parsed.get(flags.pool);
  return {
    layers: parsed.get(flags.layers),
    pools: pool && [pool],
    windows: parsed.get(flags.windows),
    train: parsed.get(flags.train),
    most: parsed.get(flags.most),
    baselines: !(parsed.get(flags["no-baselines"]) ?? false),
    seed: parsed.get(flags.seed),
  };
}

/** Shows each thing that is done as work of its own. */
function watchedProbe(): Required<Pick<ProbeOptions, "progress">> & { end(): void } {
  let [current, work] = [undefined as string | undefined, undefined as LongWork | undefined];
  return {
    progress(what, share) {
      if (what !== current) {
        work?.end();
        work = longWork(progressAside(), what);
      }
      current = what;
      work!.at(share, { total: 1 });
    },
    end: () => work?.end(),
  };
}

function printProbed(
  probed: Probed,
  { name, places, terminal }: { name: string; places: readonly string[]; terminal: Terminal },
): void {
  terminal.print(`data   ${probeData(probed, name)}`);
  for (const [i, place] of places.entries()) {
    terminal.print(`${(places.length === 1 ? "model" : modelNames[i]!).padEnd(6)} ${place}`);
  }
  terminal.print(probeTable(probed, terminal.columns));
  for (const line of probeDifferences(probed)) terminal.print(line);
}
