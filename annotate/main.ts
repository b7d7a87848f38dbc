// Builds the annotated reading: deno task annotate [FOLDER]
import { buildSite } from "./build.ts";

const [folder = new URL("site", import.meta.url).pathname] = Deno.args;
const files = await buildSite(folder);
console.log(`${files.length} files in ${folder}: open ${folder}/index.html`);
