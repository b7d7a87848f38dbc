/**
 * The command `info`.
 *
 * @module
 */

import { counted } from "../../sentences/counted.ts";
import { classNameOf } from "../../format/config_json.ts";
import type { OpenedModel } from "../../format/open_model.ts";
import type { ModelPooling } from "../../model/pooling.ts";
import { readPooling } from "../../format/sentence_folder.ts";
import { parameterCount } from "../../model/parameters.ts";
import { listed, safeJson } from "../../sentences/safe_text.ts";
import { readAbout, type RunAbout } from "../../train/checkpoint.ts";
import { type DeviceChoice, deviceChoices } from "../../device/open_device.ts";
import { deviceLines, deviceReport } from "../device_report.ts";
import { either, flagHelp, flagSwitch, type ParsedFlags, parseFlags, UsageError } from "../flags.ts";
import { checkpoint, checkpointPath, describeCheckpoints } from "../checkpoint_choice.ts";
import { consoleSize } from "../console_size.ts";
import { duration, grouped } from "../figures.ts";
import { deviceFlags, devicePermissions, folderHelp, json, modelPermissions, openNamed } from "../opened_model.ts";
import { checkPermissions, permissionsHelp, readingOf } from "../permissions.ts";
import { program } from "../program.ts";
import { say, sayHelp, sayWrapped } from "../standard_streams.ts";

const gpu = flagSwitch("instead of a model show the graphics card, how fast it is, and what that means for training");
const device = {
  ...deviceFlags.device,
  help: `show a device in the same way: ${either(deviceChoices)}`,
};
const groups = {
  Options: { checkpoint, json },
  Device: { gpu, device, threads: deviceFlags.threads, blas: deviceFlags.blas },
};

/** Help of the command. */
const infoHelp =
  `Shows what a model is: configuration, parameters, size, tokenizer, and where it was trained; or what a device is.

Usage: ${program} info DIR [options]
       ${program} info --gpu [options]

${folderHelp}
Only headers are read, so this is quick for models of any size.

${flagHelp(groups)}

${permissionsHelp({ ...modelPermissions, ...devicePermissions })}

Examples:
  ${program} info runs/modernbert-small-shakespeare
  ${program} info runs/modernbert-small-shakespeare --checkpoint best --json
  ${program} info --gpu`;

/** The class that config.json names, or that has these parts. */
function classOf({ config, classes, weights: { head } }: OpenedModel): string {
  return classes.join(", ") || classNameOf(config, { head }) || "none: labml.ai's model is exported to ONNX only";
}

const headOf = ({ config: { classification }, weights: { head, nextSentence } }: OpenedModel) =>
  classification
    ? `tells ${grouped(classification.classes.length)} classes of ${
      classification.of === "text" ? "texts" : "words"
    }: ` +
      listed(classification.classes)
    : head
    ? `predicts masked tokens${nextSentence ? ", and which of two texts follows the other" : ""}`
    : "none for masked tokens: embed works, fill and eval do not; train --init makes a new one";

/** Runs the command; returns the exit code. */
export async function infoCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    sayHelp(infoHelp);
    return 0;
  }
  const [path, ...rest] = parsed.positional;
  const asked = parsed.get(gpu) ? "webgpu" : parsed.get(device);
  if (parsed.get(gpu) && (parsed.get(device) ?? "webgpu") !== "webgpu") {
    throw new UsageError("Give one of --gpu and --device: --gpu shows what --device webgpu does");
  }
  if (asked !== undefined && path === undefined) return await showDevice(asked, parsed);
  if (path === undefined || rest.length > 0 || asked !== undefined) {
    throw new UsageError("Usage: info DIR, or info --gpu");
  }
  checkPermissions(readingOf([path]));
  const opened = await openNamed(await checkpointPath(path, parsed.get(checkpoint)), { classifier: "any" });
  const checkpoints = await describeCheckpoints(path);
  await opened.weights.close();
  const about = await readAbout(opened.folder);
  // in another way than those here: embed says that
  const pooling = await readPooling(opened.folder).catch(() => undefined);
  if (parsed.get(json)) say(safeJson({ ...summary(opened, about), vectors: pooling ?? null }, 2));
  else {
    const all = rows(opened, about);
    if (pooling) all.push(["vectors", vectorsOf(pooling)]);
    if (checkpoints) all.push(["checkpoints", checkpoints]);
    for (const [name, value] of all) sayWrapped(`${name.padEnd(14)}  ${value}`);
  }
  return 0;
}

/** What a folder of sentence-transformers says of its vectors. */
const vectorsOf = ({ pool, normalize }: ModelPooling) =>
  `${pool === "mean" ? "the mean of all tokens" : "that of [CLS]"}${
    normalize ? ", of length 1" : ""
  }; made for comparing texts`;

/** Measures a device and shows it. */
async function showDevice(choice: DeviceChoice, parsed: ParsedFlags): Promise<number> {
  const report = await deviceReport(choice, {
    threads: parsed.get(deviceFlags.threads),
    blas: parsed.get(deviceFlags.blas),
  });
  if (parsed.get(json)) say(safeJson(report, 2));
  else {for (const line of deviceLines(report, Deno.stdout.isTerminal() ? consoleSize().columns : Infinity)) {
      sayWrapped(line);
    }}
  return 0;
}

function summary(opened: OpenedModel, about: RunAbout | undefined) {
  const { folder: { place }, config, tokenizer, weights } = opened;
  return {
    place,
    class: classOf(opened),
    head: weights.head,
    config,
    parameters: parameterCount(config, weights),
    bytes: weights.bytes,
    types: weights.types,
    tokenizer: {
      type: tokenizer.type,
      tokens: tokenizer.size,
      special: tokenizer.special,
      frame: tokenizer.frame ?? null,
    },
    trained: about ?? null,
  };
}

function rows(opened: OpenedModel, about: RunAbout | undefined): [string, string][] {
  const { folder: { place }, config, tokenizer, weights } = opened;
  const { local, dropout } = config;
  const spelled = ([name, id]: [string, number]) => {
    const own = tokenizer.token(id);
    return own === name ? `${name} ${id}` : `${name} ${id} "${own}"`;
  };
  const framed = (ids: readonly number[]) => ids.map((id) => tokenizer.token(id)).join(" ");
  const { frame } = tokenizer;
  return [
    ["model", place],
    ["class", classOf(opened)],
    ["head", headOf(opened)],
    [
      "encoder",
      `${config.layers} layers × ${config.width}, ${config.heads} heads, hidden ${config.hidden}` +
      (dropout > 0 ? `, dropout ${dropout}` : ""),
    ],
    [
      "attention",
      local
        ? `${config.layers - local.layers.length} layers global, ${local.layers.length} in windows of ${local.window}`
        : "global",
    ],
    ["longest text", `${grouped(config.maxLength)} tokens`],
    ["parameters", `${grouped(parameterCount(config, weights))}${config.tied ? "" : ", decoder not tied"}`],
    ["weights", `${grouped(weights.bytes)} bytes, ${weights.types.join(" and ")}`],
    [
      "tokenizer",
      `${tokenizer.type}, ${grouped(tokenizer.size)} tokens of ${grouped(config.vocab)} that there is room for`,
    ],
    ["special tokens", Object.entries(tokenizer.special).map(spelled).join(", ")],
    [
      "texts",
      frame ? `between ${framed(frame.before) || "nothing"} and ${framed(frame.after) || "nothing"}` : "as they are",
    ],
    [
      "trained",
      about ? trained(about) : config.classification ? "see README.md, if it has one" : "elsewhere: nothing is noted",
    ],
  ];
}

function trained({ step, tokens, seconds, corpus, device, base }: RunAbout): string {
  const work = `${counted(step, "step")}, ${counted(tokens, "token")} in ${duration(seconds)}`;
  return [work, corpus && `on ${corpus}`, device && `by ${device}`, base && `from ${base}`].filter(Boolean).join(", ");
}
