import { assertEquals } from "@std/assert";
import { load } from "../../lib/inference/load.ts";
import { assertClose } from "../helpers/assert_close.ts";
import { deviceTest, kindTest } from "../helpers/devices.ts";
import { logitsOf } from "../helpers/logits.ts";
import { pythonWith, runPython } from "../helpers/python.ts";

const script = new URL("../fixtures/make_models.py", import.meta.url).pathname;
const python = pythonWith("torch");

let folder: string | undefined;

/** Folders that PyTorch made once for all tests of this file. */
function models(): string {
  if (folder) return folder;
  folder = Deno.makeTempDirSync();
  globalThis.addEventListener("unload", () => Deno.removeSync(folder!, { recursive: true }));
  runPython(python!, [script, folder]);
  return folder;
}

const names = [
  "bert",
  "bert_old_names",
  "bert_half_sharded_untied",
  "modernbert",
  "modernbert_brain_biases_untied",
  "bert_heads_of_3_gelu_new",
  "bert_heads_of_6_swish_compiled",
  "modernbert_heads_of_6_silu_gelu_tanh",
];

for (const name of names) {
  if (!python) {
    Deno.test({ name: `load() gives PyTorch's logits of ${name}`, ignore: python === undefined, fn: () => {} });
    continue;
  }
  deviceTest(`load() gives PyTorch's logits of ${name}, with padding in the batch`, async (device) => {
    const path = `${models()}/${name}`;
    const expected = JSON.parse(await Deno.readTextFile(`${path}/expected.json`));
    using model = await load(path, { device });
    const logits = await logitsOf(model, expected.texts);
    for (const [i, text] of logits.entries()) {
      assertClose(text, expected.logits[i], { atol: 1e-4, rtol: 0, label: `text ${i}` });
    }
  });
}

if (!python) {
  Deno.test({ name: "load() gives PyTorch's hidden states of a classifier", ignore: true, fn: () => {} });
} else {
  kindTest("load() gives PyTorch's hidden states of a classifier, with padding in the batch", async (device) => {
    const path = `${models()}/bert_classifier`;
    const expected = JSON.parse(await Deno.readTextFile(`${path}/expected.json`));
    using model = await load(path, { device });
    assertEquals(model.model.hasHead, false);
    const { width } = model.config;
    for (const [i, ids] of (expected.texts as number[][]).entries()) {
      const program = await model.model.compileEncoder({ windows: 1, length: ids.length });
      program.write({ ids: Uint32Array.from(ids) });
      program.program.run();
      const [bytes] = await device.read([program.hidden]);
      program.destroy();
      const hidden = new Float32Array(bytes!).subarray(0, ids.length * width);
      assertClose(hidden, expected.logits[i], { atol: 1e-4, rtol: 0, label: `text ${i}` });
    }
  });
}
