// Builds the annotated reading, and with it the page of deno task tab if that was built: deno task annotate [FOLDER]
import { buildSite } from "./build.ts";

const [folder = `${import.meta.dirname}/site`, ...rest] = Deno.args;
if (folder.startsWith("-") || rest.length > 0) {
  console.error(`Cannot read ${Deno.args.join(" ")}: the only argument is the folder to build into`);
  Deno.exit(2);
}
try {
  const tab = await Deno.readTextFile(`${import.meta.dirname}/../tab/dist/index.html`).catch(() => undefined);
  const files = await buildSite(folder, { tab });
  console.log(`${files.length} files: open ${folder}/index.html`);
  if (tab === undefined) console.log("deno task tab before this puts the page that trains in a browser beside them");
} catch (error) {
  console.error((error as Error).message);
  Deno.exit(1);
}
