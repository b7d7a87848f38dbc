/**
 * What becomes of the matches that a text is split at.
 *
 * @module
 */

/** What becomes of a match: it goes, stands alone, joins other matches, or goes to a side. */
export const splitBehaviors = ["Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext"] as const;
/** One of {@linkcode splitBehaviors}. */
export type SplitBehavior = typeof splitBehaviors[number];

/** Where matches begin and end in a text, in turn: start, end, start, end … */
export type Matches = readonly number[];

/** Cuts a text at matches; pieces without characters are left out. */
export function splitAt(
  text: string,
  { matches, behavior, invert = false }: { matches: Matches; behavior: SplitBehavior; invert?: boolean },
): string[] {
  const spans: Span[] = [];
  let at = 0;
  for (let i = 0; i < matches.length; i += 2) {
    const [start, end] = [matches[i]!, matches[i + 1]!];
    if (start > at) spans.push({ start: at, end: start, match: invert });
    spans.push({ start, end, match: !invert });
    at = end;
  }
  if (at < text.length) spans.push({ start: at, end: text.length, match: invert });
  return joined(spans, behavior).filter(({ start, end }) => end > start).map(({ start, end }) =>
    text.slice(start, end)
  );
}

interface Span {
  start: number;
  end: number;
  readonly match: boolean;
}

function joined(spans: Span[], behavior: SplitBehavior): Span[] {
  switch (behavior) {
    case "Isolated":
      return spans;
    case "Removed":
      return spans.filter(({ match }) => !match);
    case "Contiguous":
      return joinTo(spans, ({ match }, previous) => match === previous);
    case "MergedWithPrevious":
      return joinTo(spans, ({ match }, previous) => match && !previous);
    case "MergedWithNext":
      return joinTo(spans.reverse(), ({ match }, previous) => match && !previous).reverse();
  }
}

/** Joins spans to the one before where that is wanted, seen from their own kind and that of the span before. */
function joinTo(spans: readonly Span[], joins: (span: Span, previous: boolean | undefined) => boolean): Span[] {
  const kept: Span[] = [];
  let previous: boolean | undefined;
  for (const span of spans) {
    const last = kept.at(-1);
    if (last && joins(span, previous)) {
      last.start = Math.min(last.start, span.start);
      last.end = Math.max(last.end, span.end);
    } else kept.push(span);
    previous = span.match;
  }
  return kept;
}
