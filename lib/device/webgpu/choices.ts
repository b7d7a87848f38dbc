/**
 * How matrix products are computed, by their shapes: the one table of what the device may choose.
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
}

/** How a product is computed. */
export interface ProductChoice {
  /** Kernel. */
  readonly variant: MatmulVariant;
  /** Slices of k that are summed apart and added up at the end; 1: none. */
  readonly splits: number;
}

/** Choices by {@linkcode productKey}; what is not in it follows the rule of {@linkcode chooseProduct}. */
export type ProductTable = Readonly<Record<string, ProductChoice>>;

/** Name of a shape in a {@linkcode ProductTable}, such as `Aᵀ·B 128×128×2048`. */
export function productKey({ layout, m, n, k }: ProductShape): string {
  return `${layout} ${m}×${n}×${k}`;
}

/** Rows and columns of the result that a workgroup makes, and the shortest slice of k that is worth one. */
const TILE = 64;
const SHORTEST_SLICE = 256;

/**
 * The choice for a shape: that of the table, or else the device's usual kernel with the sums over rows, which are long and of
 * few tiles, in as many slices as fill the device.
 *
 * @throws {RangeError} if the table's number of slices is none.
 */
export function chooseProduct(
  shape: ProductShape,
  { table, variant, parallelism }: { table: ProductTable; variant: MatmulVariant; parallelism: number },
): ProductChoice {
  const { layout, m, n, k } = shape;
  const tiles = Math.ceil(m / TILE) * Math.ceil(n / TILE);
  const most = layout === "Aᵀ·B" ? Math.floor(k / SHORTEST_SLICE) : 1;
  const splits = Math.max(1, Math.min(Math.ceil(parallelism / tiles), most));
  const chosen = table[productKey(shape)] ?? { variant, splits };
  if (!Number.isInteger(chosen.splits) || chosen.splits < 1) {
    throw new RangeError(
      `Cannot split the product ${
        productKey(shape)
      } into ${chosen.splits} slices: it must be a whole number of at least 1`,
    );
  }
  return chosen;
}

/** Length of a slice of k: a multiple of 16, as the kernels' own steps. */
export function sliceLength(k: number, splits: number): number {
  return Math.ceil(k / splits / 16) * 16;
}

/** How many neighbouring invocations share a row of so many vectors of four: enough that none walks more than about 16. */
export function lanesFor(columns4: number): number {
  return columns4 <= 128 ? 8 : columns4 <= 512 ? 32 : 64;
}
