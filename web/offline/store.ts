// What is kept on the device, in one database for each account: the records that hits show, and beside them the index made from all of them.
import { type DBSchema, type IDBPDatabase, deleteDB, openDB } from "idb";

import type { Standing } from "./messages";

const PREFIX = "llmos-offline-";

export interface Model {
  identity: string;
  name: string;
  files: { config: Uint8Array; weights: Uint8Array; tokenizer: Uint8Array; pooling: Uint8Array | undefined };
  bytes: number;
}

/** What each question reads. */
export interface Head {
  /** The manifest's places, as JSON. */
  places: string;
  standing: Standing;
}

/** The index, which is replaced together with its head. */
export interface Kept {
  /** A snapshot, compressed: words and numbers are half as large then. */
  index: Blob;
  /** Ids and states of the documents in it. */
  held: Map<string, string>;
}

interface Schema extends DBSchema {
  /** A document's record without its vectors, as JSON, by its id. */
  records: { key: string; value: string };
  head: { key: "head"; value: Head };
  kept: { key: "kept"; value: Kept };
  model: { key: "model"; value: Model };
}

export type Database = IDBPDatabase<Schema>;

export function open(user: string): Promise<Database> {
  return openDB<Schema>(PREFIX + user, 1, {
    upgrade(database) {
      database.createObjectStore("records");
      database.createObjectStore("head");
      database.createObjectStore("kept");
      database.createObjectStore("model");
    },
    // Somebody forgets it elsewhere: an open connection would hold that up.
    blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
  });
}

/** Puts an index and its head in the place of those before, both or neither. */
export async function keep(database: Database, head: Head, kept: Kept): Promise<void> {
  const change = database.transaction(["head", "kept"], "readwrite");
  await Promise.all([change.objectStore("head").put(head, "head"), change.objectStore("kept").put(kept, "kept"), change.done]);
}

/** Leaves the records and the model. */
export async function drop(database: Database): Promise<void> {
  const change = database.transaction(["head", "kept"], "readwrite");
  await Promise.all([change.objectStore("head").clear(), change.objectStore("kept").clear(), change.done]);
}

export function packed(bytes: Uint8Array<ArrayBuffer>): Promise<Blob> {
  return new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).blob();
}

export async function unpacked(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await new Response(blob.stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
}

/** Forgets what is kept of any account. */
export async function forget(): Promise<void> {
  const names = (await indexedDB.databases()).flatMap(({ name }) => (name?.startsWith(PREFIX) ? [name] : []));
  await Promise.all(names.map((name) => deleteDB(name)));
}
