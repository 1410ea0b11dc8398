// The service worker. It shows messages that come by Web Push, and opens what they are about; nothing is fetched or kept here.

// A new version counts at once: there are no files of an old page that it would have to keep.
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

/** What the server sends (`PushMessage`). */
function read(data) {
  try {
    return data.json();
  } catch {
    return {};
  }
}

/** An address of ours, whatever was sent. */
function ours(url) {
  const address = new URL(url || "/notifications", self.location.origin);
  return address.origin === self.location.origin ? address.href : new URL("/notifications", self.location.origin).href;
}

self.addEventListener("push", (event) => {
  const { title, body, url, tag, ids } = read(event.data);
  const shown = { body: body || "", tag: tag || undefined, renotify: Boolean(tag), icon: "/icon-192.png", data: { url: ours(url), ids: ids || [] } };
  event.waitUntil(self.registration.showNotification(title || "LLMos-Lite", shown));
});

/** What is opened is read. Should that fail, it stays unread: nothing is lost. */
async function markRead(ids) {
  if (!ids.length) return;
  const headers = { "content-type": "application/json", "idempotency-key": self.crypto.randomUUID() };
  await fetch("/api/v1/notifications/read", { method: "POST", headers, body: JSON.stringify({ ids }) }).catch(() => undefined);
}

/** In a window that is there already, or in a new one; of the installed app, where it is installed. */
async function open(url) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const best = windows.find((window) => window.url === url) ?? windows.find((window) => window.focused) ?? windows[0];
  if (best) {
    try {
      const window = await best.focus();
      if (window.url !== url) await window.navigate(url);
      return;
    } catch {
      // A window that this worker does not control is not its to navigate.
    }
  }
  await self.clients.openWindow(url);
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const { url, ids } = event.notification.data ?? {};
  event.waitUntil(Promise.all([open(ours(url)), markRead(ids ?? [])]));
});
