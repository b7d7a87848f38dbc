import { assertEquals, assertStringIncludes } from "@std/assert";
import { readinessOf } from "../../tools/release.ts";
import project from "../../deno.json" with { type: "json" };

const section = (heading: string, content = "- a\n") => `# Changelog\n\nWords.\n\n## ${heading}\n\n${content}`;

Deno.test("readinessOf() takes a changelog whose first section is that of the version, with a date", () => {
  assertEquals(readinessOf("0.2.0", `${section("0.2.0 (2026-12-01)")}\n## 0.1.0 (2026-11-01)\n\n- b\n`), {});
});

Deno.test("readinessOf() notes that a version is still called unreleased", () => {
  assertStringIncludes(readinessOf("0.2.0", section("0.2.0 (unreleased)")).note!, "put the date there");
});

Deno.test("readinessOf() says what keeps a version from being released", () => {
  const cases: [string, string, string][] = [
    ["0.3.0", section("0.2.0 (2026-12-01)"), 'the first section of CHANGELOG.md is "0.2.0 (2026-12-01)"'],
    ["0.2.0", section("0.1.0 (2026-12-01)") + section("0.2.0 (2026-12-01)"), '"0.1.0 (2026-12-01)"'],
    ["0.2.0", "", 'the first section of CHANGELOG.md is ""'],
    ["0.2.0", section("0.2.0 (2026-12-01)", "") + "\n## 0.1.0 (2026-11-01)\n\n- b\n", "says nothing about 0.2.0"],
    ["0.2.0", section("0.2.0"), "has no date for 0.2.0"],
    ["0.2.0", section("0.2.0 (soon)"), "has no date for 0.2.0"],
    ["0.2", section("0.2 (2026-12-01)"), "three numbers are wanted"],
  ];
  for (const [version, changelog, problem] of cases) {
    assertStringIncludes(readinessOf(version, changelog).problem ?? "", problem);
  }
});

Deno.test("CHANGELOG.md is that of the version of deno.json", async () => {
  const changelog = await Deno.readTextFile(new URL("../../CHANGELOG.md", import.meta.url));
  assertEquals(readinessOf(project.version, changelog).problem, undefined);
});
