// What the project relies on in @std; with `deno task test:jsr` the same tests run on the real packages.
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { parseArgs } from "@std/cli";
import { toTransformStream } from "@std/streams";

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

Deno.test("toTransformStream() makes a transform stream of a generator", async () => {
  async function* doubled(numbers: ReadableStream<number>): AsyncGenerator<string> {
    for await (const number of numbers) yield* [`${number}`, `${2 * number}`];
  }
  const through = () => ReadableStream.from([1, 2]).pipeThrough(toTransformStream(doubled));
  assertEquals(await Array.fromAsync(through()), ["1", "2", "2", "4"]);
  for await (const first of through()) {
    assertEquals(first, "1");
    break;
  }
  await assertRejects(
    () =>
      Array.fromAsync(
        ReadableStream.from([1]).pipeThrough(toTransformStream(() => {
          throw new RangeError("no");
        })),
      ),
    RangeError,
    "no",
  );
});
