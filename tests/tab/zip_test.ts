import { assert, assertEquals, assertRejects } from "@std/assert";
import { pythonWith, runPython } from "../helpers/python.ts";
import { inTemporaryFolder } from "../helpers/temporary_folder.ts";
import { crc32, folderIn, unzipped, zipped } from "../../tab/zip.ts";

const bytesOf = async (blob: Blob) => new Uint8Array(await blob.arrayBuffer());
const texts = async (files: ReadonlyMap<string, Blob>) =>
  await Promise.all([...files].map(async ([name, blob]) => [name, await blob.text()]));

const files = new Map([
  ["modèle/config.json", new Blob(["{}"])],
  ["modèle/empty", new Blob([])],
  ["modèle/weights", new Blob([new Uint8Array(100_000).map((_, i) => i)])],
]);

/** A zip of one file, packed, as other programs make them. */
async function packedZip(name: string, text: string): Promise<Blob> {
  const plain = new TextEncoder().encode(text);
  const stream = new Blob([plain]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const path = new TextEncoder().encode(name);
  const numbers = (...fields: [2 | 4, number][]) =>
    Uint8Array.from(fields.flatMap(([size, value]) => Array.from({ length: size }, (_, i) => value >>> (8 * i))));
  const common: [2 | 4, number][] = [[2, 20], [2, 0], [2, 8], [4, 0], [4, crc32(plain)], [4, packed.length]];
  const sizes: [2 | 4, number][] = [[4, plain.length], [2, path.length]];
  // a field of the local head that the list of files lacks
  const head = numbers([4, 0x04034b50], ...common, ...sizes, [2, 4], [4, 0]);
  const entry = numbers([4, 0x02014b50], [2, 20], ...common, ...sizes, [2, 0], [2, 3], [2, 0], [2, 0], [4, 0], [4, 0]);
  const local = [head.subarray(0, 30), path, head.subarray(30), packed];
  const at = local.reduce((sum, { length }) => sum + length, 0);
  const size = entry.length + path.length + 3;
  const end = numbers([4, 0x06054b50], [2, 0], [2, 0], [2, 1], [2, 1], [4, size], [4, at], [2, 2]);
  return new Blob([...local, entry, path, new Uint8Array(3), end, new Uint8Array(2)] as BlobPart[]);
}

Deno.test("crc32() is that of everybody", () => {
  assertEquals(crc32(new TextEncoder().encode("123456789")), 0xcbf43926);
  assertEquals(crc32(new Uint8Array()), 0);
});

Deno.test("zipped() writes what unzipped() reads, the same bytes every time", async () => {
  const zip = await zipped(files);
  const read = await unzipped(zip, "a.zip");
  assertEquals([...read.keys()], [...files.keys()]);
  for (const [name, blob] of files) assertEquals(await bytesOf(read.get(name)!), await bytesOf(blob));
  assertEquals(await bytesOf(zip), await bytesOf(await zipped(files)));
});

const python = pythonWith("zipfile");

Deno.test({
  name: "zipped() writes what Python's zipfile reads",
  ignore: python === undefined,
  fn: () =>
    inTemporaryFolder(async (folder) => {
      await Deno.writeFile(`${folder}/a.zip`, await bytesOf(await zipped(files)));
      const check = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nassert z.testzip() is None\n" +
        "print([(i.filename, i.file_size) for i in z.infolist()])";
      const said = "[('modèle/config.json', 2), ('modèle/empty', 0), ('modèle/weights', 100000)]\n";
      assertEquals(runPython(python!, ["-X", "utf8", "-c", check, `${folder}/a.zip`]), said);
    }),
});

Deno.test("unzipped() reads packed files, fields that it does not know, and comments", async () => {
  const text = "what is packed ".repeat(1000);
  assertEquals(await texts(await unzipped(await packedZip("a/b.txt", text), "a.zip")), [["a/b.txt", text]]);
});

Deno.test("unzipped() says in a sentence what is wrong, and takes no damaged byte for a good one", async () => {
  const rejected = async (bytes: BlobPart) => {
    const error = await assertRejects(() => unzipped(new Blob([bytes]), "a.zip"), SyntaxError);
    return error.message;
  };
  assertEquals(await rejected(""), "Cannot read a.zip: it is no zip file, or its end is missing");
  assertEquals(
    await rejected("no zip at all".repeat(10)),
    "Cannot read a.zip: it is no zip file, or its end is missing",
  );
  for (const zip of [await zipped(new Map([["a", new Blob(["some text"])]])), await packedZip("a", "some text")]) {
    const whole = await bytesOf(zip);
    for (let i = 0; i < whole.length; i++) {
      const damaged = whole.slice();
      damaged[i]! ^= 0xff;
      try {
        // what is not the content itself may change
        for (const [, text] of await texts(await unzipped(new Blob([damaged]), "a.zip"))) {
          assertEquals(text, "some text");
        }
      } catch (error) {
        assert(error instanceof SyntaxError && /^Cannot read a\.zip: /.test(error.message), String(error));
      }
    }
    for (let length = 0; length < whole.length - 2; length++) await rejected(whole.slice(0, length));
  }
});

Deno.test("folderIn() finds the folder of a model, wherever a zip has it", () => {
  const at = (...paths: string[]) => [...folderIn(new Map(paths.map((path) => [path, new Blob()]))).keys()];
  assertEquals(at("config.json", "model.safetensors"), ["config.json", "model.safetensors"]);
  assertEquals(
    at("__MACOSX/m/config.json", "readme", "m/config.json", "m/b"),
    ["config.json", "b"],
  );
  assertEquals(at("x/myconfig.json"), ["x/myconfig.json"]);
});
