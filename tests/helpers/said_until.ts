import { assert } from "@std/assert";

/** What a program prints until it says something, and how it goes on from there. */
export async function saidUntil(child: Deno.ChildProcess, wanted: string): Promise<{ rest(): Promise<string> }> {
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!text.includes(wanted)) {
    const { value, done } = await reader.read();
    assert(!done, text);
    text += value;
  }
  return {
    async rest() {
      for (let read = await reader.read(); !read.done; read = await reader.read()) text += read.value;
      return text;
    },
  };
}
