// The images' files and docs/docker.md, as far as they can be held without Docker.
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runMains } from "./helpers/run_cli.ts";
import { inTemporaryFolder } from "./helpers/temporary_folder.ts";
import project from "../deno.json" with { type: "json" };

const read = (path: string) => Deno.readTextFile(new URL(`../${path}`, import.meta.url));
const files = {
  "docker/Dockerfile": await read("docker/Dockerfile"),
  "docker/Dockerfile.gpu": await read("docker/Dockerfile.gpu"),
};

Deno.test("the images are of one fixed version of Deno, and take along all that the program is made of", async () => {
  const versions = Object.values(files).map((text) => /^FROM denoland\/deno:debian-(2\.\d+\.\d+)$/m.exec(text)?.[1]);
  assertEquals(new Set(versions).size, 1);
  assert(versions[0]! >= "2.9");
  const ignored = (await read(".dockerignore")).trim().split("\n");
  for (const [path, text] of Object.entries(files)) {
    const copied = [...text.matchAll(/^COPY (.*) \S+$/gm)].flatMap(([, names]) => names!.split(" "));
    assertEquals(copied.filter((name) => ignored.includes(name)), []);
    for (const name of copied) await Deno.stat(new URL(`../${name}`, import.meta.url));
    assertEquals([path, ["deno.json", "cli.ts", "links", "kernels", "lib"].filter((name) => !copied.includes(name))], [
      path,
      [],
    ]);
    for (const [, module] of project.tasks.compile.command.matchAll(/--include (\S+)/g)) {
      assertStringIncludes(text, module!);
    }
    // as anyone, who may write where nothing is mounted, and with no more rights than commands use
    assert(text.indexOf("RUN install -d -m 1777 /work") < text.indexOf("USER deno"));
    assert(!/"-A"|allow-run|allow-all/.test(text), path);
    // everything after the drivers is the same
    const end = (text: string) => text.slice(text.indexOf("WORKDIR /cloze"));
    assertEquals(end(text), end(files["docker/Dockerfile"]));
  }
});

Deno.test("docs/docker.md runs commands that there are, with options that they have", async () => {
  const docs = (await read("docs/docker.md")).replaceAll(/ \\\n */g, " ");
  for (const path of Object.keys(files)) assertStringIncludes(docs, ` -f ${path} .`);
  const commands = [...docs.matchAll(/^docker run .* cloze(?::gpu)? (.*)$/gm)].map(([, command]) =>
    command!.split(" ")
  );
  assertEquals(commands.length, 6);
  // what is written belongs to who asked for it
  for (const [line] of docs.matchAll(/^docker run .*\/work" .*$/gm)) assertStringIncludes(line, '--user "$(id -u)');
  await inTemporaryFolder(async (cwd) => {
    const helps = await runMains(commands.map(([name]) => [name!, "--help"]), { cwd });
    for (const [i, { code, out }] of helps.entries()) {
      assertEquals(code, 0);
      for (const option of commands[i]!.filter((word) => word.startsWith("--"))) assertStringIncludes(out, `${option}`);
    }
  });
});
