/**
 * What requests ask a model for, as sequences that go through it and what is made of their results.
 *
 * @module
 */

import type { TextModel } from "../evaluate/text_model.ts";
import { counted } from "../sentences/counted.ts";

/** What a model does with texts. */
export const tasks = ["fill", "embed", "score"] as const;
/** One of them. */
export type Task = typeof tasks[number];

/** A sequence that goes through the model. */
export interface WorkWindow {
  /** Its ids, masked where something is to be predicted. */
  readonly ids: Uint32Array;
  /** Positions whose token is predicted; none where vectors are wanted. */
  readonly positions: readonly number[];
  /** What stands there really, where that is known. */
  readonly labels?: readonly number[] | undefined;
}

/** What came of a sequence. */
export interface Outcome {
  /** fill: logits of each position; embed: hidden states [length, width]; score: the loss of each position in nats. */
  readonly values: readonly Float32Array[];
  /** The most probable token of each position; none where vectors are wanted. */
  readonly predictions: Uint32Array;
}

/** What a request asks for. */
export interface Work<Result> {
  /** What is done. */
  readonly task: Task;
  /** The sequences. */
  readonly windows: readonly WorkWindow[];
  /** Is told what came of each, in any order; may throw where that is nothing. */
  take(window: number, outcome: Outcome): void;
  /** The answer, once everything has come. */
  results(): Result[];
}

/** What work is made for. */
export interface WorkContext {
  /** The model with its vocabulary. */
  readonly textModel: TextModel;
  /** Most tokens of a sequence. */
  readonly maxLength: number;
  /** Most tokens of all sequences of a request together. */
  readonly mostTokens: number;
}

/** Throws if a request comes to more than one may. */
export function checkTokens({ mostTokens }: WorkContext, tokens: number): void {
  if (tokens <= mostTokens) return;
  throw new RequestError(
    `The texts come to ${counted(tokens, "token")} to be computed, and a request may have ${
      mostTokens.toLocaleString("en")
    }: send fewer or shorter texts`,
    413,
  );
}

/** A request that cannot be answered: a sentence, and the status of HTTP that says why. */
export class RequestError extends Error {
  /** Name of the class. */
  override name = "RequestError";
  /** The status. */
  readonly status: number;
  /** Further headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;

  /** A sentence, and the status. */
  constructor(message: string, status = 400, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** Throws if a model has no head that predicts tokens. */
export function checkHead({ textModel: { model } }: WorkContext): void {
  if (!model.hasHead) throw new RequestError("This model has no head for masked tokens: it gives vectors only", 501);
}
