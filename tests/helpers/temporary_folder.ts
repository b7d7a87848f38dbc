/** Runs something in an empty folder that is gone afterwards. */
export async function inTemporaryFolder<T>(run: (path: string) => Promise<T>): Promise<T> {
  const path = await Deno.makeTempDir();
  try {
    return await run(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}
