/**
 * The tensors through which texts enter a program: token ids, and where several texts share a window, their bounds, positions
 * and types.
 *
 * @module
 */

import { type Batch, groupByToken } from "../batch/batch.ts";
import type { Device } from "../device/device.ts";
import type { Graph } from "../graph/graph.ts";
import type { TokenInputs } from "../ops/embedding.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { architectures, type ModelConfig } from "./config.ts";

/** Sizes of the texts that a program takes. */
export interface TextShape {
  /** Number of windows. */
  readonly windows: number;
  /** Tokens of a window. */
  readonly length: number;
  /**
   * Whether windows hold several documents that must not see one another.
   *
   * @default {false}
   */
  readonly documents?: boolean;
  /**
   * Whether windows hold pairs of texts, told apart by token types; they are documents too.
   *
   * @default {false}
   */
  readonly pairs?: boolean;
}

/** What of a batch the encoder reads. */
export type Texts = Pick<Batch, "ids" | "documents" | "tokenTypes">;

/** Tensors that texts are written to. */
export interface TextInputs {
  /** Token ids. */
  readonly tokens: TokenInputs;
  /** Bounds of documents: u32 [rows, 2]. */
  readonly documents: Tensor | undefined;
  /** Positions of the rows within their documents. */
  readonly rowPositions: TokenInputs | undefined;
  /** Types of the rows. */
  readonly tokenTypes: TokenInputs | undefined;
}

/** Makes the tensors for texts of a shape. */
export function textInputs(
  graph: Graph,
  { preset }: Pick<ModelConfig, "preset">,
  { windows, length, documents = false, pairs = false }: TextShape,
): TextInputs {
  const rows = windows * length;
  const index = (name: string, size: number) => graph.persistent(name, [size], "u32");
  const groups = (name: string): TokenInputs => ({
    ids: index(name, rows),
    unique: index(`unique ${name}`, rows),
    starts: index(`starts of ${name}`, rows + 1),
    order: index(`order of ${name}`, rows),
  });
  const isPacked = documents || pairs;
  // rotary positions are relative: where a text begins does not matter to them
  const isRelative = architectures[preset].positionEncoding === "rotary";
  return {
    tokens: groups("ids"),
    documents: isPacked ? graph.persistent("documents", [rows, 2], "u32") : undefined,
    rowPositions: isPacked && !isRelative ? groups("row positions") : undefined,
    tokenTypes: pairs ? groups("token types") : undefined,
  };
}

/** Writes texts; there may be fewer windows than there is room for. `training`: with what only gradients need. */
export function writeTexts(
  device: Device,
  texts: Texts,
  { shape, inputs, training }: { shape: TextShape; inputs: TextInputs; training: boolean },
): void {
  const rows = shape.windows * shape.length;
  const { tokens, documents, rowPositions, tokenTypes } = inputs;
  // windows that are missing hold token 0; nothing in them is predicted, so they change no sum
  writeGrouped(device, tokens, { ids: padded(texts.ids, rows), training });
  if (tokenTypes) {
    const ids = padded(texts.tokenTypes ?? new Uint32Array(), rows);
    writeGrouped(device, tokenTypes, { ids, training });
  }
  if (!documents) return;
  // windows that are missing, or of one document each, see themselves whole
  const bounds = Uint32Array.from({ length: 2 * rows }, (_, i) => i % 2 === 0 ? 0 : shape.length);
  if (texts.documents) bounds.set(texts.documents);
  device.write(documents, bounds);
  if (!rowPositions) return;
  const ids = Uint32Array.from({ length: rows }, (_, row) => row % shape.length - bounds[2 * row]!);
  writeGrouped(device, rowPositions, { ids, training });
}

function padded(ids: Uint32Array<ArrayBuffer>, size: number): Uint32Array<ArrayBuffer> {
  if (ids.length >= size) return ids;
  const all = new Uint32Array(size);
  all.set(ids);
  return all;
}

/** Writes ids and, for the gradient, which rows hold the same one. */
function writeGrouped(
  device: Device,
  inputs: TokenInputs,
  { ids, training }: { ids: Uint32Array<ArrayBuffer>; training: boolean },
): void {
  device.write(inputs.ids, ids);
  if (!training) return;
  const { unique, starts, order } = groupByToken(ids);
  device.write(inputs.unique, unique);
  device.write(inputs.starts, starts);
  device.write(inputs.order, order);
}
