// What is kept of a document on this device.
import { IndexeddbPersistence } from "y-indexeddb";
import type { Doc } from "yjs";

/** Names of stores on this device begin with it; signing out removes them. */
export const STORE = "llmos-document:";

/** None where the browser keeps nothing. */
export async function keep(name: string, doc: Doc): Promise<IndexeddbPersistence | undefined> {
  try {
    // A store that cannot be opened would be an error that nobody catches.
    await new Promise((done, failed) => {
      const opening = indexedDB.open(`${STORE}probe`);
      opening.onsuccess = () => done(opening.result.close());
      opening.onerror = () => failed(opening.error);
    });
    const store = new IndexeddbPersistence(name, doc);
    await store.whenSynced;
    // Signing out removes it.
    localStorage.setItem("llmos-documents", "kept");
    return store;
  } catch {
    return undefined;
  }
}
