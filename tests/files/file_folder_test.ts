import { assert, assertEquals, assertRejects } from "@std/assert";
import { readJson, readText } from "../../lib/format/model_folder.ts";
import { openModel } from "../../lib/format/open_model.ts";
import { fileFolder } from "../../lib/files/file_folder.ts";
import { findModels } from "../../lib/files/find_models.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { writeModel } from "../helpers/model_files.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

Deno.test("fileFolder() opens files and links to them, and nothing that is waited for or has no end", () =>
  inTemporaryFolder(async (folder) => {
    const files = fileFolder(folder);
    await Deno.writeTextFile(`${folder}/real`, "[1]");
    await Deno.symlink(`${folder}/real`, `${folder}/link`);
    await Deno.symlink("/dev/zero", `${folder}/zero`);
    await Deno.symlink(`${folder}/nowhere`, `${folder}/dangling`);
    await Deno.symlink(`${folder}/circle`, `${folder}/circle`);
    await Deno.mkdir(`${folder}/inside`);
    using _socket = Deno.listen({ transport: "unix", path: `${folder}/socket` });
    await new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).output();
    assertEquals(await readJson(files, "link"), [1]);
    assertEquals(await readText(files, "dangling"), undefined);
    for (
      const [name, what] of [
        ["zero", "it is a device, not a file"],
        ["pipe", "it is a pipe, not a file"],
        ["socket", "it is a socket, not a file"],
        ["inside", "it is a folder, not a file"],
        ["circle", "its links lead in a circle"],
      ]
    ) {
      await assertRejects(() => readText(files, name!), RangeError, `Cannot read ${folder}/${name}: ${what}`);
    }
  }));

Deno.test("openModel() of a folder whose files are odd says so", async () => {
  for (const name of ["config.json", "tokenizer.json", "model.safetensors"]) {
    await inTemporaryFolder(async (folder) => {
      const tokenizer = characterTokenizer("abc ");
      await writeModel(folder, modelConfig({ vocab: tokenizer.size, layers: 1, width: 8, heads: 2 }), tokenizer);
      await Deno.remove(`${folder}/${name}`);
      await new Deno.Command("mkfifo", { args: [`${folder}/${name}`] }).output();
      const [model] = await findModels(folder).catch(() => [fileFolder(folder)] as const);
      const error = await assertRejects(() => openModel(model!), RangeError);
      assert(error.message.includes(`${name}: it is a pipe, not a file`), error.message);
    });
  }
});

Deno.test("readText() does not believe that a configuration has hundreds of megabytes", () =>
  inTemporaryFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/config.json`, "[");
    await Deno.truncate(`${folder}/config.json`, 3e8);
    await assertRejects(
      () => readText(fileFolder(folder), "config.json"),
      RangeError,
      "are not believed of such a file",
    );
  }));
