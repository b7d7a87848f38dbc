/**
 * What ranks must have in common before they train together.
 *
 * @module
 */

import type { DeviceSettings } from "../device/device.ts";
import { tokenizerFiles } from "../format/tokenizer_writer.ts";
import { rankName, type Ranks, RanksError } from "../mpi/ranks.ts";
import { sha256 } from "./file_print.ts";
import { mayRead } from "./permissions.ts";
import type { Run } from "./run.ts";
import { sameSettings } from "./run_device.ts";

/** What a rank tells of its run, by what people call it. */
export interface RankPrint {
  /** Of the program's files, where they can be read. */
  readonly code: string;
  /** Sizes and beginnings of the files. */
  readonly text: string;
  /** What is in the vocabulary. */
  readonly vocabulary: string;
  /** The model and how it is trained, in full. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What decides a device's results. */
  readonly device: DeviceSettings;
}

/**
 * Sees that all ranks train the same model on the same text in the same way.
 *
 * @throws {RanksError} that names a rank that does not, and what is different there.
 */
export async function agreeOnRun(ranks: Ranks, own: RankPrint): Promise<void> {
  const [first, ...others] = await ranks.gather("run", own);
  for (const [i, other] of others.entries()) {
    const what = difference(first!, other);
    if (what === undefined) continue;
    throw new RanksError(
      `Cannot train together: ${rankName(ranks, i + 1)} has ${what} than ${rankName(ranks, 0)}`,
    );
  }
}

/** What is different in another print; undefined: nothing. */
export function difference(first: RankPrint, other: RankPrint): string | undefined {
  if (first.code !== other.code) return "other code";
  if (first.text !== other.text) return "another text";
  const names = [...new Set([...Object.keys(first.settings), ...Object.keys(other.settings)])];
  const spelled = (value: unknown) => JSON.stringify(value) ?? "none";
  const name = names.find((name) => spelled(first.settings[name]) !== spelled(other.settings[name]));
  if (name !== undefined) {
    return `other settings (${name}: ${spelled(other.settings[name])}, not ${spelled(first.settings[name])})`;
  }
  if (first.vocabulary !== other.vocabulary) return "another vocabulary";
  return sameSettings(first.device, other.device) ? undefined : "a device that computes otherwise";
}

/** The print of a run on a device. */
export async function printOfRun(run: Run, device: DeviceSettings): Promise<RankPrint> {
  const { opened: { files, choice }, tokenizer, config, settings, state } = run;
  const digest = (value: unknown) => sha256(new TextEncoder().encode(JSON.stringify(value)));
  const { data: _, ...reading } = choice;
  return {
    code: await codePrint(),
    text: await digest([files.map(({ size, head }) => [size, head]), reading]),
    vocabulary: await digest([...tokenizerFiles(tokenizer, config.maxLength)]),
    settings: { ...config, ...settings, step: state?.step ?? 0 },
    device,
  };
}

/** A print of this package's files; of nothing where they are not to be read, as from a registry. */
async function codePrint(): Promise<string> {
  const root = new URL("../../", import.meta.url);
  if (root.protocol !== "file:" || !mayRead(decodeURIComponent(root.pathname))) return "";
  const texts: string[] = [];
  const visit = async (folder: URL): Promise<void> => {
    const entries = (await Array.fromAsync(Deno.readDir(folder))).sort((a, b) => a.name < b.name ? -1 : 1);
    for (const { name, isDirectory } of entries) {
      if (isDirectory) await visit(new URL(`${name}/`, folder));
      else texts.push(name, await Deno.readTextFile(new URL(name, folder)));
    }
  };
  for (const folder of ["lib/", "kernels/"]) await visit(new URL(folder, root));
  return await sha256(new TextEncoder().encode(texts.join("\0")));
}
