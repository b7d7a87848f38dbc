/**
 * The ONNX format: a graph of operations as a protocol buffer.
 *
 * @module
 */

import { field, floatField, type Message, message, wholeField } from "./protobuf.ts";
import { encodeWeights } from "./safetensors.ts";

/** Types of tensors, with ONNX's numbers for them. */
const tensorTypes = { f32: 1, i64: 7, bool: 9, f16: 10 } as const;
/** Type of a tensor. */
export type OnnxType = keyof typeof tensorTypes;

/** A value in the graph, by name. */
export type OnnxValue = string;

/** Sizes of an input or output; a name stands for a size that may differ from run to run. */
export type OnnxShape = readonly (number | string)[];

/** Attributes of a node: whole numbers, lists of them, or 32-bit floats. */
export type OnnxAttributes = Readonly<Record<string, number | readonly number[] | { readonly float: number }>>;

/** Version of the operations that are used; the first with LayerNormalization. */
const OPSET = 17;

/** Version of the format that belongs to it. */
const IR_VERSION = 8;

/** A file must not be larger: a protocol buffer's length is a 32-bit number. */
const LARGEST_FILE = 2 ** 31 - 1;

/** A graph in the making. */
export class OnnxGraph {
  #nodes: Message[] = [];
  #initializers = new Map<string, Message>();
  #inputs: Message[] = [];
  #outputs: Message[] = [];
  #count = 0;

  /** An input of the graph. */
  input(name: string, type: OnnxType, shape: OnnxShape): OnnxValue {
    this.#inputs.push(valueInfo(name, type, shape));
    return name;
  }

  /** An output of the graph: a value under another name. */
  output(name: string, value: OnnxValue, { type, shape }: { type: OnnxType; shape: OnnxShape }): void {
    this.#nodes.push(node("Identity", { inputs: [value], outputs: [name], name: `${name}/output` }));
    this.#outputs.push(valueInfo(name, type, shape));
  }

  /** Numbers that belong to the graph. Asking again for a name gives the same value. */
  weight(
    name: string,
    type: "f32" | "f16",
    tensor: () => { shape: readonly number[]; data: Float32Array<ArrayBuffer> },
  ) {
    if (!this.#initializers.has(name)) {
      const { shape, data } = tensor();
      const raw = encodeWeights(data, type === "f16" ? "F16" : "F32", `tensor "${name}"`);
      this.#initializers.set(name, tensorProto(name, { type, shape, raw }));
    }
    return name;
  }

  /** Whole numbers that belong to the graph: a list, or one alone. */
  whole(value: number | readonly number[]): OnnxValue {
    const list = typeof value === "number" ? [value] : value;
    const name = typeof value === "number" ? `whole/${value}` : `list/${list.join("_")}`;
    const raw = new Uint8Array(BigInt64Array.from(list, BigInt).buffer);
    const shape = typeof value === "number" ? [] : [list.length];
    this.#initializers.set(name, tensorProto(name, { type: "i64", shape, raw }));
    return name;
  }

  /** A float that belongs to the graph. */
  float(value: number, type: "f32" | "f16"): OnnxValue {
    return this.weight(`float/${type}/${value}`, type, () => ({ shape: [], data: Float32Array.of(value) }));
  }

  /** Appends an operation with one output. */
  call(operation: string, inputs: readonly OnnxValue[], attributes?: OnnxAttributes): OnnxValue {
    return this.calls(operation, inputs, { attributes, outputs: 1 })[0]!;
  }

  /** Appends an operation with several outputs. */
  calls(
    operation: string,
    inputs: readonly OnnxValue[],
    { attributes = {}, outputs }: { attributes?: OnnxAttributes | undefined; outputs: number },
  ): OnnxValue[] {
    const name = `${operation}_${this.#count++}`;
    const results = Array.from({ length: outputs }, (_, i) => `${name}/${i}`);
    this.#nodes.push(node(operation, { inputs, outputs: results, name, attributes }));
    return results;
  }

  /** A value as another type. */
  cast(value: OnnxValue, type: OnnxType): OnnxValue {
    return this.call("Cast", [value], { to: tensorTypes[type] });
  }

  /**
   * The finished file, in pieces to be written one after the other.
   *
   * @throws {RangeError} if it is larger than the format can be.
   */
  encode({ name, producer }: { name: string; producer: string }): readonly Uint8Array<ArrayBuffer>[] {
    const graph = message(
      ...this.#nodes.map((node) => field(1, node)),
      field(2, name),
      ...[...this.#initializers.values()].map((tensor) => field(5, tensor)),
      ...this.#inputs.map((input) => field(11, input)),
      ...this.#outputs.map((output) => field(12, output)),
    );
    const model = message(
      wholeField(1, IR_VERSION),
      field(2, producer),
      field(7, graph),
      field(8, message(field(1, ""), wholeField(2, OPSET))),
    );
    if (model.bytes > LARGEST_FILE) {
      throw new RangeError(`Cannot write ${name} as ONNX: ${model.bytes} bytes are more than its 2 GiB; try 16 bits`);
    }
    return model.pieces;
  }
}

function node(
  operation: string,
  { inputs, outputs, name, attributes = {} }: {
    inputs: readonly OnnxValue[];
    outputs: readonly OnnxValue[];
    name: string;
    attributes?: OnnxAttributes | undefined;
  },
): Message {
  return message(
    ...inputs.map((input) => field(1, input)),
    ...outputs.map((output) => field(2, output)),
    field(3, name),
    field(4, operation),
    ...Object.entries(attributes).map(([name, value]) => field(5, attribute(name, value))),
  );
}

/** ONNX's numbers for kinds of attributes. */
const [FLOAT, WHOLE, WHOLES] = [1, 2, 7];

function attribute(name: string, value: OnnxAttributes[string]): Message {
  if (typeof value === "number") return message(field(1, name), wholeField(3, value), wholeField(20, WHOLE!));
  if ("float" in value) return message(field(1, name), floatField(2, value.float), wholeField(20, FLOAT!));
  return message(field(1, name), ...value.map((each) => wholeField(8, each)), wholeField(20, WHOLES!));
}

function tensorProto(
  name: string,
  { type, shape, raw }: { type: OnnxType; shape: readonly number[]; raw: Uint8Array<ArrayBuffer> },
): Message {
  return message(
    ...shape.map((size) => wholeField(1, size)),
    wholeField(2, tensorTypes[type]),
    field(8, name),
    field(9, raw),
  );
}

function valueInfo(name: string, type: OnnxType, shape: OnnxShape): Message {
  const sizes = shape.map((size) => field(1, typeof size === "number" ? wholeField(1, size) : field(2, size)));
  const tensor = message(wholeField(1, tensorTypes[type]), field(2, message(...sizes)));
  return message(field(1, name), field(2, field(1, tensor)));
}
