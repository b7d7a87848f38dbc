/**
 * A comparison of runs for programs.
 *
 * @module
 */

import { bestOf } from "./best_loss.ts";
import type { Comparison } from "./compare_runs.ts";
import type { Doubts } from "./evaluation_key.ts";
import type { Verdict } from "./seed_spread.ts";

/** A comparison as plain data. */
export function comparisonJson(
  comparison: Comparison,
  { reasons, shorter = [] }: Doubts,
): Record<string, unknown> {
  const { groups, different, final, curves, target, winner } = comparison;
  const isComparable = reasons.length === 0;
  const named = (verdict: Verdict | undefined) =>
    verdict && {
      best: groups[verdict.best]!.name,
      second: groups[verdict.second]!.name,
      margin: verdict.margin,
      uncertainty: verdict.uncertainty ?? null,
      isClear: verdict.uncertainty === undefined || shorter.length > 0 ? null : verdict.margin > verdict.uncertainty,
    };
  return {
    groups: groups.map(({ name, runs, repeated, seeds }, i) => ({
      name,
      runs: runs.map(({ path, state, step, tokens, seconds, validations }) => ({
        path,
        state,
        step,
        tokens,
        seconds,
        best: bestOf(validations) ?? null,
        last: validations.at(-1) ?? null,
      })),
      repeated: repeated.map(({ path }) => path),
      seeds,
      final: final[i] ?? null,
    })),
    different,
    isComparable,
    reasons: reasons.map(({ text }) => text),
    cautions: shorter.map(({ text }) => text),
    ...(isComparable ? { curves, target: target ?? null } : {}),
    winner: isComparable
      ? { end: named(winner.end) ?? null, tokens: named(winner.tokens) ?? null, seconds: named(winner.seconds) ?? null }
      : null,
  };
}
