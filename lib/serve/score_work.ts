/**
 * Pseudo-log-likelihoods of texts, as work for a batcher.
 *
 * @module
 */

import { wordEnd } from "../evaluate/token_batches.ts";
import { meansOf } from "../evaluate/score_totals.ts";
import { bertFrame, specialIds } from "../tokenizer/special_tokens.ts";
import { continuesOf, joinIds, withoutWords } from "../tokenizer/token_ids.ts";
import { checkHead, checkTokens, RequestError, type Work, type WorkContext, type WorkWindow } from "./work.ts";

/** How well a text is predicted, each of its tokens masked in turn. */
export interface TextScore {
  /** The text as given. */
  readonly text: string;
  /** Sum of the tokens' log-probabilities, in nats: the pseudo-log-likelihood. */
  readonly logLikelihood: number;
  /** Mean cross-entropy of the tokens, in nats. */
  readonly loss: number;
  /** e^loss: the pseudo-perplexity. */
  readonly perplexity: number;
  /** Share of the tokens that are predicted as they are. */
  readonly accuracy: number;
  /** Tokens that were predicted. */
  readonly predicted: number;
  /** Characters of the text. */
  readonly characters: number;
  /** Pieces that the text was read in: more than one where it is longer than the model reads at once. */
  readonly pieces: number;
  /** Each token with its loss, where that was asked for. */
  readonly tokens?: readonly { readonly token: string; readonly id: number; readonly loss: number }[];
}

/** Options of {@linkcode scoreWork}. */
export interface ScoreWorkOptions {
  /** Whether what is left of a token's word is masked with it. */
  readonly words: boolean;
  /** Whether each token's loss is told. */
  readonly tokens: boolean;
}

/** A token that is masked in turn. */
interface Turn {
  readonly owner: number;
  readonly id: number;
  loss: number;
  isRight: boolean;
}

/** Work that masks each token of texts in turn, the others of its piece in sight. */
export function scoreWork(
  context: WorkContext,
  texts: readonly string[],
  { words, tokens }: ScoreWorkOptions,
): Work<TextScore> {
  const { tokenizer } = context.textModel;
  checkHead(context);
  const special = specialIds(tokenizer);
  const mask = tokenizer.special["[MASK]"];
  const windows: WorkWindow[] = [];
  const turns: Turn[] = [];
  const pieces = texts.map((text) => piecesOf(context, text, words));
  // before the copies are made, of which there are as many as tokens
  checkTokens(context, pieces.flat().reduce((sum, { ids: { length } }) => sum + length ** 2, 0));
  for (const [owner, own] of pieces.entries()) {
    const before = turns.length;
    for (const { ids: original, continues } of own) {
      for (const position of original.keys()) {
        const id = original[position]!;
        if (special.has(id)) continue;
        const end = continues ? wordEnd({ continues }, position) : position + 1;
        windows.push({ ids: maskedCopy(original, { position, end, mask }), positions: [position], labels: [id] });
        turns.push({ owner, id, loss: NaN, isRight: false });
      }
    }
    if (turns.length === before) throw new RequestError(`Text ${owner + 1} has no tokens to score`);
  }
  return {
    task: "score",
    windows,
    take(window, { values: [losses], predictions: [prediction] }) {
      const [turn, loss] = [turns[window]!, losses![0]!];
      if (!Number.isFinite(loss)) {
        throw new RangeError(
          `Cannot score the text: the loss of a token is ${loss}; the model's numbers overflow 32 bits`,
        );
      }
      turn.loss = loss;
      turn.isRight = prediction === turn.id;
    },
    results() {
      const byOwner = Map.groupBy(turns, ({ owner }) => owner);
      return texts.map((text, owner) => {
        const own = byOwner.get(owner)!;
        const loss = own.reduce((sum, turn) => sum + turn.loss, 0);
        const correct = own.filter(({ isRight }) => isRight).length;
        return {
          text,
          logLikelihood: -loss,
          ...meansOf({ loss, correct, predicted: own.length }),
          characters: [...text].length,
          pieces: pieces[owner]!.length,
          ...(tokens ? { tokens: own.map(({ id, loss }) => ({ token: tokenizer.token(id), id, loss })) } : {}),
        };
      });
    },
  };
}

/** A piece of a text that the model reads at once. */
interface Piece {
  readonly ids: Uint32Array<ArrayBuffer>;
  readonly continues: Uint8Array | undefined;
}

/** A text as ids, cut where the longest sequence ends, each piece framed as training on lines frames them. */
function piecesOf({ textModel: { tokenizer }, maxLength }: WorkContext, text: string, words: boolean): Piece[] {
  const ids = words ? tokenizer.encodeWords(text) : tokenizer.encode(text);
  const frame = tokenizer.frame ?? bertFrame(tokenizer.special);
  const framed = maxLength - (frame ? frame.before.length + frame.after.length : 0);
  // a model of a few tokens has room for the text alone
  const { before, after } = frame && framed > 2 ? frame : { before: [], after: [] };
  const room = maxLength - before.length - after.length;
  const pieces: Piece[] = [];
  for (let at = 0; at < ids.length; at += room) {
    const marked = joinIds([Uint32Array.from(before), ids.subarray(at, at + room), Uint32Array.from(after)]);
    pieces.push({ ids: withoutWords(marked), continues: words ? continuesOf(marked) : undefined });
  }
  return pieces;
}

function maskedCopy(
  ids: Uint32Array<ArrayBuffer>,
  { position, end, mask }: { position: number; end: number; mask: number },
): Uint32Array<ArrayBuffer> {
  return ids.slice().fill(mask, position, end);
}
