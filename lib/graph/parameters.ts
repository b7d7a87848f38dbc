/**
 * Parameters in flat memory: one buffer each for values, gradients and the optimizer's two moments, so that one kernel
 * call updates them all.
 *
 * @module
 */

import { allocateTensor, type Device, type Parameter, sizeOf, type Storage, type Tensor } from "../device/device.ts";

/** What is known of a parameter before it has memory. */
export interface ParameterSpec {
  /** Unique name. */
  readonly name: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Whether weight decay applies: matrices yes, biases and norms no. */
  readonly decay: boolean;
}

/** Floats between the starts of two parameters are a multiple of this: 256 bytes, WebGPU's largest binding alignment. */
const ALIGNMENT = 64;

/** All parameters of a model on a device. */
export class ParameterStore {
  /** The device that holds them. */
  readonly device: Device;
  /** Values, flat. */
  readonly values: Tensor & { storage: Storage };
  /** Gradients, flat. */
  readonly gradients: Tensor & { storage: Storage };
  /** AdamW's first moment, flat. */
  readonly firstMoment: Tensor & { storage: Storage };
  /** AdamW's second moment, flat. */
  readonly secondMoment: Tensor & { storage: Storage };
  /** The first so many floats are subject to weight decay. */
  readonly decayed: number;
  #byName = new Map<string, { parameter: Parameter; offset: number }>();
  #specs: readonly ParameterSpec[];

  /** Allocates the parameters, all zero; the decayed ones come first. */
  constructor(device: Device, specs: readonly ParameterSpec[]) {
    this.device = device;
    this.#specs = specs;
    const ordered = [...specs.filter((spec) => spec.decay), ...specs.filter((spec) => !spec.decay)];
    let floats = 0;
    let decayed = 0;
    const offsets = ordered.map((spec) => {
      const offset = floats;
      floats += Math.ceil(sizeOf(spec.shape) / ALIGNMENT) * ALIGNMENT;
      if (spec.decay) decayed = floats;
      return offset;
    });
    const flat = (name: string) => allocateTensor(device, name, { shape: [Math.max(ALIGNMENT, floats)] });
    this.decayed = decayed;
    this.values = flat("parameters");
    this.gradients = flat("gradients");
    this.firstMoment = flat("first moments");
    this.secondMoment = flat("second moments");
    for (const [i, { name, shape }] of ordered.entries()) {
      if (this.#byName.has(name)) throw new TypeError(`Two parameters are called "${name}"`);
      const view = (flat: { storage: Storage }, label: string): Tensor => ({
        name: label,
        shape,
        dtype: "f32",
        size: sizeOf(shape),
        storage: { buffer: flat.storage.buffer, offset: offsets[i]! * 4 },
      });
      const parameter = { ...view(this.values, name), gradient: view(this.gradients, `d_${name}`) };
      this.#byName.set(name, { parameter, offset: offsets[i]! });
    }
  }

  /** Names and shapes in the order in which they were declared. */
  get specs(): readonly ParameterSpec[] {
    return this.#specs;
  }

  /** Number of trained numbers. */
  get count(): number {
    return this.#specs.reduce((sum, spec) => sum + sizeOf(spec.shape), 0);
  }

  /** The parameter of this name. */
  get(name: string): Parameter {
    const entry = this.#byName.get(name);
    if (!entry) throw new TypeError(`There is no parameter "${name}"`);
    return entry.parameter;
  }

  /** Cuts a flat array, as read from {@linkcode values} or the moments, into one view for each parameter. */
  split(flat: Float32Array<ArrayBuffer>): Map<string, Float32Array<ArrayBuffer>> {
    return new Map(this.#specs.map(({ name, shape }) => {
      const { offset } = this.#byName.get(name)!;
      return [name, flat.subarray(offset, offset + sizeOf(shape))];
    }));
  }

  /** The reverse of {@linkcode split}: a flat array from one array for each parameter. */
  join(arrays: ReadonlyMap<string, Float32Array>): Float32Array<ArrayBuffer> {
    const flat = new Float32Array(this.values.size);
    for (const { name, shape } of this.#specs) {
      const data = arrays.get(name);
      if (data?.length !== sizeOf(shape)) {
        throw new TypeError(
          `Parameter "${name}" needs ${sizeOf(shape)} values of shape [${shape}], got ${data?.length ?? "none"}`,
        );
      }
      flat.set(data, this.#byName.get(name)!.offset);
    }
    return flat;
  }

  /** Gives all memory back. */
  destroy(): void {
    for (const flat of [this.values, this.gradients, this.firstMoment, this.secondMoment]) {
      flat.storage.buffer.destroy();
    }
  }
}
