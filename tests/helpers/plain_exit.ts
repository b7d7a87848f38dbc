/**
 * Has this process end without the destructors of the libraries that are there by now: beside them the threads of test files may still be ending, and what
 * Mesa's drivers keep for a thread is freed twice then, which ends one of ten runs of tests on software Vulkan with an abort.
 */
export function exitPlainly(): void {
  if (Deno.build.os !== "linux") return;
  try {
    const libc = Deno.dlopen("libc.so.6", {
      dlsym: { parameters: ["pointer", "buffer"], result: "pointer" },
      on_exit: { parameters: ["pointer", "pointer"], result: "i32" },
    });
    // on_exit(3) calls what it is given with the exit code, before what was registered earlier: _exit(2) takes just that
    libc.symbols.on_exit(libc.symbols.dlsym(null, new TextEncoder().encode("_exit\0")), null);
  } catch {
    // a C library without them has another driver, too
  }
}
