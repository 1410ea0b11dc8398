// The installed app, as pages see it: the worker and its updates, the offer to install, what is kept here, what other apps share. `src/browser/pwa.rs` loads it
// when a page stands.
import { isPersonal, isText, KEPT_AT, LOST, SHARED, type Tells, type Told } from "../sw/names";
import type { SharedDraft } from "../sw/routes";
import { makeRoomForKeyboard } from "./keyboard";
import { nothing, offers, read, type Remembered, visited } from "./offer";
import { ask as askPins, lookAround } from "./pins";
import { pullToReadAgain } from "./pull";
import { followTheme } from "./theme";
import { asOf } from "./words";

/** What pages ask, as JSON. */
type Ask =
  | { act: "register" | "state" | "install" | "persist" | "apply" | "forget" }
  | { act: "sync"; tag: string }
  | { act: "notify"; title: string; body: string; url: string; tag: string }
  | { act: "shared"; id: string }
  | { act: "badge"; unread: number }
  | Extract<Told, { act: "pins" | "seen" | "unsee" | "unpin" }>
  | Omit<Extract<Told, { act: "pin" }>, "account">;

interface InstallEvent extends Event {
  prompt(): Promise<void>;
  userChoice: Promise<{ outcome: "accepted" | "dismissed" }>;
}

declare global {
  /** What the document's first script caught, which is there before this one (`ui/document.rs`). */
  var llmosInstall: InstallEvent | undefined;
  interface Navigator {
    standalone?: boolean;
    connection?: { saveData?: boolean };
  }
  interface ServiceWorkerRegistration {
    sync?: { register(tag: string): Promise<void> };
  }
  var launchQueue: { setConsumer(take: (launched: { files?: { getFile(): Promise<File> }[] }) => void): void } | undefined;
}

const WORKER = "/sw.js";
const OFFER = "llmos-offer";
/** A page that is open for days asks for a newer worker this often; the browser asks at each start by itself. */
const UPDATES = 60 * 60_000;
/** A worker is replaced when it has ended what it is at, for which browsers give it minutes: whoever wants the newer version waits so long for that, in milliseconds. */
const GIVES_WAY = 10_000;

/** One function for all that is asked, with JSON in and out. An error has a sentence for the person. */
export async function ask(text: string): Promise<string> {
  const asked = JSON.parse(text) as Ask;
  switch (asked.act) {
    case "register":
      return JSON.stringify(Boolean(await register()));
    case "state":
      return JSON.stringify(await state());
    case "install":
      return JSON.stringify(await install());
    case "persist":
      return JSON.stringify((await navigator.storage?.persist?.().catch(() => false)) ?? false);
    case "apply":
      return JSON.stringify(await apply());
    case "forget":
      return JSON.stringify(await forget());
    case "sync":
      return JSON.stringify(await sync(asked.tag));
    case "notify":
      return JSON.stringify(await notify(asked));
    case "badge":
      return JSON.stringify(badge(asked.unread));
    case "pins":
    case "seen":
    case "unsee":
    case "unpin":
      return JSON.stringify(await askPins(await register(), asked));
    case "pin":
      return JSON.stringify(await askPins(await register(), { ...asked, account: await account }));
    case "shared":
      return JSON.stringify(asked.id ? await shared(asked.id) : await launched());
  }
}

const isApple = () => /iPhone|iPad/.test(navigator.userAgent) || (navigator.platform === "MacIntel" && navigator.maxTouchPoints > 1);
const isInstalled = () => matchMedia("(display-mode: standalone), (display-mode: window-controls-overlay), (display-mode: minimal-ui)").matches || navigator.standalone === true;

// ── The worker ──

let registered: Promise<ServiceWorkerRegistration | undefined> | undefined;

/** None where the browser has no workers, or the page did not come over https. */
function register(): Promise<ServiceWorkerRegistration | undefined> {
  registered ??= (async () => {
    if (!("serviceWorker" in navigator)) return undefined;
    // The browser asks the server for it each time, never its own cache. Without a server there is the one of before.
    return (await navigator.serviceWorker.register(WORKER, { updateViaCache: "none" }).catch(() => navigator.serviceWorker.getRegistration("/"))) || undefined;
  })();
  return registered;
}

const tellWorker = (worker: ServiceWorker | null | undefined, told: Told) => worker?.postMessage(told);

let tell: (what: string, text: string) => void = () => undefined;
let known: (account: string) => void = () => undefined;
/** Whose page it is. */
const account = new Promise<string>((done) => (known = done));

/**
 * Begins, once for each page: whose it is, and the answers that came with it (path below `/api/v1` and JSON, in turn), which the worker has not seen.
 * `told` hears `age` (a text for the status line, empty when what is shown is current), `update` (a newer version is here), `install` (it is worth offering),
 * `sync` (what waits can be sent).
 */
export async function start(account: string, answers: string[], told: (what: string, text: string) => void): Promise<void> {
  tell = told;
  known(account);
  pullToReadAgain();
  followTheme();
  if (isApple()) {
    splash();
    makeRoomForKeyboard();
  }
  offer();
  const registration = await register();
  if (!registration) return;
  navigator.serviceWorker.addEventListener("message", ({ data }: MessageEvent<Tells>) => hear(data));
  navigator.serviceWorker.startMessages();
  watch(registration);
  const { active } = await navigator.serviceWorker.ready;
  void lookAround(registration);
  // The right to it comes with the window of its own.
  addEventListener("appinstalled", () => void lookAround(registration));
  tellWorker(active, { act: "account", account });
  // Whether one lost a team meanwhile, or was signed out: the worker looks at who answers (`sw/reads.ts`).
  addEventListener("online", () => void fetch("/api/v1/me").catch(() => undefined));
  // The empty page came without any.
  if (answers.length) tellWorker(active, { act: "came", account, at: renderedAt(), answers });
  tellWorker(active, { act: "standing" });
  if (navigator.onLine) tellWorker(active, { act: "warm", saving: navigator.connection?.saveData ?? false });
}

/** How old what the page shows is, as it was told last. */
let age = "";

function hear(data: Tells): void {
  if ("lost" in data) return leaveTeam(data.stale);
  if ("sync" in data) return tell("sync", data.sync);
  const now = data.keptAt === null ? "" : asOf(data.keptAt, Date.now());
  // A worker that the browser started anew tells every page.
  if (now === age) return;
  age = now;
  tell("age", age);
}

/** Pages of a team that one is not in any more are not to stand there. What is unsent of it is in the outbox; who is writing is not interrupted. */
function leaveTeam(stale: boolean): void {
  sessionStorage.setItem(LOST, "yes");
  dispatchEvent(new Event(LOST));
  if (stale && !document.activeElement?.matches("input, textarea, [contenteditable=true]")) location.reload();
}

/** When the server made this page, by its own clock (`browser/document.rs`): the device's may be off by days. */
function renderedAt(): number {
  return Number(document.querySelector<HTMLMetaElement>("meta[name=llmos-rendered]")?.content) || Date.now();
}

/** A newer worker waits until somebody says so, or until no page is open any more: nobody is interrupted. */
function watch(registration: ServiceWorkerRegistration): void {
  const look = () => {
    if (registration.waiting && navigator.serviceWorker.controller) tell("update", "");
  };
  registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", look));
  look();
  const ask = () => void (document.visibilityState === "visible" && navigator.onLine && registration.update().catch(() => undefined));
  setInterval(ask, UPDATES);
  addEventListener("online", ask);
}

/** The newer version takes over, and this page is loaded again with it. Other windows stay as they are until they are. */
async function apply(): Promise<boolean> {
  const waiting = (await register())?.waiting;
  if (!waiting) {
    location.reload();
    return false;
  }
  const anew = () => location.reload();
  // The page itself comes from the server, which has the newer one; the worker follows when it can.
  const late = setTimeout(anew, GIVES_WAY);
  navigator.serviceWorker.addEventListener("controllerchange", () => (clearTimeout(late), anew()), { once: true });
  tellWorker(waiting, { act: "apply" });
  return true;
}

/** What is kept of accounts goes. The page does it itself as well: the worker may be none that answers. */
async function forget(): Promise<boolean> {
  try {
    const registration = await navigator.serviceWorker?.getRegistration("/");
    tellWorker(registration?.active, { act: "forget" });
    badge(0);
    for (const shown of (await registration?.getNotifications()) ?? []) shown.close();
    // The worker has it open, and empties it itself.
    if (!registration?.active) indexedDB.deleteDatabase("workbox-expiration");
    const names = (await caches.keys()).filter(isPersonal);
    await Promise.all(names.map((name) => caches.delete(name)));
    return true;
  } catch {
    return false;
  }
}

/** How much is unread, on the app's icon. */
function badge(unread: number): boolean {
  void (unread ? navigator.setAppBadge?.(unread) : navigator.clearAppBadge?.())?.catch(() => undefined);
  return "setAppBadge" in navigator;
}

async function sync(tag: string): Promise<boolean> {
  const registration = await register();
  if (!registration?.sync) return false;
  return registration.sync.register(tag).then(() => true, () => false);
}

async function notify({ title, body, url, tag }: { title: string; body: string; url: string; tag: string }): Promise<boolean> {
  const registration = await register();
  if (!registration || !("Notification" in globalThis) || Notification.permission !== "granted") return false;
  return registration.showNotification(title, { body, tag: tag || undefined, icon: "/icons/icon-192.png", badge: "/icons/monochrome-96.png", data: { url, ids: [] } }).then(() => true, () => false);
}

// ── Installing ──

/** "": it is installed, or cannot be. */
function way(): "" | "prompt" | "share" | "menu" {
  if (isInstalled()) return "";
  if (globalThis.llmosInstall) return "prompt";
  if (isApple()) return "share";
  return "menu";
}

async function state() {
  const registration = await register();
  const estimate = (await navigator.storage?.estimate?.().catch(() => undefined)) ?? {};
  return {
    installed: isInstalled(),
    way: way(),
    worker: Boolean(registration?.active),
    update: Boolean(registration?.waiting),
    persisted: (await navigator.storage?.persisted?.().catch(() => false)) ?? false,
    bytes: Math.round(estimate.usage ?? 0),
  };
}

/** Call it from a press on a button: browsers want that. Whether it was accepted. */
async function install(): Promise<boolean> {
  const event = globalThis.llmosInstall;
  if (!event) return false;
  await event.prompt();
  const { outcome } = await event.userChoice;
  // It can be asked once; the browser sends another event when it may be asked again.
  globalThis.llmosInstall = undefined;
  return outcome === "accepted";
}

function offer(): void {
  const today = Math.floor(Date.now() / 86_400_000);
  const keep = (remembered: Remembered) => {
    try {
      localStorage.setItem(OFFER, JSON.stringify(remembered));
    } catch {
      // Without storage it is not known whether one comes back: nothing is offered.
    }
  };
  let remembered = nothing();
  try {
    remembered = visited(read(localStorage.getItem(OFFER)), today);
  } catch {
    return;
  }
  const able = way() === "prompt" || way() === "share";
  const now = offers(remembered, today, able);
  keep(now ? { ...remembered, offered: remembered.offered + 1, last: today } : remembered);
  if (now) tell("install", "");
}

/** iOS shows this while it starts the app. It wants a picture of just its screen's size, so one is drawn where it is needed. */
function splash(): void {
  const icon = new Image();
  icon.onload = () => {
    const [width, height] = [screen.width * devicePixelRatio, screen.height * devicePixelRatio];
    for (const [orientation, w, h] of [["portrait", width, height], ["landscape", height, width]] as const) {
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [w, h];
      const paper = canvas.getContext("2d");
      if (!paper) return;
      const side = Math.min(w, h) / 4;
      paper.fillStyle = "#0a0e14";
      paper.fillRect(0, 0, w, h);
      paper.drawImage(icon, (w - side) / 2, (h - side) / 2, side, side);
      const link = document.createElement("link");
      link.rel = "apple-touch-startup-image";
      link.media = `screen and (orientation: ${orientation})`;
      link.href = canvas.toDataURL("image/png");
      document.head.append(link);
    }
  };
  icon.src = "/icons/icon-512.png";
}

// ── What comes from other apps ──

/** What the worker took for a page of this address (`sw/pages.ts`). It stays for a day: the page may be loaded again before anything is made of it. */
async function shared(id: string): Promise<SharedDraft | null> {
  try {
    const cache = await caches.open(SHARED);
    for (const request of await cache.keys()) {
      const at = Number((await cache.match(request))?.headers.get(KEPT_AT));
      if (Date.now() - at > 86_400_000) await cache.delete(request);
    }
    const found = await cache.match(`/shared/${id}`);
    return found ? ((await found.json()) as SharedDraft) : null;
  } catch {
    return null;
  }
}

/** A markdown file that was opened with the app. */
function launched(): Promise<SharedDraft | null> {
  return new Promise((done) => {
    if (!globalThis.launchQueue) return done(null);
    globalThis.launchQueue.setConsumer(({ files }) => {
      void (async () => {
        const file = await files?.[0]?.getFile();
        if (!file) return done(null);
        const name = file.name.replace(/\.(md|markdown)$/i, "");
        done(isText(file) ? { name, text: await file.text() } : { name, text: "", left: [file.name] });
      })().catch(() => done(null));
    });
  });
}
