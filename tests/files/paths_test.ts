import { assertEquals } from "@std/assert";
import { absolute, baseName, exists, isFolder, joined, parentOf, trimmed } from "../../lib/files/paths.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

Deno.test("paths are taken apart whatever slashes they have", () => {
  const cases: [path: string, trimmed: string, base: string, parent: string][] = [
    ["runs/a", "runs/a", "a", "runs"],
    ["runs/a//", "runs/a", "a", "runs"],
    ["a", "a", "a", "."],
    ["a/", "a", "a", "."],
    ["/a", "/a", "a", "/"],
    ["/", "/", "", "/"],
    ["C:\\runs\\a\\", "C:\\runs\\a", "a", "C:\\runs"],
  ];
  for (const [path, ...parts] of cases) assertEquals([trimmed(path), baseName(path), parentOf(path)], parts, path);
});

Deno.test("joined() goes from a folder to what is in it", () => {
  const cases = [["runs", "runs/a"], ["runs/", "runs/a"], [".", "a"], ["/", "/a"]] as const;
  for (const [folder, path] of cases) assertEquals(joined(folder, "a"), path);
});

Deno.test("absolute() leaves addresses and absolute paths as they are", () => {
  for (const path of ["/a", "C:\\a", "https://a.org/b"]) assertEquals(absolute(path), path);
  assertEquals(absolute("a"), `${Deno.cwd()}/a`);
});

Deno.test("exists() and isFolder() tell files, folders and nothing apart", () =>
  inTemporaryFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const told = (path: string) => Promise.all([exists(path), isFolder(path)]);
    assertEquals(await told(folder), [true, true]);
    assertEquals(await told(`${folder}/file`), [true, false]);
    assertEquals(await told(`${folder}/none`), [false, false]);
  }));
