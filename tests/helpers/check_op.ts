import type { Device } from "../../lib/device/device.ts";
import type { Parameter, Tensor } from "../../lib/tensor/tensor.ts";
import { Graph } from "../../lib/graph/graph.ts";
import { roundWeights } from "../../lib/optimizer/adamw.ts";
import { ParameterStore } from "../../lib/optimizer/parameter_store.ts";
import { backpropagate, leaf, type Value } from "../reference/tape.ts";
import { assertClose, type Tolerance } from "./assert_close.ts";
import { callNumber, once } from "./once.ts";
import { normal, random } from "./random.ts";

export interface OpCheck<Name extends string> {
  /** Differentiable inputs: shapes, and values where standard normal ones will not do. */
  inputs: Readonly<Record<Name, { shape: readonly number[]; values?: Float32Array; scale?: number }>>;
  /** Other tensors that the operation reads. */
  data?: Readonly<Record<string, Uint32Array | Float32Array>>;
  /** Records the operation. */
  build: (graph: Graph, tensors: Record<Name, Parameter>, data: Record<string, Tensor>) => Tensor;
  /** The same in float64. */
  reference: (values: Record<Name, Value>) => Value;
  /** Allowed difference, for inputs of size about 1. */
  tolerance?: Tolerance;
  /** Allowed difference of gradients, if another. */
  gradientTolerance?: Tolerance;
  /** Terms of the longest sum, and how large they are: what that allows where tensors are stored in f16, see {@linkcode halfTolerance}. */
  sums?: { terms: number; size?: number };
  /** Factor of the output's gradient. */
  cotangent?: number;
  /** Largest relative step of the finite differences; 0 leaves them out, where float64 itself cannot resolve them. */
  step?: number;
}

/**
 * Float32 sums of some hundred products of numbers of size 1 are off by about 1e-6 of their largest partial sum;
 * ten times that leaves room for the order of addition.
 */
const defaultTolerance: Tolerance = { atol: 2e-5, rtol: 2e-5 };

/**
 * Rounding to f16 is off by 2^-11 of a number at most. Inputs and the output's gradient are numbers of f16 from the start, so what
 * is computed is rounded a few times at most, here four, and the errors of a sum's terms, which know nothing of one another, add up
 * as a random walk does: by the root of their number.
 */
function halfTolerance({ terms, size = 1 }: { terms: number; size?: number }): Tolerance {
  return { atol: 4 * 2 ** -11 * Math.sqrt(terms) * size, rtol: 4 * 2 ** -11 };
}

/** The closest numbers of f16. */
function rounded<Numbers extends Float32Array | Float64Array>(values: Numbers): Numbers {
  return values.map((value) => Math.f16round(value)) as Numbers;
}

/**
 * Runs an operation forward and backward on a device and compares the output with the float64 reference, every
 * gradient with the reference's, and a sample of them with central differences of the reference's forward pass. Runs
 * twice: gradients of leaves must double, for they accumulate.
 */
export async function checkOp<Name extends string>(device: Device, check: OpCheck<Name>): Promise<void> {
  const { step = 1e-4, sums = { terms: 1 } } = check;
  const { precision } = device;
  const { atol, rtol } = precision === "f16" ? halfTolerance(sums) : { atol: 0, rtol: 0 };
  const wider = (given: Tolerance) => ({ atol: given.atol + atol, rtol: given.rtol + rtol });
  const tolerance = wider(check.tolerance ?? defaultTolerance);
  const gradientTolerance = wider(check.gradientTolerance ?? check.tolerance ?? defaultTolerance);
  const stored = precision === "f16" ? rounded : <T>(values: T) => values;
  const names = Object.keys(check.inputs) as Name[];
  const store = new ParameterStore(
    device,
    names.map((name) => ({ name, shape: check.inputs[name].shape, decay: true })),
  );
  const graph = new Graph({ precision });
  graph.section("weights");
  roundWeights(graph, store);
  graph.section("main");
  const parameters = Object.fromEntries(names.map((name) => [name, store.get(name)])) as Record<Name, Parameter>;
  const data = Object.fromEntries(
    Object.entries(check.data ?? {}).map(([name, array]) => [
      name,
      graph.persistent(name, [array.length], array instanceof Uint32Array ? "u32" : "f32"),
    ]),
  );
  const y = graph.keep(check.build(graph, parameters, data));
  const d_y = graph.persistent("cotangent", y.shape, y.dtype);
  graph.seed(y, d_y);
  graph.backward();
  const program = await graph.compile(device);
  try {
    const values = new Map(names.map((name, i) => {
      const { shape, values, scale = 1 } = check.inputs[name];
      const size = shape.reduce((a, b) => a * b, 1);
      return [name, stored(values ?? normal(size, { seed: i + 1, scale }))] as const;
    }));
    device.write(store.values, store.join(values));
    for (const [name, array] of Object.entries(check.data ?? {})) device.write(data[name]!, array);

    const leaves = (change?: { name: Name; index: number; value: number }) =>
      Object.fromEntries(names.map((name) => {
        const array = Float64Array.from(values.get(name)!);
        if (change?.name === name) array[change.index] = change.value;
        return [name, leaf(check.inputs[name].shape, array)];
      })) as Record<Name, Value>;
    const inputs = leaves();
    const expected = check.reference(inputs);
    const rows = y.shape[0]!;
    const columns = expected.data.length / rows;
    const stride = y.size / rows;
    const cotangent = stored(normal(expected.data.length, { seed: 99, scale: check.cotangent ?? 1 }));
    backpropagate(expected, cotangent);

    const padded = new Float32Array(y.size);
    cotangent.forEach((value, i) => padded[Math.floor(i / columns) * stride + i % columns] = value);
    for (let run = 1; run <= 2; run++) {
      device.write(d_y, padded);
      program.run("weights", "main");
      const [output, gradients] = await device.read([y, store.gradients]);
      const all = new Float32Array(output!);
      const actual = Float32Array.from(expected.data, (_, i) => all[Math.floor(i / columns) * stride + i % columns]!);
      assertClose(actual, expected.data, { ...tolerance, label: "output" });
      for (const [name, gradient] of store.split(new Float32Array(gradients!))) {
        const wanted = inputs[name as Name].grad.map((value) => value * run);
        assertClose(gradient, wanted, { ...gradientTolerance, label: `d_${name}, run ${run}` });
      }
    }
    // of the reference alone, which other devices are held against, too
    const differences = { names, leaves, values, cotangent, step, inputs, reference: check.reference };
    if (step > 0) once(`differences ${callNumber()} ${precision}`, () => checkDifferences(differences));
  } finally {
    program.destroy();
    store.destroy();
  }
}

/** The reference's own gradient, which the device's was held against, against central differences. */
function checkDifferences<Name extends string>(
  { names, leaves, values, cotangent, step, inputs, reference }: {
    names: readonly Name[];
    leaves: (change: { name: Name; index: number; value: number }) => Record<Name, Value>;
    values: ReadonlyMap<Name, Float32Array>;
    cotangent: Float32Array;
    step: number;
    inputs: Record<Name, Value>;
    reference: (values: Record<Name, Value>) => Value;
  },
): void {
  const pick = random(7);
  for (const name of names) {
    const array = values.get(name)!;
    const size = Math.max(1e-3, Math.hypot(...array) / Math.sqrt(array.length));
    const gradientSize = Math.hypot(...inputs[name].grad) / Math.sqrt(array.length);
    for (let sample = 0; sample < 6; sample++) {
      const index = Math.floor(pick() * array.length);
      const h = step * size;
      const at = (value: number) =>
        reference(leaves({ name, index, value })).data.reduce((sum, y, i) => sum + y * cotangent[i]!, 0);
      const difference = (at(array[index]! + h) - at(array[index]! - h)) / (2 * h);
      // the error of central differences is of order h², that of rounding 1e-16 / h
      const tolerance = {
        atol: 1e-5 * gradientSize + 1e-9,
        rtol: 1e-5,
        label: `difference quotient of ${name}[${index}]`,
      };
      assertClose([inputs[name].grad[index]!], [difference], tolerance);
    }
  }
}
