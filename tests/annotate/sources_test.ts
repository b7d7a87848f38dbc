import { assertEquals, assertThrows } from "@std/assert";
import { sectionsOf } from "../../annotate/comments.ts";
import { declaredName, extentOf } from "../../annotate/declarations.ts";
import { noteOf } from "../../annotate/notes.ts";
import { rowsOf } from "../../annotate/rows.ts";

const source = `/**
 * What it is.
 *
 * @module
 */

import { a } from "./a.ts";

/** Adds. */
export function add(
  x: number,
): number {
  // why one
  // and not two
  const y = x + 1; // stays beside its code

  return y;
}

const MORE = [
  1,
];

/** A box. */
export class Box {
  /** Its side. */
  readonly side = 1;
  #count = 0;

  /** Of one side. */
  static of(side: number): Box {
    if (side > 0) return new Box();
    throw new Error("no");
  }
}
`;

Deno.test("sectionsOf() puts each comment beside the code that follows it", () => {
  const sections = sectionsOf(source);
  assertEquals(sections.slice(0, 3), [
    { comment: "What it is.\n\n@module", code: 'import { a } from "./a.ts";', line: 1 },
    { comment: "Adds.", code: "export function add(\n  x: number,\n): number {", line: 9 },
    {
      comment: "why one\nand not two",
      code: "  const y = x + 1; // stays beside its code\n\n  return y;\n}\n\nconst MORE = [\n  1,\n];",
      line: 13,
    },
  ]);
  // nothing of a source is lost
  const words = (text: string) => text.replace(/^\s*(?:\/\*\*|\*\/|\*|\/\/)|\*\/$/gm, "").match(/\S+/g);
  const all = sections.map(({ comment, code }) => `${comment}\n${code}`).join("\n");
  assertEquals(words(all), words(source));
});

Deno.test("extentOf() finds declarations with their comments, and members of classes", () => {
  const lines = source.split("\n");
  const shown = (name: string) => {
    const { first, end } = extentOf(source, name);
    return lines.slice(first, end);
  };
  assertEquals([shown("add")[0], shown("add").at(-1), shown("add").length], ["/** Adds. */", "}", 10]);
  assertEquals(shown("MORE"), ["const MORE = [", "  1,", "];"]);
  assertEquals(shown("Box.#count"), ["  #count = 0;"]);
  assertEquals([shown("Box.of")[0], shown("Box.of").length], ["  /** Of one side. */", 5]);
  assertThrows(() => extentOf(source, "Box.volume"), RangeError, "Box.volume: it is declared 0 times");
  assertThrows(() => extentOf("const a = 1;\nconst a = 2;", "a"), RangeError, "declared 2 times");
});

Deno.test("declaredName() knows declarations of modules, classes and shaders", () => {
  const names: Readonly<Record<string, string | undefined>> = {
    "export async function* train(options: A): B {": "train",
    "export interface Window {": "Window",
    "  async #build(recording: Recording): Promise<Program> {": "#build",
    "  readonly tokens: Uint32Array;": "tokens",
    "  get position(): WindowPosition {": "position",
    "  if (a) return b;": undefined,
    "  return work(a);": undefined,
    "@compute @workgroup_size(1) fn main() {": "main",
    "@group(0) @binding(0) var<uniform> params: Params;": "params",
    "override DROPOUT: bool = false;": "DROPOUT",
    "}": undefined,
  };
  for (const [line, name] of Object.entries(names)) assertEquals([line, declaredName(line)], [line, name]);
});

Deno.test("rowsOf() names anchors by declarations, and no two alike", () => {
  const { rows } = rowsOf({ file: "lib/some/box.ts" }, source, new Set());
  assertEquals(rows.map(({ id }) => id), [
    "box",
    "box-add",
    "box-add-2",
    "box-Box",
    "box-Box-side",
    "box-Box-of",
  ]);
  assertEquals(rows[0]!.code, "");
  const some = rowsOf({ file: "lib/some/box.ts", only: ["add", "Box.of"] }, source, new Set(["box-add"]));
  assertEquals(some.rows.map(({ id }) => id), ["box-add-2", "box-add-3", "box-of"]);
  // what is left out between two of them shows
  assertEquals(some.rows.map(({ afterGap }) => afterGap), [false, false, true]);
});

Deno.test("noteOf() makes Markdown of tags, links and shaders' formulas", () => {
  const comment = [
    "Masks, see {@linkcode other} and {@linkcode known}.",
    "",
    "@default {0.15}",
    "@throws {RangeError} if it cannot.",
    "@param options `a`: b",
    "@example Some",
    "```ts",
    "mask();",
    "```",
  ].join("\n");
  const linkTo = (symbol: string) => symbol === "known" ? "page.html#known" : undefined;
  assertEquals(noteOf(comment, { linkTo }), {
    text:
      "Masks, see `other` and [`known`](page.html#known).\n\nDefault: `0.15`.\n\n*Throws* `RangeError` if it cannot.\n\n" +
      "`options`: `a`: b",
    example: "```ts\nmask();\n```",
  });
  const shader = noteOf("Sums:\n  a = b;\n  c = d.\nOnce.", { isShader: true });
  assertEquals(shader.text, "Sums:\n\n$$a = b;\nc = d$$\n\nOnce.");
});
