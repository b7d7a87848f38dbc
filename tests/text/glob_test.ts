import { assertEquals, assertRejects } from "@std/assert";
import { filesMatching, type FolderView, matches } from "../../lib/text/glob.ts";

/** Files in memory; folders are what stands before a slash. */
function view(paths: readonly string[]): FolderView {
  const place = (path: string) => path.replace(/^\.\//, "").replace(/\/+$/, "");
  return {
    list(folder) {
      const before = folder === "." ? "" : `${place(folder)}/`;
      const inside = paths.filter((path) => path.startsWith(before)).map((path) =>
        path.slice(before.length).split("/")[0]!
      );
      return Promise.resolve([...new Set(inside)]);
    },
    kind(path) {
      const name = place(path);
      if (paths.includes(name)) return Promise.resolve("file");
      return Promise.resolve(paths.some((other) => other.startsWith(`${name}/`)) ? "folder" : undefined);
    },
    real: (folder) => Promise.resolve(folder),
  };
}

const paths = ["x.txt", ".y.txt", "[z].txt", "a/x.txt", "a/X.TXT", "a/b/x.txt", ".h/x.txt", "notes (1).txt", "é.txt"];

Deno.test("filesMatching() finds what a pattern means, and hidden files only where it names them", async () => {
  const cases: [pattern: string, found: string[]][] = [
    ["*.txt", ["[z].txt", "notes (1).txt", "x.txt", "é.txt"]],
    ["./*.txt", ["[z].txt", "notes (1).txt", "x.txt", "é.txt"]],
    ["**/*.txt", ["[z].txt", "a/b/x.txt", "a/x.txt", "notes (1).txt", "x.txt", "é.txt"]],
    ["**", ["[z].txt", "a/X.TXT", "a/b/x.txt", "a/x.txt", "notes (1).txt", "x.txt", "é.txt"]],
    ["a/**/x.txt", ["a/b/x.txt", "a/x.txt"]],
    ["**/b/*", ["a/b/x.txt"]],
    ["{x,q}.txt", ["x.txt"]],
    ["{a,a/b}/*.txt", ["a/b/x.txt", "a/x.txt"]],
    ["{a{,/b},q}/x.txt", ["a/b/x.txt", "a/x.txt"]],
    ["?.txt", ["x.txt", "é.txt"]],
    ["[w-y].txt", ["x.txt"]],
    ["[!x].txt", ["é.txt"]],
    ["[[]z].txt", ["[z].txt"]],
    ["[]x].txt", ["x.txt"]],
    [".*", [".y.txt"]],
    [".*/*", [".h/x.txt"]],
    ["notes (*).txt", ["notes (1).txt"]],
    ["a{b", []],
    ["[x", []],
    ["no/*.txt", []],
    ["a", []],
  ];
  for (const [pattern, found] of cases) {
    assertEquals([pattern, await filesMatching(pattern, view(paths))], [pattern, found]);
  }
});

Deno.test("filesMatching() takes little time for patterns made to take much, and refuses too many", async () => {
  assertEquals(matches("a".repeat(255), `${"*a".repeat(120)}b`), false);
  assertEquals(matches("a".repeat(255), `${"*a".repeat(120)}`), true);
  await assertRejects(
    () => filesMatching("{a,b}".repeat(40), view(paths)),
    RangeError,
    "the braces of the pattern make",
  );
});

Deno.test("filesMatching() goes through folders that hold one another once", async () => {
  const circle: FolderView = {
    list: () => Promise.resolve(["loop", "x.txt"]),
    kind: (path) => Promise.resolve(path.endsWith("x.txt") ? "file" : "folder"),
    real: () => Promise.resolve("/the/same"),
  };
  assertEquals(await filesMatching("**/*.txt", circle), ["x.txt"]);
});
