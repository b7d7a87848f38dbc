import { assert, assertEquals, assertRejects } from "@std/assert";
import { memoryFolder } from "../../lib/format/model_folder.ts";
import { toHuggingFace } from "../../lib/format/tensor_names.ts";
import { encodeSafetensors, type HostTensor, weightTypes } from "../../lib/format/safetensors.ts";
import { openWeights, readWeights } from "../../lib/format/weights.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { initialValues } from "../../lib/model/parameters.ts";

const config = modelConfig({ preset: "bert", vocab: 11, layers: 1, width: 16, heads: 2, hidden: 12, maxLength: 8 });
const values = initialValues(config, 1);
const tensors = toHuggingFace(config, values);
const INDEX = "model.safetensors.index.json";

function folder(files: Record<string, readonly BlobPart[]>) {
  return memoryFolder("m", new Map(Object.entries(files)));
}

const bytes = (of: ReadonlyMap<string, HostTensor>) => encodeSafetensors(of);
const rejects = (files: Record<string, readonly BlobPart[]>, message: string, kind: typeof Error = SyntaxError) =>
  assertRejects(() => openWeights(folder(files), config), kind, message);

Deno.test("openWeights() reads one file, and several with their index, to the bit", async () => {
  const single = await openWeights(folder({ "model.safetensors": bytes(tensors) }), config);
  assertEquals(single.types, ["F32"]);
  assertEquals(await readWeights(single, config), values);

  const names = [...tensors.keys()];
  const part = (of: number) => new Map([...tensors].filter((_, i) => i % 3 === of));
  const map = Object.fromEntries(names.map((name, i) => [name, `part-${i % 3}.safetensors`]));
  const sharded = await openWeights(
    folder({
      "part-0.safetensors": bytes(part(0)),
      "part-1.safetensors": bytes(part(1)),
      "part-2.safetensors": bytes(part(2)),
      [INDEX]: [JSON.stringify({ weight_map: map })],
    }),
    config,
  );
  assertEquals(await readWeights(sharded, config), values);
});

Deno.test("openWeights() reads several files without their index, if none of them is missing", async () => {
  const part = (of: number) => bytes(new Map([...tensors].filter((_, i) => i % 3 === of)));
  const name = (i: number) => `model-0000${i + 1}-of-00003.safetensors`;
  const files = { [name(0)]: part(0), [name(1)]: part(1), [name(2)]: part(2), "config.json": ["{}"] };
  assertEquals(await readWeights(await openWeights(folder(files), config), config), values);
  const { [name(1)]: _, ...rest } = files;
  await rejects(rest, `Cannot use m: of 3 files of weights 1 are not there: ${name(1)}`, RangeError);
});

Deno.test("openWeights() has one of several files open at a time", async () => {
  const names = [...tensors.keys()];
  const files = names.map((name, i) => [`${i}.safetensors`, bytes(new Map([[name, tensors.get(name)!]]))]);
  const map = Object.fromEntries(names.map((name, i) => [name, `${i}.safetensors`]));
  const source = folder({ ...Object.fromEntries(files), [INDEX]: [JSON.stringify({ weight_map: map })] });
  let [open, most] = [0, 0];
  const counting = {
    place: "m",
    async open(name: string) {
      const reader = await source.open(name);
      most = Math.max(most, open += reader ? 1 : 0);
      return reader && {
        ...reader,
        async close() {
          open--;
          await reader.close();
        },
      };
    },
  };
  assertEquals(await readWeights(await openWeights(counting, config), config), values);
  assertEquals([open, most], [0, 1]);
});

for (const type of weightTypes) {
  Deno.test(`openWeights() reads ${type} to its precision`, async () => {
    const weights = await openWeights(folder({ "model.safetensors": encodeSafetensors(tensors, { type }) }), config);
    assertEquals(weights.types, [type]);
    const bits = { F32: 24, F16: 11, BF16: 8 }[type];
    for (const [name, read] of await readWeights(weights, config)) {
      // half a unit in the last place; the smallest normal number of F16 is 2⁻¹⁴
      const wrong = read.findIndex((value, i) => {
        const exact = values.get(name)![i]!;
        return !(Math.abs(value - exact) <= Math.max(Math.abs(exact), 2 ** -14) * 2 ** -bits);
      });
      assertEquals(wrong, -1, name);
    }
  });
}

Deno.test("openWeights() names the tensor, both shapes and the file where something does not fit", async () => {
  const first = "bert.embeddings.word_embeddings.weight";
  const without = new Map(tensors);
  without.delete(first);
  await rejects({ "model.safetensors": bytes(without) }, `Cannot use m/model.safetensors: it lacks tensor "${first}"`);
  const other = new Map(tensors).set(first, { shape: [16, 11], data: tensors.get(first)!.data });
  await rejects(
    { "model.safetensors": bytes(other) },
    `Cannot use m/model.safetensors: tensor "${first}" has shape [16,11], expected [11,16]`,
  );
  await rejects({}, "it is empty", RangeError);
  await rejects({ "config.json": ["{}"] }, "there is no model.safetensors in it, only config.json", RangeError);
  await rejects({ "pytorch_model.bin": ["x"] }, "its weights are in pytorch_model.bin", RangeError);
  await rejects({ "model.safetensors": ["abc"] }, "Cannot read m/model.safetensors: 3 bytes are too few");
  const whole = await new Blob(bytes(tensors)).bytes();
  await rejects(
    { "model.safetensors": [whole.subarray(0, whole.length - 4)] },
    "Cannot read m/model.safetensors: it is cut off",
  );
  await rejects({ [INDEX]: ["{}"] }, `Cannot use m/${INDEX}: its weight_map names no files`);
  await rejects({ [INDEX]: ["{"] }, `Cannot read m/${INDEX}: it is no JSON`);
  await rejects({ [INDEX]: ['{"weight_map": {"a": "../b"}}'] }, "its weight_map names no files");
  await rejects({ [INDEX]: ['{"weight_map": {"a": "b"}}'] }, "Cannot use m: b, which its index names, is not there");
  await rejects(
    {
      [INDEX]: ['{"weight_map": {"a": "a", "b": "b"}}'],
      a: bytes(tensors),
      b: bytes(new Map([[first, tensors.get(first)!]])),
    },
    `Cannot use m: tensor "${first}" is in two files`,
  );
});

Deno.test("openWeights() reports tensors that mean nothing here, but not those of other tasks", async () => {
  const one = { shape: [1], data: new Float32Array(1) };
  const more = new Map([
    ...tensors,
    ["bert.pooler.dense.bias", one],
    ["cls.seq_relationship.bias", one],
    ["cls.predictions.decoder.weight", tensors.get("bert.embeddings.word_embeddings.weight")!],
    ["adapter.weight", one],
  ]);
  const weights = await openWeights(folder({ "model.safetensors": bytes(more) }), config);
  await weights.close();
  assertEquals(weights.unused, ["adapter.weight"]);
});

Deno.test("openWeights() reads no number before all is checked", async () => {
  const source = folder({ "model.safetensors": bytes(new Map([...tensors].slice(1))) });
  let read = 0;
  const counting = {
    place: "m",
    async open(name: string) {
      const reader = await source.open(name);
      return reader && {
        ...reader,
        async read(into: Uint8Array<ArrayBuffer>) {
          const count = await reader.read(into);
          read += count ?? 0;
          return count;
        },
      };
    },
  };
  await assertRejects(() => openWeights(counting, config), SyntaxError, "it lacks tensor");
  const header = 8 +
    Number(new DataView(await new Blob(bytes(new Map([...tensors].slice(1)))).arrayBuffer()).getBigUint64(0, true));
  assert(read <= header, `${read} bytes were read, the header has ${header}`);
});
