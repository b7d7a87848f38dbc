// A clone is installed, and used from elsewhere, as docs/installing.md says.
import { assertEquals, assertStringIncludes } from "@std/assert";
import project from "../../deno.json" with { type: "json" };
import install from "../../install.json" with { type: "json" };
import { blocks, pages } from "../helpers/documents.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const clone = new URL("../../", import.meta.url).pathname.replace(/\/$/, "");

async function run(command: string, args: readonly string[], options: { cwd: string; env?: Record<string, string> }) {
  const env = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...options.env };
  const { code, stdout, stderr } = await new Deno.Command(command, { args: [...args], cwd: options.cwd, env }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

Deno.test("install.json names what deno.json names, and the stand-ins by their paths", () => {
  const imports: Record<string, string> = project.imports;
  for (const [name, place] of Object.entries(install.imports)) {
    const standIn = `./links/${name.replace("@std/", "std_")}/mod.ts`;
    assertEquals(place, name.startsWith("@std/") ? standIn : imports[name]);
  }
});

Deno.test("deno task install installs a command that runs anywhere, and calls itself cloze", () =>
  inTemporaryFolder(async (folder) => {
    const [program, ...args] = project.tasks.install.command.split(" ");
    assertEquals(program, "deno");
    const installed = await run(Deno.execPath(), args, { cwd: clone, env: { DENO_INSTALL_ROOT: folder } });
    assertEquals(installed.code, 0, installed.err);
    const used = await run("bash", ["-c", `"$0" fill --help; true`, `${folder}/bin/cloze`], { cwd: folder });
    assertEquals([used.code, used.err], [0, ""]);
    assertStringIncludes(used.out, "Usage: cloze fill DIR");
    const version = await run(`${folder}/bin/cloze`, ["--version"], { cwd: folder });
    assertEquals(version.out, `${project.version}\n`);
  }));

Deno.test("a project uses a clone by its configuration, or by links", () =>
  inTemporaryFolder(async (folder) => {
    const program = 'import { modelConfig } from "@cloze/mlm";\nconsole.log(modelConfig({ vocab: 70 }).width);\n';
    await Deno.symlink(clone, `${folder}/cloze`);
    await Deno.mkdir(`${folder}/project`);
    await Deno.writeTextFile(`${folder}/project/program.ts`, program);
    const cwd = `${folder}/project`;
    const installing = (await pages()).find(({ path }) => path === "docs/installing.md")!;
    const byConfig = blocks(installing, "sh").join("").match(/deno (run -A --config \S+ program\.ts)/)![1]!.split(" ");
    assertEquals(await run(Deno.execPath(), byConfig, { cwd }), { code: 0, out: "128\n", err: "" });
    await Deno.writeTextFile(`${cwd}/deno.json`, blocks(installing, "json")[0]!);
    const linked = await run(Deno.execPath(), ["run", "-A", "program.ts"], { cwd });
    assertEquals([linked.code, linked.out], [0, "128\n"], linked.err);
    assertStringIncludes(linked.err, '"links" field can only be specified in the workspace root');
  }));
