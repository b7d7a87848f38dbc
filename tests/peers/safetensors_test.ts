import { assertAlmostEquals, assertEquals } from "@std/assert";
import { toHuggingFace } from "../../lib/format/tensor_names.ts";
import { encodeSafetensors, weightTypes } from "../../lib/format/safetensors.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { initialValues } from "../../lib/model/parameters.ts";
import { writeFiles } from "../../lib/files/write_folder.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";
import { pythonWith, runPython } from "../helpers/python.ts";

const python = pythonWith("numpy");
const script = new URL("../fixtures/read_safetensors.py", import.meta.url).pathname;

for (const type of weightTypes) {
  Deno.test({
    name: `encodeSafetensors() writes ${type} as a reader in Python reads it`,
    ignore: !python,
    fn: () =>
      inTemporaryFolder(async (folder) => {
        const config = modelConfig({ preset: "bert", vocab: 13, layers: 2, width: 16, heads: 2, hidden: 12 });
        const tensors = toHuggingFace(config, initialValues(config, 1));
        await writeFiles(folder, new Map([["model.safetensors", encodeSafetensors(tensors, { type })]]));
        const { metadata, tensors: read } = JSON.parse(runPython(python!, [script, `${folder}/model.safetensors`]));
        assertEquals(metadata, { format: "pt" });
        assertEquals(Object.keys(read).sort(), [...tensors.keys()].sort());
        const error = { F32: 0, F16: 2 ** -11, BF16: 2 ** -8 }[type];
        for (const [name, { shape, data }] of tensors) {
          assertEquals([read[name].dtype, read[name].shape], [type, shape]);
          const sizes = data.reduce((sum, value) => sum + Math.abs(value), 0);
          const sum = data.reduce((sum, value) => sum + value, 0);
          // below 2⁻¹⁴ numbers of 16 bits are 2⁻²⁴ apart
          assertAlmostEquals(read[name].sum, sum, error * sizes + 2 ** -25 * data.length + 1e-9, name);
          assertAlmostEquals(read[name].last, data.at(-1)!, error * Math.abs(data.at(-1)!) + 2 ** -25, name);
        }
      }),
  });
}
