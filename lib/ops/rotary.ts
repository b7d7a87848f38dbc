import type { Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";

/** Options of {@linkcode rotary}. */
export interface RotaryOptions {
  /** Sequence length: row r is at position r mod length. */
  length: number;
  /** Number of attention heads. */
  heads: number;
  /** (cos, sin) of every position and pair: [≥ length, head width / 2, 2], see {@linkcode rotaryAngles}. */
  angles: Tensor;
}

/** Turns queries and keys of qkv: [rows, 3 · width] by their positions, in place (Su et al., RoFormer, 2021). */
export function rotary(graph: Graph, qkv: Tensor, { length, heads, angles }: RotaryOptions): void {
  const [rows, columns] = qkv.shape as [number, number];
  const width = columns / 3;
  const turn = (tensor: Tensor, direction: number) =>
    graph.call("rotary", {
      tensors: { angles, qkv: tensor },
      params: { rows, length, width, headWidth: width / heads, direction },
    });
  turn(qkv, 1);
  graph.onBackward(() => turn(graph.gradientOf(qkv), -1));
}

/** (cos, sin) of position · base^(-2i / headWidth): [length, headWidth / 2, 2], from float64. */
export function rotaryAngles(
  { length, headWidth, base }: { length: number; headWidth: number; base: number },
): Float32Array<ArrayBuffer> {
  const half = headWidth / 2;
  const angles = new Float32Array(length * half * 2);
  for (let position = 0; position < length; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * base ** (-i / half);
      const at = (position * half + i) * 2;
      angles[at] = Math.cos(angle);
      angles[at + 1] = Math.sin(angle);
    }
  }
  return angles;
}
