/**
 * What the server answers with JSON: for each task the fields of a request, those of its answer, and the work that it is.
 *
 * @module
 */

import { poolModes } from "../inference/embed.ts";
import { embedWork, type EmbedWorkOptions } from "./embed_work.ts";
import { fillWork } from "./fill_work.ts";
import { scoreWork, type ScoreWorkOptions } from "./score_work.ts";
import { objectSchema, type Schema } from "./schema.ts";
import type { Task, Work, WorkContext } from "./work.ts";

/** Texts of a request. */
export const MOST_TEXTS = 256;
/** Candidates for a masked place. */
const MOST_CANDIDATES = 100;

/** What a task is to those who ask. */
export interface Endpoint {
  /** In a few words. */
  readonly summary: string;
  /** In sentences. */
  readonly description: string;
  /** Fields of a request. */
  readonly request: Schema;
  /** Fields of each result. */
  readonly result: Schema;
  /** The work that a request is, which has been checked. */
  work(context: WorkContext, texts: readonly string[], options: never): Work<unknown> | Promise<Work<unknown>>;
}

const text = (description: string): Schema => ({ type: "string", description });
const number = (description: string): Schema => ({ type: "number", description });
const count = (description: string): Schema => ({ type: "integer", minimum: 0, description });
const truth = (description: string): Schema => ({ type: "boolean", default: false, description });
const list = (items: Schema, description: string): Schema => ({ type: "array", items, description });
const texts = (description: string, example: string): Schema => ({
  type: "array",
  items: { type: "string" },
  minItems: 1,
  maxItems: MOST_TEXTS,
  description,
  example: [example],
});
const given = text("The text as given.");

/** What can be asked, by task. */
export const endpoints: Readonly<Record<Task, Endpoint>> = {
  fill: {
    summary: "Fill in masked tokens",
    description:
      "Fills every [MASK] of each text with what the model finds most probable, each place for itself. A text " +
      "without masks stays as it is; one that is longer than the model reads at once is refused.",
    request: objectSchema({
      texts: texts("Texts with masks, in the vocabulary's own spelling or as [MASK].", "To be or [MASK] to be."),
      topK: {
        type: "integer",
        minimum: 1,
        maximum: MOST_CANDIDATES,
        default: 5,
        description: "Candidates for each place.",
      },
    }),
    result: objectSchema({
      text: given,
      filled: text("The text with the most probable token in each place."),
      masks: list(
        objectSchema({
          position: count("Place of the mask among the tokens."),
          candidates: list(
            objectSchema({
              token: text("The token, as the vocabulary writes it."),
              id: count("Its id."),
              probability: number("Probability that the model gives it."),
            }),
            "Most probable first.",
          ),
        }),
        "Each masked place.",
      ),
    }),
    work: (context, texts, { topK }: { topK: number }) => fillWork(context, texts, { topK }),
  },
  embed: {
    summary: "Turn texts into vectors",
    description:
      "Hidden states of the last layer, one vector a text. A text that is longer than the model reads at once is " +
      "cut off, and says how many tokens that left out, unless all of it is asked for.",
    request: objectSchema({
      texts: texts("Texts.", "To be or not to be."),
      pool: {
        type: "string",
        enum: poolModes,
        description: "Mean of all tokens, or the first token's vector; else as the model's folder says, or the mean.",
      },
      normalize: {
        type: "boolean",
        description: "Scale each vector to length 1; else as the model's folder says where pool is not given, or not.",
      },
      whole: truth("Of a long text, the mean of its chunks, weighted by their tokens."),
    }, { optional: ["pool", "normalize"] }),
    result: objectSchema({
      text: given,
      embedding: list({ type: "number" }, "The vector."),
      tokens: count("Tokens that it was made of, those around each text included."),
      omitted: count("Tokens that were left out."),
    }),
    work: (context, texts, options: EmbedWorkOptions) => embedWork(context, texts, options),
  },
  score: {
    summary: "Score texts",
    description:
      "Masks each token of a text in turn, the others in sight: pseudo-log-likelihood and pseudo-perplexity. A text " +
      "that is longer than the model reads at once is read in pieces. It takes as many sequences as there are tokens.",
    request: objectSchema({
      texts: texts("Texts, in which nothing stands for a mask.", "To be or not to be."),
      words: truth("Mask what is left of the token's word too, so that vocabularies can be compared."),
      tokens: truth("Tell the loss of each token."),
    }),
    result: objectSchema({
      text: given,
      logLikelihood: number("Sum of the tokens' log-probabilities, in nats."),
      loss: number("Mean cross-entropy of the tokens, in nats."),
      perplexity: number("e to the loss."),
      accuracy: number("Share of the tokens predicted as they are."),
      predicted: count("Tokens that were predicted."),
      characters: count("Characters of the text."),
      pieces: count("Pieces that the text was read in."),
      tokens: list(
        objectSchema({ token: text("The token."), id: count("Its id."), loss: number("Its cross-entropy, in nats.") }),
        "Each token in order, if that was asked for.",
      ),
    }, { optional: ["tokens"] }),
    work: (context, texts, options: ScoreWorkOptions) => scoreWork(context, texts, options),
  },
};

/** The answer to a request. */
export const answerOf = (result: Schema): Schema =>
  objectSchema({
    model: text("Name of the model's folder."),
    results: list(result, "A result for each text, in order."),
  });

/** The answer where something is wrong. */
export const errorSchema: Schema = objectSchema({ error: text("What is wrong, and what would be right.") });
