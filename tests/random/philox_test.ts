import { assertAlmostEquals, assertEquals } from "@std/assert";
import { philox, randomSequence } from "../../lib/random/philox.ts";
import { gpuTest } from "../helpers/devices.ts";

// the known answers that come with Random123, the authors' own library (kat_vectors, philox4x32 10)
const vectors = [
  { counter: [0, 0, 0, 0], key: [0, 0], expected: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8] },
  {
    counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    key: [0xffffffff, 0xffffffff],
    expected: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    expected: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  },
] as const;

Deno.test("philox() gives the published test vectors", () => {
  for (const { counter, key, expected } of vectors) {
    assertEquals([...philox(counter, key, new Uint32Array(4))], [...expected]);
  }
});

gpuTest("philox.wgsl gives the published test vectors", async () => {
  const source = await Deno.readTextFile(new URL("../../kernels/philox.wgsl", import.meta.url));
  const adapter = await navigator.gpu.requestAdapter();
  const gpu = await adapter!.requestDevice();
  const code = `${source}
    @group(0) @binding(0) var<storage, read> inputs: array<u32>;
    @group(0) @binding(1) var<storage, read_write> outputs: array<vec4u>;
    @compute @workgroup_size(1) fn main(@builtin(global_invocation_id) id: vec3u) {
      let at = id.x * 6u;
      let counter = vec4u(inputs[at], inputs[at + 1u], inputs[at + 2u], inputs[at + 3u]);
      outputs[id.x] = philox(counter, vec2u(inputs[at + 4u], inputs[at + 5u]));
    }`;
  const module = gpu.createShaderModule({ code });
  const pipeline = await gpu.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const inputs = Uint32Array.from(vectors.flatMap(({ counter, key }) => [...counter, ...key]));
  const { STORAGE, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage;
  const input = gpu.createBuffer({ size: inputs.byteLength, usage: STORAGE | COPY_DST });
  const output = gpu.createBuffer({ size: 48, usage: STORAGE | COPY_SRC });
  const staging = gpu.createBuffer({ size: 48, usage: MAP_READ | COPY_DST });
  gpu.queue.writeBuffer(input, 0, inputs);
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  const entries = [input, output].map((buffer, binding) => ({ binding, resource: { buffer } }));
  pass.setBindGroup(0, gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(vectors.length);
  pass.end();
  encoder.copyBufferToBuffer(output, 0, staging, 0, 48);
  gpu.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const results = [...new Uint32Array(staging.getMappedRange())];
  staging.unmap();
  gpu.destroy();
  assertEquals(results, vectors.flatMap(({ expected }) => [...expected]));
});

Deno.test("randomSequence() is uniform and normal to five standard errors over 200,000 draws", () => {
  const count = 200_000;
  const random = randomSequence({ seed: 1, purpose: "shuffling" });
  let sum = 0;
  let squares = 0;
  let uniforms = 0;
  for (let i = 0; i < count; i++) {
    const x = random.normal();
    sum += x;
    squares += x * x;
    uniforms += random.uniform();
  }
  assertAlmostEquals(sum / count, 0, 5 / Math.sqrt(count));
  assertAlmostEquals(squares / count, 1, 5 * Math.sqrt(2 / count));
  assertAlmostEquals(uniforms / count, 0.5, 5 * Math.sqrt(1 / 12 / count));
});
