/**
 * Compiled programs by shape, so that batches of one shape are compiled for once.
 *
 * @module
 */

import type { BatchShape } from "./model.ts";
import type { TextShape } from "./text_inputs.ts";

/** The programs that were used last, by shape. */
export interface ProgramCache<Shape, Program> {
  /** The program of a shape, compiled if it is not there. */
  get(shape: Shape): Promise<Program>;
  /** The programs that are there. */
  all(): Promise<Program[]>;
  /** Gives all of them back. */
  clear(): Promise<void>;
}

/** A cache of what `compile` makes, empty at first; of more than `most` programs the one that was not used longest goes. */
export function programCache<
  Shape extends TextShape & Partial<Pick<BatchShape, "capacity" | "contrast" | "lastLayer">>,
  Program extends { destroy(): void },
>(compile: (shape: Shape) => Promise<Program>, { most = 4 }: { most?: number } = {}): ProgramCache<Shape, Program> {
  const programs = new Map<string, Promise<Program>>();
  const discard = (program: Promise<Program>) => program.then((program) => program.destroy(), () => {});
  return {
    async get(shape) {
      const { windows, length, capacity, documents = false, pairs = false, contrast, lastLayer = "masked" } = shape;
      const key = [windows, length, capacity, documents, pairs, JSON.stringify(contrast), lastLayer].join();
      const known = programs.get(key);
      programs.delete(key);
      if (!known && programs.size >= most) {
        const [oldest, program] = programs.entries().next().value!;
        programs.delete(oldest);
        await discard(program);
      }
      const program = known ?? compile(shape);
      programs.set(key, program);
      try {
        return await program;
      } catch (error) {
        programs.delete(key);
        throw error;
      }
    },
    all: () => Promise.all(programs.values()),
    async clear() {
      const all = [...programs.values()];
      programs.clear();
      for (const program of all) await discard(program);
    },
  };
}
