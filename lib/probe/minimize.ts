/**
 * The minimum of a smooth function: L-BFGS with a preconditioner.
 *
 * @module
 */

/** A point's value and gradient. */
export interface Point {
  /** The function there. */
  readonly value: number;
  /** Its gradient there. */
  readonly gradient: Float64Array<ArrayBuffer>;
}

/** Options of {@linkcode minimize}. */
export interface MinimizeOptions {
  /** The function with its gradient. */
  readonly at: (x: Float64Array<ArrayBuffer>) => Promise<Point>;
  /** Where to begin; it is not changed. */
  readonly start: Float64Array<ArrayBuffer>;
  /** Multiplies a gradient by an approximate inverse of the second derivatives. Default: leaves it as it is. */
  readonly precondition?: ((gradient: Float64Array<ArrayBuffer>) => Float64Array<ArrayBuffer>) | undefined;
  /** Ends where a step lowers the value by less than this share of it. */
  readonly tolerance?: number | undefined;
  /** Steps at most. */
  readonly steps?: number | undefined;
}

/** Steps that are remembered. */
const MEMORY = 8;
/** Share of the decrease that the gradient promises which a step must bring (Armijo). */
const SUFFICIENT = 1e-4;
/** Times that a step is shortened. */
const MOST_CUTS = 12;

interface Step {
  /** Change of x. */
  readonly s: Float64Array<ArrayBuffer>;
  /** Change of the gradient. */
  readonly y: Float64Array<ArrayBuffer>;
  /** 1 / (s · y). */
  readonly rho: number;
}

/**
 * Finds a minimum (Nocedal, "Updating quasi-Newton matrices with limited storage", 1980), with the step halved, or set by a
 * parabola, until it lowers the function. Deterministic.
 */
export async function minimize(
  { at, start, precondition = (gradient) => gradient.slice(), tolerance = 1e-5, steps = 100 }: MinimizeOptions,
): Promise<{ readonly x: Float64Array<ArrayBuffer>; readonly value: number }> {
  let x = start.slice();
  let { value, gradient } = await at(x);
  let memory: Step[] = [];
  for (let step = 0; step < steps; step++) {
    const direction = directionOf(gradient, { memory, precondition });
    const slope = dot(gradient, direction);
    if (!(slope < 0)) {
      if (memory.length === 0) break;
      memory = [];
      continue;
    }
    const found = await search(at, { x, value, direction, slope });
    if (!found) {
      if (memory.length === 0) break;
      memory = [];
      continue;
    }
    const s = difference(found.x, x);
    const y = difference(found.gradient, gradient);
    const product = dot(s, y);
    if (product > 1e-12 * Math.sqrt(dot(s, s) * dot(y, y))) {
      memory = [...memory.slice(1 - MEMORY), { s, y, rho: 1 / product }];
    }
    const gain = value - found.value;
    ({ x, value, gradient } = found);
    if (gain <= tolerance * Math.abs(value)) break;
  }
  return { x, value };
}

/** Two loops over the remembered steps, with the preconditioner in between. */
function directionOf(
  gradient: Float64Array<ArrayBuffer>,
  { memory, precondition }: {
    memory: readonly Step[];
    precondition: (gradient: Float64Array<ArrayBuffer>) => Float64Array<ArrayBuffer>;
  },
): Float64Array<ArrayBuffer> {
  const q = gradient.slice();
  const alphas = new Float64Array(memory.length);
  for (let i = memory.length - 1; i >= 0; i--) {
    const { s, y, rho } = memory[i]!;
    alphas[i] = rho * dot(s, q);
    add(q, y, -alphas[i]!);
  }
  const r = precondition(q);
  const last = memory.at(-1);
  if (last) {
    // the size of the second derivatives along the latest step
    const scale = 1 / (last.rho * dot(last.y, precondition(last.y)));
    for (let i = 0; i < r.length; i++) r[i]! *= scale;
  }
  for (const [i, { s, y, rho }] of memory.entries()) add(r, s, alphas[i]! - rho * dot(y, r));
  for (let i = 0; i < r.length; i++) r[i] = -r[i]!;
  return r;
}

/** A step along a direction that lowers the function enough; undefined where none is found. */
async function search(
  at: MinimizeOptions["at"],
  { x, value, direction, slope }: {
    x: Float64Array<ArrayBuffer>;
    value: number;
    direction: Float64Array<ArrayBuffer>;
    slope: number;
  },
): Promise<Point & { readonly x: Float64Array<ArrayBuffer> } | undefined> {
  let length = 1;
  for (let cut = 0; cut < MOST_CUTS; cut++) {
    const next = x.slice();
    add(next, direction, length);
    const point = await at(next);
    if (point.value <= value + SUFFICIENT * length * slope) return { ...point, x: next };
    // the minimum of the parabola through both values and the slope
    const best = -slope * length * length / (2 * (point.value - value - slope * length));
    length = Number.isFinite(best) ? Math.min(0.5 * length, Math.max(0.1 * length, best)) : 0.1 * length;
  }
  return undefined;
}

function dot(a: Float64Array<ArrayBuffer>, b: Float64Array<ArrayBuffer>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** a += factor · b */
function add(a: Float64Array<ArrayBuffer>, b: Float64Array<ArrayBuffer>, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i]! += factor * b[i]!;
}

const difference = (a: Float64Array<ArrayBuffer>, b: Float64Array<ArrayBuffer>) => a.map((value, i) => value - b[i]!);
