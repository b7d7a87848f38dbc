/**
 * What a compiler or WebGPU says of a kernel, as one sentence that leads to the line.
 *
 * @module
 */

import type { KernelSource } from "./kernel_sources.ts";
import type { KernelCall } from "../../tensor/tensor.ts";

/** A compiler's messages, each with the file and line that it is about. */
export function compileError(
  call: Pick<KernelCall, "kernel" | "constants">,
  { files }: KernelSource,
  { code, messages }: { code: string; messages: readonly GPUCompilationMessage[] },
): Error {
  const lines = code.split("\n");
  const sentences = messages.map(({ lineNum, linePos, message }) => {
    const place = placeOf(files, lineNum);
    if (!place) return gist(message);
    return `kernels/${place.file}:${place.line}:${linePos}: ${gist(message)}: "${lines[lineNum - 1]?.trim()}"`;
  });
  return kernelError("compile", call, sentences.join("; "));
}

/** What went wrong with a kernel, with its name and constants. */
export function kernelError(
  verb: "compile" | "run",
  { kernel, constants }: Pick<KernelCall, "kernel" | "constants">,
  message: string,
): Error {
  const values = Object.entries(constants).map(([name, value]) => `${name} = ${value}`).join(", ");
  return new Error(`Cannot ${verb} kernel ${kernel}${values && ` (${values})`}: ${gist(message)}`);
}

/** The file, and the line in it, of a line of a kernel's source. */
export function placeOf(files: KernelSource["files"], line: number): { file: string; line: number } | undefined {
  let before = 0;
  for (const { name, lines } of files) {
    if (line > before && line <= before + lines) return { file: name, line: line - before };
    before += lines;
  }
  return undefined;
}

/** A message without naga's drawing of the line, whose number is that of the whole source, but with its notes. */
export function gist(message: string): string {
  const [head = "", ...rest] = message.trim().split("\n");
  const notes = rest.filter((line) => /^\s*= /.test(line)).map((line) => line.trim().slice(2));
  return [head.replace(/^Shader (?:'.*' )?(?:parsing|validation) error: /, ""), ...notes].join(": ");
}
