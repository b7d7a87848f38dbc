import { assert, assertEquals, assertThrows } from "@std/assert";
import { modelConfig, type Preset, presets, sizes } from "../../lib/model/config.ts";
import { initialValues, modelParameters, parameterCount } from "../../lib/model/parameters.ts";

Deno.test("parameterCount() of labml's model is labml's 812,355", () => {
  assertEquals(parameterCount(modelConfig({ preset: "labml", vocab: 67 })), 812_355);
});

Deno.test("parameterCount() of BERT-base is 109,514,298", () => {
  assertEquals(parameterCount(modelConfig({ preset: "bert", size: "base", vocab: 30_522 })), 109_514_298);
});

Deno.test("parameterCount() of ModernBERT-base is 149,655,232", () => {
  const config = modelConfig({ size: "base", vocab: 50_368, layers: 22, hidden: 1152, maxLength: 8192 });
  assertEquals(parameterCount(config), 149_655_232);
});

Deno.test("modelConfig() says what does not go together", () => {
  const make = (options: Parameters<typeof modelConfig>[0]) => () => modelConfig(options);
  assertThrows(make({ vocab: 70, width: 130, heads: 4 }), RangeError, "Cannot split width 130 into 4 heads");
  assertThrows(make({ vocab: 70, width: 28, heads: 4 }), RangeError, "heads of width 7 (28 / 4): it must be even");
  assertThrows(
    make({ vocab: 70, width: 1028, heads: 4 }),
    RangeError,
    "heads of width 257 (1028 / 4): it must be at most 256",
  );
  assertThrows(make({ vocab: 70, width: 30, heads: 5 }), RangeError, "width of 30: it must be a multiple of 4");
  assertThrows(make({ vocab: 70, hidden: 30 }), RangeError, "hidden width of 30");
  assertThrows(make({ vocab: 70, layers: 0 }), RangeError, "layers 0");
  assertThrows(make({ vocab: 70, dropout: 1 }), RangeError, "share of 1");
});

Deno.test("initialValues() makes the products that end a block smaller by outputInit, and nothing else", () => {
  const outputs = /^layers\.\d+\.(attention|feedForward)\.output\.weight$/;
  for (const preset of presets) {
    const config = modelConfig({ preset, size: "tiny", layers: 2, vocab: 20 });
    const [usual, smaller] = [1, 0.25].map((outputInit) => initialValues(config, 7, { outputInit }));
    const scaled: string[] = [];
    for (const [name, values] of initialValues(config, 7)) {
      assertEquals(usual!.get(name), values);
      if (values.every((value, i) => value === smaller!.get(name)![i])) continue;
      scaled.push(name);
      assertEquals(smaller!.get(name), values.map((value) => value / 4));
    }
    assertEquals(scaled.length, 4, scaled.join());
    assert(scaled.every((name) => outputs.test(name)), scaled.join());
    assert(initialValues(config, 7, { outputInit: 0 }).get(scaled[0]!)!.every((value) => value === 0));
  }
});

Deno.test("modelConfig() makes gated layers of 8/3 of the width, in whole tiles where there is one", () => {
  const hidden = (width: number) => modelConfig({ vocab: 70, width, heads: 4 }).hidden;
  assertEquals([64, 96, 128, 256, 384, 768, 1024].map(hidden), [192, 256, 320, 704, 1024, 2048, 2752]);
  assertEquals([16, 32, 48].map(hidden), [40, 84, 128]);
  for (const preset of presets) {
    for (const size of sizes) {
      const { width, hidden } = modelConfig({ vocab: 70, preset, size });
      assertEquals(hidden % 64, 0, `${preset} ${size}`);
      assert(preset !== "modernbert" || Math.abs(hidden / (width * 8 / 3) - 1) < 0.13, `${preset} ${size}: ${hidden}`);
    }
  }
});

Deno.test("modelParameters() marks the embeddings", () => {
  const named = (preset: Preset) =>
    modelParameters(modelConfig({ preset, vocab: 9 })).filter(({ embedding }) => embedding).map(({ name }) => name);
  assertEquals(named("modernbert"), ["embeddings.token"]);
  assertEquals(named("bert"), ["embeddings.token", "embeddings.position", "embeddings.tokenType"]);
  assertEquals(named("labml"), ["embeddings.token"]);
});
