/**
 * Where a run's batches come from: windows that are masked, or texts in two views.
 *
 * @module
 */

import type { Batch } from "../batch/batch.ts";
import { loadBatch } from "../batch/loader.ts";
import { neverMasked } from "../batch/masking.ts";
import { inPieces, pieceAt } from "../batch/pieces.ts";
import { pairViews, viewBatch, type ViewSource, windowViews } from "../batch/views.ts";
import { type WindowPosition, WindowSource } from "../batch/windows.ts";
import type { BatchShape } from "../model/model.ts";
import type { Corpus } from "../text/corpus.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { TrainingSettings } from "./settings.ts";

/** A stream of batches that goes over a corpus again and again. */
export interface BatchSource {
  /** Behind the latest batch. */
  readonly position: WindowPosition;
  /** The next batch, of a shape, with so large a share of its tokens masked, at so large a share of the budget. */
  next(options: { shape: BatchShape; rate: number; progress: number }): Promise<Batch>;
  /** Passes over the texts of the next batch; returns their tokens, [windows · length]. */
  pass(shape: BatchShape): Promise<Uint32Array>;
  /** Closes the corpus. */
  close(): Promise<void>;
}

/** Options of {@linkcode batchSource}. */
export interface BatchSourceOptions {
  /** The run's settings. */
  settings: Omit<TrainingSettings, "budget">;
  /** The text. */
  corpus: Corpus;
  /** Turns text into ids. */
  tokenizer: Tokenizer;
  /** Where to go on. Default: the start. */
  position?: Readonly<WindowPosition> | undefined;
  /** Tokens that are shuffled at once. Default: about a million. */
  blockTokens?: number | undefined;
}

/** The batches of a run. */
export function batchSource(options: BatchSourceOptions): BatchSource {
  return options.settings.contrastive ? comparedBatches(options) : maskedBatches(options);
}

function maskedBatches({ settings, corpus, tokenizer, ...rest }: BatchSourceOptions): BatchSource {
  const { seed, pack, maskMode: mode, maskRule: rule, maskSpread: spread, neverMask, attention } = settings;
  const words = mode === "word" || neverMask.length > 0;
  const source = new WindowSource({ corpus, tokenizer, words, pack, seed, ...rest });
  const never = neverMasked(tokenizer, neverMask);
  return {
    get position() {
      return source.position;
    },
    close: () => source.close(),
    async next({ shape: { windows, length, capacity }, rate, progress }) {
      const masking = { tokenizer, rate, spread, rule, mode, never, seed };
      const { batch } = await loadBatch(source, { windows, length, capacity, ...masking });
      return attention ? inPieces(batch, pieceAt(attention, progress, length)) : batch;
    },
    async pass({ windows, length }) {
      const tokens = new Uint32Array(windows * length);
      const texts = await source.next({ length, count: windows });
      for (const [w, text] of texts.entries()) tokens.set(text.tokens, w * length);
      return tokens;
    },
  };
}

function comparedBatches(options: BatchSourceOptions): BatchSource {
  const source = viewSource(options);
  const padding = options.tokenizer.special["[PAD]"];
  const next = async ({ length, capacity: count }: BatchShape) =>
    viewBatch(await source.next({ length, count }), { length, padding });
  return {
    get position() {
      return source.position;
    },
    close: () => source.close(),
    next: ({ shape }) => next(shape),
    pass: async (shape) => (await next(shape)).original,
  };
}

/** The pairs of the corpus, or its documents in two views. */
function viewSource({ settings, corpus, tokenizer, ...rest }: BatchSourceOptions): ViewSource {
  const { seed, contrastive } = settings;
  const pairs = corpus.pairs?.("training");
  if (pairs) return pairViews(pairs, { tokenizer, seed, position: rest.position });
  const source = new WindowSource({ corpus, tokenizer, words: true, pack: "line", seed, ...rest });
  return windowViews(source, { kind: contrastive!.views, tokenizer, seed });
}
