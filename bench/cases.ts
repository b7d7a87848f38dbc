/**
 * The training steps that are measured on a graphics card, and counted without one.
 */
import type { Size } from "../lib/model/config.ts";

/** A model, and the batches of its step. */
export interface CardCase {
  readonly size: Size;
  readonly length: number;
  readonly tokens: number;
  readonly vocab: number;
}

/** By name. */
export const cardCases: Readonly<Record<string, CardCase>> = {
  "small, few tokens": { size: "small", length: 64, tokens: 1024, vocab: 70 },
  small: { size: "small", length: 128, tokens: 16384, vocab: 70 },
  mini: { size: "mini", length: 128, tokens: 4096, vocab: 8192 },
  base: { size: "base", length: 512, tokens: 4096, vocab: 30522 },
};
