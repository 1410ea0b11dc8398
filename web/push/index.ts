// Web Push in this browser: `src/browser/push.rs` loads it, where one chooses how to be told, and wherever one is when something was read.
import { base64url as encoded, hex } from "../signing/text";

/** What pages ask, as JSON. */
type Ask = { act: "state" } | { act: "subscribe"; key: string } | { act: "forget" } | { act: "close"; tags: string[] };

/** What shows messages; its scope is the whole site. */
const WORKER = "/sw.js";

/** One function for all that is asked, with JSON in and out: what calls it is in the first load. An error has a sentence for the person. */
export async function ask(text: string): Promise<string> {
  const asked = JSON.parse(text) as Ask;
  switch (asked.act) {
    case "state":
      return JSON.stringify(await state());
    case "subscribe":
      return JSON.stringify(await subscribe(asked.key));
    case "forget":
      return JSON.stringify(await forget());
    case "close":
      return JSON.stringify(await close(asked.tags));
  }
}

const isApple = () => /iPhone|iPad/.test(navigator.userAgent) || (navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1);
const isInstalled = () => matchMedia("(display-mode: standalone)").matches;

/** Why this browser takes no messages, as a sentence; nothing if it can. */
function unable(): string | undefined {
  // Pages without https have no service workers, except on the machine itself.
  if (!globalThis.isSecureContext) return "Messages need a page that comes over https.";
  if (isApple() && !isInstalled()) return "On iPhone and iPad only an installed app gets messages: choose Share, Add to Home Screen, and open it from there.";
  if (!("serviceWorker" in navigator) || !("PushManager" in globalThis) || !("Notification" in globalThis))
    return "This browser does not take messages. Current versions of Chrome, Edge, Firefox and Safari do.";
  if (Notification.permission === "denied")
    return "You have told this browser not to show messages of this site. Allow them in its settings for the site, then load this page again.";
  return undefined;
}

const registration = async () => ("serviceWorker" in navigator ? await navigator.serviceWorker.getRegistration("/") : undefined);
const subscription = async () => (await (await registration())?.pushManager?.getSubscription()) ?? undefined;

async function state(): Promise<{ unable?: string; mark?: string }> {
  const why = unable();
  const now = why ? undefined : await subscription();
  return { unable: why, mark: now && (await mark(now.endpoint)) };
}

/** How the server names a device without saying its address. */
async function mark(endpoint: string) {
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(endpoint))));
}

async function subscribe(key: string): Promise<{ endpoint: string; p256dh: string; auth: string }> {
  const why = unable();
  if (why) throw new Error(why);
  if ((await Notification.requestPermission()) !== "granted")
    throw new Error("The browser was not allowed to show messages, so nothing was turned on. Press the button again and allow them.");
  await navigator.serviceWorker.register(WORKER, { updateViaCache: "none" });
  const { pushManager } = await navigator.serviceWorker.ready;
  // One that was made for another key of the server would get nothing any more.
  const before = await pushManager.getSubscription();
  if (before && base64url(before.options.applicationServerKey) !== key) await before.unsubscribe();
  const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  return { endpoint: made.endpoint, p256dh: base64url(made.getKey("p256dh")), auth: base64url(made.getKey("auth")) };
}

const base64url = (bytes: ArrayBuffer | null) => encoded(new Uint8Array(bytes ?? new ArrayBuffer(0)));

/** The subscription goes; the worker stays, since it may have other work. */
async function forget(): Promise<boolean> {
  return (await (await subscription())?.unsubscribe()) ?? false;
}

/** Takes what is shown under these tags away; an empty one stands for all. */
async function close(tags: string[]): Promise<boolean> {
  const shown = (await (await registration())?.getNotifications()) ?? [];
  const read = shown.filter((one) => tags.includes("") || tags.includes(one.tag));
  for (const one of read) one.close();
  return read.length > 0;
}
