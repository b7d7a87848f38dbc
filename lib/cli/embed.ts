/**
 * The command `embed`.
 *
 * @module
 */

import { type Embedded, poolModes } from "../inference/embed.ts";
import { type Flag, flagHelp, flagSwitch, parseChoice, parseFlags, UsageError } from "./flags.ts";
import { grouped } from "./format.ts";
import { isConversation, lineWriter, textsOf } from "./lines.ts";
import { deviceFlags, folderHelp, withModel } from "./opened_model.ts";
import { openTerminal } from "./terminal.ts";
import { trainFlags } from "./train_flags.ts";

const text = (value: string) => value;
const file: Flag<string> = {
  value: "PATH",
  help: "embed the lines of a file, of .jsonl, .csv and .parquet the texts; - for standard input",
  parse: text,
};
const out: Flag<string> = {
  value: "PATH",
  help: "write to a file, .jsonl or .npy (default: JSON lines to standard output)",
  parse: text,
};
const pool = {
  value: "KIND",
  help: "mean of all tokens, or cls, the first one (default: mean)",
  parse: parseChoice(poolModes),
};
const normalize = flagSwitch("scale every vector to length 1");
const { field } = trainFlags;
const groups = { Options: { file, field, out, pool, normalize, ...deviceFlags } };

/** Help of the command. */
export const embedHelp = `Turns texts into vectors: hidden states of the last layer, one vector a text.

Usage: deno run -A cli.ts embed DIR [TEXT...] [options]

${folderHelp}
JSON lines are {"text", "embedding"}; a .npy file holds float32 [texts, width], as numpy.load reads it.

${flagHelp(groups)}

Examples:
  deno run -A cli.ts embed runs/modernbert-small-shakespeare "to be or not to be"
  deno run -A cli.ts embed bert-base-uncased --file titles.txt --out titles.npy`;

const wanted = 'Wanted: embed DIR "a text", or --file FILE';

/** Takes vectors in order. */
interface VectorWriter {
  add(embedded: Embedded): void;
  /** Ends what was begun. */
  finish(): void;
  /** Takes back what was begun. */
  abandon(): void;
}

/** Runs the command; returns the exit code. */
export async function embedCommand(args: readonly string[]): Promise<number> {
  const parsed = parseFlags(groups, args);
  if (parsed.help) {
    console.log(embedHelp);
    return 0;
  }
  const [path, ...given] = parsed.positional;
  if (path === undefined) throw new UsageError(wanted);
  const target = parsed.get(out);
  if (target !== undefined && !/\.(jsonl|npy)$/.test(target)) {
    throw new UsageError(`Cannot write vectors to "${target}": its name must end in .jsonl or .npy`);
  }
  const texts = textsOf(given, { file: parsed.get(file), field: parsed.get(field), wanted });
  return await withModel(path, parsed, async (model) => {
    const writer = target === undefined
      ? jsonToOutput(isConversation(given, parsed.get(file)))
      : target.endsWith(".npy")
      ? npyFile(target, model.config.width)
      : jsonFile(target);
    // standard output is free to say how far it is where the vectors go to a file
    const terminal = target === undefined ? undefined : openTerminal();
    let [done, cut] = [0, 0];
    try {
      for await (const embedded of model.embedTexts(texts, { pool: parsed.get(pool) ?? "mean" })) {
        if (embedded.omitted > 0) cut++;
        if (parsed.get(normalize)) scaleToOne(embedded.embedding);
        writer.add(embedded);
        terminal?.progress(`${grouped(++done)} texts`);
      }
      terminal?.clear();
      writer.finish();
    } catch (error) {
      writer.abandon();
      throw error;
    }
    if (cut > 0) {
      console.error(`note: ${grouped(cut)} texts were longer than ${model.config.maxLength} tokens and were cut off`);
    }
    return 0;
  });
}

function scaleToOne(vector: Float32Array): void {
  const length = Math.hypot(...vector);
  if (length > 0) { for (let i = 0; i < vector.length; i++) vector[i]! /= length; }
}

const asJson = ({ text, embedding }: Embedded) =>
  // as many digits as tell 32-bit floats apart
  JSON.stringify({ text, embedding: Array.from(embedding, (value) => Number(value.toPrecision(9))) });

function jsonToOutput(atOnce: boolean): VectorWriter {
  const write = lineWriter({ atOnce });
  return { add: (embedded) => write(asJson(embedded)), finish: write.flush, abandon: write.flush };
}

function jsonFile(path: string): VectorWriter {
  const file = unfinished(path);
  const encoder = new TextEncoder();
  return { ...file, add: (embedded) => file.write(encoder.encode(`${asJson(embedded)}\n`)) };
}

/** Bytes of a .npy file's header: room for any number of rows. */
const NPY_HEADER = 128;

/** NumPy's format 1.0; the number of rows is written last, when it is known. */
function npyFile(path: string, width: number): VectorWriter {
  const file = unfinished(path);
  let rows = 0;
  const header = () => {
    const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${width}), }`;
    const bytes = new TextEncoder().encode(`\x00NUMPY\x01\x00\x00\x00${text.padEnd(NPY_HEADER - 11)}\n`);
    bytes[0] = 0x93;
    new DataView(bytes.buffer).setUint16(8, NPY_HEADER - 10, true);
    return bytes;
  };
  file.write(header());
  return {
    abandon: file.abandon,
    add({ embedding }) {
      file.write(new Uint8Array(embedding.buffer, embedding.byteOffset, embedding.byteLength));
      rows++;
    },
    finish() {
      file.seekToStart();
      file.write(header());
      file.finish();
    },
  };
}

/** A file that gets its name when it is whole. */
function unfinished(path: string) {
  const temporary = `${path}.unfinished`;
  const file = Deno.openSync(temporary, { write: true, create: true, truncate: true });
  return {
    write(bytes: Uint8Array) {
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
    },
    seekToStart: () => file.seekSync(0, Deno.SeekMode.Start),
    finish() {
      file.close();
      Deno.renameSync(temporary, path);
    },
    abandon() {
      file.close();
      Deno.removeSync(temporary);
    },
  };
}
