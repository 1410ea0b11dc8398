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
  let closed = false;
  channel.onmessage = ({ data }: MessageEvent<Note>) => hear(data);
  return {
    // What ends while somebody signs out has nobody to tell it to.
    post: (note) => void (closed || channel.postMessage(note)),
    close: () => {
      closed = true;
      channel.close();
    },
  };
}

/** Without locks everybody sends: the keys make sure that each change happens once. */
async function lock(account: string, how: "wait" | "if-free" | "steal", act: () => Promise<void>): Promise<boolean> {
  let [began, ran] = [false, false];
  const held = async () => {
    began = true;
    await act();
    ran = true;
  };
  try {
    if (!("locks" in navigator)) throw new Error("this browser has none");
    await navigator.locks.request(NAME + account, { ifAvailable: how === "if-free", steal: how === "steal" }, async (lock) => lock && (await held()));
  } catch (error) {
    // It was taken away: somebody else sends.
    if (error instanceof DOMException && error.name === "AbortError") return ran;
    // What was begun under the lock failed by itself, and is not done once more without it.
    if (began) throw error;
    await held();
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
