import { assertEquals, assertRejects } from "@std/assert";
import { memoryFolder, type ModelFolder } from "../../lib/format/model_folder.ts";
import { encodeSafetensors } from "../../lib/format/safetensors.ts";
import { readTensors } from "../../lib/format/tensor_file.ts";

const tensors = new Map([
  ["a", { shape: [2, 3], data: Float32Array.of(1, -2, 3.5, 0, 5e30, -6e-30) }],
  ["b.c", { shape: [1], data: Float32Array.of(7) }],
]);
const bytes = new Uint8Array(await new Blob(encodeSafetensors(tensors)).arrayBuffer());
const folderOf = (content: Uint8Array<ArrayBuffer>) => memoryFolder("here", new Map([["x.safetensors", [content]]]));

Deno.test("readTensors() reads what was written, and says what is wrong with it", async () => {
  assertEquals(await readTensors(folderOf(bytes), "x.safetensors"), tensors);
  assertEquals(await readTensors(folderOf(bytes), "y.safetensors"), undefined);
  const fails = (content: Uint8Array<ArrayBuffer>) =>
    assertRejects(() => readTensors(folderOf(content), "x.safetensors"), SyntaxError, "Cannot read here/x.safetensors");
  await fails(bytes.slice(0, -1));
  await fails(bytes.slice(0, 5));
  await fails(new Uint8Array([...bytes, 0]));
});

Deno.test("readTensors() reads a file that is larger than what is ever read as a whole", async () => {
  const count = (1 << 25) + 3;
  const header = new TextEncoder().encode(
    JSON.stringify({ w: { dtype: "F32", shape: [count], data_offsets: [0, 4 * count] } }),
  );
  const start = new Uint8Array(8 + header.length);
  new DataView(start.buffer).setBigUint64(0, BigInt(header.length), true);
  start.set(header, 8);
  let at = 0;
  const folder: ModelFolder = {
    place: "here",
    open: () =>
      Promise.resolve({
        size: start.length + 4 * count,
        read(into) {
          if (at === start.length + 4 * count) return Promise.resolve(null);
          const own = at < start.length ? start.subarray(at, at + into.length) : undefined;
          if (own) into.set(own);
          const read = own?.length ?? into.length;
          at += read;
          return Promise.resolve(read);
        },
        close: () => Promise.resolve(),
      }),
  };
  const found = await readTensors(folder, "w.safetensors");
  assertEquals(found!.get("w")!.data.length, count);
});
