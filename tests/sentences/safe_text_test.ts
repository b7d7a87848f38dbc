import { assert, assertEquals } from "@std/assert";
import {
  listed,
  printable,
  printableLines,
  quoted,
  safeJson,
  safeSentence,
  shortened,
} from "../../lib/sentences/safe_text.ts";
import { random } from "../helpers/random.ts";

/** What terminals act on, and what turns text round or breaks lines. */
const isUnsafe = (code: number) =>
  code < 0x20 || (code >= 0x7f && code <= 0x9f) || [0x61c, 0x200e, 0x200f, 0x2028, 0x2029].includes(code) ||
  (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) || (code >= 0xd800 && code <= 0xdfff);

Deno.test("printable() spells out every control of terminals and of direction, and nothing else", () => {
  for (let code = 0; code < 0x30000; code++) {
    const character = String.fromCodePoint(code);
    const shown = printable(character);
    if (isUnsafe(code)) assert(/^\\(n|r|t|x[0-9a-f]{2}|u[0-9a-f]{4})$/.test(shown), code.toString(16));
    else assertEquals(shown, character);
    assertEquals(printableLines(character), code === 9 || code === 10 ? character : shown);
  }
  assertEquals(printable("a\x1b[31mb\x07\x9b2J\u202ec\r\b\ud800"), "a\\x1b[31mb\\x07\\x9b2J\\u202ec\\r\\x08\\ud800");
  assertEquals(printable("né 日本 👩‍👩‍👧 שלום"), "né 日本 👩‍👩‍👧 שלום");
});

Deno.test("quoted() and shortened() show at most 80 characters, the beginning and the end", () => {
  assertEquals(quoted("a b"), '"a b"');
  assertEquals(shortened("x".repeat(80)).length, 80);
  const cut = shortened(`begin${"x".repeat(5000)}end`);
  assertEquals([[...cut].length, cut.startsWith("begin"), cut.endsWith("end")], [80, true, true]);
  // characters of two units are not cut through
  const faces = shortened("😀".repeat(500));
  assertEquals([...faces].length, 80);
  assert(faces.isWellFormed() && !faces.includes("\\u"));
  assertEquals(listed(["a", "b\n", "c".repeat(100)], { most: 2 }), "a, b\\n and 1 more");
});

Deno.test("safeSentence() cuts what is quoted, and lets no control through", () => {
  const long = "y".repeat(3000);
  const sentence = safeSentence(`Cannot use "${long}", line 2: "short" is \x1b[2J`);
  assertEquals(sentence.length, 'Cannot use "", line 2: "short" is \\x1b[2J'.length + 80);
  // what stands between two quotations is no quotation
  const own = `Cannot use "a": ${"it is so ".repeat(20)}"b"`;
  assertEquals(safeSentence(own), own);
  assertEquals([...safeSentence(`Cannot read ${"/x".repeat(3000)}: it ends`)].length, 12 + 80 + 8);
});

Deno.test("safeJson() is the same value to who reads it, in characters that are safe to print", () => {
  const next = random(3);
  const text = Array.from({ length: 4000 }, () => String.fromCharCode(Math.floor(next() ** 3 * 0x3000))).join("");
  const value = { text, [text]: [1, null, text] };
  for (const indent of [undefined, 2]) {
    const json = safeJson(value, indent);
    assertEquals(JSON.parse(json), value);
    assertEquals(printableLines(json), json);
  }
});
