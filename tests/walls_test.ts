// Who may import whom: floors of rooms, no circles, and the few places that use Deno.
import { assertEquals } from "@std/assert";

/**
 * Rooms by floor, the lowest first; a file belongs to the room whose path is the longest that it lies in. A room imports from
 * itself and from lower floors.
 */
const floors: readonly (readonly string[])[] = [
  ["kernels", "lib/random", "lib/sentences", "deno.json"],
  ["lib/access"],
  ["lib/tensor", "lib/text", "lib/tokenizer", "lib/mpi"],
  ["lib/device/trace.ts", "lib/batch", "lib/labelled"],
  ["lib/device/profile.ts", "lib/device/lowering.ts"],
  ["lib/device/device.ts"],
  ["lib/device/altered_device.ts", "lib/device/staged.ts"],
  ["lib/device/traced_device.ts"],
  ["lib/device/webgpu", "lib/device/cpu"],
  ["lib/device/open_device.ts"],
  ["lib/graph"],
  ["lib/ops"],
  ["lib/optimizer"],
  ["lib/model"],
  ["lib/format"],
  ["lib/files"],
  ["lib/evaluate", "lib/speed"],
  ["lib/train", "lib/inference", "lib/page"],
  ["lib/serve", "lib/probe"],
  ["lib/classify"],
  ["lib/cli"],
  ["cli.ts", "mod.ts", "text.ts", "tokenizer.ts", "format.ts", "kernels.ts"],
];

const wing = ["lib/text", "lib/tokenizer", "lib/batch", "lib/labelled"];
const devices = ["lib/device/open_device.ts", "lib/device/webgpu", "lib/device/cpu"];

/** What a room does not know, although it lies lower. */
const unknown: Readonly<Record<string, readonly string[]>> = {
  "lib/tensor": ["lib/random"],
  "lib/tokenizer": ["lib/random"],
  "lib/mpi": ["lib/random", "lib/access", "lib/sentences"],
  "lib/batch": ["lib/tensor"],
  "lib/labelled": ["lib/tensor", "lib/tokenizer", "lib/random"],
  "lib/device": [...wing, "lib/random"],
  "lib/graph": [...wing, "lib/random", ...devices],
  "lib/ops": [...wing, "lib/random", ...devices],
  "lib/optimizer": [...wing, ...devices],
  "lib/model": ["lib/text", "lib/tokenizer", "lib/labelled", ...devices, "lib/device/profile.ts"],
  "lib/format": ["lib/text", "lib/batch", "lib/labelled", "lib/random", "lib/device", "lib/graph", "lib/optimizer"],
  "lib/files": [
    ...wing,
    "lib/random",
    "lib/tensor",
    "lib/device",
    "lib/graph",
    "lib/ops",
    "lib/optimizer",
    "lib/model",
  ],
  "lib/evaluate": ["lib/format", "lib/files", "lib/ops", ...devices],
  "lib/speed": [...wing, "lib/random", "lib/format", "lib/files", "lib/optimizer", ...devices],
  "lib/train": ["lib/device/webgpu", "lib/device/cpu", "lib/speed"],
  "lib/inference": ["lib/device/webgpu", "lib/device/cpu"],
  "lib/probe": ["lib/train", "lib/files", "lib/format", "lib/optimizer", "lib/device/webgpu", "lib/device/cpu"],
  "lib/classify": ["lib/train", "lib/files", "lib/ops", "lib/device/webgpu", "lib/device/cpu"],
  "lib/serve": ["lib/train", "lib/files", "lib/format", ...devices],
};

/** Who reaches for files and addresses. */
const reaches = ["lib/text", "lib/format", "lib/files", "lib/device/cpu", "lib/cli"];

/** Who knows the sources of kernels. */
const knowsKernels = ["lib/device/webgpu", "lib/device/cpu"];

/** Where files, processes and terminals are touched; `asksForDeno` first see whether there is one. */
const usesDeno = [
  "cli.ts",
  "lib/cli",
  "lib/files",
  "lib/page",
  "lib/serve/server.ts",
  "lib/mpi/library.ts",
  "lib/mpi/mpi_wire.ts",
  "lib/mpi/watch.ts",
  "lib/text/file_source.ts",
  "lib/text/watched_file.ts",
  "lib/device/cpu/blas.ts",
];
const asksForDeno = ["lib/access/may_load.ts", "lib/text/parquet_decoder.ts", "lib/train/memory_use.ts"];

const root = new URL("../", import.meta.url);

async function* filesIn(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
    if (isDirectory) yield* filesIn(`${folder}/${name}`);
    else if (name.endsWith(".ts")) yield `${folder}/${name}`;
  }
}

const paths = [...(await Array.fromAsync(filesIn("lib"))).sort(), ...floors.at(-1)!];

/** Sources without their comments. */
const sources = new Map<string, string>();
for (const path of paths) {
  const source = await Deno.readTextFile(new URL(path, root));
  sources.set(path, source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/ .*$/gm, ""));
}

/** Files that a file imports, types and imports at run time included. */
const imports = new Map(
  [...sources].map(([path, source]) => {
    const found = source.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*"(\.[^"]+)"/g);
    return [path, [...found].map(([, to]) => new URL(to!, new URL(path, root)).href.slice(root.href.length))];
  }),
);

const lies = (path: string, room: string) => path === room || path.startsWith(`${room}/`);

function roomOf(path: string): { room: string; floor: number } {
  const rooms = floors.flatMap((rooms, floor) => rooms.map((room) => ({ room, floor })));
  const [found] = rooms.filter(({ room }) => lies(path, room)).sort((a, b) => b.room.length - a.room.length);
  if (!found) throw new RangeError(`${path} lies on no floor`);
  return found;
}

/** Why a file may not import another; undefined: it may. */
function wallBetween(path: string, to: string): string | undefined {
  const [from, other] = [roomOf(path), roomOf(to)];
  if (from.room === other.room) return undefined;
  if (from.floor <= other.floor) return `${path} imports ${to}, which lies no lower`;
  const isUnknown = Object.entries(unknown).some(([room, unknown]) =>
    lies(path, room) && unknown.some((room) => lies(to, room))
  );
  const isHidden = (other.room === "kernels" && !knowsKernels.includes(from.room)) ||
    (other.room === "lib/access" && !reaches.includes(from.room) && lies(path, "lib"));
  return isUnknown || isHidden ? `${path} imports ${to}, which ${from.room} is not to know` : undefined;
}

Deno.test("files import from lower floors only, and what they may know", () => {
  const broken = [...imports].flatMap(([path, found]) => found.flatMap((to) => wallBetween(path, to) ?? []));
  assertEquals(broken, []);
});

Deno.test("walls keep out what they are to keep out", () => {
  const wrong: readonly (readonly [string, string])[] = [
    ["lib/train/a.ts", "lib/inference/b.ts"],
    ["lib/page/a.ts", "lib/serve/b.ts"],
    ["lib/serve/a.ts", "lib/files/b.ts"],
    ["lib/text/a.ts", "lib/tokenizer/b.ts"],
    ["lib/model/a.ts", "lib/device/webgpu/b.ts"],
    ["lib/device/webgpu/a.ts", "lib/device/cpu/b.ts"],
    ["lib/device/device.ts", "lib/device/open_device.ts"],
    ["lib/format/a.ts", "lib/files/b.ts"],
    ["lib/format/a.ts", "lib/device/device.ts"],
    ["lib/graph/a.ts", "lib/ops/b.ts"],
    ["lib/tensor/a.ts", "lib/device/device.ts"],
    ["lib/tokenizer/a.ts", "lib/random/b.ts"],
    ["lib/ops/a.ts", "kernels/b.wgsl"],
  ];
  assertEquals(wrong.filter(([path, to]) => wallBetween(path, to) === undefined), []);
  assertEquals(wallBetween("lib/model/a.ts", "lib/device/device.ts"), undefined);
});

Deno.test("no file imports itself by way of others", () => {
  const circles: string[] = [];
  const done = new Set<string>();
  const walk = (path: string, way: readonly string[]) => {
    const begin = way.indexOf(path);
    if (begin >= 0) circles.push([...way.slice(begin), path].join(" → "));
    if (begin >= 0 || done.has(path)) return;
    for (const to of imports.get(path) ?? []) walk(to, [...way, path]);
    done.add(path);
  };
  for (const path of paths) walk(path, []);
  assertEquals(circles, []);
});

Deno.test("Deno is used where files and terminals are, and elsewhere asked for", () => {
  const used = paths.filter((path) => /\bDeno\s*[.[]/.test(sources.get(path)!));
  const outside = used.filter((path) => !usesDeno.some((room) => lies(path, room)));
  assertEquals(outside.filter((path) => !asksForDeno.includes(path)), []);
  for (const path of outside) {
    const [before, ...uses] = sources.get(path)!.split(/\bDeno\s*[.[]/);
    assertEquals([path, uses.length > 0 && /typeof Deno\b/.test(before!)], [path, true]);
  }
});

Deno.test("entry points export no constants of the machinery", async () => {
  for (const entry of floors.at(-1)!) {
    const names = Object.keys(await import(`../${entry}`));
    assertEquals([entry, names.filter((name) => /^[A-Z][A-Z_]+$/.test(name) && name !== "CONTINUES")], [entry, []]);
  }
});
