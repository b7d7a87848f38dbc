/**
 * How matrix products and attention are computed, by their shapes: the one table of what the device may choose.
 *
 * @module
 */

/** The way a matrix product is computed: through workgroup memory, or straight from registers. */
export type MatmulVariant = "tiled" | "direct";

/** A matrix product, [m, k] · [k, n]. */
export interface ProductShape {
  /** Which of the two matrices lies transposed. */
  readonly layout: "A·B" | "A·Bᵀ" | "Aᵀ·B" | "Aᵀ·Bᵀ";
  /** Rows of the result. */
  readonly m: number;
  /** Columns of the result. */
  readonly n: number;
  /** Length of the sums. */
  readonly k: number;
  /** What the matrices are stored in, where it is not f32. */
  readonly dtype?: "f16" | undefined;
  /** What is done with a finished sum, such as `bias+residual`; undefined: it is written. */
  readonly epilogue?: string | undefined;
}

/** Rows and columns of the result that a workgroup of the tiled kernel makes. */
export type Tile = readonly [rows: 64 | 128, columns: 64 | 128];

/** How a product is computed. */
export interface ProductChoice {
  /** Kernel. */
  readonly variant: MatmulVariant;
  /**
   * Of the tiled kernel.
   *
   * @default {[64, 64]}
   */
  readonly tile?: Tile | undefined;
  /** Slices of k that are summed apart and added up at the end; 1: none. */
  readonly splits: number;
}

/** Choices by {@linkcode productKey}; what is not in it follows the rule of {@linkcode chooseProduct}. */
export type ProductTable = Readonly<Record<string, ProductChoice>>;

/**
 * Name of a shape in a {@linkcode ProductTable}, such as `Aᵀ·B 128×128×2048`, with its type and its epilogue behind it if it has
 * one of its own.
 */
export function productKey({ layout, m, n, k, dtype, epilogue }: ProductShape): string {
  return [layout, `${m}×${n}×${k}`, dtype, epilogue].filter((part) => part !== undefined).join(" ");
}

/** What tells a product's operands from one another, and how it is cut up: no part of what is done with its sums. */
const notEpilogue = ["TRANSPOSE_A", "TRANSPOSE_B", "ROWS", "COLUMNS"];

/** The epilogue that a product's constants stand for; undefined: none. */
export function epilogueOf(constants: Readonly<Record<string, number | boolean>>): string | undefined {
  const parts = Object.entries(constants)
    .filter(([name, value]) => Number(value) !== 0 && !notEpilogue.includes(name))
    .map(([name, value]) => name.toLowerCase() + (value === true ? "" : `=${value}`));
  return parts.length > 0 ? parts.sort().join("+") : undefined;
}

/** Sizes of tiles, those that read memory least often first. */
export const tiles: readonly Tile[] = [[128, 128], [128, 64], [64, 64]];

/** Workgroups of the tiled kernel that fill a GPU: a larger tile only pays where it leaves as many. */
const FULL = 256;

/** The shortest slice of k that is worth a workgroup of its own. */
const SHORTEST_SLICE = { direct: 256, tiled: 64 };

/** What the choice for a shape depends on. */
export interface ProductRule {
  /** Choices made before. */
  readonly table: ProductTable;
  /** Usual kernel. */
  readonly variant: MatmulVariant;
  /** The only tile, where there is a choice. */
  readonly tile?: Tile | undefined;
  /** Workgroups that fill the device, of the direct kernel. */
  readonly parallelism: number;
  /** Is told every shape that a choice is made for. */
  readonly asked?: ((shape: ProductShape) => void) | undefined;
}

/**
 * The choice for a shape: that of the table with this epilogue, or for any, or else the device's usual kernel with the largest
 * tile of which there are enough, and the sums over rows, which are long and of few tiles, in as many slices as fill the device.
 *
 * @throws {RangeError} if the table's number of slices is none.
 */
export function chooseProduct(shape: ProductShape, rule: ProductRule): ProductChoice {
  rule.asked?.(shape);
  const chosen = rule.table[productKey(shape)] ?? rule.table[productKey({ ...shape, epilogue: undefined })] ??
    usualChoice(shape, rule);
  if (!Number.isInteger(chosen.splits) || chosen.splits < 1) {
    throw new RangeError(
      `Cannot split the product ${
        productKey(shape)
      } into ${chosen.splits} slices: it must be a whole number of at least 1`,
    );
  }
  return chosen;
}

/** The most slices that a sum is worth being cut into: those over rows are long and of few tiles. */
export function mostSplits({ layout, k }: ProductShape, variant: MatmulVariant): number {
  return layout === "Aᵀ·B" ? Math.max(1, Math.floor(k / SHORTEST_SLICE[variant])) : 1;
}

/** What the rule says where no table says anything. */
export function usualChoice(
  shape: ProductShape,
  { variant, tile, parallelism }: Omit<ProductRule, "table">,
): ProductChoice {
  const most = mostSplits(shape, variant);
  return variant === "tiled" ? tiled(shape, most, tile) : direct(shape, most, parallelism);
}

function direct(shape: ProductShape, most: number, parallelism: number): ProductChoice {
  return { variant: "direct", splits: Math.min(Math.ceil(parallelism / tilesOf(shape, [64, 64])), most) };
}

function tiled(shape: ProductShape, most: number, always: Tile | undefined): ProductChoice {
  const tile = always ?? tiles.find((tile) => tilesOf(shape, tile) * most >= FULL) ?? [64, 64];
  return tiledChoice(shape, tile, most);
}

/** Tiles of a size, with as many slices as fill a GPU. */
export function tiledChoice(shape: ProductShape, tile: Tile, most: number): ProductChoice & { readonly tile: Tile } {
  return { variant: "tiled", tile, splits: Math.min(Math.ceil(FULL / tilesOf(shape, tile)), most) };
}

/** How many tiles of a size a product has. */
export function tilesOf({ m, n }: ProductShape, [rows, columns]: Tile): number {
  return Math.ceil(m / rows) * Math.ceil(n / columns);
}

/** Length of a slice of k: a multiple of 16, as the kernels' own steps. */
export function sliceLength(k: number, splits: number): number {
  return Math.ceil(k / splits / 16) * 16;
}

/** How many neighbouring invocations share a row of so many vectors of four: enough that none walks more than about 16. */
export function lanesFor(columns4: number): number {
  return columns4 <= 128 ? 8 : columns4 <= 512 ? 32 : 64;
}

/**
 * How many invocations share a row where a norm's gradient is made, so that none holds more than about eight vectors, and how
 * many rows are a workgroup's: as few as fill the device twice over, in whole sets of rows.
 */
export function normBlocks(
  { rows, columns4 }: { rows: number; columns4: number },
  parallelism: number,
): { lanes: number; block: number } {
  const lanes = columns4 <= 64 ? 8 : columns4 <= 256 ? 32 : 64;
  const atOnce = 64 / lanes;
  return { lanes, block: atOnce * Math.ceil(rows / (atOnce * Math.ceil(parallelism / 2))) };
}

/** How many invocations share the sum of so many partials: some of a device that has more of them than there are sums. */
export function partialLanes({ size, splits }: { size: number; splits: number }, parallelism: number): number {
  const idle = parallelism * 32 / size;
  return [16, 8, 4, 2].find((lanes) => lanes <= idle && lanes * 4 <= splits) ?? 1;
}

/**
 * The way attention is computed: an invocation a row ("rows"), in blocks through workgroup memory ("blocks"), or in blocks
 * from the length on from which they pay ("by length").
 */
export type AttentionVariant = "rows" | "blocks" | "by length";

/** Attention's kernels, by what they compute. */
export type AttentionPass = "attention" | "attention_backward_query" | "attention_backward_key_value";

/** What the choice for attention depends on. */
export interface AttentionRule {
  /** Usual way. */
  readonly attention: AttentionVariant;
  /** Bytes of memory that a workgroup may have. */
  readonly workgroupBytes: number;
  /** Blocks to choose from in place of the usual ones. */
  readonly blocks?: AttentionTable | undefined;
}

/** Shortest sequences that are computed in blocks "by length": those that fill one. */
const SHORTEST_IN_BLOCKS = 32;

/** Blocks of columns that a workgroup walks, for heads up to a width. */
export interface AttentionBlocks {
  /** Widest head, in vectors of four. */
  readonly widest: number;
  /** Fours of columns of an invocation: larger ones read workgroup memory less often, and need more registers. */
  readonly columns: number;
  /** Blocks in workgroup memory at once: 2 with values, or d_output, which are otherwise read from memory as they are needed. */
  readonly tiles: number;
  /** Whether the rows lie in workgroup memory as well. */
  readonly held?: boolean;
  /** Vectors multiplied between two checks of a loop: fewer need fewer registers. */
  readonly depth: number;
}

/** Blocks to choose from, the best first: the first that is wide enough and for which there is memory is taken. */
export type AttentionTable = Readonly<Record<AttentionPass, readonly AttentionBlocks[]>>;

/** The usual blocks. KiB with 64 rows: */
const usualBlocks: AttentionTable = {
  attention: [
    { widest: 8, columns: 2, tiles: 1, held: true, depth: 4 }, // 24
    { widest: 8, columns: 2, tiles: 1, depth: 4 }, // 16
    { widest: 16, columns: 2, tiles: 1, held: true, depth: 4 }, // 40
    { widest: 16, columns: 1, tiles: 1, held: true, depth: 4 }, // 32
    { widest: 16, columns: 1, tiles: 1, depth: 4 }, // 16
    { widest: 32, columns: 1, tiles: 1, depth: 4 }, // 24
  ],
  attention_backward_query: [
    { widest: 8, columns: 1, tiles: 2, depth: 4 }, // 16
    { widest: 16, columns: 1, tiles: 2, depth: 2 }, // 24
    { widest: 16, columns: 1, tiles: 1, depth: 2 }, // 16
    { widest: 32, columns: 1, tiles: 2, depth: 2 }, // 40
    { widest: 32, columns: 1, tiles: 1, depth: 2 }, // 24
  ],
  attention_backward_key_value: [
    { widest: 8, columns: 1, tiles: 2, depth: 4 }, // 16
    { widest: 16, columns: 1, tiles: 2, depth: 2 }, // 24
    { widest: 16, columns: 1, tiles: 1, depth: 2 }, // 16
    { widest: 32, columns: 1, tiles: 2, depth: 2 }, // 40
    { widest: 32, columns: 1, tiles: 1, depth: 2 }, // 24
  ],
};

/** Most memory that blocks of attention are chosen to have. */
export const MOST_WORKGROUP_BYTES = 40 * 1024;

/** How a kernel of attention is computed in blocks. */
export interface AttentionChoice {
  /** Name of the kernel. */
  readonly kernel: string;
  /** Rows of a workgroup. */
  readonly rows: number;
  /** Constants of the kernel. */
  readonly constants: Readonly<Record<string, number>>;
}

/** The blocks that a pass of attention is computed in; undefined: an invocation a row. */
export function chooseAttention(
  pass: AttentionPass,
  { length, columns4 }: { length: number; columns4: number },
  { attention, workgroupBytes, blocks: table = usualBlocks }: AttentionRule,
): AttentionChoice | undefined {
  if (attention === "rows" || attention === "by length" && length < SHORTEST_IN_BLOCKS) return undefined;
  const height = length <= 32 ? 8 : 16;
  const bytesOf = ({ columns, tiles, held }: AttentionBlocks) =>
    512 * columns * tiles * columns4 + 512 * height + (held ? 64 * height * columns4 : 0);
  const chosen = table[pass].find((blocks) => columns4 <= blocks.widest && bytesOf(blocks) <= workgroupBytes);
  if (!chosen) return undefined;
  const { columns, tiles, held, depth } = chosen;
  return {
    kernel: pass === "attention" && !held ? "attention_blocked_read" : `${pass}_blocked`,
    rows: 4 * height,
    constants: {
      HEIGHT: height,
      COLUMNS: columns,
      TILES: tiles,
      PARTS: Math.ceil(columns4 / 8),
      DEPTH: [4, 2, 1].find((most) => most <= depth && columns4 % most === 0)!,
      LOADS: Math.min(4, Math.ceil(4 * columns * columns4 / height)),
    },
  };
}
