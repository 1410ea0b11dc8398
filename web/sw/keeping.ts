// The caches: whose they are, what goes into them, and when they are emptied.
import { openDB } from "idb";
import { CacheExpiration } from "workbox-expiration";

import { kept } from "./answers";
import { ASSETS, isPersonal, KEPT_AT, KEPT_BYTES, PICTURES, PINS, READS, SEARCH, type Seen, SHARED, STATE, TEXTS } from "./names";

/** Answers of one account, and how long they are kept. A phone has other things to keep. */
const LIMITS = { [READS]: { maxEntries: 2_000, maxAgeSeconds: 30 * 86_400 }, [PICTURES]: { maxEntries: 300, maxAgeSeconds: 30 * 86_400 } };
const WHOSE = "/account";
const NOBODY = "-";

/** Goes up whenever caches are emptied: an answer that was asked for before is not kept after. */
let emptied = 0;
let account: string | undefined;
const limits = new Map<string, CacheExpiration>();

export const moment = () => emptied;

/** Who was signed in by the last answer; the empty text is nobody. */
export async function whose(): Promise<string> {
  account ??= (await (await (await caches.open(STATE)).match(WHOSE))?.text()) ?? "";
  return account;
}

/** Another account, or none, than before: what was kept goes. */
export async function belongsTo(now: string | null, began: number): Promise<void> {
  if (now === null || began < emptied) return;
  const next = now === NOBODY ? "" : now;
  const before = await whose();
  if (before === next) return;
  // What somebody shared before they signed in is theirs.
  await empty(next, !before);
  if (before) await Promise.all([forgetDatabases([...TEXTS, ...SEARCH]), takeDown()]);
  if (!next) return;
  account = next;
  await (await caches.open(STATE)).put(WHOSE, new Response(next));
}

/** Empties the caches of all accounts, or of all but one. `shared`: but for what other apps shared and nobody took yet. */
export async function empty(but = "", shared = false): Promise<void> {
  emptied += 1;
  account = "";
  const stays = (name: string) => (but !== "" && [READS, PICTURES, PINS].some((kind) => name === kind + but)) || (shared && name === SHARED);
  const names = (await caches.keys()).filter((name) => isPersonal(name) && !stays(name));
  limits.clear();
  await Promise.all(names.map((name) => caches.delete(name)));
  await forgetTimes(but).catch(() => undefined);
}

/** What each page needs to be there at all: it is small, and stays until somebody signs out. */
const FRAME = new Set(["me", "instance", "teams", "volumes"].map((path) => `/api/v1/${path}`));

/** How much is here of what pages read, pictures too. */
export async function seen(): Promise<Seen> {
  const total = { answers: 0, bytes: 0, oldest: 0 };
  for (const name of await seenBy()) {
    for (const { headers } of await (await caches.open(name)).matchAll()) {
      const at = Number(headers.get(KEPT_AT));
      total.answers += 1;
      total.bytes += Number(headers.get(KEPT_BYTES));
      if (at && (!total.oldest || at < total.oldest)) total.oldest = at;
    }
  }
  return total;
}

/** What was seen goes, but for the frame of pages. What somebody wanted to have here stays. */
export async function unsee(): Promise<void> {
  for (const name of await seenBy()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) if (!FRAME.has(new URL(request.url).pathname)) await cache.delete(request);
  }
}

async function seenBy(): Promise<string[]> {
  const of = await whose();
  const names = new Set(await caches.keys());
  return of ? [READS, PICTURES].map((kind) => kind + of).filter((name) => names.has(name)) : [];
}

/** Where Workbox notes which address was kept when, of all caches: `models/CacheTimestampsModel` of workbox-expiration. */
const TIMES = { database: "workbox-expiration", store: "cache-entries" };

/** The addresses of what was read are not left behind either. */
async function forgetTimes(but: string): Promise<void> {
  if (!globalThis.indexedDB) return;
  // Only where there is one: it is Workbox's to make.
  const times = await openDB(TIMES.database, 1, {
    upgrade(_none, _from, _to, change) {
      change.done.catch(() => undefined);
      change.abort();
    },
  });
  try {
    const { store, done } = times.transaction(TIMES.store, "readwrite");
    for (const key of await store.getAllKeys()) if (!but || ![READS, PICTURES].some((kind) => String(key).startsWith(`${kind}${but}|`))) void store.delete(key);
    await done;
  } finally {
    times.close();
  }
}

/** What shows of an account outside of pages: the number on the icon, and messages of the system, which could be answered. */
export async function takeDown(): Promise<void> {
  const { navigator, registration } = globalThis as unknown as Partial<Pick<ServiceWorkerGlobalScope, "navigator" | "registration">>;
  await navigator?.clearAppBadge?.().catch(() => undefined);
  for (const shown of (await registration?.getNotifications().catch(() => [])) ?? []) shown.close();
}

/** Removes what pages keep of an account beside the caches. What is not sent yet stays in the outbox, texts too. */
export async function forgetDatabases(kinds: string[]): Promise<void> {
  const known = (await globalThis.indexedDB?.databases?.().catch(() => [])) ?? [];
  for (const { name } of known) if (name && kinds.some((kind) => name.startsWith(kind))) indexedDB.deleteDatabase(name);
}

/** Puts an answer away. A full disk keeps less, and breaks nothing. */
export async function keep(kind: typeof READS | typeof PICTURES, of: string, url: string, answer: Response, began: number): Promise<void> {
  if (!of) return;
  const name = kind + of;
  const ready = await kept(answer, Date.now());
  // Somebody signed out while it came.
  if (began < emptied) return;
  await put(name, url, ready);
  if (began < emptied) return;
  try {
    const limit = limits.get(name) ?? new CacheExpiration(name, { ...LIMITS[kind], matchOptions: { ignoreVary: true } });
    limits.set(name, limit);
    await limit.updateTimestamp(url);
    await limit.expireEntries();
  } catch {
    // A private window without IndexedDB: then nothing grows old, and the window's end takes all of it.
  }
}

/** Puts an answer where it belongs; rejects where there is no room. */
export const store = async (name: string, url: string, answer: Response): Promise<void> => (await caches.open(name)).put(url, answer);

/** The same for what somebody needs now: a full disk makes room for it, and else keeps less. */
export async function put(name: string, url: string, answer: Response): Promise<void> {
  const again = answer.clone();
  try {
    await store(name, url, answer);
  } catch {
    // No room: pictures and the parts of pages that were not opened lately are the first to go.
    await makeRoom();
    await store(name, url, again).catch(() => undefined);
  }
}

/** Puts aside what a page is to begin with (`shared` of `pwa/index.ts`); the id that its address gets. */
export async function setAside(draft: object): Promise<string> {
  const id = crypto.randomUUID();
  await put(SHARED, `/shared/${id}`, new Response(JSON.stringify(draft), { headers: { [KEPT_AT]: String(Date.now()) } }));
  return id;
}

async function makeRoom(): Promise<void> {
  const names = (await caches.keys()).filter((name) => name.startsWith(PICTURES) || name === ASSETS);
  await Promise.all(names.map((name) => caches.delete(name)));
}

export async function find(kind: typeof READS | typeof PICTURES, url: string): Promise<Response | undefined> {
  const of = await whose();
  return of ? caches.match(url, { cacheName: kind + of, ignoreVary: true }) : undefined;
}

/** What may not be seen any more is not kept either. */
export async function drop(url: string): Promise<void> {
  const of = await whose();
  for (const kind of [READS, PINS]) if (of && (await caches.has(kind + of))) await (await caches.open(kind + of)).delete(url, { ignoreVary: true });
}
