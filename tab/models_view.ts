/// <reference lib="dom" />
/**
 * Models that are saved and loaded.
 *
 * @module
 */

import { bytes } from "../lib/page/client/figures.js";
import { byId, element } from "./elements.ts";
import { forgetModel, type KeptModel, keptModels } from "./kept_models.ts";
import type { ModelPlace, TabFiles } from "./messages.ts";
import { folderIn, unzipped, zipped } from "./zip.ts";

/** The name that a model is to be saved by: one that file systems take. */
export function chosenName(): string {
  return byId<HTMLInputElement>("name").value.trim().replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(
    /^[.-]+|[.-]+$/g,
    "",
  ) ||
    "model";
}

/** Hands a model's folder to the visitor as a zip. */
export async function download(name: string, files: TabFiles): Promise<void> {
  const folder = new Map([...files].map(([file, blob]) => [`${name}/${file}`, blob]));
  const address = URL.createObjectURL(await zipped(folder));
  element("a", { href: address, download: `${name}.zip` }).click();
  // the browser reads it a moment later
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** A zip as a place to load a model from. */
export async function zipPlace(file: File): Promise<ModelPlace> {
  return { name: file.name, files: folderIn(await unzipped(file, file.name)) };
}

/**
 * An address as a place to load a model from; that of a model's page at Hugging Face leads to its files.
 *
 * @throws {RangeError} if it is none.
 */
export function addressPlace(given: string): ModelPlace {
  const text = given.trim();
  const url = URL.parse(text, document.baseURI);
  // a word alone is no address; a path beside the page is one
  if (!text.includes("/") || !url || !/^https?:$/.test(url.protocol)) {
    throw new RangeError(
      "Cannot load a model: its address has to begin with https:// or http://, or be a path such as models/small",
    );
  }
  const isHub = /^https:\/\/huggingface\.co\/[^/]+\/[^/]+\/?$/.test(url.href);
  return { address: isHub ? `${url.href.replace(/\/$/, "")}/resolve/main` : url.href };
}

/** Lists the models that the browser keeps; `load` is told which one is wanted. */
export async function listKept(load: (model: KeptModel) => void): Promise<void> {
  const items = (await keptModels()).map((model) => {
    const { name, saved, files } = model;
    const size = [...files.values()].reduce((sum, file) => sum + file.size, 0);
    const when = new Date(saved).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
    const forget = async () => {
      if (!confirm(`Delete the model ${name} from this browser?`)) return;
      await forgetModel(name);
      await listKept(load);
      byId("name").focus();
    };
    return element(
      "li",
      {},
      element("span", {}, name, " ", element("span", { className: "quiet" }, `${bytes(size)}, ${when}`)),
      element("button", { type: "button", ariaLabel: `Load ${name}`, onclick: () => load(model) }, "Load"),
      element("button", { type: "button", ariaLabel: `Delete ${name}`, onclick: forget }, "Delete"),
    );
  });
  byId("kept").replaceChildren(...items);
}
