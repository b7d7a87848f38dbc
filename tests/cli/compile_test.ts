// `deno task compile`: one program that needs no Deno.
import { assert, assertEquals, assertMatch } from "@std/assert";
import { modelConfig } from "../../lib/model/config.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import project from "../../deno.json" with { type: "json" };
import { writeModel } from "../helpers/model_files.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const root = new URL("../../", import.meta.url);
// behind what is said first
const command = project.tasks.compile.command.split(" && ").at(-1)!;

async function* sourcesIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
    if (isDirectory) yield* sourcesIn(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}

Deno.test("deno task compile takes along what workers start from, which nothing imports", async () => {
  const wanted: string[] = [];
  for await (const path of sourcesIn("lib")) {
    const source = await Deno.readTextFile(new URL(path, root));
    // what a script holds itself is there in any case
    if (!source.includes("new Worker(") || source.includes("new Worker(`data:")) continue;
    const [, module] = /(?:new URL|URL\.parse)\("(\.\/\w+\.ts)", import\.meta\.url\)/.exec(source) ?? [];
    assert(module, `${path} starts a worker from elsewhere`);
    wanted.push(new URL(module, `file:///${path}`).pathname.slice(1));
  }
  const included = [...command.matchAll(/--include (\S+)/g)].map(([, path]) => path);
  assertEquals(included.toSorted(), wanted.toSorted());
});

// the runtime of a compiled program is fetched from dl.deno.land, unless DENORT_BIN names one
const canCompile = ["CLOZE_COMPILE", "DENORT_BIN"].some((name) => Deno.env.has(name));

Deno.test({
  name:
    "deno task compile makes a program that fills, on several threads; set CLOZE_COMPILE=1 where dl.deno.land can be reached",
  ignore: !canCompile,
  fn: () =>
    inTemporaryFolder(async (cwd) => {
      const run = async (program: string, args: readonly string[], folder: string | URL) => {
        const options = { args: [...args], cwd: folder, env: { NO_COLOR: "1", XDG_RUNTIME_DIR: "/tmp" } };
        const { code, stdout, stderr } = await new Deno.Command(program, options).output();
        const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
        assertEquals(code, 0, err);
        return out!;
      };
      const [, ...args] = command.split(" ");
      await run(Deno.execPath(), [...args.slice(0, -2), `${cwd}/cloze`, args.at(-1)!], root);
      assertEquals(await run(`${cwd}/cloze`, ["--version"], cwd), `${project.version}\n`);
      const tokenizer = characterTokenizer("abc ");
      await writeModel(`${cwd}/model`, modelConfig({ vocab: tokenizer.size, size: "tiny" }), tokenizer);
      const threads = ["--device", "cpu", "--threads", "2"];
      assertMatch(await run(`${cwd}/cloze`, ["fill", "model", "a[MASK]c", ...threads], cwd), /mask 1: /);
      const options = ["--data", "stories", "--size", "tiny", "--length", "16", "--steps", "2", ...threads];
      assertMatch(await run(`${cwd}/cloze`, ["train", ...options], cwd), /device +CPU, 2 threads/);
    }),
});
