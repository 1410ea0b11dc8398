// What somebody wants on this device as a whole, as pages see it: the worker fetches and keeps it (`sw/pins.ts`).
import { type Pin, REFRESH, type Seen, type Told } from "../sw/names";

/** The worker answers at once: how far it is, is asked again. In milliseconds. */
const LIMIT = 10_000;
/** So long, in milliseconds, the first visit's worker may take. */
const INSTALL = 60_000;
/** The browser is asked to look around while no page is open, no more often than that, in milliseconds. Mostly it takes longer. */
const OFTEN = 6 * 60 * 60_000;

type Asked = Extract<Told, { act: "pins" | "seen" | "unsee" | "pin" | "unpin" }>;

interface Periodic {
  register(tag: string, options: { minInterval: number }): Promise<void>;
}

/** How all of it stands; for `pin` while it is being fetched, and of what was only seen how much it is. */
export async function ask(registration: ServiceWorkerRegistration | undefined, asked: Asked): Promise<Pin[] | Seen> {
  const worker = registration && (registration.active ?? (await soonReady())?.active);
  if (!registration || !worker) throw new Error("This browser keeps nothing for when there is no network: that needs https, and no private window.");
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise<Pin[] | Seen>((done, failed) => {
    port1.onmessage = ({ data }: MessageEvent<Pin[] | Seen>) => done(data);
    setTimeout(() => failed(new Error("This browser is busy with something else. Load the page again.")), LIMIT);
  });
  worker.postMessage(asked, [port2]);
  if (asked.act === "pin") {
    // Somebody chose to have it without a network: then it is not to go when the disk is full.
    void navigator.storage?.persist?.().catch(() => false);
  }
  return answer;
}

/** The first visit's worker is being put in place; where that fails there is none. */
const soonReady = () => Promise.race([navigator.serviceWorker.ready, new Promise<undefined>((done) => setTimeout(() => done(undefined), INSTALL))]);

/**
 * Has the browser wake the worker from time to time: for the number on the icon, and for what is kept as a whole. Only an installed app may, and only some browsers
 * can; asked for at each start, since it may have been installed meanwhile.
 */
export async function lookAround(registration: ServiceWorkerRegistration & { periodicSync?: Periodic }): Promise<void> {
  try {
    const { state } = await navigator.permissions.query({ name: "periodic-background-sync" as PermissionName });
    if (state === "granted") await registration.periodicSync?.register(REFRESH, { minInterval: OFTEN });
  } catch {
    // It knows of no such thing: what is here is looked at when a page is opened.
  }
}
