/**
 * Loops of constant length, written out: the compiler below WebGPU bounds every loop with a counter of its own, which drivers
 * do not unroll, and what is indexed by a loop's variable then leaves the registers.
 *
 * @module
 */

import { constantsOf, productOf } from "./wgsl.ts";

/** Longest loop that is written out. */
const MOST_ROUNDS = 16;

/**
 * Writes out loops `for (var i = 0u; i < N; i++)` where N is a constant of at most 16, inner ones as well. Lines keep their
 * numbers: all rounds but the first are on the line where the loop ends.
 */
export function unrollLoops(source: string): string {
  let code = source.replaceAll(/\/\/.*$/gm, "");
  const constants = constantsOf(code);
  const head = /for \(var (\w+) = (\d+)u; \1 < ([^;]+); \1\+\+\) \{/g;
  for (let match = head.exec(code); match; match = head.exec(code)) {
    const [whole, name, first, bound] = match as unknown as [string, string, string, string];
    const begin = match.index + whole.length;
    const end = endOfBlock(code, begin);
    const body = code.slice(begin, end);
    const rounds = (productOf(bound, constants) ?? Infinity) - Number(first);
    if (rounds > MOST_ROUNDS || /\b(?:break|continue)\b/.test(body)) continue;
    const copies = Array.from({ length: Math.max(0, rounds) }, (_, i) => {
      const copy = body.replaceAll(new RegExp(`\\b${name}\\b`, "g"), `${Number(first) + i}u`);
      return `{${i === 0 ? copy : copy.replaceAll(/\s*\n\s*/g, " ")}}`;
    });
    const lines = rounds > 0 ? "" : "\n".repeat(body.split("\n").length - 1);
    code = code.slice(0, match.index) + copies.join(" ") + lines + code.slice(end + 1);
    // what was written out may hold loops
    head.lastIndex = match.index;
  }
  return code;
}

/** Where the brace stands that ends the block whose text begins at `begin`. */
function endOfBlock(code: string, begin: number): number {
  let depth = 1;
  for (let at = begin;; at++) {
    if (code[at] === "{") depth++;
    else if (code[at] === "}" && --depth === 0) return at;
    else if (at >= code.length) throw new SyntaxError("A loop of a shader has no end");
  }
}
