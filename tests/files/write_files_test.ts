import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { WriteError, writeError, writeFile, writing } from "../../lib/files/write_files.ts";
import { isFree, removeUnfinished, tryNewFolder, writeNewFolder } from "../../lib/files/new_folder.ts";
import { writeFolder } from "../../lib/files/write_folder.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";

const names = async (folder: string) => (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();
const files = new Map([["a.txt", [new Uint8Array(5)]], ["inner/b.txt", [new Uint8Array(3), new Uint8Array(4)]]]);

Deno.test("writeFolder() writes all files or leaves nothing behind", () =>
  inTemporaryFolder(async (folder) => {
    await Deno.mkdir(`${folder}/x.unfinished`);
    await Deno.writeTextFile(`${folder}/x.unfinished/old.txt`, "left by a run that was killed");
    await writeFolder(`${folder}/x`, files, { what: "the model" });
    assertEquals([await names(folder), await names(`${folder}/x`)], [["x"], ["a.txt", "inner"]]);
    assertEquals((await Deno.stat(`${folder}/x/inner/b.txt`)).size, 7);
    // in the way of the folder stands one with something in it
    await assertRejects(
      () => writeFolder(`${folder}/x`, files, { what: "the model", intact: "x is intact" }),
      WriteError,
      `Cannot write the model to "${folder}/x": a folder of that name is there; x is intact`,
    );
    assertEquals(await names(folder), ["x"]);
  }));

Deno.test("tryNewFolder() says what would keep writeNewFolder() from writing, and leaves all as it was", () =>
  inTemporaryFolder(async (folder) => {
    const what = "the model";
    await tryNewFolder(`${folder}/a/b/c`, { what });
    assertEquals(await names(folder), []);
    await Deno.writeTextFile(`${folder}/file`, "");
    const places = [`${folder}/file/x`, "/proc/x"];
    const failures: string[] = [];
    for (const place of places) {
      const ways = [() => tryNewFolder(place, { what }), () => writeNewFolder(place, files, { what, last: "a.txt" })];
      for (const write of ways) failures.push((await assertRejects(write, WriteError)).message);
    }
    assertEquals(failures[0], `Cannot write the model to "${folder}/file/x": a part of the path is a file`);
    assertEquals([failures[1], failures[3]], [failures[0], failures[2]]);
    assertEquals([await isFree(`${folder}/file`), await isFree(`${folder}/file/x`)], [false, true]);
    // what an interrupted one left stays free
    await Deno.mkdir(`${folder}/left/.unfinished/old`, { recursive: true });
    await tryNewFolder(`${folder}/left`, { what });
    assertEquals(await isFree(`${folder}/left`), true);
    assertEquals(await names(folder), ["file", "left"]);
  }));

Deno.test("writeNewFolder() leaves what may lie beside as it is", () =>
  inTemporaryFolder(async (folder) => {
    const [path, beside] = [`${folder}/new`, ".kept"];
    await Deno.mkdir(`${path}/${beside}/inner`, { recursive: true });
    assertEquals([await isFree(path), await isFree(path, { beside })], [false, true]);
    const options = { what: "the model", last: "a.txt", beside };
    await assertRejects(() => writeNewFolder(path, new Map([["a/b\0", []]]), options));
    assertEquals(await names(path), [beside]);
    await Deno.mkdir(`${path}/.unfinished`);
    removeUnfinished(path, { beside });
    assertEquals(await names(`${path}/${beside}`), ["inner"]);
    await writeNewFolder(path, files, options);
    assertEquals(await names(path), [beside, "a.txt", "inner"]);
    assertEquals(await isFree(path, { beside }), false);
  }));

Deno.test("writeFolder() and writeFile() say what keeps them from writing", () =>
  inTemporaryFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    await assertRejects(() => writeFile(`${folder}/no/x`, "", { what: "it" }), WriteError, "there is no such folder");
    await assertRejects(
      () => writeFile(`${folder}/file/x`, "", { what: "it" }),
      WriteError,
      "a part of the path is a file",
    );
    await assertRejects(() => writeFolder(`${folder}/file/x`, files, { what: "it" }), WriteError, "is a file");
    await assertRejects(
      () => writeFile(`${folder}/${"x".repeat(300)}`, "", { what: "it" }),
      WriteError,
      "the name is too long",
    );
    await Deno.writeTextFile(`${folder}/kept`, "before");
    await Deno.mkdir(`${folder}/kept.unfinished`);
    await assertRejects(
      () => writeFile(`${folder}/kept`, "after", { what: "it" }),
      WriteError,
      "a folder of that name is there",
    );
    assertEquals(await Deno.readTextFile(`${folder}/kept`), "before");
  }));

/** A disk without space: what is opened to be written is Linux's device that is always full. */
function fullDisk(): Disposable {
  const { open } = Deno;
  Deno.open = async (path, options) => {
    if (!options?.write) return await open(path, options);
    (await open(path, options)).close();
    return await open("/dev/full", { write: true });
  };
  return {
    [Symbol.dispose]() {
      Deno.open = open;
    },
  };
}

Deno.test("writeFile() and writeFolder() write to nothing that a link leads to, wherever it was planted", () =>
  inTemporaryFolder(async (folder) => {
    const elsewhere = `${folder}/elsewhere`;
    await Deno.mkdir(elsewhere);
    await Deno.writeTextFile(`${elsewhere}/precious`, "precious");
    await Deno.mkdir(`${folder}/run`);
    for (const name of ["x", "x.unfinished"]) {
      await Deno.symlink(`${elsewhere}/precious`, `${folder}/run/${name}`);
      await writeFile(`${folder}/run/x`, "written", { what: "it" });
    }
    await Deno.symlink(`${elsewhere}/missing`, `${folder}/run/y.unfinished`);
    await writeFile(`${folder}/run/y`, "written", { what: "it" });
    await Deno.symlink(elsewhere, `${folder}/run/z.unfinished`);
    await writeFolder(`${folder}/run/z`, files, { what: "it" });
    assertEquals([await names(elsewhere), await names(`${folder}/run`)], [["precious"], ["x", "y", "z"]]);
    assertEquals(await Deno.readTextFile(`${elsewhere}/precious`), "precious");
    for (const name of ["x", "y", "z"]) {
      const { isSymlink, isDirectory } = await Deno.lstat(`${folder}/run/${name}`);
      assertEquals([isSymlink, isDirectory], [false, name === "z"]);
    }
    assertEquals(await Deno.readTextFile(`${folder}/run/x`), "written");
  }));

Deno.test({
  name: "writeFile() and writing() say that a disk is full, and how much is needed",
  // the device that is always full is Linux's
  ignore: Deno.build.os !== "linux",
  fn: () =>
    inTemporaryFolder(async (folder) => {
      using _ = fullDisk();
      await assertRejects(
        () => writeFile(`${folder}/x`, "12345", { what: "the settings" }),
        WriteError,
        `Cannot write the settings to "${folder}/x": no space is left there (it needs 5 bytes)`,
      );
      await assertRejects(
        () => writeFolder(`${folder}/y`, files, { what: "the model", intact: "z is intact" }),
        WriteError,
        `Cannot write the model to "${folder}/y": no space is left there (it needs 12 bytes); z is intact`,
      );
      assertEquals(await names(folder), []);
      using full = Deno.openSync("/dev/full", { write: true });
      const context = { what: "metrics", place: "metrics.jsonl" };
      assertThrows(
        () => writing(context, () => full.writeSync(new Uint8Array(1))),
        WriteError,
        "no space is left there",
      );
    }),
});

Deno.test("writeFile() writes what a function hands it, in any pieces, and goes back to the beginning", () =>
  inTemporaryFolder(async (folder) => {
    const sizes = [3, 0, 70_000, 65_536, 65_535, 2, 1];
    const pieces = sizes.map((size, i) => new Uint8Array(size).fill(i + 1));
    await writeFile(`${folder}/x`, async (file) => {
      for (const piece of pieces) await file.write(piece);
      await file.rewind();
      await file.write(Uint8Array.of(7, 8));
    }, { what: "it" });
    const wanted = pieces.flatMap((piece) => [...piece]);
    assertEquals([...await Deno.readFile(`${folder}/x`)], [7, 8, ...wanted.slice(2)]);
    assertEquals(await names(folder), ["x"]);
  }));

Deno.test("writeFile() leaves the file that was there where what is to be written cannot be had", () =>
  inTemporaryFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/x`, "before");
    const write = (path: string) => writeFile(path, async () => void await Deno.stat(`${folder}/none`), { what: "it" });
    // no sentence of what writes: it was reading that failed
    await assertRejects(() => write(`${folder}/x`), Deno.errors.NotFound);
    assertEquals([await names(folder), await Deno.readTextFile(`${folder}/x`)], [["x"], "before"]);
  }));

Deno.test("writeError() leaves other errors as they are", () => {
  const error = new TypeError("another");
  assertEquals(writeError(error, { what: "it", place: "x" }), error);
  const said = new WriteError("said already");
  assertEquals(writeError(said, { what: "it", place: "x" }), said);
});
