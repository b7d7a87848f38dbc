/// <reference lib="dom" />
/**
 * Models that the browser keeps, in its database.
 *
 * @module
 */

import type { TabFiles } from "./messages.ts";

/** A model that is kept. */
export interface KeptModel {
  /** Its name; another one of this name takes its place. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly saved: number;
  /** Its files. */
  readonly files: TabFiles;
  /** The text of a run that was stopped. */
  readonly text?: string | undefined;
}

const DATABASE = "cloze";
const STORE = "models";

/** What a request of the database gives. */
function answered<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** Works on the store of models. */
async function withStore<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  let database: IDBDatabase | undefined;
  try {
    const opening = indexedDB.open(DATABASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "name" });
    database = await answered(opening);
    const transaction = database.transaction(STORE, mode);
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    done.catch(() => {});
    const result = await answered(work(transaction.objectStore(STORE)));
    await done;
    return result;
  } catch (error) {
    const isFull = error instanceof DOMException && error.name === "QuotaExceededError";
    throw new Error(
      `This browser keeps no models here: ${isFull ? "it has no room left" : "its storage cannot be used"}`,
    );
  } finally {
    database?.close();
  }
}

/** Keeps a model, in the place of one of the same name. */
export async function keepModel(model: KeptModel): Promise<void> {
  await withStore("readwrite", (store) => store.put(model));
}

/** All that are kept, the latest first; none where the browser keeps nothing. */
export async function keptModels(): Promise<KeptModel[]> {
  const all: KeptModel[] = await withStore("readonly", (store) => store.getAll()).catch(() => []);
  return all.sort((a, b) => b.saved - a.saved);
}

/** Forgets a model. */
export async function forgetModel(name: string): Promise<void> {
  await withStore("readwrite", (store) => store.delete(name));
}
