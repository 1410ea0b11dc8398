// The browser around the outbox, for pages and for the worker: locks, the channel, requests.
import type { Around, Note } from "./lead";
import { send } from "./replay";

/** The name of the Background Sync. */
export const SYNC = "llmos-outbox";

const NAME = "llmos-outbox:";

export interface Channel {
  post(note: Note): void;
  close(): void;
}

export function channel(account: string, hear: (note: Note) => void): Channel {
  if (!("BroadcastChannel" in globalThis)) return { post: () => undefined, close: () => undefined };
  const channel = new BroadcastChannel(NAME + account);
  channel.onmessage = ({ data }: MessageEvent<Note>) => hear(data);
  return { post: (note) => channel.postMessage(note), close: () => channel.close() };
}

/** Without locks everybody sends: the keys make sure that each change happens once. */
async function lock(account: string, how: "wait" | "if-free" | "steal", act: () => Promise<void>): Promise<boolean> {
  let ran = false;
  const held = async (lock: Lock | null) => {
    if (!lock) return;
    await act();
    ran = true;
  };
  try {
    if (!("locks" in navigator)) throw new Error("this browser has none");
    await navigator.locks.request(NAME + account, { ifAvailable: how === "if-free", steal: how === "steal" }, held);
  } catch (error) {
    // It was taken away: somebody else sends. Else there are no locks.
    if (!(error instanceof DOMException && error.name === "AbortError")) await held({ name: NAME, mode: "exclusive" });
  }
  return ran;
}

export const around = (account: string, channel: Channel): Omit<Around, "tell" | "left"> => ({
  send: (change) => send(account, change),
  lock: (how, act) => lock(account, how, act),
  online: () => navigator.onLine,
  post: (note) => channel.post(note),
  after(milliseconds, act) {
    const timer = setTimeout(act, milliseconds);
    return () => clearTimeout(timer);
  },
  random: Math.random,
});
