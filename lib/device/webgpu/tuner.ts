/**
 * Choosing by time: the ways to compute each product of a program are tried on the adapter that it will run on, those first
 * that cost most.
 *
 * @module
 */

import type { KernelCall, OpCall } from "../../tensor/tensor.ts";
import {
  mostSplits,
  type ProductChoice,
  productKey,
  type ProductShape,
  type ProductTable,
  sliceLength,
  tiledChoice,
  tiles,
  tilesOf,
  usualChoice,
} from "./choices.ts";
import { type GpuTarget, lower } from "./lower.ts";

/** What an adapter and the kernels for it are known by: choices hold for these alone. */
export interface AdapterPrint {
  /** Maker, as the driver says it. */
  readonly vendor: string;
  /** Family of cards. */
  readonly architecture: string;
  /** Card. */
  readonly device: string;
  /** Card and driver for people. */
  readonly description: string;
  /** The kernels of products, in a few digits. */
  readonly kernels: string;
}

/** What came of a tuning. */
export interface TuneReport {
  /** Where. */
  readonly adapter: AdapterPrint;
  /** Products that are computed in ways of their own. */
  readonly products: number;
  /** Choices that were made by time now. */
  readonly chosen: ProductTable;
  /** Products whose choice was known. */
  readonly known: number;
  /** Products that there was no time for, or that could not be timed: the rule has them. */
  readonly left: number;
  /** How many of the choices made now are not what the rule would have taken. */
  readonly changed: number;
  /** Milliseconds of tuning. */
  readonly milliseconds: number;
}

/** How a device chooses by time. */
export interface TuneOptions {
  /**
   * Time adapters that are software too.
   *
   * @default {false}
   */
  readonly software?: boolean | undefined;
  /**
   * Milliseconds of timing for a program; what is left over then follows the rule.
   *
   * @default {1600}
   */
  readonly budget?: number | undefined;
  /**
   * Take timestamps of the adapter where it has them, instead of waiting for many runs.
   *
   * @default {true}
   */
  readonly timestamps?: boolean | undefined;
  /** Choices that were made before. Default: none. */
  readonly recall?: ((adapter: AdapterPrint) => Promise<ProductTable>) | undefined;
  /** Hears what was chosen. */
  readonly report?: ((report: TuneReport) => Promise<void> | void) | undefined;
}

/** Milliseconds of tuning for a program where nothing else is said: with compiling it stays below two seconds. */
export const TUNE_BUDGET = 1600;

/** A product of a program, and how to compute it. */
export interface TunedProduct {
  /** Its name in a table. */
  readonly key: string;
  /** What it is. */
  readonly shape: ProductShape;
  /** The operation that it belongs to; the first of those that are alike. */
  readonly call: OpCall;
  /** Floating-point operations of all of its kind in the program. */
  readonly flop: number;
}

/** The products of a program, each kind once, the most expensive first. */
export function productsOf(calls: readonly OpCall[], target: GpuTarget): TunedProduct[] {
  const found = new Map<string, TunedProduct>();
  for (const call of calls) {
    const shapes: ProductShape[] = [];
    lower(call, { ...target, asked: (shape) => shapes.push(shape) });
    for (const shape of shapes) {
      const key = productKey(shape);
      const flop = 2 * shape.m * shape.n * shape.k;
      const before = found.get(key);
      found.set(key, before ? { ...before, flop: before.flop + flop } : { key, shape, call, flop });
    }
  }
  return [...found.values()].sort((a, b) => b.flop - a.flop);
}

/** Tiles of 64 × 64 below which a product may be too small for workgroup memory to pay. */
const FEW_TILES = 64;

/** The shortest slice that sums of any layout are cut into. */
const SHORTEST = 64;

/** Ways to compute a product that are worth trying, the usual one first. */
export function candidatesFor(shape: ProductShape, target: GpuTarget): ProductChoice[] {
  const usual = usualChoice(shape, target);
  const most = Math.max(1, Math.floor(shape.k / SHORTEST));
  const tiled = tiles.flatMap((tile) => {
    const { splits } = tiledChoice(shape, tile, mostSplits(shape, "tiled"));
    const full = tiledChoice(shape, tile, most).splits;
    const wanted = [splits, ...[0.25, 0.5, 1, 2].map((part) => Math.ceil(part * full))].filter((count) =>
      count >= 1 && count <= most
    );
    return [...new Set([1, ...wanted])].map((splits): ProductChoice => ({ variant: "tiled", tile, splits }));
  });
  const isSmall = tilesOf(shape, [64, 64]) < FEW_TILES;
  const direct = isSmall || usual.variant === "direct"
    ? [usualChoice(shape, { ...target, variant: "direct" }), { variant: "direct", splits: 1 } as const]
    : [];
  return different([usual, ...tiled, ...direct].map((choice) => exact(shape, choice)));
}

/** A choice with as many slices as there will be. */
function exact({ k }: ProductShape, choice: ProductChoice): ProductChoice {
  return { ...choice, splits: Math.ceil(k / sliceLength(k, choice.splits)) };
}

/** Whether a choice is what the rule would take. */
export function isUsual(choice: ProductChoice, shape: ProductShape, target: GpuTarget): boolean {
  return spelled(choice) === spelled(exact(shape, usualChoice(shape, target)));
}

const spelled = ({ variant, tile, splits }: ProductChoice) => `${variant} ${tile ?? ""} ${splits}`;

function different(choices: readonly ProductChoice[]): ProductChoice[] {
  return [...new Map(choices.map((choice) => [spelled(choice), choice])).values()];
}

/** Lists of calls, each of which computes the same thing in another way. */
export type Ways = readonly (readonly KernelCall[])[];

/**
 * Milliseconds of one run of each list; undefined where a list cannot be run or timed.
 *
 * @param estimate About how long the quickest takes: each is then run so often that it can be told from others. Without it, at
 * first sight.
 */
export type TimeWays = (ways: Ways, estimate?: number) => Promise<(number | undefined)[]>;

/** Whatever is this much slower than the best at first sight is not looked at again. */
const HOPELESS = 1.5;

/** The share of the usual way's time that another one must save: less may be chance, and would change last digits for nothing. */
const WORTH = 0.03;

/** What tuning is given. */
export interface TuneContext {
  /** Lowers for the device. */
  readonly target: GpuTarget;
  /** Compiles a list of calls; false where that fails. */
  readonly compile: (calls: readonly KernelCall[]) => Promise<boolean>;
  /** Times ways that were compiled. */
  readonly time: TimeWays;
  /** Milliseconds that there are. */
  readonly budget: number;
  /** A clock in milliseconds. */
  readonly now: () => number;
}

/** The choices that time made. */
export async function chooseByTime(products: readonly TunedProduct[], context: TuneContext): Promise<ProductTable> {
  const { target, budget, now } = context;
  const end = now() + budget;
  const hasTime = () => now() < end;
  const chosen: Record<string, ProductChoice> = {};
  for (const { key, shape, call } of products) {
    if (!hasTime()) break;
    const ways = waysOf(call, key, { candidates: candidatesFor(shape, target), target });
    const best = await quickest(ways, { ...context, hasTime });
    if (best) chosen[key] = best;
  }
  return chosen;
}

/** A choice, and the calls that it makes. */
interface Way {
  readonly choice: ProductChoice;
  readonly calls: readonly KernelCall[];
}

/** Candidates that differ in what is called: a sum with an epilogue, for one, is never cut up. */
function waysOf(
  call: OpCall,
  key: string,
  { candidates, target }: { candidates: readonly ProductChoice[]; target: GpuTarget },
): Way[] {
  const ways = new Map<string, Way>();
  for (const choice of candidates) {
    const calls = lower(call, { ...target, table: { ...target.table, [key]: choice } });
    const print = JSON.stringify(calls.map(({ kernel, params, constants, grid }) => [kernel, params, constants, grid]));
    if (!ways.has(print)) ways.set(print, { choice, calls });
  }
  return [...ways.values()];
}

/** The choice that takes least time; the first, which is the usual one, unless another saves enough; none where nothing could be timed. */
async function quickest(
  ways: readonly Way[],
  { compile, time, hasTime }: TuneContext & { readonly hasTime: () => boolean },
): Promise<ProductChoice | undefined> {
  const ready: Way[] = [];
  for (const way of ways) if (hasTime() && await compile(way.calls)) ready.push(way);
  const timed = async (ways: readonly Way[], estimate?: number) => {
    const times = await time(ways.map(({ calls }) => calls), estimate);
    return ways.map((way, i) => ({ ...way, time: times[i] ?? Infinity })).filter(({ time }) => time < Infinity);
  };
  const isUsual = ({ choice }: Way) => choice === ways[0]!.choice;
  const first = await timed(ready);
  const best = Math.min(...first.map(({ time }) => time));
  const hopeful = first.filter((way) => isUsual(way) || way.time <= HOPELESS * best);
  const known = hopeful.length > 1 && hasTime() ? await timed(hopeful, best) : hopeful;
  const [winner] = known.sort((a, b) => a.time - b.time);
  const usual = known.find(isUsual);
  return usual && winner && winner.time > (1 - WORTH) * usual.time ? usual.choice : winner?.choice;
}
