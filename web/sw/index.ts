// The service worker: the app without a network, and push messages. The server gives it out as /sw.js, with the list of its build's files in the place of
// `self.__WB_MANIFEST` (docs/decisions/service-worker.md).
import { addPlugins, cleanupOutdatedCaches, matchPrecache, precache } from "workbox-precaching";
import { createPartialResponse } from "workbox-range-requests";
import { registerRoute } from "workbox-routing";

import { badge, UNREAD } from "./badge";
import { belongsTo, empty, moment, put, seen, store, takeDown, unsee } from "./keeping";
import { ACCOUNT, ASSETS, type Entry, isPersonal, REFRESH, type Tells, type Told } from "./names";
import { SYNC } from "../outbox/browser";
import { replay, write } from "./outbox";
import { open, page, share, SHELL } from "./pages";
import { bring, pins, refresh, unpin, want } from "./pins";
import { sendReplies } from "./push";
import { cameAlong, picture, read, standing } from "./reads";
import { type Kind, kindOf } from "./routes";

declare const self: ServiceWorkerGlobalScope;

const files = new Map((self.__WB_MANIFEST as Entry[]).map((entry) => [entry.url, entry]));

// Files are compared with their SHA-256 as they come. The empty page differs each time by its nonce, so it is asked whether it is ours.
addPlugins([
  {
    cacheWillUpdate: async ({ request, response }) =>
      response.status === 200 && !response.redirected && (new URL(request.url).pathname !== SHELL || response.headers.has(ACCOUNT)) ? response : null,
  },
]);
precache([...files.values()].filter((entry) => entry.when === "now"));
cleanupOutdatedCaches();

async function asset(request: Request, path: string): Promise<Response> {
  const kept = (await matchPrecache(path)) ?? (await caches.match(path, { cacheName: ASSETS, ignoreVary: true }));
  if (kept) return request.headers.has("range") ? createPartialResponse(request, kept) : kept;
  const entry = files.get(path);
  if (request.headers.has("range") || !entry?.integrity) return fetch(request);
  try {
    return await take(entry);
  } catch {
    // It is not what this build has there. What the page makes of it is the page's to find out; it is not kept.
    return fetch(request);
  }
}

/** Fetches a file, which the browser compares with its SHA-256, and has it kept. */
async function take({ url, integrity }: Entry, keep = put): Promise<Response> {
  const answer = await fetch(url, { integrity, credentials: "same-origin" });
  if (answer.status === 200 && !answer.redirected) await keep(ASSETS, url, answer.clone());
  return answer;
}

const answers: Record<Kind, (event: FetchEvent, url: URL) => Promise<Response>> = {
  asset: ({ request }, url) => asset(request, url.pathname),
  open: async (_, url) => open(url),
  page,
  picture,
  read,
  share: ({ request }) => share(request),
};
for (const method of ["GET", "POST"] as const)
  registerRoute(
    ({ request, url }) => kindOf({ method: request.method, url, navigation: request.mode === "navigate" }, self.location.origin, files),
    // What the first function gives comes back as `params`.
    ({ event, url, params }) => answers[params as unknown as Kind](event as FetchEvent, url),
    method,
  );

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      await self.registration.navigationPreload?.enable();
      const ours = (await caches.keys()).filter((name) => name.startsWith("llmos-") && name !== ASSETS && !isPersonal(name));
      await Promise.all(ours.map((name) => caches.delete(name)));
      // The first one has the page that asked for it at once; a later one already has its pages.
      await self.clients.claim();
    })(),
  );
});

/** Files of builds before this one, unless a window may still be one of theirs. */
async function sweep(): Promise<void> {
  if ((await self.clients.matchAll({ type: "window", includeUncontrolled: true })).length > 1) return;
  const cache = await caches.open(ASSETS);
  for (const request of await cache.keys()) if (!files.has(new URL(request.url).pathname)) await cache.delete(request);
}

/** The rest of the build, one after another: a page that was never opened opens without a network too. */
async function warm(): Promise<void> {
  await sweep();
  for (const entry of files.values()) {
    // A newer worker takes over when this one has nothing left to do, and has other files.
    if (self.registration.waiting) return;
    if (entry.when !== "soon" || (await caches.match(entry.url, { cacheName: ASSETS, ignoreVary: true }))) continue;
    // No network, no room, or another build: the next start tries again. What was opened does not make room for what was not.
    const taken = await take(entry, store).catch(() => undefined);
    if (!taken) return;
  }
}

/** What somebody wanted to have here is compared with the server again after so long, in milliseconds. */
const FRESH = 5 * 60_000;

const answer = async (event: ExtendableMessageEvent) => event.ports[0]?.postMessage(await pins().catch(() => []));

/** From time to time, while no page is open: how much is unread, and what somebody wanted to have here. */
async function lookAround(): Promise<void> {
  const unread = await fetch(UNREAD).catch(() => undefined);
  if (unread?.ok && unread.headers.has(ACCOUNT)) await badge(unread);
  await refresh(FRESH);
}

self.addEventListener("periodicsync", ((event: ExtendableEvent & { tag: string }) => {
  if (event.tag === REFRESH) event.waitUntil(lookAround());
}) as EventListener);

self.addEventListener("message", (event) => {
  const told = event.data as Told;
  const from = event.source as WindowClient | null;
  switch (told.act) {
    case "account":
      return event.waitUntil(belongsTo(told.account, moment()));
    case "forget":
      return event.waitUntil(Promise.all([empty(), takeDown()]));
    case "came":
      return event.waitUntil(cameAlong(told, from?.id));
    case "apply":
      return event.waitUntil(self.skipWaiting());
    case "warm":
      return event.waitUntil(told.saving ? sweep() : warm().then(() => refresh(FRESH)));
    case "pin":
      // It may be the first that this worker hears of the account.
      return event.waitUntil(belongsTo(told.account, moment()).then(() => want(told.kind, told.id, told.name)).then(() => Promise.all([answer(event), bring(told.kind, told.id)])));
    case "unpin":
      return event.waitUntil(unpin(told.kind, told.id).then(() => answer(event)));
    case "pins":
      return event.waitUntil(answer(event));
    case "seen":
      return event.waitUntil(seen().then((total) => event.ports[0]?.postMessage(total)));
    case "unsee":
      return event.waitUntil(unsee().then(seen).then((total) => event.ports[0]?.postMessage(total)));
    case "standing":
      return from?.postMessage({ keptAt: standing(from.id) } satisfies Tells);
  }
});

sendReplies(write);

// The outbox is sent here, with a page or without; whatever else waits is the pages'.
self.addEventListener("sync", ((event: ExtendableEvent & { tag: string }) => {
  if (event.tag === SYNC) return event.waitUntil(replay());
  event.waitUntil(
    self.clients.matchAll({ type: "window" }).then((windows) => {
      for (const window of windows) window.postMessage({ sync: event.tag } satisfies Tells);
    }),
  );
}) as EventListener);
