/**
 * The command line: `train`, `fill`, `write`, `eval`, `embed`, `index`, `search`, `probe`, `export`, `info`,
 * `tokenizer`, `runs`, `compare`, `metrics`, `watch`, `report` and `serve`.
 *
 * ```sh
 * deno run -A jsr:@cloze/mlm/cli train --data book.txt
 * ```
 *
 * @module
 */

import { classifyCommand } from "./lib/cli/commands/classify.ts";
import { compareCommand } from "./lib/cli/commands/compare.ts";
import { embedCommand } from "./lib/cli/commands/embed.ts";
import { evalCommand } from "./lib/cli/commands/eval.ts";
import { exportCommand } from "./lib/cli/commands/export.ts";
import { fillCommand } from "./lib/cli/commands/fill.ts";
import { UsageError } from "./lib/cli/flags.ts";
import { DeviceError } from "./lib/device/device.ts";
import { indexCommand } from "./lib/cli/commands/index.ts";
import { infoCommand } from "./lib/cli/commands/info.ts";
import { clearDrawn, OutputClosedError, say, sayAside, sayHelp } from "./lib/cli/standard_streams.ts";
import { environment } from "./lib/cli/permissions.ts";
import { sentenceOf } from "./lib/sentences/reasons.ts";
import { quoted, safeSentence } from "./lib/sentences/safe_text.ts";
import { metricsCommand } from "./lib/cli/commands/metrics.ts";
import { probeCommand } from "./lib/cli/commands/probe.ts";
import { program } from "./lib/cli/program.ts";
import { nearest } from "./lib/cli/suggestions.ts";
import { reportCommand } from "./lib/cli/commands/report.ts";
import { tokenizerCommand } from "./lib/cli/commands/tokenizer.ts";
import { runsCommand } from "./lib/cli/commands/runs.ts";
import { searchCommand } from "./lib/cli/commands/search.ts";
import { serveCommand } from "./lib/cli/commands/serve.ts";
import { trainCommand } from "./lib/cli/commands/train.ts";
import { watchCommand } from "./lib/cli/commands/watch.ts";
import { writeCommand } from "./lib/cli/commands/write.ts";
import project from "./deno.json" with { type: "json" };

const commands: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  train: trainCommand,
  fill: fillCommand,
  write: writeCommand,
  eval: evalCommand,
  embed: embedCommand,
  index: indexCommand,
  search: searchCommand,
  probe: probeCommand,
  classify: classifyCommand,
  export: exportCommand,
  info: infoCommand,
  tokenizer: tokenizerCommand,
  runs: runsCommand,
  compare: compareCommand,
  metrics: metricsCommand,
  watch: watchCommand,
  report: reportCommand,
  serve: serveCommand,
};

const help = `cloze ${project.version}: masked language models, trained in TypeScript on WebGPU.

Usage: ${program} COMMAND [options]

Commands:
  train      train a model on text
  fill       fill in masked text with a trained model
  write      go on with a text
  eval       measure a model on text, or compare two
  embed      turn texts into vectors
  index      make an index of documents, to be searched
  search     find passages of documents by words
  probe      tell what a model's vectors know of classes
  classify   train a classifier of texts or words, use it, measure it
  export     write a model for other programs: Hugging Face, ONNX
  info       show what a model is
  tokenizer  train a vocabulary; turn text into ids and back
  runs       list runs: state, losses, time
  compare    tell which of several runs learns better
  metrics    give the figures of a run to spreadsheets, scripts and TensorBoard
  watch      show runs on a page in a browser, live
  report     write that page as one file
  serve      answer programs over HTTP: fill, embed, score

Every command explains itself with --help, or by help COMMAND.`;

/** Whether nothing but help in general is asked for. */
const isGeneral = (about: string | undefined) => about === undefined || about === "help" || about.startsWith("-");

const commandOf = (name: string) => Object.hasOwn(commands, name) ? commands[name] : undefined;

function unknownCommand(name: string): UsageError {
  const [known, near] = [Object.keys(commands), nearest(name, Object.keys(commands))];
  const meant = near === undefined ? "" : `; did you mean ${near}?`;
  return new UsageError(`Unknown command ${quoted(name)}: there are ${known.join(", ")}${meant}`);
}

/**
 * Runs the command line.
 *
 * @returns the exit code: 0, 2 for wrong usage, 1 for anything else that failed, 130 after Ctrl-C, 141 when nobody reads the
 * output any more.
 */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  const command = name === undefined ? undefined : commandOf(name);
  try {
    // help COMMAND is COMMAND --help
    const asked = name === "help" && rest[0] !== undefined ? commandOf(rest[0]) : undefined;
    if (asked && rest.length > 1) throw new UsageError("Usage: help COMMAND");
    if (asked) return await asked(["--help"]);
    if (name === undefined || name === "--help" || name === "-h" || name === "help" && isGeneral(rest[0])) {
      sayHelp(help);
      return name === undefined ? 2 : 0;
    }
    if (name === "--version") {
      say(project.version);
      return 0;
    }
    if (!command) throw unknownCommand(name === "help" ? rest[0]! : name);
    quietenMesa();
    return await command(rest);
  } catch (error) {
    clearDrawn();
    // who reads the output has seen enough, as head has: other programs end by the signal SIGPIPE
    if (error instanceof OutputClosedError) return OUTPUT_CLOSED;
    if (environment("CLOZE_DEBUG")) console.error(error);
    else sayAside(`error: ${safeSentence(sentenceOf(error))}`);
    await afterDeviceLoss(error);
    if (error instanceof UsageError) {
      sayAside(`See: ${program} ${command ? `${name} ` : ""}--help`);
      return 2;
    }
    return 1;
  }
}

/** A driver may still be at work on what a lost device was given: a process that ends under it ends by a signal. */
async function afterDeviceLoss(error: unknown): Promise<void> {
  const isLoss = [error, error instanceof Error && error.cause].some((one) => one instanceof DeviceError);
  if (isLoss) await new Promise((resolve) => setTimeout(resolve, DRIVER_SETTLES));
}

/** Milliseconds for a driver to finish what a lost device was given. */
const DRIVER_SETTLES = 300;

/** Exit code of a program whose output nobody reads any more: 128 and the number of SIGPIPE. */
const OUTPUT_CLOSED = 141;

/** Mesa's drivers complain on stderr where no desktop session has set this folder; they do not need it for computing. */
function quietenMesa(): void {
  const variable = "XDG_RUNTIME_DIR";
  if (Deno.build.os !== "linux" || Deno.permissions.querySync({ name: "env", variable }).state !== "granted") return;
  if (!Deno.env.get(variable)) Deno.env.set(variable, "/tmp");
}

if (import.meta.main) Deno.exit(await main(Deno.args));
