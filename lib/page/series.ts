/**
 * Curves of any length in a bounded number of rows: when there are too many, neighbours become one.
 *
 * @module
 */

/** What a row keeps of the steps that it stands for. */
export type Keeps = "last" | "mean" | "low" | "high";

/** Columns from one row on, as they are sent to a page. */
export interface SeriesPart {
  /** Points that a full row stands for. */
  readonly size: number;
  /** First row of the part; those before it are as they were. */
  readonly from: number;
  /** Columns by name; null is what is no number. */
  readonly columns: Readonly<Record<string, readonly (number | null)[]>>;
}

/** How much of a series was sent. */
export interface SeriesPlace {
  /** Points that a full row stood for. */
  readonly size: number;
  /** Rows, the last of which may have changed. */
  readonly rows: number;
}

/** A curve that grows. */
export interface Series {
  /** Rows. */
  readonly rows: number;
  /** Adds a point. */
  add(point: Readonly<Record<string, number>>): void;
  /** Where it ends now. */
  place(): SeriesPlace;
  /** What is new since a place; undefined: nothing. */
  since(place: SeriesPlace | undefined): SeriesPart | undefined;
}

/** Rows above which neighbours are joined: more than a screen has columns. */
export const MOST_ROWS = 2000;

/** An empty series; each column is made of a field of the points. */
export function createSeries(
  shape: Readonly<Record<string, { readonly of: string; readonly keeps: Keeps }>>,
  most: number = MOST_ROWS,
): Series {
  const columns = Object.entries(shape).map(([name, { of, keeps }]) => ({ name, of, keeps, values: [] as number[] }));
  // points in the last row, and of all points how many there are
  let [size, filled, rows, points] = [1, 0, 0, 0];
  const halve = () => {
    for (const { keeps, values } of columns) {
      for (let i = 0; i < rows; i += 2) values[i / 2] = joined(keeps, values[i]!, values[i + 1]!, 1);
      values.length = rows / 2;
    }
    [rows, size, filled] = [rows / 2, 2 * size, 2 * size];
  };
  return {
    get rows() {
      return rows;
    },
    add(point) {
      points++;
      if (filled === size && rows === most) halve();
      if (rows === 0 || filled === size) {
        for (const { of, values } of columns) values.push(point[of] ?? NaN);
        [rows, filled] = [rows + 1, 1];
        return;
      }
      filled++;
      for (const { of, keeps, values } of columns) {
        values[rows - 1] = joined(keeps, values[rows - 1]!, point[of] ?? NaN, filled - 1);
      }
    },
    place: () => ({ size, rows: points === 0 ? 0 : rows + filled / (size + 1) }),
    since(place) {
      const now = rows === 0 ? 0 : rows + filled / (size + 1);
      if (place && place.size === size && place.rows === now) return undefined;
      const from = place && place.size === size ? Math.max(0, Math.floor(place.rows) - 1) : 0;
      const part = columns.map(({ name, keeps, values }) => [name, values.slice(from).map((x) => sent(x, keeps))]);
      return { size, from, columns: Object.fromEntries(part) };
    },
  };
}

/** Two values as one, the first of which stands for `weight` points; what is no number counts only where both are none. */
function joined(keeps: Keeps, before: number, value: number, weight: number): number {
  if (!Number.isFinite(value)) return before;
  if (!Number.isFinite(before)) return value;
  if (keeps === "low") return Math.min(before, value);
  if (keeps === "high") return Math.max(before, value);
  return keeps === "last" ? value : before + (value - before) / (weight + 1);
}

/** A number with no more digits than can be seen. */
function sent(value: number, keeps: Keeps): number | null {
  if (!Number.isFinite(value)) return null;
  return keeps === "last" && Number.isInteger(value) ? value : Number(value.toPrecision(6));
}
