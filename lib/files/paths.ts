/**
 * Paths: taken apart and put together, and whether there is something at one.
 *
 * @module
 */

/** Whether there is a file or folder. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Whether there is a folder. */
export async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isDirectory }) => isDirectory, () => false);
}

/** A path without slashes behind it; the root stays. */
export function trimmed(path: string): string {
  return path.replace(/(?<=.)[\\/]+$/, "");
}

/** The last part of a path. */
export function baseName(path: string): string {
  return trimmed(path).split(/[\\/]/).at(-1)!;
}

/** The folder that a path lies in. */
export function parentOf(path: string): string {
  const match = /^(.*)[\\/][^\\/]*$/.exec(trimmed(path));
  return match ? match[1] || "/" : ".";
}

/** The path of what is called so in a folder. */
export function joined(folder: string, name: string): string {
  if (folder === ".") return name;
  return `${trimmed(folder).replace(/[\\/]$/, "")}/${name}`;
}

/** A path or address that means the same from any working directory. */
export function absolute(path: string): string {
  return /^([\\/]|[a-z]:|https?:)/i.test(path) ? path : `${Deno.cwd()}/${path}`;
}
