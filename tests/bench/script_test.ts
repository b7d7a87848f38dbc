import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { casesOf, runScript } from "../../bench/script.ts";
import { flagSwitch, UsageError } from "../../lib/cli/flags.ts";

Deno.test("runScript() answers --help and unknown options, and runs nothing", async () => {
  const groups = { Options: { fast: flagSwitch("be quick") } };
  const lines: string[] = [];
  let runs = 0;
  const codeOf = (...args: string[]) =>
    runScript(
      { about: "A script.", groups, args, tell: (line) => lines.push(line) },
      () => Promise.resolve(void runs++),
    );
  assertEquals(await codeOf("--help"), 0);
  assertStringIncludes(lines.join("\n"), "be quick");
  assertEquals([await codeOf("--fats"), runs], [2, 0]);
  assertEquals([await codeOf("--fast"), runs], [0, 1]);
  const failing = () => Promise.reject(new Error("no card"));
  assertEquals(await runScript({ about: "", groups, args: [] }, failing), 1);
});

Deno.test("casesOf() takes names that there are, and all without one", () => {
  assertEquals(casesOf(["base"]).map(([name]) => name), ["base"]);
  assertEquals(casesOf([]).length, 4);
  assertThrows(() => casesOf(["bass"]), UsageError, 'There is no case "bass": there are');
});
