/**
 * Compiled programs by shape, so that batches of one shape are compiled for once.
 *
 * @module
 */

/** The programs that were used last, by shape. */
export class ProgramCache<Program extends { destroy(): void }> {
  #programs = new Map<string, Promise<Program>>();
  #most: number;

  /** An empty one for at most so many. */
  constructor(most = 4) {
    this.#most = most;
  }

  /** The program of a key, compiled if it is not there. */
  async get(key: string, compile: () => Promise<Program>): Promise<Program> {
    const known = this.#programs.get(key);
    this.#programs.delete(key);
    if (!known && this.#programs.size >= this.#most) {
      const [oldest, program] = this.#programs.entries().next().value!;
      this.#programs.delete(oldest);
      await program.then((program) => program.destroy(), () => {});
    }
    const program = known ?? compile();
    this.#programs.set(key, program);
    try {
      return await program;
    } catch (error) {
      this.#programs.delete(key);
      throw error;
    }
  }

  /** Gives all of them back. */
  async clear(): Promise<void> {
    const programs = [...this.#programs.values()];
    this.#programs.clear();
    for (const program of programs) await program.then((program) => program.destroy(), () => {});
  }
}
