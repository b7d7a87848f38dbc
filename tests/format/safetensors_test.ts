import { assertEquals, assertThrows } from "@std/assert";
import {
  decodeSafetensors,
  decodeWeights,
  encodeSafetensors,
  encodeWeights,
  type HostTensor,
} from "../../lib/format/safetensors.ts";

const tensors = new Map<string, HostTensor>([
  ["weight", { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 1e-30, Infinity, 0) }],
  ["empty", { shape: [0, 4], data: new Float32Array(0) }],
  ["scalar", { shape: [], data: Float32Array.of(7) }],
]);

async function bytesOf(parts: Uint8Array<ArrayBuffer>[]): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

Deno.test("encodeSafetensors() and back gives the same tensors and metadata", async () => {
  const bytes = await bytesOf(encodeSafetensors(tensors, { metadata: { format: "pt", note: "ü" } }));
  const file = decodeSafetensors(bytes);
  assertEquals(file.tensors, tensors);
  assertEquals(file.metadata, { format: "pt", note: "ü" });
});

Deno.test("encodeSafetensors() lays bytes out as the format says", async () => {
  const bytes = await bytesOf(encodeSafetensors(tensors));
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  assertEquals(length % 8, 0);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  assertEquals(header.weight, { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] });
  assertEquals(header.scalar, { dtype: "F32", shape: [], data_offsets: [24, 28] });
  assertEquals(new DataView(bytes.buffer).getFloat32(8 + length + 4, true), -2);
  assertEquals(bytes.length, 8 + length + 28);
});

Deno.test("decodeSafetensors() says what is wrong with a file", () => {
  const file = (header: unknown, size: number) => {
    const json = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
    const bytes = new Uint8Array(8 + json.length + size);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
    bytes.set(json, 8);
    return bytes;
  };
  const rejects = (bytes: Uint8Array<ArrayBuffer>, message: string) =>
    assertThrows(() => decodeSafetensors(bytes, "x.safetensors"), SyntaxError, message);
  const good = { dtype: "F32", shape: [2], data_offsets: [0, 8] };
  assertEquals(decodeSafetensors(file({ a: good }, 8)).tensors.size, 1);
  rejects(new Uint8Array(3), "Cannot read x.safetensors: 3 bytes are too few");
  rejects(new Uint8Array(8).fill(255), "header says");
  rejects(file("{]", 0), "no JSON");
  rejects(file({ a: { ...good, dtype: "I32" } }, 8), 'tensor "a" is of type I32, wanted F32, F16, BF16');
  rejects(file({ a: { ...good, dtype: "F31" } }, 8), 'tensor "a" is of type F31, which is not known');
  rejects(file({ a: { ...good, shape: [3] } }, 8), 'tensor "a" of shape [3] needs 12 bytes');
  rejects(file({ a: { ...good, shape: "2" } }, 8), "no proper shape");
  rejects(file({ a: { ...good, shape: [-2] } }, 8), "no proper shape");
  rejects(
    file({ a: { ...good, data_offsets: [0, 80] } }, 8),
    "it is cut off: 80 bytes of tensors are announced, 8 are there",
  );
  rejects(file({ a: { ...good, data_offsets: [4, 2] } }, 8), "its offsets are [4, 2] of 8");
  rejects(file({ a: good }, 12), "overlap or leave gaps");
  rejects(file({ a: good, b: good }, 8), "overlap or leave gaps");
});

Deno.test("encodeWeights() writes no infinity for a number that is too large for 16 bits", () => {
  for (const [type, most, over] of [["F16", 65504, 65536], ["BF16", 3.3895313892515355e38, 3.4e38]] as const) {
    assertEquals(
      decodeWeights(encodeWeights(Float32Array.of(most, -most), type, "x"), type),
      Float32Array.of(most, -most),
    );
    for (const value of [over, -over]) {
      assertThrows(
        () => encodeWeights(Float32Array.of(1, value), type, 'tensor "x"'),
        RangeError,
        'Cannot write tensor "x" in 16 bits: it holds',
      );
    }
  }
});
