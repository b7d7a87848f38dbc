/**
 * Building a program of the CPU device: its calls as numbers in memory, which threads read.
 *
 * @module
 */

import type { KernelCall, Tensor } from "../../tensor/tensor.ts";
import type { Recording } from "../device.ts";
import { type KernelWork, workOf } from "../profile.ts";
import type { Products } from "./blas.ts";
import { argumentBytes, kernelNames, writeArguments } from "./kernel_arguments.ts";
import { BLAS_BATCH, BLAS_PRODUCT, leastItems, productsOf } from "./lower.ts";
import { CALL_WORDS, HOST_CALL } from "./thread_program.ts";

/** A section of a program in memory. */
export interface Section {
  readonly name: string;
  /** Where its calls lie. */
  readonly at: number;
  readonly calls: number;
  readonly work: readonly KernelWork[];
}

/** A program in memory. */
export interface CpuProgram {
  readonly sections: ReadonlyMap<string, Section>;
  /** The products that a BLAS makes, by the numbers that its calls have. */
  readonly products: readonly Products[];
}

/** Where a program is built. */
export interface Site {
  readonly memory: WebAssembly.Memory;
  readonly threads: number;
  /** Takes memory that the program keeps. */
  readonly take: (bytes: number, label: string) => number;
  /** Where a tensor with storage of its own lies. */
  readonly placeOf: (tensor: Tensor) => number;
}

/** Takes memory for activations, arguments and calls, and writes the calls there. */
export function buildProgram({ sections, arenas, arenaOf }: Recording, site: Site): CpuProgram {
  const { memory, threads, take } = site;
  const places = arenas.map((bytes) => take(bytes, "activations"));
  const placeOf = (tensor: Tensor): number => {
    if (tensor.part) return placeOf(tensor.part.of) + 4 * tensor.part.offset;
    const arena = arenaOf.get(tensor);
    return arena === undefined ? site.placeOf(tensor) : places[arena]!;
  };
  const products: Products[] = [];
  /** Kernel, arguments, items and items of a piece, as threads read them. */
  const wordsOf = (call: KernelCall): number[] => {
    const { kernel, grid: [items] } = call;
    if (kernel === BLAS_PRODUCT || kernel === BLAS_BATCH) {
      return [HOST_CALL, products.push(productsOf(call, placeOf)) - 1, 0, 1];
    }
    const at = take(argumentBytes(kernel), "arguments");
    writeArguments(call, { memory, at, placeOf });
    return [kernelNames.indexOf(kernel), at, items, pieceSize(call, threads)];
  };
  const built = [...sections].map(([name, calls]): [string, Section] => {
    const at = take(calls.length * CALL_WORDS * 4, "program");
    const words = calls.flatMap(wordsOf);
    new Int32Array(memory.buffer, at, words.length).set(words);
    return [name, { name, at, calls: calls.length, work: calls.map(workOf) }];
  });
  return { sections: new Map(built), products };
}

/** Items of a piece: four pieces a thread even out a busy machine, unless they become too small to be worth it. */
function pieceSize(call: KernelCall, threads: number): number {
  const { grid: [items] } = call;
  if (threads === 1) return Math.max(1, items);
  return Math.max(leastItems(call, threads), Math.ceil(items / (4 * threads)));
}
