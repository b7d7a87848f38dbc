import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const readme = await Deno.readTextFile(new URL("../README.md", import.meta.url));

Deno.test({
  name: "README's library example trains a model and fills a mask",
  fn: async () => {
    const example = /```ts\n([\s\S]*?)```/.exec(readme)![1]!;
    assert(example.trim().split("\n").length <= 25);
    const path = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(path, example.replace('"@cloze/mlm"', `"${new URL("../mod.ts", import.meta.url)}"`));
      const config = new URL("../deno.json", import.meta.url).pathname;
      const command = new Deno.Command(Deno.execPath(), { args: ["run", "-A", `--config=${config}`, path] });
      const { code, stdout, stderr } = await command.output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      const out = new TextDecoder().decode(stdout);
      assertStringIncludes(out, "nats");
      assertStringIncludes(out, "Where is the ba");
      assertStringIncludes(out, "probability");
    } finally {
      await Deno.remove(path);
    }
  },
});

Deno.test("README names only options that exist", async () => {
  const { trainFlags } = await import("../lib/cli/train_flags.ts");
  const known = new Set([...Object.keys(trainFlags), "help"]);
  for (const [, name] of readme.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)) assert(known.has(name!), `--${name}`);
});
