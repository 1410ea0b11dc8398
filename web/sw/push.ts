// Push messages: shown when they come, one for each subject, and what they are about is opened or answered. Subscriptions belong to the worker's address, not to
// its version.
import { badge, UNREAD } from "./badge";
import { setAside, whose } from "./keeping";
import { ACCOUNT } from "./names";
import { grouped, type Message, ours, sessionOf, type Shown } from "./messages";

declare const self: ServiceWorkerGlobalScope;

/** Writes into a session what somebody answered in the message itself. Set by the worker that can send; the one that takes its place opens the session. */
let sends: ((account: string, session: string, text: string) => Promise<void>) | undefined;
export const sendReplies = (by: typeof sends) => void (sends = by);

/** What the server sends (`PushMessage`). */
function read(data: PushMessageData | null): Partial<Message> {
  try {
    return (data?.json() ?? {}) as Partial<Message>;
  } catch {
    return {};
  }
}

type Action = { action: string; title: string; type?: "text" | "button"; placeholder?: string };

async function show(message: Partial<Message>): Promise<void> {
  const before = message.tag ? (await self.registration.getNotifications({ tag: message.tag }))[0] : undefined;
  const { title, body, shown } = grouped(message, before?.data as Shown | undefined, self.location.origin);
  const actions: Action[] = [{ action: "open", title: "Open" }];
  // Where no reply is sent it is written on the page.
  if (sends && sessionOf(shown.url)) actions.push({ action: "reply", title: "Reply", type: "text", placeholder: "Write to the session" });
  const options: NotificationOptions & { renotify?: boolean; actions?: Action[] } = {
    body,
    tag: message.tag || undefined,
    renotify: Boolean(message.tag),
    icon: "/icons/icon-192.png",
    badge: "/icons/monochrome-96.png",
    data: shown,
    actions,
  };
  await self.registration.showNotification(title, options);
}

/** One after another: of two that come together the second finds the first. */
let turn: Promise<void> = Promise.resolve();

self.addEventListener("push", (event) => {
  const message = read(event.data);
  turn = turn.catch(() => undefined).then(() => show(message));
  event.waitUntil(
    turn.then(async () => {
      const unread = await fetch(UNREAD).catch(() => undefined);
      if (unread?.ok) await badge(unread).catch(() => undefined);
    }),
  );
});

/** What is opened is read. Should that fail, it stays unread: nothing is lost. */
async function markRead(account: string, ids: string[]): Promise<void> {
  if (!ids.length) return;
  const headers: Record<string, string> = { "content-type": "application/json", "idempotency-key": self.crypto.randomUUID() };
  // The server refuses it where somebody else is signed in by now.
  if (account) headers[ACCOUNT] = account;
  await fetch("/api/v1/notifications/read", { method: "POST", headers, body: JSON.stringify({ ids }) }).catch(() => undefined);
}

/** In a window that is there already, or in a new one; of the installed app, where it is installed. */
async function open(url: string): Promise<void> {
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
  const { account = "", url, ids } = (event.notification.data ?? {}) as Partial<Shown>;
  const address = ours(url, self.location.origin);
  const session = event.action === "reply" ? sessionOf(address) : undefined;
  const text = (event as NotificationEvent & { reply?: string }).reply?.trim();
  const reply = async () => {
    if (session && text && sends && (await sends(account, session, text).then(() => true, () => false))) return;
    if (!session) return open(address);
    // A system whose messages take no text, or a device that keeps none: it is written on the page. What was typed is there already, for the same account.
    const handed = text && account && account === (await whose()) ? `=${await setAside({ name: "", text })}` : "";
    await open(`${address}${address.includes("?") ? "&" : "?"}reply${handed}`);
  };
  event.waitUntil(Promise.all([reply(), markRead(account, ids ?? [])]));
});
