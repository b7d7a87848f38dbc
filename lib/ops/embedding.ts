import type { Parameter, Tensor } from "../tensor/tensor.ts";
import type { Graph } from "../graph/graph.ts";

/** Token ids of a batch, and the same grouped by token, which the gradient needs. */
export interface TokenInputs {
  /** Token of each row: u32 [rows]. */
  readonly ids: Tensor;
  /** The different tokens of the batch: u32 [rows], the rest unused. */
  readonly unique: Tensor;
  /** Rows `order[starts[u]]` to `order[starts[u + 1]]` hold token `unique[u]`: u32 [rows + 1]. */
  readonly starts: Tensor;
  /** Rows sorted by token: u32 [rows]. */
  readonly order: Tensor;
}

/** Options of {@linkcode embedding}. */
export interface EmbeddingOptions {
  /** Embeddings of the vocabulary: [vocab, width]. */
  token: Parameter;
  /** Sequence length: row r is at position r mod length. */
  length: number;
  /** Positions of the rows, where several texts in a sequence each begin at 0: grouped as tokens are. */
  rowPositions?: TokenInputs | undefined;
  /** Positions: [≥ length, width], learned (a parameter) or fixed. */
  position?: Parameter | Tensor | undefined;
  /** Types of the rows, grouped as tokens are. Default: every row is of type 0. */
  tokenTypes?: TokenInputs | undefined;
  /** Embeddings of token types: [types, width]. */
  tokenType?: Parameter | undefined;
  /**
   * Factor of the token embeddings.
   *
   * @default {1}
   */
  scale?: number;
}

/** Sum of token, position and token type embeddings: [rows, width]. */
export function embedding(graph: Graph, inputs: TokenInputs, options: EmbeddingOptions): Tensor {
  const { token, length, rowPositions, position, tokenTypes, tokenType, scale = 1 } = options;
  const columns = token.shape[1]!;
  const rows = inputs.ids.size;
  if (columns % 4 !== 0) throw new TypeError(`Cannot embed into width ${columns}: it must be a multiple of 4`);
  if (position && position.shape[0]! < length) {
    throw new TypeError(`Cannot embed ${length} positions: ${position.name} has ${position.shape[0]}`);
  }
  const y = graph.activation("embedding", [rows, columns]);
  graph.call("embedding", {
    tensors: {
      ids: inputs.ids,
      token,
      position,
      token_type: tokenType,
      y,
      row_positions: rowPositions?.ids,
      token_types: tokenTypes?.ids,
    },
    params: { rows, columns, length, scale },
  });

  graph.onBackward(() => {
    const d_y = graph.gradientOf(y);
    const toGroups = ({ unique, starts, order }: TokenInputs, table: Parameter, scale: number) =>
      graph.call("embedding_backward", {
        tensors: { unique, starts, order, d_y, d_token: table.gradient },
        params: { rows, columns, scale },
      });
    toGroups(inputs, token, scale);
    if (position && "gradient" in position) {
      if (rowPositions) toGroups(rowPositions, position, 1);
      else sumRows(graph, d_y, { period: length, target: firstRows(position, length) });
    }
    if (tokenType && tokenTypes) toGroups(tokenTypes, tokenType, 1);
    else if (tokenType) sumRows(graph, d_y, { period: 1, target: firstRows(tokenType, 1) });
  });
  return y;
}

/** The gradient of the first rows of a parameter, to accumulate into. */
function firstRows(parameter: Parameter, rows: number): Tensor {
  const shape = [rows, parameter.shape[1]!];
  return { ...parameter.gradient, shape, size: rows * shape[1]! };
}

/** target += Σ x[row] over the rows with the same row mod period: [period, columns]. */
function sumRows(graph: Graph, x: Tensor, { period, target }: { period: number; target: Tensor }): void {
  const [rows, columns] = x.shape as [number, number];
  graph.call("sum_rows", {
    tensors: { x, y: target },
    params: { rows, columns, period },
    choices: { accumulate: true },
  });
}
