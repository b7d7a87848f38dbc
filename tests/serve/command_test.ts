// The command serve, and what docs/serving.md shows of it.
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { wrappedHelp } from "../../lib/cli/wrap.ts";
import { serveHelp } from "../../lib/cli/commands/serve.ts";
import { modelConfig } from "../../lib/model/config.ts";
import { characterTokenizer } from "../../lib/tokenizer/character.ts";
import { writeModel } from "../helpers/model_files.ts";
import { runCli, spawnCli } from "../helpers/run_cli.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const tokenizer = characterTokenizer("abcdefghijklmnopqrstuvwxyz ");
const config = modelConfig({ vocab: tokenizer.size, layers: 1, width: 8, heads: 2, hidden: 8, maxLength: 64 });
const docs = await Deno.readTextFile(new URL("../../docs/serving.md", import.meta.url));

/** What a command has printed once it shows an address, that, and how it goes on. */
async function serverOf(child: Deno.ChildProcess) {
  let out = "";
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (let read; !/server +\S+\n/.test(out) && !(read = await reader.read()).done;) out += read.value;
  return { address: /server +(\S+)/.exec(out)?.[1] ?? "none", reader };
}

const ran = async (program: string, args: readonly string[], cwd: string) => {
  const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args], cwd }).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
};

const has = (program: string) => ran(program, ["--version"], ".").then(({ code }) => code === 0, () => false);

Deno.test("serve answers what docs/serving.md asks, with the least permissions, and finishes at Ctrl-C", () =>
  inTemporaryFolder(async (cwd) => {
    await writeModel(`${cwd}/model`, config, tokenizer);
    await Deno.writeTextFile(`${cwd}/token.txt`, "0123456789abcdef\n");
    const permissions = ["--allow-read=model,token.txt", "--allow-net=127.0.0.1:0"];
    const args = ["serve", "model", "--port", "0", "--device", "cpu", "--token-file", "token.txt"];
    const child = spawnCli(args, { cwd, permissions }).spawn();
    const [{ err }, { address, reader }] = await Promise.all([
      runCli(args, { cwd, permissions: ["--allow-read=model"] }),
      serverOf(child),
    ]);
    assertMatch(err, /Deno was started without --allow-read=token.txt --allow-net=127.0.0.1:0: /);
    const local = (text: string) =>
      text.replaceAll("http://127.0.0.1:8089/", address).replace(
        '"content-type"',
        '"authorization": "Bearer 0123456789abcdef", "content-type"',
      );
    const lines = [...docs.matchAll(/^curl .*$/gm)].map(([line]) => line);
    assertEquals(lines.length, 6);
    if (await has("curl")) {
      for (const line of lines) {
        const withToken = line.includes("authorization") ? line : `${line} -u me:$(cat token.txt)`;
        const { code, out } = await ran("bash", ["-c", `${local(withToken)} -sS --fail-with-body`], cwd);
        assertEquals(code, 0, `${line}\n${out}`);
        assertMatch(out, line.includes("health") ? /"ok"/ : line.includes("metrics") ? /^# HELP/ : /"results":\[/);
      }
    }
    const [, python] = /```python\n([\s\S]*?)```/.exec(docs)!;
    if (await has("python3")) {
      const { out, err } = await ran("python3", ["-c", local(python!)], cwd);
      assertMatch(out, /^home .+s where i want to be\n$/, err);
    }
    child.kill("SIGINT");
    assertEquals((await child.status).code, 0);
    await reader.cancel();
    assertStringIncludes(await new Response(child.stderr).text(), "finishing what is under way");
  }));

Deno.test("docs/serving.md names every option, address and status that there is", () => {
  assertStringIncludes(serveHelp, "--allow-net=127.0.0.1:8089");
  const told = ["--checkpoint", "--port", "--device", "--threads", "--blas", "--token", "--help"];
  for (const [option] of serveHelp.matchAll(/(?<=^ {2})--[a-z-]+/gm)) {
    if (!option.startsWith("--allow") && !told.includes(option)) assertStringIncludes(docs, option);
  }
  for (const status of [400, 401, 403, 404, 405, 408, 413, 415, 429, 500, 501, 503]) {
    assertStringIncludes(docs, String(status));
  }
});

Deno.test("serve --help keeps the table of what it answers in lines of their own", () => {
  const lines = wrappedHelp(serveHelp, 120).split("\n");
  for (const start of ["  POST /fill", "  GET /  ", "  GET /health"]) {
    assertEquals(lines.filter((line) => line.startsWith(start)).length, 1, start);
  }
});

Deno.test("serve says that a port is taken, which is no wrong usage", () =>
  inTemporaryFolder(async (cwd) => {
    await writeModel(`${cwd}/model`, config, tokenizer);
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr as Deno.NetAddr;
    const { code, err } = await runCli(["serve", "model", "--port", String(port), "--device", "cpu"], { cwd });
    assertEquals(code, 1);
    assertStringIncludes(err, `error: Cannot listen at port ${port} of 127.0.0.1: another program has it`);
    assert(!err.includes("--help"), err);
  }));
