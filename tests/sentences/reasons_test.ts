import { assert, assertEquals, assertMatch } from "@std/assert";
import { isOfEngine, networkReason, sentenceOf, systemReason } from "../../lib/sentences/reasons.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const errorOf = async (act: () => unknown): Promise<Error> => {
  try {
    await act();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing went wrong");
};

/** What systems and engines say, which nobody should have to read. */
const foreign =
  /os error|ENO|EACC|\(os|undefined|reading '|operator|is not a function|Unexpected token|: open '|readfile/;

Deno.test("systemReason() tells again in other words what the system says", () =>
  inTemporaryFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    await Deno.symlink(`${folder}/loop`, `${folder}/loop`);
    const acts: [act: () => unknown, reason: string][] = [
      [() => Deno.open(`${folder}/none`), "there is no such file or folder"],
      [() => Deno.open(`${folder}/file/x`), "a part of the path is a file"],
      [() => Deno.readFile(folder), "it is a folder, not a file"],
      [() => Deno.mkdir(`${folder}/file`), "there is something of that name"],
      [() => Deno.open(`${folder}/${"x".repeat(300)}`), "the name is too long"],
      [() => Deno.open(`${folder}/loop`), "its links lead in a circle"],
      [() => Deno.writeTextFile("/dev/full", "x"), "no space is left there"],
    ];
    for (const [act, reason] of acts) {
      const error = await errorOf(act);
      assertEquals(systemReason(error), reason);
      assert(!foreign.test(sentenceOf(error)) && sentenceOf(error).startsWith("Cannot "), sentenceOf(error));
    }
    assertEquals(systemReason(new RangeError("Cannot use x: it is odd")), undefined);
    const unknown = Object.assign(new Error("Odd (os error 99)"), { code: "EODD" });
    assertEquals(systemReason(unknown), "the system refuses it (EODD)");
  }));

Deno.test("systemReason() names the flag for what Deno does not allow", () => {
  const cases: [message: string, reason: string][] = [
    ['Requires read access to "a b", run again with the --allow-read flag', "--allow-read='a b'"],
    ["Requires write access to <TMP>, run again with the --allow-write flag", "--allow-write"],
    ['Requires net access to "x.org:443", run again with the --allow-net flag', "--allow-net=x.org:443"],
    ['Requires read access to "a,b", run again with the --allow-read flag', "--allow-read=a,,b"],
    ["Requires ffi access, run again with the --allow-ffi flag", "--allow-ffi"],
  ];
  for (const [message, flag] of cases) {
    const error = Object.assign(new Error(message), { name: "NotCapable" });
    assertEquals(systemReason(error), `Deno was started without ${flag}`);
    assertEquals(networkReason(error), `Deno was started without ${flag}`);
  }
});

Deno.test("networkReason() tells again in other words what fetch says", async () => {
  using server = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = server.addr as Deno.NetAddr;
  const closing = server.accept().then((connection) => connection.close());
  const broken = await errorOf(() => fetch(`http://127.0.0.1:${port}/`));
  await closing;
  server.close();
  assertEquals(networkReason(broken), "the connection broke");
  assertEquals(
    networkReason(await errorOf(() => fetch(`http://127.0.0.1:${port}/`))),
    "nothing answers at that address",
  );
  assertEquals(networkReason(await errorOf(() => fetch("http://127.0.0.1:1/"))), "that port may not be used");
  assertEquals(networkReason(await errorOf(() => fetch("http://"))), "it is no address");
  assertEquals(networkReason(new Error("who knows")), "the connection failed");
});

Deno.test("sentenceOf() lets no words of the engine stand alone", async () => {
  const nothing = undefined as unknown as { x: { y(): void } };
  const text = "x" as unknown as { (): void; y: string };
  const acts: (() => unknown)[] = [
    () => nothing.x,
    () => nothing.x.y(),
    () => text(),
    () => "a" in (5 as unknown as object),
    () => [...(5 as unknown as number[])],
    () => JSON.parse("{"),
    () => JSON.parse("nope"),
    () => new Uint8Array(-1),
    () => new Array(-1),
    () => BigInt(1) + (1 as unknown as bigint),
    () => `${Symbol() as unknown as string}`,
    () =>
      (function again(): number {
        return again() + 1;
      })(),
  ];
  for (const act of acts) {
    const error = await errorOf(act);
    assert(isOfEngine(error), error.message);
    assertMatch(sentenceOf(error), /^Cannot go on(: there is no memory left$|, by a fault of this program \(")/);
  }
  const ours = 'Cannot use config.json: "layers" is "x"; wanted a whole number';
  assertEquals([isOfEngine(new RangeError(ours)), sentenceOf(new RangeError(ours))], [false, ours]);
  assertEquals(sentenceOf("odd"), "Cannot go on: odd");
});
