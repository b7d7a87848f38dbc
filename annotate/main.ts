// Builds the annotated reading: deno task annotate [FOLDER]
import { buildSite } from "./build.ts";

const [folder = `${import.meta.dirname}/site`, ...rest] = Deno.args;
if (folder.startsWith("-") || rest.length > 0) {
  console.error(`Cannot read ${Deno.args.join(" ")}: the only argument is the folder to build into`);
  Deno.exit(2);
}
try {
  const files = await buildSite(folder);
  console.log(`${files.length} files: open ${folder}/index.html`);
} catch (error) {
  console.error((error as Error).message);
  Deno.exit(1);
}
