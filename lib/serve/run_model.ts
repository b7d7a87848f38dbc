/**
 * Runs batches of sequences on a model, with programs that stay for the next ones.
 *
 * @module
 */

import type { TextModel } from "../evaluate/text_model.ts";
import { padTexts } from "../inference/texts.ts";
import type { BatchShape, EncoderProgram, EvaluationProgram } from "../model/model.ts";
import { programCache } from "../model/program_cache.ts";
import type { TextShape } from "../model/text_inputs.ts";
import type { BatchRun } from "./batcher.ts";
import { roundedCount } from "./batches.ts";
import type { Outcome, WorkWindow } from "./work.ts";

/** Programs of a kind that are kept. */
const MOST_PROGRAMS = 24;
/** Bytes of all programs beyond which they are given back. */
const MOST_BYTES = 1 << 30;

/** Runs batches on a model. */
export interface ModelRunner {
  /** Runs a batch; the outcome of each sequence in order. */
  run(batch: BatchRun): Promise<Outcome[]>;
  /** Programs that were compiled. */
  readonly compiled: number;
  /** Gives the programs back. */
  close(): Promise<void>;
}

/** A runner without programs. */
export function modelRunner({ model, tokenizer }: TextModel, { mostBytes = MOST_BYTES } = {}): ModelRunner {
  const padding = tokenizer.special["[PAD]"];
  const none = new Uint32Array();
  let [compiled, bytes] = [0, 0];
  const counted = async <Program extends { destroy(): void }>(
    compile: Promise<Program>,
    bytesOf: (program: Program) => number,
  ) => {
    const program = await compile;
    const own = bytesOf(program);
    compiled++;
    bytes += own;
    const destroy = () => {
      program.destroy();
      bytes -= own;
    };
    return { ...program, destroy };
  };
  const options = { most: MOST_PROGRAMS };
  const encoders = programCache(
    (shape: TextShape): Promise<EncoderProgram> => counted(model.compileEncoder(shape), ({ program }) => program.bytes),
    options,
  );
  const evaluations = programCache(
    (shape: BatchShape): Promise<EvaluationProgram> => counted(model.compileEvaluation(shape), ({ bytes }) => bytes),
    options,
  );
  const close = async () => {
    await encoders.clear();
    await evaluations.clear();
  };

  async function encode(windows: readonly WorkWindow[], length: number): Promise<Outcome[]> {
    const texts = windows.map(({ ids }) => ids);
    const program = await encoders.get({ windows: roundedCount(windows.length), length, documents: true });
    program.write(padTexts(texts, { length, padding }));
    program.program.run();
    const [bytes] = await model.device.read([program.hidden]);
    const hidden = new Float32Array(bytes!);
    const size = length * model.config.width;
    return texts.map((_, w) => ({ values: [hidden.subarray(w * size, (w + 1) * size)], predictions: none }));
  }

  async function predict(windows: readonly WorkWindow[], length: number, logits: boolean): Promise<Outcome[]> {
    const maskedRows = Uint32Array.from(windows.flatMap(({ positions }, w) => positions.map((at) => w * length + at)));
    const labels = Uint32Array.from(windows.flatMap(({ positions, labels }) => labels ?? positions.map(() => 0)));
    // a power of two, so that there are few shapes
    const capacity = Math.max(4, 2 ** Math.ceil(Math.log2(maskedRows.length)));
    const shape = { windows: roundedCount(windows.length), length, capacity, documents: true };
    const program = await evaluations.get(shape);
    const padded = padTexts(windows.map(({ ids }) => ids), { length, padding });
    program.write({ ...padded, original: padded.ids, maskedRows, labels });
    program.program.run();
    const read = await model.device.read([logits ? program.logits : program.losses, program.predictions]);
    const [values, predictions] = [new Float32Array(read[0]!), new Uint32Array(read[1]!)];
    const stride = logits ? values.length / capacity : 1;
    let row = 0;
    return windows.map(({ positions }) => {
      const first = row;
      row += positions.length;
      const own = positions.map((_, i) => {
        return values.subarray((first + i) * stride, (first + i) * stride + (logits ? model.config.vocab : 1));
      });
      return {
        values: logits ? own : [values.subarray(first, row)],
        predictions: predictions.subarray(first, row),
      };
    });
  }

  return {
    get compiled() {
      return compiled;
    },
    close,
    async run({ task, length, windows }) {
      if (bytes > mostBytes) await close();
      return task === "embed" ? await encode(windows, length) : await predict(windows, length, task === "fill");
    },
  };
}
