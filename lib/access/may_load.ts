/**
 * Whether a module of this program may be loaded as a thread.
 *
 * @module
 */

/** Whether Deno lets a thread be made of a module: where it is a file, that file has to be readable. */
export function mayLoad(module: URL): boolean {
  if (typeof Deno === "undefined" || module.protocol !== "file:") return true;
  return Deno.permissions.querySync({ name: "read", path: module }).state === "granted";
}
