// The worker that takes the place of a broken one (SERVICE_WORKER=recall): it empties every cache and answers nothing, so that all comes from the server again.
// It stays where it is: with the registration the subscriptions to push messages would go too.
import "./push";

declare const self: ServiceWorkerGlobalScope;

self.addEventListener("install", (event) => event.waitUntil(self.skipWaiting()));
self.addEventListener("activate", (event) =>
  event.waitUntil(
    (async () => {
      await self.registration.navigationPreload?.disable();
      await Promise.all((await caches.keys()).map((name) => caches.delete(name)));
      await self.clients.claim();
    })(),
  ),
);
// A page that asks for nothing gets nothing: without this listener browsers warn of messages that nobody takes.
self.addEventListener("message", () => undefined);
