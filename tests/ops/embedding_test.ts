import { assertThrows } from "@std/assert";
import { Graph } from "../../lib/graph/graph.ts";
import { embedding } from "../../lib/ops/embedding.ts";
import { groupByToken } from "../../lib/batch/batch.ts";
import { checkOp } from "../helpers/check_op.ts";
import { kindTest } from "../helpers/devices.ts";
import { random } from "../helpers/random.ts";
import * as tape from "../reference/tape.ts";

for (const [batch, length, vocab, width] of [[1, 1, 1, 4], [3, 5, 7, 12], [40, 16, 11, 8], [2, 33, 500, 68]] as const) {
  const next = random(5);
  const rows = batch * length;
  const ids = Uint32Array.from({ length: rows }, () => Math.floor(next() * vocab));

  kindTest(
    `embedding() looks up ${batch} × ${length} of ${vocab} tokens, positions and a token type`,
    (device) =>
      checkOp(device, {
        inputs: {
          token: { shape: [vocab, width] },
          position: { shape: [length + 3, width] },
          tokenType: { shape: [2, width] },
        },
        data: { ids, ...groupByToken(ids) },
        build: (graph, { token, position, tokenType }, { ids, unique, starts, order }) =>
          embedding(graph, { ids: ids!, unique: unique!, starts: starts!, order: order! }, {
            token,
            position,
            tokenType,
            length,
            scale: 1.5,
          }),
        reference: ({ token, position, tokenType }) => {
          const at = (row: (i: number) => number) => (i: number) => row(Math.floor(i / width)) * width + i % width;
          const tokens = tape.scale(tape.take(token, [rows, width], at((row) => ids[row]!)), 1.5);
          const positions = tape.take(position, [rows, width], at((row) => row % length));
          return tape.add(tape.add(tokens, positions), tape.take(tokenType, [rows, width], at(() => 0)));
        },
        // 640 rows meet in one token type
        tolerance: { atol: 1e-4, rtol: 2e-5 },
      }),
  );
}

for (const [sizes, width] of [[[3, 1, 5], 4], [[17, 30, 2, 2], 12], [[1, 1, 1], 8]] as const) {
  const [vocab, rows] = [6, sizes.reduce<number>((sum, size) => sum + size, 0)];
  const next = random(6);
  const ids = Uint32Array.from({ length: rows }, () => Math.floor(next() * vocab));
  const rowPositions = Uint32Array.from(sizes.flatMap((size) => [...Array(size).keys()]));
  const data = groupByToken(ids);
  const { unique: positionsUnique, starts: positionsStarts, order: positionsOrder } = groupByToken(rowPositions);
  kindTest(`embedding() begins at position 0 in each text of ${sizes.join("+")} tokens`, (device) =>
    checkOp(device, {
      inputs: { token: { shape: [vocab, width] }, position: { shape: [rows, width] } },
      data: { ids, ...data, rowPositions, positionsUnique, positionsStarts, positionsOrder },
      build: (graph, { token, position }, tensors) =>
        embedding(
          graph,
          { ids: tensors.ids!, unique: tensors.unique!, starts: tensors.starts!, order: tensors.order! },
          {
            token,
            position,
            length: rows,
            scale: 0.5,
            rowPositions: {
              ids: tensors.rowPositions!,
              unique: tensors.positionsUnique!,
              starts: tensors.positionsStarts!,
              order: tensors.positionsOrder!,
            },
          },
        ),
      reference: ({ token, position }) => {
        const at = (row: (i: number) => number) => (i: number) => row(Math.floor(i / width)) * width + i % width;
        return tape.add(
          tape.scale(tape.take(token, [rows, width], at((row) => ids[row]!)), 0.5),
          tape.take(position, [rows, width], at((row) => rowPositions[row]!)),
        );
      },
    }));
}

Deno.test("embedding() rejects a length beyond the position table", () => {
  const graph = new Graph();
  const ids = graph.activation("ids", [8], "u32");
  const token = { ...graph.activation("token", [5, 4]), gradient: graph.activation("d_token", [5, 4]) };
  const position = graph.activation("position", [4, 4]);
  assertThrows(
    () => embedding(graph, { ids, unique: ids, starts: ids, order: ids }, { token, position, length: 8 }),
    TypeError,
    "Cannot embed 8 positions",
  );
});
