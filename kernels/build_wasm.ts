/**
 * Builds the CPU kernels, kernels/wasm/, into kernels/kernels_wasm.ts: two WebAssembly modules in base64, with and without
 * relaxed fused multiply-add, and the order of each kernel's arguments. `--check` compares instead of writing.
 *
 * `deno task build:wasm`
 *
 * @module
 */

import asc from "assemblyscript/asc";

const folder = new URL("./wasm/", import.meta.url);
const output = new URL("./kernels_wasm.ts", import.meta.url);

/** Pages of 64 KiB that the module declares: 64 at first, at most 4 GiB. */
const MEMORY = { initial: 64, maximum: 65_536 };

async function build(relaxed: boolean): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const features = relaxed ? "simd,relaxed-simd,threads" : "simd,threads";
  const args = ["index.ts", "--outFile", "kernels.wasm", "--enable", features, "--importMemory", "--sharedMemory"];
  args.push("--initialMemory", String(MEMORY.initial), "--maximumMemory", String(MEMORY.maximum));
  args.push("--runtime", "stub", "--noAssert", "-O3", "--use", `RELAXED=${Number(relaxed)}`, "--disableWarning", "112");
  const { error, stderr } = await asc.main(args, {
    readFile: (name: string) => {
      try {
        return Deno.readTextFileSync(new URL(name, folder));
      } catch {
        return null;
      }
    },
    writeFile: (name: string, content: Uint8Array | string) => {
      if (name.endsWith(".wasm")) binary = content as Uint8Array;
    },
    listFiles: () => [],
  });
  if (error || !binary) throw new Error(`The WebAssembly kernels do not compile:\n${stderr}`);
  return binary;
}

type Field = [name: string, type: string, flag?: string];

/** The fields of a kernel's argument class, by the name of the kernel. */
function argumentLayouts(): Record<string, Field[]> {
  const layouts: Record<string, Field[]> = {};
  for (const { name } of [...Deno.readDirSync(folder)].sort((a, b) => a.name < b.name ? -1 : 1)) {
    const source = Deno.readTextFileSync(new URL(name, folder)).replaceAll(/\/\/(?! if \w+$).*$/gm, "");
    const classes = new Map<string, Field[]>();
    for (const match of source.matchAll(/@unmanaged\s+class (\w+)(?: extends (\w+))? \{([^}]*)\}/g)) {
      const [, className, parent, body] = match;
      const own = [...body!.matchAll(/(\w+): (usize|i32|u32|f32);(?: \/\/ if (\w+))?/g)];
      const fields = own.map(([, name, type, flag]): Field => flag ? [name!, type!, flag] : [name!, type!]);
      const all = [...(classes.get(parent ?? "") ?? []), ...fields];
      const unknown = all.find(([, , flag]) => flag && !all.some(([name]) => name === flag));
      if (unknown) throw new Error(`Class ${className} has no field ${unknown[2]}, which ${unknown[0]} depends on`);
      classes.set(className!, all);
    }
    const kernels = /export function (\w+)\(args: usize,[^)]*\): void \{\n\s+const p = changetype<(\w+)>\(args\);/g;
    for (const [, kernel, className] of source.matchAll(kernels)) layouts[kernel!] = classes.get(className!)!;
  }
  return layouts;
}

const lines = (text: string) => text.match(/.{1,118}/g)!.map((line) => `${line}\n`).join("");
const [relaxed, plain] = [await build(true), await build(false)];
const source = `// Made by \`deno task build:wasm\` from kernels/wasm/. Do not edit.
// deno-fmt-ignore-file
// deno-lint-ignore-file

/** Order and types of each kernel's arguments; one with a flag may be absent where that is not set. */
export const layouts: Readonly<Record<string, readonly (readonly [name: string, type: string, flag?: string])[]>> = ${
  JSON.stringify(argumentLayouts())
};

/** The kernels with relaxed fused multiply-add: base64. */
export const relaxedKernels: string = \`
${lines(relaxed.toBase64())}\`;

/** The kernels for engines without it: base64. */
export const plainKernels: string = \`
${lines(plain.toBase64())}\`;
`;
if (Deno.args.includes("--check")) {
  if (source !== await Deno.readTextFile(output)) {
    console.error("kernels/kernels_wasm.ts is not what kernels/wasm/ gives: run deno task build:wasm");
    Deno.exit(1);
  }
  console.log("kernels/kernels_wasm.ts is up to date");
} else {
  await Deno.writeTextFile(output, source);
  console.log(`kernels/kernels_wasm.ts: ${relaxed.length} and ${plain.length} bytes of WebAssembly`);
}
