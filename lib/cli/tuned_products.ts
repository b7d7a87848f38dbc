/**
 * Choices that were made by time, remembered for the adapter that they were made on.
 *
 * @module
 */

import type { ProductTable } from "../device/webgpu/choices.ts";
import type { AdapterPrint, TuneOptions, TuneReport } from "../device/webgpu/tuner.ts";
import { fileFolder } from "../files/file_folder.ts";
import { makeFolder, writeFile } from "../files/write_files.ts";
import { readJson } from "../format/model_folder.ts";
import { checked, choice, type Field, record, text } from "../sentences/fields.ts";
import { productTable } from "../train/run_fields.ts";
import project from "../../deno.json" with { type: "json" };
import { cacheFolder } from "./default_text.ts";
import { sha256 } from "./file_print.ts";
import { mayRead, mayWrite } from "./permissions.ts";
import type { Terminal } from "./terminal.ts";

/** When choices are made by time: never, where it pays and they are not known, or anew. */
export const tuneModes = ["off", "on", "force"] as const;
/** When choices are made by time. */
export type TuneMode = typeof tuneModes[number];

/** Says something in a line. */
type Tell = (line: string) => void;

/** Says what was chosen, which nobody needs to hear who asked for quiet, and what went wrong, which is a note. */
export function tuneTeller(terminal: Pick<Terminal, "print">): Tell {
  return (line) => terminal.print(line, { routine: !line.startsWith("note: ") });
}

/** Versions that choices hold for. */
const VERSION = `${project.version}, Deno ${Deno.version.deno}`;

/** What a file of choices holds. */
interface TunedFile {
  readonly format: 1;
  /** Versions of the package, which has the kernels, and of Deno, which compiles them for the driver. */
  readonly version: string;
  readonly adapter: AdapterPrint;
  readonly products: ProductTable;
}

/** How a device is to choose by time, and in which folder it remembers; undefined: not at all. */
export function tuneOptions(
  mode: TuneMode,
  tell: Tell,
  { folder }: Pick<Keeping, "folder"> = { folder: cacheFolder() },
): TuneOptions | undefined {
  if (mode === "off") return undefined;
  return {
    software: mode === "force",
    recall: async (adapter) => mode === "force" ? {} : await recalled(adapter, { folder, tell }),
    async report(found) {
      tell(reportLine(found));
      if (Object.keys(found.chosen).length > 0) await remember(found, { folder, tell });
    },
  };
}

/** What was chosen, in a line. */
function reportLine({ products, chosen, known, left, changed, milliseconds }: TuneReport): string {
  const timed = Object.keys(chosen).length;
  const parts = [
    ...(known > 0 ? [`${known} known from before`] : []),
    ...(timed > 0 ? [`${timed} timed, ${changed} of which other than usual`] : []),
    ...(left > 0 ? [`${left} by the rule`] : []),
  ];
  return `tuning  ${products} kinds of products in ${(milliseconds / 1000).toFixed(1)} s: ${parts.join(", ")}`;
}

const adapterFields: Readonly<Record<keyof AdapterPrint, Field>> = {
  vendor: text,
  architecture: text,
  device: text,
  description: text,
  kernels: text,
};

/** Where choices are kept, and who is told. */
interface Keeping {
  /** Undefined where there is no folder for caches. */
  readonly folder: string | undefined;
  readonly tell: Tell;
}

/** Name of the file of an adapter's choices. */
async function fileFor({ vendor, architecture, device, description }: AdapterPrint): Promise<string> {
  const card = JSON.stringify([vendor, architecture, device, description]);
  return `tuned-${(await sha256(new TextEncoder().encode(card))).slice(0, 16)}.json`;
}

/** Choices made before on an adapter; a file that is of no use is left alone, and said to be. */
async function recalled(adapter: AdapterPrint, { folder, tell }: Keeping): Promise<ProductTable> {
  const name = await fileFor(adapter);
  if (folder === undefined || !mayRead(`${folder}/${name}`)) return {};
  try {
    return await readTuned({ folder, name }, adapter);
  } catch (error) {
    tell(`note: ${(error as Error).message}; products are timed anew`);
    return {};
  }
}

/**
 * Reads a file of choices; of another version's kernels, and where there is no file, there are none.
 *
 * @throws {Error} that says why it is of no use.
 */
async function readTuned(
  { folder, name }: { folder: string; name: string },
  adapter: AdapterPrint,
): Promise<ProductTable> {
  const file = await readJson(fileFolder(folder), name);
  if (file === undefined) return {};
  const says = `${folder}/${name} is not what was remembered of tuning`;
  const fields = record({ format: choice([1]), version: text, adapter: record(adapterFields), products: productTable });
  const found = checked<TunedFile>(file, fields, says);
  const { kernels, ...card } = found.adapter;
  const { kernels: own, ...here } = adapter;
  const foreign = Object.entries(here).find(([name, value]) => card[name as keyof typeof card] !== value);
  if (foreign) throw new RangeError(`${says}: it is of another adapter, "${card.description}"`);
  return found.version === VERSION && kernels === own ? found.products : {};
}

/** Adds what was chosen to what is known; that it cannot be kept is no reason to stop. */
async function remember({ adapter, chosen }: TuneReport, { folder, tell }: Keeping): Promise<void> {
  if (folder === undefined || !mayWrite(folder)) return;
  const name = await fileFor(adapter);
  const path = `${folder}/${name}`;
  const what = "what was chosen by time";
  try {
    const before = await readTuned({ folder, name }, adapter).catch(() => ({}));
    const products = { ...before, ...chosen };
    const file: TunedFile = { format: 1, version: VERSION, adapter, products };
    await makeFolder(folder, { what });
    // another run may be writing it too
    await writeFile(path, `${JSON.stringify(file, null, 2)}\n`, { what, temporary: `${path}.${Deno.pid}` });
  } catch (error) {
    tell(`note: ${(error as Error).message}; the next run will time products again`);
  }
}
