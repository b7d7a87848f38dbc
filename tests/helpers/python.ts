/** Debian's Python, with the modules that it has: other people's software that results are held against. */

const pythons = ["/usr/bin/python3", "python3"];

/** A Python that has a module; undefined if there is none, which is a failure with CLOZE_REQUIRE_PEERS=1. */
export function pythonWith(module: string): string | undefined {
  for (const python of pythons) {
    try {
      const { success } = new Deno.Command(python, { args: ["-c", `import ${module}`], stderr: "null" }).outputSync();
      if (success) return python;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  if (Deno.env.get("CLOZE_REQUIRE_PEERS") === "1") {
    throw new Error(`CLOZE_REQUIRE_PEERS=1, but no Python has the module ${module}`);
  }
  return undefined;
}

/** Runs a script; returns what it prints, and throws with what it complains of. */
export function runPython(python: string, args: readonly string[]): string {
  const { success, stdout, stderr } = new Deno.Command(python, { args: [...args] }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
