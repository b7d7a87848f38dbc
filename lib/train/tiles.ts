/**
 * Steps in tiles: as many that ranks have about equally much to do.
 *
 * @module
 */

import { counted } from "../sentences/counted.ts";
import { inParts } from "./micro_batch.ts";
import { stageSize } from "./schedule.ts";
import type { TrainingSettings } from "./settings.ts";

type Tiled = Pick<TrainingSettings, "batchTokens" | "accumulate" | "curriculum" | "tiles">;

/** What is wanted of tiles: so many, or some multiple; or none in particular, for so many ranks. */
export interface TilesWanted {
  /** Ranks that share them. */
  readonly ranks: number;
  /** Tiles; a multiple of them will do. Default: what suits the ranks. */
  readonly tiles?: number | undefined;
}

/**
 * Settings of the same steps in tiles: windows of a batch are divided among them where there are more ranks than batches. As few
 * tiles as leave no rank much longer at work than others.
 *
 * @throws {RangeError} if there are too few windows.
 */
export function inTiles<Settings extends Tiled>(
  settings: Settings,
  { ranks, tiles: wanted }: TilesWanted,
): Settings & { readonly tiles: true } {
  let best: { readonly settings: Settings & { readonly tiles: true }; readonly cost: number } | undefined;
  for (let parts = 1; parts <= fewestWindows(settings); parts++) {
    const divided = inParts(settings, parts);
    const tiles = divided?.accumulate ?? 0;
    if (!divided || tiles < ranks || (wanted !== undefined && tiles % wanted !== 0)) continue;
    // the share of a step that the busiest rank has
    const cost = Math.ceil(tiles / ranks) / tiles;
    if (!best || cost < best.cost - 1e-9) best = { settings: { ...divided, tiles: true }, cost };
    if (wanted !== undefined) break;
  }
  if (best) return best.settings;
  throw new RangeError(tooFew(settings, { ranks, tiles: wanted }));
}

/** Windows of a batch in the stage that has the fewest. */
function fewestWindows({ curriculum, batchTokens }: Tiled): number {
  return Math.min(...curriculum.map((stage) => stageSize(stage, { batchTokens, accumulate: 1 }).windows));
}

function tooFew(settings: Tiled, { ranks, tiles }: TilesWanted): string {
  const { accumulate, curriculum } = settings;
  const windows = counted(accumulate * fewestWindows(settings), "window");
  const needs = Math.max(ranks, tiles ?? 1);
  const enough = needs * curriculum.at(-1)!.length;
  const what = tiles === undefined ? `train on ${ranks} ranks` : `divide steps into ${counted(tiles, "tile")}`;
  return `Cannot ${what}: a step has ${windows} of the longest, which do not come out even; ` +
    `--batch-tokens ${enough} or --accumulate ${needs} would do`;
}
