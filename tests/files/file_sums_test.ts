import { assertEquals } from "@std/assert";
import { sumInThread, sumOf } from "../../lib/files/file_sums.ts";
import { writeFiles } from "../../lib/files/write_folder.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const sha256 = async (bytes: BufferSource) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
const filled = (length: number) => Uint8Array.from({ length }, (_, i) => i * 31 >> 3);

Deno.test("sumInThread() gives the sum of a file that grows while it is read", () =>
  inTemporaryFolder(async (folder) => {
    const path = `${folder}/x`;
    const bytes = filled(3_000_000);
    using file = Deno.openSync(path, { write: true, create: true });
    const thread = sumInThread({ path, bytes: bytes.length });
    for (let at = 0; at < bytes.length; at += 700_000) {
      file.writeSync(bytes.subarray(at, at + 700_000));
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    assertEquals(await thread.sum, await sha256(bytes));
    assertEquals(await sumOf([bytes.subarray(0, 5), bytes.subarray(5)]), await sha256(bytes));
    thread.stop();
  }));

Deno.test("sumInThread() gives nothing where there is no file, or it is stopped", () =>
  inTemporaryFolder(async (folder) => {
    const missing = sumInThread({ path: `${folder}/none`, bytes: 10 });
    assertEquals(await missing.sum, undefined);
    missing.stop();
    await Deno.writeTextFile(`${folder}/short`, "short");
    const stopped = sumInThread({ path: `${folder}/short`, bytes: 10 });
    setTimeout(stopped.stop, 20);
    assertEquals(await stopped.sum, undefined);
  }));

Deno.test("writeFiles() notes the sums of large and small files", () =>
  inTemporaryFolder(async (folder) => {
    // long enough for a thread
    const [large, small] = [filled(1 << 20), filled(1000)];
    const files = new Map([["large", Array<Uint8Array<ArrayBuffer>>(65).fill(large)], ["inner/small", [small, small]]]);
    const sums = new Map<string, string>();
    await writeFiles(folder, files, { what: "files", place: folder }, sums);
    for (const name of files.keys()) {
      assertEquals(sums.get(name), await sha256(await Deno.readFile(`${folder}/${name}`)));
    }
    assertEquals([...sums.keys()].sort(), ["inner/small", "large"]);
  }));
