/**
 * A file of tensors as what was written once: read one after the other, however large it is.
 *
 * @module
 */

import { type FileReader, type ModelFolder, pathIn, readFully } from "./model_folder.ts";
import { decodeWeights, type HostTensor, weightTypeOf } from "./safetensors.ts";
import { checkedFile } from "./weight_files.ts";

/**
 * All tensors of a safetensors file of floats, by name; undefined if there is no such file.
 *
 * @throws {SyntaxError} that says what the file is instead.
 */
export async function readTensors(folder: ModelFolder, name: string): Promise<Map<string, HostTensor> | undefined> {
  const reader = await folder.open(name);
  if (!reader) return undefined;
  const path = pathIn(folder, name);
  try {
    const { entries } = await checkedFile(reader, name, path);
    const tensors = new Map<string, HostTensor>();
    for (const { name, type, shape, bytes: count } of entries) {
      const bytes = new Uint8Array(count);
      await readFully(reader, bytes, path);
      tensors.set(name, { shape, data: decodeWeights(bytes, weightTypeOf({ name, type }, path)) });
    }
    // a checksum is compared where a file ends
    if (await reader.read(new Uint8Array(1)) !== null) {
      throw new SyntaxError(`Cannot read ${path}: it goes on behind its last tensor`);
    }
    return tensors;
  } catch (error) {
    // that a file is not as it was written, which its end tells, says more than what is wrong in it
    if (error instanceof SyntaxError) await readToEnd(reader);
    throw error;
  } finally {
    await reader.close();
  }
}

async function readToEnd(reader: FileReader): Promise<void> {
  const bytes = new Uint8Array(1 << 20);
  while (await reader.read(bytes) !== null);
}
