// The publisher's keys of this browser, in a database of their own: one for each account, whose private half nobody can take out.
import { type DBSchema, openDB } from "idb";

import { base64url, hex } from "./text";

const DATABASE = "llmos-keys";
const ALGORITHM = "Ed25519";

export interface Key {
  /** The first eight bytes of the SHA-256 of the public key, in hex. */
  keyId: string;
  /** `ed25519:` and the key in base64url. */
  publicKey: string;
}

interface Kept extends Key {
  /** May sign, and may not be exported. */
  secret: CryptoKey;
}

interface Schema extends DBSchema {
  keys: { key: string; value: Kept };
}

const open = () =>
  openDB<Schema>(DATABASE, 1, {
    upgrade: (database) => void database.createObjectStore("keys"),
    // Another version of this script wants it: an open connection would hold that up.
    blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
  });

/** Why this browser cannot sign, as a sentence; nothing if it can. */
export async function unable(): Promise<string | undefined> {
  // Pages without https have no keys, except on the machine itself.
  if (!globalThis.isSecureContext || !crypto.subtle) return "A browser signs only on pages that come over https.";
  try {
    await generate();
  } catch {
    return "This browser cannot make Ed25519 signatures. Chrome and Edge can from version 137, Firefox from 129, Safari from 17.";
  }
  return undefined;
}

async function generate(): Promise<CryptoKeyPair> {
  return (await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"])) as CryptoKeyPair;
}

async function stored(account: string): Promise<Kept | undefined> {
  const database = await open();
  try {
    return await database.get("keys", account);
  } finally {
    database.close();
  }
}

/** What is told of a key. */
const told = ({ keyId, publicKey }: Key): Key => ({ keyId, publicKey });

/** The key of an account, if there is one here. */
export async function find(account: string): Promise<Key | undefined> {
  const kept = await stored(account);
  return kept && told(kept);
}

/** Makes a key for an account, in the place of the one with the id `instead`; any other that is here already is kept, and given. */
export async function make(account: string, instead: string): Promise<Key> {
  const why = await unable();
  if (why) throw new Error(why);
  const { privateKey, publicKey } = await generate();
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", publicKey));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", raw));
  const made: Kept = { keyId: hex(digest.subarray(0, 8)), publicKey: `ed25519:${base64url(raw)}`, secret: privateKey };
  const database = await open();
  try {
    // In one transaction: another tab may be about the same, and a key that is lost again must not be registered.
    const change = database.transaction("keys", "readwrite");
    const here = await change.store.get(account);
    if (!here || here.keyId === instead) await change.store.put(made, account);
    await change.done;
    // Kept as long as there is room for other things too.
    void navigator.storage?.persist?.().catch(() => false);
    return told(here && here.keyId !== instead ? here : made);
  } finally {
    database.close();
  }
}

/** Removes the key with that id from this browser; whether it was there. */
export async function forget(account: string, keyId: string): Promise<boolean> {
  const database = await open();
  try {
    const change = database.transaction("keys", "readwrite");
    const here = (await change.store.get(account))?.keyId === keyId;
    if (here) await change.store.delete(account);
    await change.done;
    return here;
  } finally {
    database.close();
  }
}

/** The account's signature of a message, and of which key it is. */
export async function signed(account: string, message: Uint8Array<ArrayBuffer>): Promise<{ keyId: string; signature: Uint8Array }> {
  const kept = await stored(account);
  if (!kept) throw new Error("There is no key of yours in this browser any more. Make a new one, then sign.");
  return { keyId: kept.keyId, signature: new Uint8Array(await crypto.subtle.sign(ALGORITHM, kept.secret, message)) };
}
