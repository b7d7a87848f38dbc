/**
 * The curriculum: stages of rising sequence length over the training budget.
 *
 * @module
 */

/** A stretch of a training run with one sequence length. */
export interface Stage {
  /** Tokens in a window. */
  readonly length: number;
  /** Share of the budget, in (0, 1]; the shares of a curriculum add up to 1. */
  readonly share: number;
  /** Tokens of a batch in this stage. Default: as many as in the others. */
  readonly batchTokens?: number | undefined;
}

/**
 * Parses stages such as `16:10%,32:20%,64:30%,128`; the last one may leave its share out and gets the rest. `none`, or one
 * length, is a single stage. `32:20%@512` has batches of 512 tokens.
 *
 * @throws {SyntaxError} if a stage cannot be read.
 * @throws {RangeError} if lengths do not rise (they may stay where batches are of another size), shares do not fit or batches are too small.
 *
 * @example
 * ```ts
 * import { parseCurriculum } from "@cloze/mlm";
 *
 * console.log(parseCurriculum("32:25%,128").length); // 2
 * ```
 */
export function parseCurriculum(text: string, { length }: { length?: number | undefined } = {}): Stage[] {
  if (text === "none") return [{ length: length ?? DEFAULT_LENGTH, share: 1 }];
  const texts = text.split(",");
  let left = 1;
  const stages = texts.map((stage, i) => {
    const match = /^(\d+)(?::(\d+(?:\.\d+)?)(%?))?(?:@(\d+))?$/.exec(stage.trim());
    const isLast = i === texts.length - 1;
    if (!match || (match[2] === undefined && !isLast)) {
      throw new SyntaxError(`Cannot read curriculum stage "${stage}": write length:share, such as 32:20%`);
    }
    const share = match[2] === undefined ? left : Number(match[2]) / (match[3] ? 100 : 1);
    left -= share;
    const length = Number(match[1]);
    return match[4] === undefined ? { length, share } : { length, share, batchTokens: Number(match[4]) };
  });
  checkStages(stages, text);
  if (length !== undefined && stages.at(-1)!.length !== length) {
    throw new RangeError(
      `The curriculum "${text}" ends at length ${stages.at(-1)!.length}, not at the wanted ${length}`,
    );
  }
  return stages;
}

function checkStages(stages: readonly Stage[], text: string): void {
  const total = stages.reduce((sum, stage) => sum + stage.share, 0);
  if (stages.some((stage) => stage.share <= 0) || Math.abs(total - 1) > 1e-9) {
    throw new RangeError(`The shares of the curriculum "${text}" must be positive and add up to 100%`);
  }
  if (stages.some((stage, i) => stage.length < 1 || (i > 0 && !follows(stage, stages[i - 1]!)))) {
    throw new RangeError(`The lengths of the curriculum "${text}" must rise from stage to stage`);
  }
  const small = stages.find(({ length, batchTokens = length }) => batchTokens < length);
  if (small) {
    throw new RangeError(
      `The curriculum "${text}" has batches of ${small.batchTokens} tokens, in which no window of ${small.length} has room`,
    );
  }
}

/** Whether a stage may come after another: it is longer, or as long with batches of another size. */
export const follows = (stage: Stage, before: Stage): boolean =>
  stage.length > before.length || (stage.length === before.length && stage.batchTokens !== before.batchTokens);

/** Final length where none is asked for. */
export const DEFAULT_LENGTH = 128;

/**
 * Default stages for a final length: a sixteenth and a quarter of it first where it is long, a quarter and a half where
 * it is shorter; nothing below 16 tokens.
 */
export function defaultCurriculum(length: number = DEFAULT_LENGTH): Stage[] {
  if (length % 16 === 0 && length >= 256) {
    return [{ length: length / 16, share: 0.15 }, { length: length / 4, share: 0.35 }, { length, share: 0.5 }];
  }
  if (length % 4 === 0 && length >= 64) {
    return [{ length: length / 4, share: 0.2 }, { length: length / 2, share: 0.2 }, { length, share: 0.6 }];
  }
  if (length % 2 === 0 && length >= 32) return [{ length: length / 2, share: 0.3 }, { length, share: 0.7 }];
  return [{ length, share: 1 }];
}

/** The stage at a share of the budget in [0, 1], and its number. */
export function stageAt(stages: readonly Stage[], progress: number): { stage: Stage; index: number } {
  let reached = 0;
  for (const [index, stage] of stages.entries()) {
    reached += stage.share;
    // sums of shares such as 0.1 + 0.2 are off by a rounding error
    if (progress < reached - 1e-12 || index === stages.length - 1) return { stage, index };
  }
  throw new RangeError("A curriculum needs at least one stage");
}
