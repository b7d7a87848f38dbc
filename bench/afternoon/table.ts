/**
 * The figures of afternoons as a table of Markdown.
 *
 * @module
 */

import type { Measure } from "../../lib/probe/scores.ts";
import { type Budget, budgetOf, type PretrainingText, pretrainingTexts } from "./models.ts";
import { type Figure, figureOf, ways } from "./log.ts";

/** A figure with its error, in percent. */
export const inPercent = ({ value, error }: Measure): string =>
  `${(100 * value).toFixed(1)} ± ${(100 * error).toFixed(1)}`;

/** What a row is of. */
interface Row {
  readonly text: PretrainingText | undefined;
  readonly budget: Budget | undefined;
  readonly way: Figure["way"];
}

const nameOf = ({ text, budget, way }: Row) => {
  if (!text || !budget) return way;
  const encoder = budget.name === "0"
    ? "random weights"
    : `${text}, ${budget.name}${budget.unit === "tokens" ? " tokens" : ""}`;
  return `${encoder}, ${way}`;
};

/** What the rows are ordered by: what needs no encoder, then probes and then fine-tuning by how much was read. */
const placeOf = (
  { text, budget, way }: Row,
) => [
  ways.indexOf(way),
  budget ? ["tokens", "minutes"].indexOf(budget.unit) : 0,
  budget?.amount ?? 0,
  text ? pretrainingTexts.indexOf(text) : 0,
];

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}

/** A row for each thing that was tried, a column for each setting; random weights of different vocabularies share a row. */
export function figuresTable(figures: readonly Figure[], settings: readonly string[]): string {
  const rows = new Map<string, Row[]>();
  for (const { text, budget, way } of figures) {
    const row = { text, way, budget: budget === undefined ? undefined : budgetOf(budget) };
    const same = rows.get(nameOf(row)) ?? [];
    if (!same.some((other) => other.text === text)) rows.set(nameOf(row), [...same, row]);
  }
  const ordered = [...rows].sort(([, [a]], [, [b]]) => compare(placeOf(a!), placeOf(b!)));
  const cells = ordered.map(([name, same]) => [
    name,
    ...settings.map((setting) => {
      const found = same.flatMap(({ text, budget, way }) =>
        figureOf(figures, { setting, way, text, budget: budget?.name }) ?? []
      );
      return found[0] ? inPercent(found[0].accuracy) : "";
    }),
  ]);
  const heading = ["accuracy, %", ...settings];
  return [heading, heading.map(() => "---"), ...cells].map((row) => `| ${row.join(" | ")} |`).join("\n");
}
