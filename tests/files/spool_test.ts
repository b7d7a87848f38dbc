import { assertEquals, assertRejects } from "@std/assert";
import { openSpool } from "../../lib/files/spool.ts";
import { random } from "../helpers/random.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

Deno.test("openSpool() gives back what was written, from memory and from a file, and leaves nothing behind", () =>
  inTemporaryFolder(async (folder) => {
    const next = random(5);
    const bytes = Uint8Array.from({ length: 3_000_000 }, () => Math.floor(next() * 256));
    for (const most of [0, 1000, 1 << 20, 2_500_000, 3_000_000]) {
      const spool = openSpool({ what: "the text", folder: `${folder}/new`, most });
      for (let at = 0; at < bytes.length;) {
        const end = Math.min(bytes.length, at + Math.floor(next() * 200_000));
        await spool.write(bytes.subarray(at, end));
        at = end;
      }
      assertEquals(spool.size, bytes.length);
      const read = new Uint8Array(bytes.length);
      for (let at = 0; at < read.length;) at += spool.read(read.subarray(at, at + 70_000), at);
      assertEquals(read, bytes);
      assertEquals(spool.read(new Uint8Array(10), bytes.length), 0);
      // even while it is open, no program that ends leaves a file
      if (Deno.build.os !== "windows") {
        const names = await Array.fromAsync(Deno.readDir(`${folder}/new`)).catch(() => []);
        assertEquals(names, []);
      }
      await spool.close();
      assertEquals(await Array.fromAsync(Deno.readDir(folder)), []);
    }
  }));

Deno.test("openSpool() says what it cannot keep, and why", () =>
  inTemporaryFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    const spool = openSpool({ what: "the text of standard input", folder: `${folder}/file/x`, most: 1 });
    await assertRejects(
      () => spool.write(new Uint8Array(2)),
      Error,
      `Cannot write the text of standard input to "${folder}/file/x": a part of the path is a file`,
    );
    await spool.close();
  }));
