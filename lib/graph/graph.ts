/**
 * Recording: operations append calls, forward as they are called and backward in reverse; the finished list is lowered to
 * the device's kernels, planned, built and then replayed every step.
 *
 * Gradients follow one policy. A parameter's gradient always accumulates (`+=`), and the optimizer clears it. An
 * activation's gradient is overwritten by the first of its consumers to run backward and added to by the others;
 * {@linkcode Graph.gradient} says which, so no kernel ever relies on cleared memory.
 *
 * @module
 */

import type { Device, Program } from "../device/device.ts";
import {
  type DataType,
  type KernelCall,
  type OpCall,
  type OpChoices,
  type Parameter,
  type Precision,
  sizeOf,
  type Tensor,
  tensorBytes,
} from "../tensor/tensor.ts";
import { planMemory } from "./plan.ts";
import { recomputed } from "./recompute.ts";

/** What a graph is recorded for. */
export interface GraphOptions {
  /**
   * Record what the backward pass needs.
   *
   * @default {true}
   */
  training?: boolean;
  /**
   * What activations are stored in, and parameters read in that have a rounded copy. Sums are f32 in any case.
   *
   * @default {"f32"}
   */
  precision?: Precision | undefined;
}

/** A call as an operation writes it. */
export interface CallOptions {
  /** Tensors by the operation's names; an absent one is left out. */
  tensors: Readonly<Record<string, Tensor | undefined>>;
  /** Sizes in elements, and factors. */
  params: Readonly<Record<string, number>>;
  /** Which form of the operation. */
  choices?: OpChoices;
}

/** Where a gradient goes, and whether something is there already. */
export interface GradientTarget {
  /** The gradient. */
  readonly tensor: Tensor;
  /** Add to it instead of overwriting it. */
  readonly accumulate: boolean;
}

/** A recorded list of calls in the making. */
export class Graph {
  /** Whether backward calls are recorded. */
  readonly training: boolean;
  /** What activations are stored in. */
  readonly precision: Precision;
  #sections = new Map<string, OpCall[]>();
  #section: OpCall[];
  #backward: (() => void)[] = [];
  #gradients = new Map<Tensor, Tensor>();
  #own: Tensor[] = [];

  /** An empty graph whose calls go to the section "main". */
  constructor(options: GraphOptions = {}) {
    this.training = options.training ?? true;
    this.precision = options.precision ?? "f32";
    this.#section = this.section("main");
  }

  /** Calls from here on go to the section of this name. */
  section(name: string): OpCall[] {
    let calls = this.#sections.get(name);
    if (!calls) this.#sections.set(name, calls = []);
    return this.#section = calls;
  }

  /**
   * Cuts the latest section behind so many of its calls each time, the last of which are all; returns the names of the parts,
   * the first of which keeps its name.
   */
  cut(name: string, ends: readonly number[]): string[] {
    const calls = this.section(name);
    const parts = ends.map((end, i) => calls.slice(ends[i - 1] ?? 0, end));
    const isWhole = ends.at(-1) === calls.length && ends.every((end, i) => end >= (ends[i - 1] ?? 0));
    if (!isWhole || [...this.#sections.keys()].at(-1) !== name) {
      throw new RangeError(`Cannot cut section "${name}" of ${calls.length} calls behind ${ends.join(", ")}`);
    }
    const names = parts.map((_, i) => i === 0 ? name : `${name} ${i + 1}`);
    for (const [i, part] of parts.entries()) this.#sections.set(names[i]!, part);
    return names;
  }

  /**
   * A tensor that lives only while the program runs, stored as activations are; "f32" for statistics, of which there are few
   * and which must be exact.
   */
  activation(name: string, shape: readonly number[], dtype: DataType = this.precision): Tensor {
    return { name, shape, dtype, size: sizeOf(shape) };
  }

  /** A tensor that keeps its memory as long as the program: for data written before, or read after, a run. */
  persistent(name: string, shape: readonly number[], dtype: DataType = "f32"): Tensor {
    return this.keep(this.activation(name, shape, dtype));
  }

  /** Makes an activation persistent, so that it can be read after a run. */
  keep(tensor: Tensor): Tensor {
    if (!this.#own.includes(tensor)) this.#own.push(tensor);
    return tensor;
  }

  /** Appends a call. */
  call(op: string, { tensors, params, choices = {} }: CallOptions): void {
    const present = Object.entries(tensors).filter((entry): entry is [string, Tensor] => entry[1] !== undefined);
    const stored = present.map(([name, tensor]) => [name, this.#stored(tensor)]);
    this.#section.push({ op, tensors: Object.fromEntries(stored), params, choices });
  }

  /** A parameter as kernels read it. */
  #stored(tensor: Tensor | Parameter): Tensor {
    return this.precision === "f16" && "gradient" in tensor ? tensor.rounded ?? tensor : tensor;
  }

  /** Registers what an operation records when the graph is run backward. Ignored unless training. */
  onBackward(record: () => void): void {
    if (this.training) this.#backward.push(record);
  }

  /**
   * Records a part of the forward pass of which only the outputs are kept for the backward pass; what else that needs is
   * computed a second time there.
   */
  recomputed<T>(record: () => T): T {
    if (!this.training) return record();
    const section = this.#section;
    const earlier = this.#backward;
    const first = section.length;
    const own: (() => void)[] = this.#backward = [];
    const result = record();
    const end = section.length;
    this.#backward = earlier;
    this.onBackward(() => {
      const start = section.length;
      for (const backward of own.reverse()) backward();
      const calls = recomputed({
        before: section.slice(0, first),
        forward: section.slice(first, end),
        after: section.slice(end, start),
        backward: section.splice(start),
        isKept: (tensor) => tensor.storage !== undefined || this.#own.includes(tensor),
      });
      section.push(...calls);
    });
    return result;
  }

  /** Where the next contribution to the gradient of `x` goes. */
  gradient(x: Tensor | Parameter): GradientTarget {
    if ("gradient" in x) return { tensor: x.gradient, accumulate: true };
    const existing = this.#gradients.get(x);
    if (existing) return { tensor: existing, accumulate: true };
    const tensor = this.activation(`d_${x.name}`, x.shape, x.dtype);
    this.#gradients.set(x, tensor);
    return { tensor, accumulate: false };
  }

  /** The finished gradient of an operation's output; call it in the operation's backward. */
  gradientOf(y: Tensor): Tensor {
    const tensor = this.#gradients.get(y);
    if (!tensor) throw new TypeError(`Nothing that depends on ${y.name} was differentiated`);
    return tensor;
  }

  /**
   * Hands the gradient of an output on to an input that was added to it unchanged. The first contribution takes the
   * memory over instead of copying it, so nothing may read `d_y` afterwards.
   */
  passGradient(d_y: Tensor, x: Tensor | Parameter): void {
    if (!("gradient" in x) && !this.#gradients.has(x)) {
      this.#gradients.set(x, d_y);
      return;
    }
    this.call("add", { tensors: { x: d_y, y: this.gradient(x).tensor }, params: { size: d_y.size } });
  }

  /** Registers where differentiation starts: the gradient of a loss with respect to `y`. A graph may have several losses. */
  seed(y: Tensor, d_y: Tensor): void {
    this.#gradients.set(y, d_y);
  }

  /** Records all backward calls, last operation first, from every loss that was registered. */
  backward(): void {
    for (const record of this.#backward.reverse()) record();
    this.#backward = [];
  }

  /** Lowers the calls, plans memory and has the device build the program, which owns its persistent tensors. */
  async compile(device: Device): Promise<Program> {
    const own = this.#own.filter((tensor) => !tensor.storage);
    const place = (tensor: Tensor) => {
      tensor.storage = { buffer: device.allocate(tensorBytes(tensor), tensor.name), offset: 0 };
    };
    own.forEach(place);
    const release = () => {
      for (const tensor of own) tensor.storage?.buffer.destroy();
    };
    try {
      const sections = new Map(
        [...this.#sections].map(([name, calls]) => {
          const lowered = calls.flatMap((call) => device.lower(call));
          return [name, device.fuse?.(lowered) ?? lowered];
        }),
      );
      for (const table of tablesOf([...sections.values()].flat())) {
        own.push(table);
        place(table);
        device.write(table, table.contents!);
      }
      const plan = planMemory([...sections.values()].flat());
      const program = await device.build({ sections, ...plan });
      const ownBytes = own.reduce((sum, tensor) => sum + tensor.storage!.buffer.bytes, 0);
      return {
        bytes: program.bytes + ownBytes,
        run: (...sections) => program.run(...sections),
        destroy: () => {
          program.destroy();
          release();
        },
      };
    } catch (error) {
      release();
      throw error;
    }
  }
}

/** The tables that a device made for its kernels. */
function tablesOf(calls: readonly KernelCall[]): Set<Tensor> {
  return new Set(
    calls.flatMap(({ tensors }) => Object.values(tensors)).filter(({ contents }) => contents !== undefined),
  );
}
