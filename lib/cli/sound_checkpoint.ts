/**
 * The latest checkpoint of a run that can be read.
 *
 * @module
 */

import { CHECKSUMS, hasChecksums } from "../files/checksums.ts";
import type { CheckpointStorage } from "../files/checkpoint_folder.ts";
import { type Checkpoint, loadCheckpoint } from "../train/checkpoint.ts";
import { grouped } from "./figures.ts";

/** What was found. */
export interface SoundCheckpoint {
  /** The checkpoint; undefined if none can be read. */
  readonly checkpoint: Checkpoint | undefined;
  /** Names of those after it, which cannot be read. */
  readonly damaged: readonly string[];
  /** What is wrong with the latest of those. */
  readonly failure: unknown;
}

/** Reads the latest checkpoint of those wanted; where it is damaged, that is told, and the one before is read. */
export async function soundCheckpoint(
  storage: CheckpointStorage,
  { isWanted = () => true, tell }: { isWanted?: (name: string) => boolean; tell: (line: string) => void },
): Promise<SoundCheckpoint> {
  const damaged: string[] = [];
  let failure: unknown;
  for (const name of (await storage.list()).filter(isWanted).reverse()) {
    try {
      const checkpoint = await loadCheckpoint(storage, name);
      if (!await hasChecksums(storage.folder(name))) {
        const place = `${storage.place}/${name}`;
        tell(
          `note: ${place} has no ${CHECKSUMS}, as of earlier versions: nothing tells whether it is as it was written`,
        );
      }
      if (damaged.length > 0) {
        tell(`note: going on from the checkpoint before, of step ${grouped(checkpoint.state.step)}`);
      }
      return { checkpoint, damaged, failure };
    } catch (error) {
      if (!isDamage(error)) throw error;
      failure ??= error;
      damaged.push(name);
      tell(`note: ${error.message}`);
    }
  }
  return { checkpoint: undefined, damaged, failure };
}

/** Whether an error tells of the files, or of the disk under them. */
function isDamage(error: unknown): error is Error {
  const isFiles = error instanceof SyntaxError || error instanceof RangeError || error instanceof TypeError;
  return isFiles || (error as { code?: string }).code === "EIO";
}
