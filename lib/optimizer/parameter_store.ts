/**
 * Parameters in flat memory: one buffer each for values, gradients and the optimizer's two moments, so that one kernel
 * call updates them all.
 *
 * @module
 */

import { allocateTensor, type Device } from "../device/device.ts";
import { elementBytes, type Parameter, sizeOf, type Storage, type Tensor } from "../tensor/tensor.ts";

/** What is known of a parameter before it has memory. */
export interface ParameterSpec {
  /** Unique name. */
  readonly name: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Whether weight decay applies: matrices yes, biases and norms no. */
  readonly decay: boolean;
  /** Whether it is the weight of a hidden layer's product. */
  readonly hidden?: boolean | undefined;
  /** Whether it is an embedding: those come first of all. Default: false. */
  readonly embedding?: boolean | undefined;
}

/** Some of the flat parameters, in floats. */
export interface FlatRange {
  /** First of them. */
  readonly begin: number;
  /** Exclusive end. */
  readonly end: number;
  /** Where the first of them lies among all that are like them. */
  readonly at: number;
}

/** Bytes between the starts of two parameters are a multiple of this, WebGPU's largest binding alignment: in f16, too. */
const ALIGNMENT = 256;

/** All parameters of a model on a device. */
export class ParameterStore {
  /** The device that holds them. */
  readonly device: Device;
  /** Values, flat. */
  readonly values: Tensor & { storage: Storage };
  /** The first so many floats are subject to weight decay; they are the matrices, which f16 copies are made of. */
  readonly decayed: number;
  /** Whether values were written since they were rounded the last time. */
  needsRounding = true;
  /** The first so many floats are embeddings. */
  readonly embedded: number;
  /** The weights of hidden layers. */
  readonly hiddenRanges: readonly FlatRange[];
  /** All others. */
  readonly outerRanges: readonly FlatRange[];
  #byName = new Map<string, { parameter: Parameter; offset: number }>();
  #specs: readonly ParameterSpec[];
  #training = new Map<string, Tensor & { storage: Storage }>();

  /**
   * Allocates the parameters, all zero; the decayed ones come first, and of those the embeddings. What only training needs, gradients and moments, is
   * allocated when it is first asked for.
   */
  constructor(device: Device, specs: readonly ParameterSpec[]) {
    this.device = device;
    this.#specs = specs;
    const rank = ({ embedding, decay }: ParameterSpec) => embedding ? 0 : decay ? 1 : 2;
    const ordered = [0, 1, 2].flatMap((group) => specs.filter((spec) => rank(spec) === group));
    const isRounded = device.precision === "f16";
    const alignment = ALIGNMENT / (isRounded ? 2 : 4);
    let floats = 0;
    let decayed = 0;
    const offsets = ordered.map((spec) => {
      const offset = floats;
      floats += Math.ceil(sizeOf(spec.shape) / alignment) * alignment;
      if (spec.decay || spec.embedding) decayed = floats;
      return offset;
    });
    this.decayed = decayed;
    this.embedded = offsets[ordered.findIndex(({ embedding }) => !embedding)] ?? floats;
    const bounds = ordered.map(({ hidden = false }, i) => ({
      isHidden: hidden,
      begin: offsets[i]!,
      end: offsets[i + 1] ?? floats,
    }));
    this.hiddenRanges = joined(bounds.filter(({ isHidden }) => isHidden));
    this.outerRanges = joined(bounds.filter(({ isHidden }) => !isHidden));
    this.values = allocateTensor(device, "parameters", { shape: [Math.max(alignment, floats)] });
    for (const [i, { name, shape, decay }] of ordered.entries()) {
      if (this.#byName.has(name)) throw new TypeError(`Two parameters are called "${name}"`);
      const view = ({ dtype, storage: { buffer } }: Tensor & { storage: Storage }, label: string): Tensor => ({
        name: label,
        shape,
        dtype,
        size: sizeOf(shape),
        storage: { buffer, offset: offsets[i]! * elementBytes(dtype) },
      });
      let gradient: Tensor | undefined;
      let rounded: Tensor | undefined;
      const gradients = () => this.gradients;
      const copies = () => decay ? this.rounded : undefined;
      const parameter = {
        ...view(this.values, name),
        get gradient() {
          return gradient ??= view(gradients(), `d_${name}`);
        },
        get rounded() {
          const all = copies();
          return all && (rounded ??= view(all, `${name} in f16`));
        },
      };
      this.#byName.set(name, { parameter, offset: offsets[i]! });
    }
  }

  /** Gradients, flat. */
  get gradients(): Tensor & { storage: Storage } {
    return this.#allocated("gradients");
  }

  /** AdamW's first moment, or Muon's momentum, flat. */
  get firstMoment(): Tensor & { storage: Storage } {
    return this.#allocated("first moments");
  }

  /** AdamW's second moment, flat. */
  get secondMoment(): Tensor & { storage: Storage } {
    return this.#allocated("second moments");
  }

  /** The values that are subject to weight decay, rounded to f16, flat; undefined where training stores nothing in f16. */
  get rounded(): (Tensor & { storage: Storage }) | undefined {
    if (this.device.precision !== "f16" || this.decayed === 0) return undefined;
    return this.#allocated("weights in f16", { shape: [this.decayed], dtype: "f16" });
  }

  /** AdamW's second moment where others are updated otherwise: of {@linkcode outerRanges} alone, one after the other. */
  get outerSecondMoment(): Tensor & { storage: Storage } {
    const size = Math.max(ALIGNMENT / 4, sizeOfRanges(this.outerRanges));
    return this.#allocated("second moments of some", { shape: [size] });
  }

  #allocated(
    name: string,
    options: Parameters<typeof allocateTensor>[2] = { shape: this.values.shape },
  ): Tensor & { storage: Storage } {
    let tensor = this.#training.get(name);
    if (!tensor) this.#training.set(name, tensor = allocateTensor(this.device, name, options));
    return tensor;
  }

  /** Names and shapes in the order in which they were declared. */
  get specs(): readonly ParameterSpec[] {
    return this.#specs;
  }

  /** Bytes of device memory held. */
  get bytes(): number {
    const flat = [this.values, ...this.#training.values()];
    return flat.reduce((sum, { storage }) => sum + storage.buffer.bytes, 0);
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

  /** First float of a parameter among the flat ones. */
  offsetOf(name: string): number {
    return this.#offsetOf(name, false);
  }

  /** Writes a part of a parameter, from its element `offset` on. */
  write(name: string, values: Float32Array, offset: number): void {
    this.device.write(this.get(name), values, offset);
    this.needsRounding = true;
  }

  /** Writes all parameters. */
  writeAll(values: ReadonlyMap<string, Float32Array>): void {
    this.device.write(this.values, this.join(values));
    this.needsRounding = true;
  }

  /**
   * Cuts a flat array, as read from {@linkcode values} or the moments, into one view for each parameter.
   *
   * @param options `outer`: the array holds those of {@linkcode outerRanges} alone. Default: all.
   */
  split(
    flat: Float32Array<ArrayBuffer>,
    { outer = false }: { outer?: boolean } = {},
  ): Map<string, Float32Array<ArrayBuffer>> {
    return new Map(
      this.#specs.filter(({ hidden }) => !outer || !hidden).map(({ name, shape }) => {
        const offset = this.#offsetOf(name, outer);
        return [name, flat.subarray(offset, offset + sizeOf(shape))];
      }),
    );
  }

  /** The reverse of {@linkcode split}: a flat array from one array for each parameter. */
  join(
    arrays: ReadonlyMap<string, Float32Array>,
    { outer = false }: { outer?: boolean } = {},
  ): Float32Array<ArrayBuffer> {
    const flat = new Float32Array(outer ? this.outerSecondMoment.size : this.values.size);
    for (const { name, shape, hidden } of this.#specs) {
      if (outer && hidden) continue;
      const data = arrays.get(name);
      if (data?.length !== sizeOf(shape)) {
        throw new TypeError(
          `Parameter "${name}" needs ${sizeOf(shape)} values of shape [${shape}], got ${data?.length ?? "none"}`,
        );
      }
      flat.set(data, this.#offsetOf(name, outer));
    }
    return flat;
  }

  #offsetOf(name: string, outer: boolean): number {
    const { offset } = this.#byName.get(name)!;
    if (!outer) return offset;
    const { begin, at } = this.outerRanges.find(({ begin, end }) => begin <= offset && offset < end)!;
    return at + offset - begin;
  }

  /** Gives all memory back. */
  destroy(): void {
    for (const flat of [this.values, ...this.#training.values()]) flat.storage.buffer.destroy();
  }
}

/** Neighbours as one range. */
function joined(bounds: readonly { readonly begin: number; readonly end: number }[]): FlatRange[] {
  const ranges: FlatRange[] = [];
  for (const { begin, end } of bounds) {
    const last = ranges.at(-1);
    if (last?.end === begin) ranges[ranges.length - 1] = { ...last, end };
    else ranges.push({ begin, end, at: last ? last.at + last.end - last.begin : 0 });
  }
  return ranges;
}

const sizeOfRanges = (ranges: readonly FlatRange[]) => ranges.reduce((sum, { begin, end }) => sum + end - begin, 0);
