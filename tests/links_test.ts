// What the project relies on in @std; with `deno task test:jsr` the same tests run on the real packages.
import { assertEquals, assertThrows } from "@std/assert";
import { parseArgs } from "@std/cli";
import { TextLineStream } from "@std/streams";

Deno.test("parseArgs() splits flags, values and positional arguments", () => {
  const options = { string: ["data", "tokens"], collect: ["data", "tokens"], boolean: ["help"], alias: { h: "help" } };
  const args = parseArgs(["a", "--data", "x", "--data=y=z", "--tokens", "5", "-h", "b c"], options);
  assertEquals(args._, ["a", "b c"]);
  assertEquals(args.data as unknown, ["x", "y=z"]);
  assertEquals(args.tokens as unknown, ["5"]);
  assertEquals(args.help as unknown, true);
  const none = parseArgs(["--tokens"], options);
  assertEquals(none.tokens as unknown, [""]);
  assertEquals(none.help as unknown, false);
});

Deno.test("parseArgs() reports unknown flags with their keys, and positional arguments without", () => {
  const seen: [string, string | undefined][] = [];
  const unknown = (arg: string, key?: string) => {
    seen.push([arg, key]);
    return true;
  };
  parseArgs(["x", "--known", "1", "--other=2"], { string: ["known"], unknown });
  assertEquals(seen, [["x", undefined], ["--other=2", "other"]]);
  assertThrows(() =>
    parseArgs(["--typo"], {
      unknown: () => {
        throw new RangeError("no");
      },
    }), RangeError);
});

Deno.test("TextLineStream cuts at line breaks wherever chunks end", async () => {
  const text = "one\r\ntwo\n\nthree\rthree\nlast";
  for (const size of [1, 2, 3, 7, 100]) {
    const chunks = text.match(new RegExp(`[\\s\\S]{1,${size}}`, "g"))!;
    const lines = await Array.fromAsync(ReadableStream.from(chunks).pipeThrough(new TextLineStream()));
    assertEquals(lines, ["one", "two", "", "three\rthree", "last"]);
  }
});

Deno.test("TextLineStream makes no line of a final line break", async () => {
  const lines = await Array.fromAsync(ReadableStream.from(["a\nb\n"]).pipeThrough(new TextLineStream()));
  assertEquals(lines, ["a", "b"]);
});
