/**
 * What few examples allow to be said.
 *
 * @module
 */

import { counted } from "../sentences/counted.ts";

/**
 * The least standard error of a share that so many examples allow, all of them different. Where all or none are right there is no
 * spread to tell it by; then it is the distance to the far end of Wilson's score interval of one deviation ("Probable inference,
 * the law of succession, and statistical inference", 1927), 1 / (n + 1). Where one of n is wrong the usual error is nearly that.
 */
export const leastError = (different: number): number => 1 / (different + 1);

/** Examples of a test below which it tells nearly nothing. */
const FEW = 20;

/** A note where a test is too small to tell anything; undefined: it is not. `what`: text, word or pair. */
export function fewNotice(different: number, what: string): string | undefined {
  if (different >= FEW) return undefined;
  return `too few to tell anything: ${counted(different, `different ${what}`)} ${
    different === 1 ? "is" : "are"
  } tested, and it takes ${FEW} at least`;
}
