import { assert } from "@std/assert";
import { sameSettings } from "../../lib/cli/run_device.ts";
import type { WebGpuSettings } from "../../lib/device/device.ts";

Deno.test("sameSettings() compares tables of products by what they say, and takes none for an empty one", () => {
  const plain: WebGpuSettings = { kind: "webgpu", adapter: "a card", matmul: "tiled" };
  const products = { "A·B 1×2×3": { variant: "direct", splits: 2 }, "A·B 4×5×6": { variant: "tiled", splits: 1 } };
  const tuned = { ...plain, products };
  const reversed = Object.fromEntries(Object.entries(products).reverse());
  assert(sameSettings(tuned, JSON.parse(JSON.stringify(tuned))));
  assert(sameSettings(tuned, { ...plain, products: reversed }));
  assert(sameSettings(plain, { ...plain, products: {} }));
  assert(!sameSettings(plain, tuned) && !sameSettings(tuned, plain));
  assert(!sameSettings(tuned, { ...tuned, products: { ...products, "A·B 1×2×3": { variant: "direct", splits: 3 } } }));
});
