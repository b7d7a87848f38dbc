/**
 * Ways to make one vector of a text, as people call them.
 *
 * @module
 */

import type { PoolMode } from "../inference/embed.ts";

/** Their names. */
export const poolNames: Readonly<Record<PoolMode, string>> = { mean: "mean of the tokens", cls: "[CLS]" };
