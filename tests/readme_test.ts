import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runCli, runMains } from "./helpers/run_cli.ts";

const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));

/** What each example is to print. */
const examples: Readonly<Record<string, readonly string[]>> = {
  "makes and masks windows of text without a model": ["[MASK]", " [\n"],
  "trains a model and fills a mask": ["nats", "Where is the ba", "probability"],
};

const codes = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!);

Deno.test("README has the examples that are tested", () => assertEquals(codes.length, Object.keys(examples).length));

for (const [i, [name, wanted]] of Object.entries(examples).entries()) {
  Deno.test(`README's example ${name}`, async () => {
    const example = codes[i]!;
    assert(example.trim().split("\n").length <= 25);
    const path = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      const local = (_: string, entry = "mod") => `"${new URL(`../${entry}.ts`, import.meta.url)}"`;
      await Deno.writeTextFile(path, example.replace(/"@cloze\/mlm(?:\/(\w+))?"/g, local));
      const config = new URL("../deno.json", import.meta.url).pathname;
      const command = new Deno.Command(Deno.execPath(), { args: ["run", "-A", `--config=${config}`, path] });
      const { code, stdout, stderr } = await command.output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      const out = new TextDecoder().decode(stdout);
      for (const part of wanted) assertStringIncludes(out, part);
    } finally {
      await Deno.remove(path);
    }
  });
}

Deno.test("README names only options that exist", async () => {
  const known = new Set(["--help"]);
  const { out } = await runCli(["--help"], { cwd: "." });
  const names = [...out.matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, name]) => name!);
  for (const help of await runMains(names.map((name) => [name, "--help"]), { cwd: "." })) {
    for (const [option] of help.out.matchAll(/--[a-z][a-z-]*/g)) known.add(option);
  }
  assert(known.has("--curriculum"));
  for (const [option] of readme.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)) assert(known.has(option), option);
});
